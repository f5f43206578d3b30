"""Runs calls: from head and body to the last frame of the answer."""

import json
import os
import sys
import time

from .connection import BODY, END, ERROR, LOG, PIECE_BYTES_MAX
from .context import Context, set_header
from .errors import deliberate, describe

_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


# How long before the deadline the code is told, so that it can still answer; at most a tenth of the time it has.
_LEAD_SECONDS_MAX = 0.1


class SystemClock:
    """What the time is, for what the context says of it. Tests of functions have another one."""

    now = staticmethod(time.time)

    @staticmethod
    def after(loop, seconds, run):
        return loop.call_later(seconds, run)


class BadBody(ValueError):
    """The body is not what its content type says."""


class Call:
    """One call; the body in pieces until it is complete."""

    clock = SystemClock
    # Of the thread that runs it, once it awaits something.
    runner = None
    begun = False
    time_is_up = False
    _lead = None

    def __init__(self, connection, call_id, head, piece, polls):
        self.connection = connection
        self.id = call_id
        self.head = head
        self.pieces = [piece]
        self.complete = False
        self.status = 0
        self.headers = {}
        self.cancelled = False
        # Nobody else reads while the code runs: it has to look itself whether it was cancelled.
        self._polls = polls

    def field(self, name_and_colon):
        """A field of the head, None when absent."""
        start = 0 if self.head.startswith(name_and_colon) else self.head.find("\n" + name_and_colon) + 1
        if start == 0 and not self.head.startswith(name_and_colon):
            return None
        return self.head[start + len(name_and_colon) : self.head.index("\n", start)]

    def is_cancelled(self):
        if not self.cancelled and self._polls:
            self.cancelled = self.connection.has_cancel(self.id)
        return self.cancelled

    def cancel(self):
        """Nobody waits for the answer any more."""
        self.cancelled = True
        if self.runner is not None:
            self.runner.cancel(self)

    def seconds_left(self):
        return int(self.field(":deadline:")) / 1000 - self.clock.now()

    def seconds_to_stop(self):
        """Until the code is told that its time is up, which is a little earlier than it is."""
        left = self.seconds_left()
        if self._lead is None:
            self._lead = min(_LEAD_SECONDS_MAX, max(0, left) / 10)
        return left - self._lead

    def print_line(self, stream, text):
        """Prints for the code, under this call wherever it runs."""
        _flush(self.id)
        data = text.encode("utf-8", "backslashreplace")
        for start in range(0, len(data), PIECE_BYTES_MAX):
            self.connection.send(LOG, self.id, bytes((stream,)) + data[start : start + PIECE_BYTES_MAX])

    def run(self, target):
        """Runs the handler and sends what it gives. SystemExit is the caller's."""
        try:
            event = event_of(self.field("content-type:"), b"".join(self.pieces))
        except BadBody as error:
            self.status = 400
            self._send("application/json", _encode_json({"message": str(error)}).encode())
            return
        try:
            context = Context(self)
            result = target.handler(*(event, context)[: target.arguments])
            if hasattr(result, "__await__"):
                result = self._runner().run(self, result)
            self._answer(result)
        except SystemExit:
            raise
        except BaseException as error:
            if not self.connection.is_ours:
                raise
            self._fail(error)

    def _fail(self, error):
        _flush(self.id)
        # Nothing is said then: the platform ends the call as a timeout in a moment, which is what it is.
        if self.time_is_up and type(error).__name__ == "CancelledError":
            return
        if not self.begun and self._answers_with(error):
            return
        described = describe(error)
        # The record has the message; where it came from is in the log.
        if not self.cancelled:
            self.print_line(2, described["stack"] + "\n")
        self.connection.send_json(ERROR, self.id, described)

    def _answers_with(self, error):
        """Sends an error that was meant as an answer; False when it is none, or cannot be written down."""
        body = deliberate(error)
        if body is None:
            return False
        self.headers = {}
        try:
            for name, value in (getattr(error, "headers", None) or {}).items():
                set_header(self, name, value)
        except (AttributeError, ValueError):
            return False
        self.status = error.status
        if error.status >= 500:
            self.print_line(2, describe(error)["stack"] + "\n")
        self._send("application/json", body)
        return True

    def _runner(self):
        from .tasks import runner

        return runner(self.connection, self._polls)

    def _answer(self, result):
        if result is None:
            self._send(None, b"")
        elif isinstance(result, str):
            self._send("text/plain; charset=utf-8", result.encode())
        elif isinstance(result, (bytes, bytearray, memoryview)):
            self._send("application/octet-stream", bytes(result))
        elif hasattr(result, "__next__"):
            self._stream(result, result.close if hasattr(result, "close") else None)
        elif hasattr(result, "__anext__"):
            runner = self._runner()
            self._stream(runner.drive(self, result), lambda: runner.run(self, result.aclose()))
        else:
            self._send("application/json", _encode_json(result).encode())

    def _send(self, content_type, body):
        _flush(self.id)
        piece = body if len(body) <= PIECE_BYTES_MAX else memoryview(body)[:PIECE_BYTES_MAX]
        self.connection.send_result(self.id, self._result_head(content_type), piece, END if len(piece) == len(body) else 0)
        for start in range(PIECE_BYTES_MAX, len(body), PIECE_BYTES_MAX):
            if self.is_cancelled():
                self.connection.send(BODY, self.id, b"", END)
                return
            end = start + PIECE_BYTES_MAX
            self.connection.send(BODY, self.id, body[start:end], END if end >= len(body) else 0)

    def _stream(self, pieces, close):
        """The head waits for the first piece: what the code raises or sets before it still shows in the head."""
        for item in pieces:
            data = _bytes_of(item)
            for start in range(0, len(data), PIECE_BYTES_MAX):
                self._piece(data[start : start + PIECE_BYTES_MAX], 0)
            if self.is_cancelled():
                break
        if self.cancelled and close is not None:
            close()
        _flush(self.id)
        self._piece(b"", END)

    def _piece(self, data, flags):
        if self.begun:
            self.connection.send(BODY, self.id, data, flags)
        else:
            self.begun = True
            self.connection.send_result(self.id, self._result_head("application/octet-stream"), data, flags)

    def _result_head(self, content_type):
        head = f":status:{self.status}\n" if self.status else ""
        if content_type is not None and "content-type" not in self.headers:
            head += f"content-type:{content_type}\n"
        for name, values in self.headers.items():
            for value in values:
                head += f"{name}:{value}\n"
        return head.encode()


