"""What the code prints, as log frames of the call that prints it."""

import io
import os
import sys

from .connection import LOG, PIECE_BYTES_MAX

_LINE_CHARACTERS_MAX = 8 * 1024


class Output(io.TextIOBase):
    """In the place of sys.stdout or sys.stderr. A line leaves when it is whole: what is printed survives a kill."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream, connection, current_id):
        self._stream = stream
        self._connection = connection
        self._current_id = current_id
        # Unfinished lines by call.
        self._rests = {}
        self.buffer = _Bytes(self)

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        call_id = self._current_id()
        rest = self._rests.pop(call_id, "") + text
        if "\n" in rest:
            whole, _, rest = rest.rpartition("\n")
            self._send(call_id, whole + "\n")
        if len(rest) > _LINE_CHARACTERS_MAX:
            self._send(call_id, rest)
        elif rest:
            self._rests[call_id] = rest
        return len(text)

    def flush(self):
        self.end(self._current_id())

    def end(self, call_id):
        """Sends the unfinished line of a call."""
        rest = self._rests.pop(call_id, "")
        if rest:
            self._send(call_id, rest)

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._stream

    def send_bytes(self, data):
        self.flush()
        self._frames(self._current_id(), bytes(data))

    def _send(self, call_id, text):
        self._frames(call_id, text.encode("utf-8", self.errors))

    def _frames(self, call_id, data):
        for start in range(0, len(data), PIECE_BYTES_MAX):
            self._connection.send(LOG, call_id, bytes((self._stream,)) + data[start : start + PIECE_BYTES_MAX])


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer"""

    def __init__(self, output):
        self._output = output

    def write(self, data):
        self._output.send_bytes(data)
        return len(data)

    def writable(self):
        return True

    def fileno(self):
        return self._output.fileno()


def capture(connection, current_id):
    """Replaces sys.stdout and sys.stderr, except in children that the code forks: those print where they would."""
    sys.stdout = Output(1, connection, current_id)
    sys.stderr = Output(2, connection, current_id)
    os.register_at_fork(after_in_child=_release)


def _release():
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def flush(call_id):
    """Sends the unfinished lines of a call: they come before its end."""
    for output in (sys.stdout, sys.stderr):
        if hasattr(output, "end"):
            output.end(call_id)
