"""Logs event-loop iterations that take too long: during one, no message is answered.

An iteration is the time between two waits of the loop's selector. It includes all callbacks that were ready
and the pauses of the garbage collector. Measuring in the selector needs no timer, so an idle server sleeps.
The log has two figures: the duration of the iteration, and this thread's computing time in it. If they
differ, the machine was busy with other work.
"""

import asyncio
import logging
import selectors
import sys
import time
from selectors import SelectorKey

log = logging.getLogger(__name__)

SLOW_SECONDS = 0.1  # the user notices longer iterations


class TimedSelector(selectors.DefaultSelector):
    """The system's selector; it logs the iterations that take longer than `limit` seconds."""

    def __init__(self, limit: float = SLOW_SECONDS) -> None:
        super().__init__()
        self._limit = limit
        self._began: float | None = None  # None outside of an iteration
        self._computed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for events; this ends one iteration and begins the next."""
        if self._began is not None and time.perf_counter() - self._began > self._limit:
            self._report(time.perf_counter() - self._began)
        try:
            return super().select(timeout)
        finally:
            self._began, self._computed = time.perf_counter(), time.thread_time()

    def _report(self, took: float) -> None:
        computed = time.thread_time() - self._computed
        log.debug("a turn of the loop took %.0f ms, %.0f ms of them computing", took * 1e3, computed * 1e3)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose iterations are measured. On Windows, the loop has no selector and none is."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(TimedSelector())
