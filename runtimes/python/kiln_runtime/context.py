"""What a handler sees of its call besides the event."""

import os

_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_HEX = frozenset("0123456789abcdef")


class Context:
    """The second argument of a handler; `fdk/python` has it as a type. Only what is read of it costs anything."""

    # Of the class until they are asked for: what every call would set costs every call.
    _headers = None
    _log = None

    def __init__(self, call):
        self._call = call

    @property
    def call_id(self):
        return self._call.field(":call:")

    @property
    def deadline(self):
        """Milliseconds since the epoch."""
        return int(self._call.field(":deadline:"))

    def remaining_ms(self):
        """Milliseconds until the platform kills the call."""
        return max(0, int(self._call.seconds_left() * 1000))

    @property
    def function_name(self):
        return os.environ.get("KILN_FUNCTION", "")

    @property
    def app_name(self):
        """None for a function without an app."""
        return os.environ.get("KILN_APP") or None

    @property
    def namespace(self):
        return os.environ.get("KILN_NAMESPACE", "")

    @property
    def revision(self):
        return int(os.environ.get("KILN_REVISION", "0"))

    @property
    def http(self):
        """The HTTP request behind a route or an HTTP function; None for a direct call."""
        method = self._call.field(":method:")
        return None if method is None else Http(method, self._call.field(":url:"), self._call.field(":target:"))

    @property
    def headers(self):
        """By name in lower case; values of a repeated header joined with a comma."""
        if self._headers is None:
            self._headers = _headers(self._call.head)
        return self._headers

    @property
    def trace(self):
        """Where the call stands in a distributed trace (W3C trace context); None when the caller sent none."""
        return _trace(self._call.field("traceparent:"), self._call.field("tracestate:"))

    @property
    def config(self):
        """The app's and the function's configuration."""
        return os.environ

    @property
    def log(self):
        if self._log is None:
            from .logger import Logger

            self._log = Logger(self._call, self)
        return self._log

    @property
    def cancelled(self):
        """True as soon as nobody waits for the answer any more, and shortly before the deadline."""
        return self._call.is_cancelled() or self._call.seconds_to_stop() <= 0

    def writer(self):
        """What is written to it is the answer, as it is written."""
        return self._call.open_writer()

    def status(self, code):
        """Sets the HTTP status of the answer."""
        if not isinstance(code, int) or not 200 <= code <= 599:
            raise ValueError(f"The status of an answer is a whole number from 200 to 599, not {code!r}")
        self._call.status = int(code)

    def header(self, name, value):
        """Sets a header of the answer; a list gives it several times."""
        set_header(self._call, name, value)


class Http:
    """An HTTP request behind a call."""

    def __init__(self, method, url, target):
        self.method = method
        self.url = url
        self.target = target


class Trace:
    """W3C trace context of a call."""

    def __init__(self, traceparent, tracestate, parts):
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.trace_id = parts[1]
        self.parent_id = parts[2]
        self.sampled = bool(int(parts[3], 16) & 1)


def set_header(call, name, value):
    key = name.lower()
    if not key or not _NAME.issuperset(key):
        raise ValueError(f"This is no name of a header: {name!r}")
    values = [str(each) for each in (value if isinstance(value, (list, tuple)) else [value])]
    if not all(_is_value(each) for each in values):
        raise ValueError(f"The value of header {name} has characters that headers cannot carry")
    call.headers[key] = values


def _is_value(text):
    return all(character == "\t" or " " <= character <= "\xff" and character != "\x7f" for character in text)


def _headers(head):
    headers = {}
    for line in head.split("\n"):
        name, colon, value = line.partition(":")
        if name and colon:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _trace(traceparent, tracestate):
    parts = (traceparent or "").split("-")
    if [len(part) for part in parts[:4]] != [2, 32, 16, 2] or not _HEX.issuperset("".join(parts[:4])):
        return None
    return Trace(traceparent, tracestate, parts)