def event_of(content_type, body):
    """What the handler sees of a body."""
    if not body:
        return None
    if content_type is None:
        event = _parsed(body)
        return body if event is _NOTHING else event
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        try:
            return json.loads(body.decode("utf-8"))
        except ValueError as error:
            raise BadBody(f"The body is not valid JSON, as its content type says: {error}") from error
    if media_type.startswith("text/"):
        return body.decode("utf-8", "replace")
    if media_type == "application/x-www-form-urlencoded":
        # What `curl -d '{…}'` declares when nobody tells it otherwise.
        event = _parsed(body) if body.lstrip()[:1] in (b"{", b"[") else _NOTHING
        return body.decode("utf-8", "replace") if event is _NOTHING else event
    return body


_NOTHING = object()
# What can begin JSON: most bytes cannot.
_OPENERS = frozenset(b' \t\r\n"-0123456789[{ftn')


def _parsed(body):
    if body[0] not in _OPENERS:
        return _NOTHING
    try:
        return json.loads(body.decode("utf-8"))
    except ValueError:
        return _NOTHING


def _bytes_of(item):
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    raise TypeError(f"A stream that is the answer gives str or bytes, not {type(item).__name__}")


def _flush(call_id):
    for output in (sys.stdout, sys.stderr):
        if hasattr(output, "end"):
            output.end(call_id)


def leave(code, call_id):
    """The code asked to exit: says why as Python would, and gives the status."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    _flush(call_id)
    return code if isinstance(code, int) else 0 if code is None else 1


def exit_now(code):
    """Ends the process from any thread."""
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
    os._exit(code & 0xFF)
