"""What a handler sees. These types describe what the runtime passes, with this package or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Iterator, Mapping, Optional, Protocol, Sequence, Union


class HttpRequest(Protocol):
    """An HTTP request behind a call."""

    method: str
    url: str
    """Absolute, with query."""
    target: str
    """Path below the route, with query."""


class Trace(Protocol):
    """W3C trace context of a call."""

    traceparent: str
    tracestate: Optional[str]
    trace_id: str
    parent_id: str
    """Of the span that called."""
    sampled: bool


class Logger(Protocol):
    """Lines of the call's log; exceptions among the fields bring their tracebacks.

    LOG_LEVEL hides lower levels (default info), LOG_FORMAT is text (default) or json. warn and error go to stderr.
    """

    def debug(self, message: Union[str, BaseException], **fields: Any) -> None: ...

    def info(self, message: Union[str, BaseException], **fields: Any) -> None: ...

    def warn(self, message: Union[str, BaseException], **fields: Any) -> None: ...

    def warning(self, message: Union[str, BaseException], **fields: Any) -> None: ...

    def error(self, message: Union[str, BaseException], **fields: Any) -> None: ...


class Body(Protocol):
    """A request's body as it arrives: what a handler with `@streamed` gets. Iterating gives its pieces."""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all that come when it is negative, b"" at the end."""

    def close(self) -> None:
        """Tells the caller to stop."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Writer(Protocol):
    """What is written is the answer, as it is written. The call ends when the handler has returned."""

    def write(self, data: Union[str, bytes]) -> int:
        """Waits while the caller is behind."""

    async def send(self, data: Union[str, bytes]) -> None:
        """The same for asynchronous code."""

    def close(self) -> None: ...


class Context(Protocol):
    """What a function knows of its call."""

    @property
    def call_id(self) -> str:
        """Of the activation."""

    @property
    def function_name(self) -> str: ...

    @property
    def app_name(self) -> Optional[str]:
        """None for a function without an app."""

    @property
    def namespace(self) -> str: ...

    @property
    def revision(self) -> int: ...

    @property
    def deadline(self) -> int:
        """Milliseconds since the epoch."""

    def remaining_ms(self) -> int:
        """Milliseconds until the platform kills the call."""

    @property
    def cancelled(self) -> bool:
        """True as soon as nobody waits for the answer any more, and shortly before the deadline.

        Asynchronous handlers need not look: their task is cancelled then.
        """

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case; values of a repeated header joined with a comma."""

    @property
    def http(self) -> Optional[HttpRequest]:
        """The HTTP request behind a route or an HTTP function; None for a direct call."""

    @property
    def trace(self) -> Optional[Trace]:
        """None when the caller sent no traceparent."""

    @property
    def config(self) -> Mapping[str, str]:
        """The configuration of app and function; it is the environment as well."""

    @property
    def log(self) -> Logger: ...

    def writer(self) -> Writer:
        """What is written to it is the answer, as it is written."""

    def status(self, code: int) -> None:
        """Sets the HTTP status of the answer, 200 to 599."""

    def header(self, name: str, value: Union[str, int, Sequence[Union[str, int]]]) -> None:
        """Sets a header of the answer; a list gives it several times."""


if TYPE_CHECKING:
    Handler = Callable[[Any, Context], Any]
else:
    # Made at run time it would cost every cold start; nobody asks for it there.
    Handler = Callable
