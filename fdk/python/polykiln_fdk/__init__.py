"""Types and helpers for functions on polykiln. A handler needs none of them: what it sees is the same without."""

from __future__ import annotations

from .errors import FunctionError
from .handlers import respond, validated
from .types import Context, Handler, HttpRequest, Logger, Trace

__all__ = ["Context", "FunctionError", "Handler", "HttpRequest", "Logger", "Trace", "respond", "validated"]
