"""The writer of one connection: it takes messages from the send queue and passes them to the socket.

Urgent messages are written at once. Further text of a response that has begun waits `GATHER_S` for more text,
because each message wakes the peer's process. An engine whose text the peer does not read waits here too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from spark_lsp.wire.server import ServerConnection

GATHER_S = 0.002  # time for which text waits for more text
TURNS_TO_WRITE = 2  # iterations of the event loop until an urgent message has been written

SendMessage = Callable[[str], Awaitable[None]]


class ConnectionWriter:
    """See the module's text. Everybody who adds messages to the connection's queue calls `wake`."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._queue = connection.queue
        self._has_messages = asyncio.Event()
        self._is_urgent = asyncio.Event()
        self._written = asyncio.Event()  # something was written since a task began to wait for it
        self._has_waiters = False

    def wake(self) -> None:
        """Have the queue's messages written, soon or at once."""
        self._has_messages.set()
        if self._queue.urgent:
            self._is_urgent.set()

    async def run(self, send: SendMessage) -> None:
        """Write messages until the peer is gone."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # the peer is gone; the reader notices it too
            while True:
                await self._has_messages.wait()
                self._has_messages.clear()
                if not self._queue.urgent:
                    self._is_urgent.clear()
                    timer = loop.call_later(GATHER_S, self._is_urgent.set)
                    await self._is_urgent.wait()
                    timer.cancel()
                while (message := self._connection.pop()) is not None:
                    await send(message)
                    if self._has_waiters:
                        self._release_waiters()

    def _release_waiters(self) -> None:
        self._has_waiters = False
        self._written.set()
        self._written = asyncio.Event()

    async def wait_while(self, is_blocked: Callable[[], bool]) -> None:
        """Wait until `is_blocked` returns False; only writing can change its result."""
        while is_blocked():
            self._has_waiters = True
            await self._written.wait()

    async def let_run(self) -> None:
        """Give the writer time to write an urgent message."""
        for _ in range(TURNS_TO_WRITE):
            await asyncio.sleep(0)
