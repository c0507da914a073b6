"""Logs iterations of the gateway's event loop that take too long: while one runs, every lane waits.

uvloop has no Python selector that could be measured. Instead a short timer runs while there is work: a
message has come in the last second, or an answer is in progress. An idle gateway has no timer. The delay of
the timer is the time for which something else held the loop, including pauses of the garbage collector. The
log also has the CPU time of this thread; for the rest of the delay the machine was busy with something else.
"""

import asyncio
import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_ITERATION_S = 0.1  # a user notices longer ones
TICK_S = 0.02
LINGER_S = 1.0  # the timer runs this long after the last message


class LoopMonitor:
    """See the module's text. `is_busy` returns whether an answer is in progress."""

    def __init__(self, is_busy: Callable[[], bool], max_iteration_s: float = MAX_ITERATION_S) -> None:
        self._is_busy = is_busy
        self._max_iteration_s = max_iteration_s
        self._until = 0.0  # when the timer may end
        self._timer: asyncio.TimerHandle | None = None
        self._set_at = 0.0
        self._cpu_at = 0.0

    @property
    def is_watching(self) -> bool:
        """Whether the timer is set."""
        return self._timer is not None

    def note_work(self) -> None:
        """Note that there is work: watch the loop for a while."""
        self._until = time.perf_counter() + LINGER_S
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        self._set_at = time.perf_counter()
        self._cpu_at = time.thread_time()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        """Log a long iteration; between two ticks at most one iteration is longer than `TICK_S`."""
        took = time.perf_counter() - self._set_at
        if took > self._max_iteration_s:
            computed = time.thread_time() - self._cpu_at
            log.debug(
                "a turn of the loop took %.0f ms, %.0f ms of them computing",
                took * 1000,
                computed * 1000,
            )
        self._timer = None
        if time.perf_counter() < self._until or self._is_busy():
            self._set_timer()
