"""Calls handlers in process, as the platform does: events, answers, logs and errors go through the runtime that serves them there."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from itertools import count
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .types import Handler

try:
    from .kiln_runtime import calls as _calls, connection as _wire, load as _load, output as _output
except ImportError:
    # In the repository the runtime has its own folder.
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../runtimes/python")))
    from kiln_runtime import calls as _calls, connection as _wire, load as _load, output as _output

    sys.path.pop()

_numbers = count(1)


@dataclass(frozen=True)
class Error:
    """What the code raised, or `timeout`."""

    type: str
    message: str
    stack: Optional[str]


@dataclass(frozen=True)
class LogLine:
    stream: str
    """stdout or stderr"""
    text: str


@dataclass(frozen=True)
class Invocation:
    """What the caller and the log would see of a call."""

    status: Optional[int]
    """Of the answer; None when the call failed."""
    headers: Mapping[str, str]
    body: bytes
    result: Any
    """The body as its reader has it: JSON as value, text as str, anything else as bytes, nothing as None."""
    logs: List[LogLine]
    """What was printed and logged."""
    error: Optional[Error]


class Clock:
    """A clock that stands still until it is told; for `deadline`, `remaining_ms()`, `cancelled` and the cancelling of tasks.

    One that is `hurried` jumps to what somebody waits for: an asynchronous handler is at its deadline as soon as it awaits something.
    """

    def __init__(self, now: float = 1_700_000_000.0, *, hurried: bool = False) -> None:
        self._now = now
        self._hurried = hurried
        self._timers: List[Tuple[float, Any, Callable[[], None]]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def advance(self, ms: float) -> None:
        """Lets time pass. Also from the handler, or from another thread."""
        self._go(self._now + ms / 1000)

    def _go(self, now: float) -> None:
        self._now = now
        due = [each for each in self._timers if each[0] <= self._now]
        self._timers = [each for each in self._timers if each[0] > self._now]
        for _, loop, run in due:
            loop.call_soon_threadsafe(run)

    def after(self, loop: Any, seconds: float, run: Callable[[], None]) -> object:
        """What the runtime asks of a clock."""
        timer = (self._now + seconds, loop, run)
        self._timers.append(timer)
        if self._hurried:
            self._go(timer[0])
        return timer


class Caller:
    """Who waits for the call; may go away, also from the handler or from another thread."""

    def __init__(self) -> None:
        self._call: Any = None
        self._gone = False

    def go_away(self) -> None:
        self._gone = True
        if self._call is not None:
            self._call.cancel()

    def _wait(self, call: Any) -> None:
        self._call = call
        if self._gone:
            call.cancel()


def invoke(
    handler: Handler,
    event: Any = None,
    *,
    call_id: Optional[str] = None,
    function_name: str = "test",
    app_name: Optional[str] = "tests",
    namespace: str = "guest",
    revision: int = 1,
    config: Optional[Mapping[str, str]] = None,
    headers: Optional[Mapping[str, str]] = None,
    http: Optional[Mapping[str, str]] = None,
    deadline_ms: float = 30_000,
    clock: Any = None,
    caller: Optional[Caller] = None,
) -> Invocation:
    """Calls a handler, synchronous or not. Never raises because of the handler.

    `config` is what the environment has besides. With a `content-type` among the headers, text is sent as it is rather than as JSON.
    `http` has method, url and target of the request behind a route.
    """
    clock = clock or _calls.SystemClock
    until = int((clock.now() + deadline_ms / 1000) * 1000)
    head, body = _request(event, call_id or f"test-{next(_numbers)}", until, headers or {}, http)
    wire = _Wire()
    call = _calls.Call(wire, 1, head, body, False)
    call.clock = clock
    target = _load.Target(handler)
    if target.streamed:
        call.stream(True)
    (caller or Caller())._wait(call)
    identity = {"FUNCTION": function_name, "APP": app_name or "", "NAMESPACE": namespace, "REVISION": str(revision)}
    environment = {**{f"KILN_{name}": value for name, value in identity.items()}, **(config or {})}
    with _Printing(wire), _Environment(environment):
        try:
            call.run(target)
        except SystemExit as error:
            wire.failure = {"type": "SystemExit", "message": f"The code called sys.exit({error.code!r})", "stack": None}
        finally:
            if call.runner is not None:
                call.runner.close()
    if call.seconds_left() <= 0:
        wire.failure = _timeout(deadline_ms)
    return wire.invocation(_timeout(deadline_ms))


def _timeout(ms: float) -> Dict[str, Any]:
    return {"type": "timeout", "message": f"The function ran longer than its timeout of {ms:g} ms and was ended", "stack": None}


def _request(event: Any, call_id: str, until: int, headers: Mapping[str, str], http: Optional[Mapping[str, str]]) -> Tuple[str, bytes]:
    """A call as the platform would send it (docs/frames.md)."""
    fields = {":call": call_id, ":deadline": str(until), **{name.lower(): value for name, value in headers.items()}}
    if event is None:
        body = b""
    elif isinstance(event, (bytes, bytearray)):
        fields.setdefault("content-type", "application/octet-stream")
        body = bytes(event)
    elif isinstance(event, str) and "content-type" in fields:
        body = event.encode()
    else:
        fields.setdefault("content-type", "application/json")
        body = json.dumps(event).encode()
    for name in ("method", "url", "target") if http else ():
        fields[f":{name}"] = (http or {}).get(name, "")
    return "".join(f"{name}:{value}\n" for name, value in fields.items()), body


class _Wire:
    """Takes what the runtime would send."""

    is_ours = True
    # Nobody reads slowly here.
    answer_window = sys.maxsize

    def __init__(self) -> None:
        self.failure: Optional[Dict[str, Any]] = None
        self._head: Optional[str] = None
        self._body = b""
        self._ended = False
        self._printed = {1: b"", 2: b""}
        self._lines: List[LogLine] = []

    def send_json(self, _kind: int, _id: int, value: Dict[str, Any], _flags: int = 0) -> None:
        self.failure = value

    def send_result(self, _id: int, head: bytes, piece: bytes, flags: int) -> None:
        self._head = head.decode()
        self._take(piece, flags)

    def send(self, kind: int, _id: int, payload: bytes, flags: int = 0) -> None:
        if kind == _wire.LOG:
            *lines, rest = (self._printed[payload[0]] + payload[1:]).split(b"\n")
            self._printed[payload[0]] = rest
            self._lines += [self._line(payload[0], line) for line in lines]
        elif kind == _wire.BODY:
            self._take(payload, flags)

    def invocation(self, unanswered: Dict[str, Any]) -> Invocation:
        logs = self._lines + [self._line(stream, rest) for stream, rest in self._printed.items() if rest]
        failure = self.failure or (None if self._ended else unanswered)
        if failure is not None:
            return Invocation(None, {}, b"", None, logs, Error(**failure))
        status, headers = _read_head(self._head or "")
        return Invocation(status, headers, self._body, _value(headers.get("content-type", ""), self._body), logs, None)

    def _take(self, piece: bytes, flags: int) -> None:
        self._body += bytes(piece)
        self._ended = bool(flags & _wire.END)

    @staticmethod
    def _line(stream: int, text: bytes) -> LogLine:
        return LogLine("stdout" if stream == 1 else "stderr", text.decode("utf-8", "replace"))


def _read_head(head: str) -> Tuple[int, Dict[str, str]]:
    status = 200
    headers: Dict[str, str] = {}
    for line in head.splitlines():
        name, _, value = line[1:].partition(":")
        name = line[0] + name
        if name == ":status":
            status = int(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return status, headers


def _value(content_type: str, body: bytes) -> Any:
    if content_type.startswith("application/json"):
        return json.loads(body)
    if content_type.startswith("text/"):
        return body.decode()
    return body or None


class _Environment:
    """Variables for a while."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._before: Dict[str, Optional[str]] = {}

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Printing:
    """What is printed goes into the call's log for a while. One call at a time: the streams are the process's."""

    _turn = threading.RLock()

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._before: Tuple[Any, Any] = (None, None)

    def __enter__(self) -> None:
        self._turn.acquire()
        self._before = (sys.stdout, sys.stderr)
        sys.stdout = _output.Output(1, self._wire, lambda: 1)  # type: ignore[assignment]
        sys.stderr = _output.Output(2, self._wire, lambda: 1)  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = self._before
        self._turn.release()
