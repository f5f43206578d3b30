"""Frames over the platform's socket."""

import json
import os
from _socket import AF_UNIX, MSG_DONTWAIT, SOCK_STREAM, socket  # `socket` itself imports four times as much.
from _thread import RLock
from collections import deque
from struct import Struct

HELLO, INIT, READY, FAILED, CALL, BODY, RESULT, ERROR, CANCEL, LOG = 1, 2, 3, 4, 16, 17, 18, 19, 20, 22
END = 1
# On an error frame: the process ends after it, the platform must send no further call.
EXIT = 2
PIECE_BYTES_MAX = 64 * 1024

_head = Struct(">IIBB")
_length = Struct(">I")


class Connection:
    """The one connection. Writing is safe from any thread; reading is the main thread's."""

    def __init__(self, path):
        self._socket = socket(AF_UNIX, SOCK_STREAM)
        self._socket.connect(path)
        self._lock = RLock()
        self._rest = b""
        self._frames = deque()
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._forget)

    def read(self):
        """The next frame as (type, id, flags, payload); None when the platform has gone."""
        while not self._frames:
            data = self._socket.recv(PIECE_BYTES_MAX)
            if not data:
                return None
            self._parse(data)
        return self._frames.popleft()

    def fileno(self):
        return self._socket.fileno()

    def has_cancel(self, call_id):
        """Whether the platform has cancelled this call; reads what has arrived without waiting."""
        try:
            data = self._socket.recv(PIECE_BYTES_MAX, MSG_DONTWAIT)
            if not data:
                os._exit(0)
            self._parse(data)
        except (BlockingIOError, InterruptedError):
            pass
        return any(kind == CANCEL and frame_id == call_id for kind, frame_id, _, _ in self._frames)

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
    return payload[4:end].decode("utf-8"), payload[end:]
