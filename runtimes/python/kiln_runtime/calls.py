"""Runs calls: from head and body to the last frame of the answer."""

import json
import time

from .connection import (
    BODY,
    CREDIT,
    END,
    ERROR,
    LOG,
    PIECE_BYTES_MAX,
    REQUEST_WINDOW_BYTES,
    UNLIMITED,
    Waiting,
    as_bytes,
    credit_payload,
)
from .context import Context, set_header
from .errors import deliberate, describe
from .event import BadBody, event_of
from .output import flush

_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


# How long before the deadline the code is told, so that it can still answer; at most a tenth of the time it has.
_LEAD_SECONDS_MAX = 0.1


class SystemClock:
    """What the time is, for what the context says of it. Tests of functions have another one."""

    now = staticmethod(time.time)

    @staticmethod
    def after(loop, seconds, run):
        return loop.call_later(seconds, run)


class Call(Waiting):
    """One call; the body in pieces until it is complete."""

    clock = SystemClock
    # Of the thread that runs it, once it awaits something.
    runner = None
    begun = False
    # The handler runs, or has run.
    started = False
    ended = False
    cancelled = False
    time_is_up = False
    # What a streamed handler reads, and what a handler writes its answer with.
    body = None
    writer = None
    _content_type = "application/octet-stream"
    # What was sent of an answer in pieces; how much may be is counted by whoever reads the connection.
    _sent = 0
    _lead = None

    def __init__(self, connection, call_id, head, piece, polls):
        self.connection = connection
        self.id = call_id
        self.head = head
        self.pieces = [piece]
        self._gathered = len(piece)
        self.status = 0
        self.headers = {}
        self._granted = connection.answer_window
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
            self.connection.look()
        return self.cancelled

    def cancel(self):
        """Nobody waits for the answer any more."""
        self.cancelled = True
        if self.runner is not None:
            self.runner.cancel(self)
        self.wake()

    def end(self):
        """The last frame was sent: code that still reads or writes finds that nothing comes of it."""
        self.ended = True
        if self.body is not None or self.writer is not None:
            self.wake()

    def gather(self, piece):
        """A piece of a body that will be kept whole, and may come as fast as it likes; one that fits into the window costs no credit."""
        self.pieces.append(piece)
        before, self._gathered = self._gathered, self._gathered + len(piece)
        if before < REQUEST_WINDOW_BYTES // 2 <= self._gathered:
            self.connection.send(CREDIT, self.id, credit_payload(UNLIMITED))

    def grant(self, size):
        """More of the answer is welcome."""
        self._granted += size
        self.wake()

    def credit(self):
        return self._granted - self._sent

    def may_send(self):
        return self._granted > self._sent or self.is_over

    @property
    def is_over(self):
        return self.cancelled or self.ended

    def over_error(self):
        why = "it was cancelled: nobody waits for its answer any more" if self.cancelled else "it has its answer already"
        return ConnectionAbortedError(f"The call is over, {why}")

    def open_writer(self):
        if self.writer is None:
            from .streams import Writer

            self.writer = Writer(self)
        return self.writer

    def stream(self, ended):
        """The handler reads the body while it arrives."""
        from .streams import Body

        self.body = Body(self, self.pieces.pop(), ended)

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
        flush(self.id)
        data = text.encode("utf-8", "backslashreplace")
        for start in range(0, len(data), PIECE_BYTES_MAX):
            self.connection.send(LOG, self.id, bytes((stream,)) + data[start : start + PIECE_BYTES_MAX])

    def run(self, target):
        """Runs the handler and sends what it gives. SystemExit is the caller's."""
        if target.run is not None:
            target.run(self, target)
            return
        try:
            event = self.body or event_of(self.field("content-type:"), b"".join(self.pieces))
        except BadBody as error:
            self.status = 400
            self._send("application/json", _encode_json({"message": str(error)}).encode())
            return
        try:
            context = Context(self)
            result = target.handler(*(event, context)[: target.arguments])
            self._answer(self.awaited(result))
        except SystemExit:
            raise
        except BaseException as error:
            if not self.connection.is_ours:
                raise
            self.fail(error)

    def awaited(self, result):
        """What a coroutine comes to; anything else as it is."""
        return self._runner().run(self, result) if hasattr(result, "__await__") else result

    def send_json(self, body):
        """The whole answer."""
        self._send("application/json", body)

    def send_bytes(self, content_type, body):
        """The whole answer, of any type."""
        self._send(content_type, body)

    def fail(self, error):
        flush(self.id)
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
        if self.writer is not None:
            self.writer.close()
            self._end()
        elif result is None:
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
        flush(self.id)
        if len(body) <= PIECE_BYTES_MAX and len(body) <= self._granted:
            self.connection.send_result(self.id, self._result_head(content_type), body, END)
        else:
            self._content_type = content_type
            self.send_pieces(memoryview(body), END)

    def _stream(self, pieces, close):
        """The head waits for the first piece: what the code raises or sets before it still shows in the head."""
        whole = False
        try:
            for item in pieces:
                self.send_pieces(as_bytes(item), 0)
                if self.is_cancelled():
                    break
            else:
                whole = True
        finally:
            if not whole and close is not None:
                close()
        self._end()

    def _end(self):
        flush(self.id)
        self.send_pieces(b"", END)

    def send_pieces(self, data, flags):
        """Sends a part of the answer as its reader gives credit; what nobody waits for any more is thrown away."""
        rest = memoryview(data)
        while rest or flags:
            if self.begun and len(rest) > 0 and self.is_cancelled():
                rest = rest[:0]
                continue
            if rest and not self.may_send():
                self._wait_for_credit()
                continue
            size = min(len(rest), PIECE_BYTES_MAX, self.credit())
            last = flags if size == len(rest) else 0
            self._piece(rest[:size], last)
            rest = rest[size:]
            if last:
                return

    def _wait_for_credit(self):
        if self.runner is not None and not self.runner.loop.is_running():
            from .tasks import until

            self.runner.run(self, until(self, self.may_send))
        else:
            self.wait(self.may_send)

    def _piece(self, data, flags):
        self._sent += len(data)
        if self.begun:
            self.connection.send(BODY, self.id, data, flags)
        else:
            self.begun = True
            self.connection.send_result(self.id, self._result_head(self._content_type), data, flags)

    def _result_head(self, content_type):
        head = f":status:{self.status}\n" if self.status else ""
        if content_type is not None and "content-type" not in self.headers:
            head += f"content-type:{content_type}\n"
        for name, values in self.headers.items():
            for value in values:
                head += f"{name}:{value}\n"
        return head.encode()
