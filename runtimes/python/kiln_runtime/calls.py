"""Runs calls: from head and body to the last frame of the answer."""

import json
import os
import sys

from .connection import BODY, END, ERROR, PIECE_BYTES_MAX
from .context import Context
from .errors import describe

_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class BadBody(ValueError):
    """The body is not what its content type says."""


class Call:
    """One call; the body in pieces until it is complete."""

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
                result = event_loop().run_until_complete(result)
            self._answer(result)
        except SystemExit:
            raise
        except BaseException as error:
            if not self.connection.is_ours:
                raise
            _flush(self.id)
            self.connection.send_json(ERROR, self.id, describe(error))

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
            loop = event_loop()
            self._stream(_drive(result, loop), lambda: loop.run_until_complete(result.aclose()))
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
        begun = False
        for item in pieces:
            data = _bytes_of(item)
            for start in range(0, len(data), PIECE_BYTES_MAX):
                begun = self._piece(begun, data[start : start + PIECE_BYTES_MAX], 0)
            if self.is_cancelled():
                break
        if self.cancelled and close is not None:
            close()
        _flush(self.id)
        self._piece(begun, b"", END)

    def _piece(self, begun, data, flags):
        if begun:
            self.connection.send(BODY, self.id, data, flags)
        else:
            self.connection.send_result(self.id, self._result_head("application/octet-stream"), data, flags)
        return True

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


def _drive(pieces, loop):
    while True:
        try:
            yield loop.run_until_complete(pieces.__anext__())
        except StopAsyncIteration:
            return


_loops = {}


def event_loop():
    """This thread's event loop, kept from call to call: code may keep connections in it."""
    import asyncio  # By far the slowest module there is; only asynchronous code pays for it.
    from _thread import get_ident

    key = get_ident()
    if key not in _loops:
        _loops[key] = asyncio.new_event_loop()
        asyncio.set_event_loop(_loops[key])
    return _loops[key]


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
