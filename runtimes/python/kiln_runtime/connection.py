"""Frames over the platform's socket."""

import json
import os
from _socket import AF_INET, AF_UNIX, IPPROTO_TCP, MSG_DONTWAIT, SOCK_STREAM, TCP_NODELAY, socket  # `socket` itself imports four times as much.
from _thread import RLock
from collections import deque
from struct import Struct

HELLO, INIT, READY, FAILED, REHEARSE, MARK = 1, 2, 3, 4, 5, 6
CALL, BODY, RESULT, ERROR, CANCEL, CREDIT, LOG = 16, 17, 18, 19, 20, 21, 22
END = 1
# On an error frame: the process ends after it, the platform must send no further call.
EXIT = 2
PIECE_BYTES_MAX = 64 * 1024
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
# What a caller may send of a request before it gets credit; whoever wants the whole body gives unlimited credit.
REQUEST_WINDOW_BYTES = 256 * 1024
UNLIMITED = 0xFFFFFFFF

_head = Struct(">IIBB")
_length = Struct(">I")


def _connected(place):
    """By a path, or by HOST:PORT."""
    host, _, port = place.rpartition(":")
    if "/" in place:
        connection = socket(AF_UNIX, SOCK_STREAM)
        connection.connect(place)
    else:
        connection = socket(AF_INET, SOCK_STREAM)
        connection.connect((host, int(port)))
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return connection


class Connection:
    """The one connection. Writing is safe from any thread. Reading is the main thread's, and while a call runs in that, of the call."""

    # How much of an answer may be sent before there is credit.
    answer_window = PIECE_BYTES_MAX
    # Hears frames that belong to calls which run.
    hear = None

    def __init__(self, path):
        self._socket = _connected(path)
        self._lock = RLock()
        self._reading = RLock()
        self._rest = b""
        self._frames = deque()
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._forget)

    def read(self):
        """The next frame as (type, id, flags, payload); None when the platform has gone."""
        with self._reading:
            while not self._frames:
                data = self._socket.recv(PIECE_BYTES_MAX)
                if not data:
                    return None
                self._parse(data)
            return self._frames.popleft()

    def fileno(self):
        return self._socket.fileno()

    def look(self):
        """Has what has arrived for running calls heard, without waiting."""
        if not self._reading.acquire(False):
            return  # Somebody else reads, and will have it heard.
        try:
            self.hear_pending()
            self._receive(MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            pass
        finally:
            self._reading.release()

    @property
    def has_pending(self):
        return len(self._frames) > 0

    def wait_for(self, done):
        """Has what arrives for running calls heard until `done()`."""
        while not done():
            with self._reading:
                self.hear_pending()
                if not done():
                    self._receive(0)

    def hear_pending(self):
        """Has what was read for running calls heard. The next call waits for the main thread."""
        while self._frames and self._frames[0][0] != CALL:
            self.hear(*self._frames.popleft())

    def _receive(self, flags):
        data = self._socket.recv(PIECE_BYTES_MAX, flags)
        if not data:
            os._exit(0)
        self._parse(data)
        self.hear_pending()

    def send(self, kind, frame_id, payload, flags=0):
        data = _head.pack(len(payload), frame_id, kind, flags) + payload
        with self._lock:
            if self._socket is not None:
                self._socket.sendall(data)

    def send_json(self, kind, frame_id, value, flags=0):
        self.send(kind, frame_id, json.dumps(value).encode(), flags)

    def send_result(self, frame_id, head, piece, flags):
        self.send(RESULT, frame_id, b"".join((_length.pack(len(head)), head, piece)), flags)

    @property
    def is_ours(self):
        """False in a child that the code forked."""
        return self._owner == os.getpid()

    def _parse(self, data):
        if self._rest:
            data = self._rest + data
        start = 0
        while len(data) - start >= 10:
            length, frame_id, kind, flags = _head.unpack_from(data, start)
            if length > PAYLOAD_BYTES_MAX:
                raise ValueError(f"A frame of {length} bytes is over the limit of {PAYLOAD_BYTES_MAX}")
            end = start + 10 + length
            if end > len(data):
                data = self._complete(data[start:], 10 + length)
                start, end = 0, 10 + length
            self._frames.append((kind, frame_id, flags, data[start + 10 : end]))
            start = end
        self._rest = data[start:]

    def _complete(self, data, wanted):
        """Waits for the rest of a frame, so that its pieces are joined once."""
        pieces = [data]
        missing = wanted - len(data)
        while missing > 0:
            piece = self._socket.recv(missing)
            if not piece:
                os._exit(0)
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _forget(self):
        # Two processes on one connection would mix their frames.
        self._socket.close()
        self._socket = None


def split_head(payload):
    """The head of a call as text, and the first piece of its body."""
    end = 4 + _length.unpack_from(payload)[0]
    if end > len(payload):
        raise ValueError("The head of a call is longer than its frame")
    return payload[4:end].decode("utf-8"), payload[end:]


def credit_payload(size):
    return _length.pack(size)


def credit_of(payload):
    return _length.unpack(payload)[0]


def as_bytes(item):
    """A piece of an answer."""
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    raise TypeError(f"A stream that is the answer gives str or bytes, not {type(item).__name__}")


class Waiting:
    """A call that threads and tasks of event loops wait for. `connection`, and `_polls`: nobody else reads while the code runs."""

    _changed = None
    _waiters = None

    def wait(self, done):
        """Waits in this thread until `done()`."""
        if self._polls:
            self.connection.wait_for(done)
            return
        if self._changed is None:
            from threading import Condition

            self._changed = Condition()
        with self._changed:
            self._changed.wait_for(done)

    def wait_in(self, loop, future):
        """Sets the future when something has happened."""
        if self._waiters is None:
            self._waiters = []
        self._waiters.append((loop, future))

    def wake(self):
        """Something has happened to the call."""
        for _ in range(len(self._waiters or ())):
            loop, future = self._waiters.pop()
            loop.call_soon_threadsafe(_set, future)
        if self._changed is not None:
            with self._changed:
                self._changed.notify_all()


def _set(future):
    if not future.done():
        future.set_result(None)
