"""Notices turns of the loop that last too long: while one runs, nothing else is answered.

A turn is the time between two waits of the loop's selector: all callbacks that were ready, with the
garbage collector's pauses among them. Measuring there needs no timer, so an idle server sleeps on. Two
figures are told: how long the turn took, and how much of that this thread has computed; where the two
differ by much, the machine was busy with something else.
"""

import asyncio
import logging
import selectors
import sys
import time
from selectors import SelectorKey

log = logging.getLogger(__name__)

LIMIT = 0.1  # seconds; above that a person notices


class TimedSelector(selectors.DefaultSelector):
    """The system's selector, which logs the turns between its waits that took longer than `limit`."""

    def __init__(self, limit: float = LIMIT) -> None:
        super().__init__()
        self._limit = limit
        self._began: float | None = None  # not in a turn
        self._computed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for events: one turn has ended, the next begins."""
        if self._began is not None and time.perf_counter() - self._began > self._limit:
            self._tell(time.perf_counter() - self._began)
        try:
            return super().select(timeout)
        finally:
            self._began, self._computed = time.perf_counter(), time.thread_time()

    def _tell(self, took: float) -> None:
        computed = time.thread_time() - self._computed
        log.debug("a turn of the loop took %.0f ms, %.0f ms of them computing", took * 1e3, computed * 1e3)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose turns are measured; on Windows, whose loop has no selector, the usual one."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(TimedSelector())
