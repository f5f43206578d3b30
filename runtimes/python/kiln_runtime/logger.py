"""Behind `context.log`."""

import json
import os
import re
from datetime import datetime, timezone

from .errors import describe

_LEVELS = ("debug", "info", "warn", "error")
_PLAIN = re.compile(r'[^\s"=]+')


class Logger:
    """One line for each message, on stdout below warn and on stderr from there on, always under the call whose context it is.

    LOG_LEVEL hides lower levels (default info), LOG_FORMAT is text (default) or json.
    """

    def __init__(self, call, context):
        self._call = call
        self._context = context
        wanted = os.environ.get("LOG_LEVEL", "info").lower()
        self._lowest = _LEVELS.index(wanted) if wanted in _LEVELS else 0
        self._line = self._json if os.environ.get("LOG_FORMAT") == "json" else _text

    def debug(self, message, **fields):
        self._write(0, message, fields)

    def info(self, message, **fields):
        self._write(1, message, fields)

    def warn(self, message, **fields):
        self._write(2, message, fields)

    warning = warn

    def error(self, message, **fields):
        self._write(3, message, fields)

    def _write(self, level, message, fields):
        if level < self._lowest:
            return
        if isinstance(message, BaseException):
            fields = {"error": message, **fields}
        line = self._line(_LEVELS[level], str(message), fields)
        self._call.print_line(1 if level < 2 else 2, line + "\n")

    def _json(self, level, message, fields):
        time = datetime.fromtimestamp(self._call.clock.now(), timezone.utc).isoformat(timespec="milliseconds")
        own = {"time": time.replace("+00:00", "Z"), "level": level, "message": message, "callId": self._context.call_id}
        trace = self._context.trace
        if trace is not None:
            own["traceId"] = trace.trace_id
        for name, value in fields.items():
            own.setdefault(name, describe(value) if isinstance(value, BaseException) else value)
        return _json_of(own)


def _text(level, message, fields):
    """`LEVEL message name=value`, and the stacks of errors below. A message stays one line: no text can pass for another message."""
    line = f"{level.upper()} " + re.sub(r"[\r\n]+", r"\\n", message)
    stacks = ""
    for name, value in fields.items():
        if isinstance(value, BaseException):
            stacks += "\n" + re.sub("(?m)^", "  ", describe(value)["stack"])
        elif isinstance(value, str) and _PLAIN.fullmatch(value):
            line += f" {name}={value}"
        else:
            line += f" {name}={_json_of(value)}"
    return line + stacks


def _json_of(value):
    """Whatever a value is, a log line of it must not fail the call."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, TypeError, RecursionError) as error:
        return json.dumps(f"[{error}]")
