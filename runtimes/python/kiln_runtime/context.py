"""What a handler sees of its call besides the event."""

import os
import time

_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class Context:
    """The second argument of a handler."""

    def __init__(self, call):
        self._call = call
        self._headers = None

    @property
    def call_id(self):
        return self._call.field(":call:")

    @property
    def deadline(self):
        """Milliseconds since the epoch."""
        return int(self._call.field(":deadline:"))

    def remaining_ms(self):
        """Milliseconds until the platform kills the call."""
        return max(0, self.deadline - int(time.time() * 1000))

    @property
    def method(self):
        """Of the HTTP request behind a route; None for a direct call."""
        return self._call.field(":method:")

    @property
    def url(self):
        return self._call.field(":url:")

    @property
    def headers(self):
        """By name in lower case; values of a repeated header joined with a comma."""
        if self._headers is None:
            self._headers = _headers(self._call.head)
        return self._headers

    @property
    def config(self):
        """The app's and the function's configuration."""
        return os.environ

    @property
    def cancelled(self):
        """True as soon as nobody waits for the answer any more."""
        return self._call.is_cancelled()

    def status(self, code):
        """Sets the HTTP status of the answer."""
        if not isinstance(code, int) or not 200 <= code <= 599:
            raise ValueError(f"The status of an answer is a whole number from 200 to 599, not {code!r}")
        self._call.status = int(code)

    def header(self, name, value):
        """Sets a header of the answer; a list gives it several times."""
        key = name.lower()
        if not key or not _NAME.issuperset(key):
            raise ValueError(f"This is no name of a header: {name!r}")
        values = [str(each) for each in (value if isinstance(value, (list, tuple)) else [value])]
        if not all(_is_value(each) for each in values):
            raise ValueError(f"The value of header {name} has characters that headers cannot carry")
        self._call.headers[key] = values


def _is_value(text):
    return all(character == "\t" or " " <= character <= "\xff" and character != "\x7f" for character in text)


def _headers(head):
    headers = {}
    for line in head.split("\n"):
        name, colon, value = line.partition(":")
        if name and colon:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
