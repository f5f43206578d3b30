"""The life of the process: hello, init, ready, calls, the end."""

import json
import os
import sys

from .calls import Call
from .connection import (
    BODY,
    CALL,
    CANCEL,
    CREDIT,
    END,
    FAILED,
    HELLO,
    INIT,
    MARK,
    READY,
    REHEARSE,
    REQUEST_WINDOW_BYTES,
    Connection,
    credit_of,
    split_head,
)
from .errors import describe
from .load import load
from .marks import Marks
from .output import capture, flush


def serve():
    # Beside Lambda's extensions the platform is on their port.
    path = os.environ.get("KILN_SOCKET") or os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if path is None:
        sys.exit("KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md")
    connection = Connection(path)
    version = ".".join(map(str, sys.version_info[:3]))
    marks = Marks()
    hello = {"protocol": 1, "runtime": "python", "version": version, "window": REQUEST_WINDOW_BYTES, "rehearses": True}
    connection.send_json(HELLO, 0, {**hello, "mark": marks.text, "marks": "asked"})
    init = _read_init(connection)
    connection.answer_window = init["window"]
    server = (_One if init["concurrency"] == 1 else _Many)(connection, init["concurrency"])
    server.offered_marks = marks
    capture(connection, server.current_id)
    try:
        server.target = _load(init)
        if server.target.is_async:
            from . import tasks  # noqa: F401 - now, rather than in the first call.
    except BaseException as error:
        connection.send_json(FAILED, 0, _load_failure(error))
        exit_now(1)
    connection.send_json(READY, 0, {})
    while True:
        frame = connection.read()
        if frame is None:
            # Without the platform there is nobody to work for, whatever threads the code still has.
            exit_now(0)
        server.hear(*frame)


def _load(init):
    folder = os.environ.get("KILN_CODE") or init["code"]
    if init.get("convention") == "parameters":
        from .parameters import load_main

        return load_main(folder, init["handler"], init["parameters"], init.get("reserved", ()))
    if init.get("convention") == "lambda":
        from .lambda_convention import load_lambda

        return load_lambda(folder, init["handler"], init["arn"])
    return load(folder, init["handler"])


def _read_init(connection):
    while True:
        frame = connection.read()
        if frame is None:
            exit_now(0)
        if frame[0] == INIT:
            return json.loads(frame[3])
        if frame[0] == REHEARSE:
            return _rehearse(connection)


def _rehearse(connection):
    from .rehearsal import adopt, rehearse

    server = _One(connection, 1)
    capture(connection, server.current_id)
    payload = rehearse(connection, server)
    if payload is None:
        exit_now(0)
    init = json.loads(payload)
    adopt(init.get("env", {}))
    return init


def _load_failure(error):
    failure = describe(error, placed=True)
    if isinstance(error, SystemExit):
        failure["message"] = f"The code called sys.exit({error.code!r}) while it was loaded"
    return failure


class _Server:
    """Gathers bodies, and runs a call when its body is complete."""

    # What the platform may ask for once something was printed past us, and has asked for.
    offered_marks = None
    marks = None

    def __init__(self, connection, concurrency):
        self.connection = connection
        self.concurrency = concurrency
        self.target = None
        self.open = {}
        connection.hear = self.hear

    def hear(self, kind, call_id, flags, payload):
        if kind == CALL:
            head, piece = split_head(payload)
            call = Call(self.connection, call_id, head, piece, self.polls)
            self.open[call_id] = call
            if self.target.streamed:
                call.stream(bool(flags & END))
            if self.target.streamed or flags & END:
                self._start(call)
        elif kind == MARK:
            self.mark()
        elif call_id in self.open:
            self._hear_of(self.open[call_id], kind, flags, payload)

    def mark(self):
        self.marks = self.offered_marks

    def _hear_of(self, call, kind, flags, payload):
        if kind == CREDIT:
            call.grant(credit_of(payload))
        elif kind == CANCEL:
            self.cancel(call)
        elif kind == BODY and call.body is not None:
            call.body.take(payload, bool(flags & END))
        elif kind == BODY and not call.started:
            call.gather(payload)
            if flags & END:
                self._start(call)

    def _start(self, call):
        call.started = True
        self.start(call)

    def cancel(self, call):
        call.cancel()
        if not call.started:
            # No handler will end it.
            del self.open[call.id]
            self.connection.send_result(call.id, b"", b"", END)

    def run(self, call):
        try:
            call.run(self.target)
        except SystemExit as error:
            exit_now(leave(error.code, call.id))
        except BaseException:
            # A child that the code forked has come back to us, which is not its place.
            exit_now(1)
        finally:
            if not self.connection.is_ours:
                exit_now(0)
            call.end()
            self.open.pop(call.id, None)


class _One(_Server):
    """One call at a time, in the main thread."""

    polls = True
    _current = 0
    _ended = 0

    def current_id(self):
        return self._current

    def start(self, call):
        self._current = call.id
        self.run(call)
        self._current = 0
        self._ended = call.id
        if self.marks is not None:
            self.marks.print(call.id)

    def mark(self):
        """The last call is marked, too: its output may lack its line feed."""
        super().mark()
        if self._current == 0 and self._ended > 0:
            self.marks.print(self._ended)


class _Many(_Server):
    """Several calls at a time, each in a thread; threads are kept."""

    polls = False

    def __init__(self, connection, concurrency):
        super().__init__(connection, concurrency)
        from contextvars import ContextVar
        from queue import SimpleQueue

        self._call_id = ContextVar("call_id", default=0)
        self._calls = SimpleQueue()
        self._threads = 0

    def current_id(self):
        return self._call_id.get()

    def start(self, call):
        if self._threads < min(len(self.open), self.concurrency):
            from threading import Thread

            self._threads += 1
            Thread(target=self._work, name=f"call-{self._threads}", daemon=True).start()
        self._calls.put(call)

    def _work(self):
        while True:
            call = self._calls.get()
            token = self._call_id.set(call.id)
            self.run(call)
            self._call_id.reset(token)


def leave(code, call_id):
    """The code asked to exit: says why as Python would, and gives the status."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    flush(call_id)
    return code if isinstance(code, int) else 0 if code is None else 1


def exit_now(code):
    """Ends the process from any thread."""
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
    os._exit(code & 0xFF)
