"""Bodies as they arrive and as they are written: the event of a `streamed` handler, and `context.writer()`."""

from collections import deque

from .connection import CANCEL, CREDIT, REQUEST_WINDOW_BYTES, as_bytes, credit_payload


class Body:
    """The request's body as it arrives. The caller gets credit for what was read, so that at most a window of it is here.

    Iterating gives its pieces, in plain and in asynchronous code; `read` is that of a file.
    """

    def __init__(self, call, piece, ended):
        self._call = call
        self._pieces = deque((piece,) if piece else ())
        self._ended = ended
        self._taken = 0
        self.closed = False

    def read(self, size=-1):
        """At most `size` bytes, all that come when it is negative, b"" at the end."""
        if size is None or size < 0:
            return b"".join(self)
        piece = self._next() if size else b""
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
            piece = piece[:size]
        self._credit(len(piece))
        return piece

    def readable(self):
        return True

    def close(self):
        """Tells the caller to stop."""
        if not self.closed and not self._ended and not self._call.is_over:
            self._call.connection.send(CANCEL, self._call.id, b"")
        self.closed = True
        self._pieces.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        piece = self._next()
        if not piece:
            raise StopIteration
        self._credit(len(piece))
        return piece

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._is_settled():
            from .tasks import until

            await until(self._call, self._is_settled)
        piece = self._next()
        if not piece:
            raise StopAsyncIteration
        self._credit(len(piece))
        return piece

    def take(self, piece, ended):
        """What has arrived, from whoever reads the connection."""
        if piece and not self.closed:
            self._pieces.append(piece)
        self._ended = ended
        self._call.wake()

    def _is_settled(self):
        return bool(self._pieces) or self._ended or self.closed or self._call.is_over

    def _next(self):
        if not self._is_settled():
            self._call.wait(self._is_settled)
        if self._pieces:
            return self._pieces.popleft()
        if not self._ended and not self.closed:
            raise self._call.over_error()
        return b""

    def _credit(self, size):
        self._taken += size
        if self._ended or self._taken < REQUEST_WINDOW_BYTES // 2:
            return
        self._call.connection.send(CREDIT, self._call.id, credit_payload(self._taken))
        self._taken = 0


class Writer:
    """What is written is the answer, as it is written; str as UTF-8. The call ends when the handler has returned."""

    def __init__(self, call):
        self._call = call
        self.closed = False

    def write(self, data):
        """Waits while the caller is behind. In asynchronous code nothing else runs meanwhile: `await send(data)` lets it."""
        self._check()
        self._call.send_pieces(as_bytes(data), 0)
        self._check()
        return len(data)

    async def send(self, data):
        """The same for asynchronous code."""
        from .tasks import until

        self._check()
        rest = memoryview(as_bytes(data))
        while rest:
            await until(self._call, self._call.may_send)
            self._check()
            room = self._call.credit()
            self._call.send_pieces(rest[:room], 0)
            rest = rest[room:]

    def writable(self):
        return True

    def flush(self):
        """Nothing waits here."""

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check(self):
        if self.closed:
            raise ValueError("The writer of the answer is closed")
        if self._call.is_over:
            raise self._call.over_error()

