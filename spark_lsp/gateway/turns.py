"""Notices turns of the gateway's loop that last too long: while one runs, every lane stands still.

The loop here has no Python selector to measure at, so a short timer is set again and again, but only
while there is work: a message has come in the last second, or an answer is under way. An idle gateway
sleeps on. How late the timer comes is how long something else has held the loop, the garbage collector's
pauses among it; of that this thread has computed what is told beside it, and the rest the machine was
busy with something else.
"""

import asyncio
import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

LIMIT = 0.1  # seconds; above that a person notices
TICK = 0.02
LINGER = 1.0


class Turns:
    """Call `work` whenever something comes in; `busy` tells whether anything is still under way."""

    def __init__(self, busy: Callable[[], bool], limit: float = LIMIT) -> None:
        self._busy = busy
        self._limit = limit
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._set = self._computed = 0.0

    @property
    def watching(self) -> bool:
        """Whether the timer is set."""
        return self._timer is not None

    def work(self) -> None:
        """Note that there is work: watch the loop for a while."""
        self._until = time.perf_counter() + LINGER
        if self._timer is None:
            self._tick()

    def _tick(self) -> None:
        self._set, self._computed = time.perf_counter(), time.thread_time()
        self._timer = asyncio.get_running_loop().call_later(TICK, self._look)

    def _look(self) -> None:
        """Tell of a turn; between two ticks lies one turn at most that is longer than `TICK`."""
        took = time.perf_counter() - self._set
        if took > self._limit:
            computed = time.thread_time() - self._computed
            log.debug(
                "a turn of the loop took %.0f ms, %.0f ms of them computing", took * 1e3, computed * 1e3
            )
        self._timer = None
        if time.perf_counter() < self._until or self._busy():
            self._tick()
