"""Types and helpers for functions on polykiln. A handler needs none of them: what it sees is the same without."""

from __future__ import annotations

from .errors import FunctionError
from .handlers import respond, streamed, validated
from .types import Body, Context, Handler, HttpRequest, Logger, Trace, Writer

__all__ = [
    "Body",
    "Context",
    "FunctionError",
    "Handler",
    "HttpRequest",
    "Logger",
    "Trace",
    "Writer",
    "respond",
    "streamed",
    "validated",
]
