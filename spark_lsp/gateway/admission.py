"""Lets the answers of all connections begin in the order of `fair_share`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from spark_lsp.gateway.fair_share import FairShare
from spark_lsp.request import Priority

_AT_ONCE = nullcontext()  # holds no state: all answers share it


class Admission:
    """See the module's text. At most `limit` answers are under way at once; 0: no limit."""

    def __init__(self, limit: int = 0) -> None:
        self._share = FairShare(limit) if limit else None
        self._waiters: dict[str, asyncio.Future[None]] = {}

    def turn(self, answer: str, user: str, priority: Priority) -> AbstractAsyncContextManager[None]:
        """Return a context in which the answer may run: its entry waits, its exit lets the next one begin."""
        if self._share is None:
            return _AT_ONCE
        return self._take_turn(self._share, answer, user, priority)

    @asynccontextmanager
    async def _take_turn(
        self, share: FairShare, answer: str, user: str, priority: Priority
    ) -> AsyncGenerator[None, None]:
        try:
            if not share.request(answer, user, priority):
                waiter = self._waiters[answer] = asyncio.get_running_loop().create_future()
                await waiter
            yield
        finally:
            self._waiters.pop(answer, None)
            self._wake(share.release(answer))

    def _wake(self, answer: str | None) -> None:
        if answer is not None and not self._waiters[answer].done():
            self._waiters[answer].set_result(None)

    def statistics(self) -> tuple[int, int]:
        """Return how many answers are under way and how many wait for their turn; zeros without a limit."""
        return self._share.statistics() if self._share is not None else (0, 0)
