"""Reads the windows around the cursor while the user rests, so that the next completion starts at once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import httpx

from spark_lsp.engine.local.slots import SLOT_COUNT, Plan, Slots
from spark_lsp.errors import EngineError

_REST_S = 0.5


class ReadAhead:
    """At most one reading at a time: a new position replaces it, and a request stops it.

    `enter` gives the slots to a document, `read` sends one plan to the model and returns when it was read,
    `spawn` starts a task.
    """

    def __init__(
        self,
        slots: Slots,
        enter: Callable[[str], Awaitable[None]],
        read: Callable[[Plan], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._slots = slots
        self._enter = enter
        self._read = read
        self._spawn = spawn
        self._task: asyncio.Task[None] | None = None

    def restart(self, document: str, prefix: str, suffix: str) -> None:
        """Read around a cursor after a rest."""
        self.stop()
        self._task = self._spawn(self._run(document, prefix, suffix))

    def stop(self) -> None:
        """Stop reading. The tokens read so far stay in the cache."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait_until_idle(self) -> None:
        """Wait until the reading has ended; for measurements and tests."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self, document: str, prefix: str, suffix: str) -> None:
        await anyio.sleep(_REST_S)
        with contextlib.suppress(EngineError, httpx.HTTPError):
            await self._enter(document)
            for _ in range(SLOT_COUNT):  # a bound: each reading should complete one slot
                plan = self._slots.plan_reading(prefix, suffix)
                if plan is None:
                    return
                await self._read(plan)
