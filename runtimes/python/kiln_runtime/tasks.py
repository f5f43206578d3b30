"""Asynchronous handlers: one event loop per thread, kept from call to call, and calls that end early."""

import asyncio  # By far the slowest module there is; only asynchronous code pays for it.
from _thread import get_ident

_runners = {}


def runner(connection, polls):
    """This thread's, made with its first asynchronous call."""
    key = get_ident()
    if key not in _runners:
        _runners[key] = Runner(connection, polls)
    return _runners[key]


async def until(call, done):
    """Waits for something that arrives for the call."""
    loop = asyncio.get_running_loop()
    while not done():
        future = loop.create_future()
        call.wait_in(loop, future)
        if not done():
            await future


class Runner:
    """Runs what is awaited for one call at a time. Code may keep connections in its loop."""

    def __init__(self, connection, polls):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._call = None
        self._task = None
        self._watch = None
        self._connection = connection
        self._polls = polls
        if polls:
            # Nobody else reads while the loop runs.
            self.loop.add_reader(connection.fileno(), connection.look)

    def run(self, call, awaitable):
        """What it gives; its task is cancelled when nobody waits any more, and shortly before the deadline."""
        self._task = asyncio.ensure_future(awaitable, loop=self.loop)
        self._call = call
        call.runner = self
        if self._polls and self._connection.has_pending:
            # What was read together with the call makes nothing readable.
            self._connection.look()
        # One timer for all calls: each begins later than the one before, and so do their deadlines.
        if self._watch is None:
            self._look_at_the_time()
        try:
            return self.loop.run_until_complete(self._task)
        finally:
            self._task = None

    def drive(self, call, pieces):
        """The pieces of an asynchronous generator."""
        while True:
            try:
                yield self.run(call, pieces.__anext__())
            except StopAsyncIteration:
                return

    def close(self):
        """After a test of a function; the next call has another loop."""
        _runners.pop(get_ident(), None)
        self.loop.close()
        asyncio.set_event_loop(None)

    def cancel(self, call):
        """From any thread."""
        self.loop.call_soon_threadsafe(self._cancel, call)

    def _cancel(self, call):
        if self._task is not None and self._call is call:
            self._task.cancel()

    def _look_at_the_time(self):
        self._watch = None
        if self._task is None:
            return  # The next call looks again.
        left = self._call.seconds_to_stop()
        if left > 0.001:
            self._watch = self._call.clock.after(self.loop, left, self._look_at_the_time)
        elif not self._call.time_is_up:
            self._call.time_is_up = True
            self._task.cancel()
