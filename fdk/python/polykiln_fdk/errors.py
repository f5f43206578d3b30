"""Errors that are answers."""

from __future__ import annotations

from typing import Any, Mapping, Optional


class FunctionError(Exception):
    """An error that is the call's answer: its status, and {code, message, details} as JSON.

    What it was raised from stays out of the answer; from status 500 on the traceback is in the log.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: Optional[str] = None,
        details: Any = None,
        headers: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"The status of an error is a whole number from 400 to 599, not {status!r}")
        self.status = status
        self.code = code
        self.details = details
        self.headers = headers
