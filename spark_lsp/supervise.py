"""Supervision: an unexpected exception ends the work that raised it, and no other work.

All background work (a task of a group, a callback, a timer) is started through one of these functions. Each
catches unexpected exceptions, logs their type and place (never their message, which may contain the user's
code), and calls `on_failure`, which answers the requests that wait for the work. Cancellation always passes
through.

    run_guarded      work in a task group: the group and its other tasks continue
    call_guarded     a callback that is called now: the caller continues
    guarded          the same as a function, for a later call
    keep_running     work that must never end: it is started again, with growing pauses
    watch_loop       the last resort: logs the place of each exception that reached the event loop itself
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

from spark_lsp.errors import origin

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before ended work is started again
STEADY = 10.0  # seconds that work must have run for its next pause to be the shortest again

P = ParamSpec("P")
OnFailure = Callable[[Exception], object]


async def run_guarded(
    work: Callable[..., Awaitable[object]], *arguments: Any, on_failure: OnFailure | None = None
) -> None:
    """Run `work`; if it raises, log the place and call `on_failure` with the exception."""
    try:
        await work(*arguments)
    except Exception as error:
        _note(work, error, on_failure)


def call_guarded(call: Callable[..., object], *arguments: Any, on_failure: OnFailure | None = None) -> Any:
    """Return the result of `call`; if it raises, log the place, call `on_failure` and return None."""
    try:
        return call(*arguments)
    except Exception as error:
        _note(call, error, on_failure)
        return None


def guarded(call: Callable[P, object], on_failure: OnFailure | None = None) -> Callable[P, None]:
    """Return `call` as a function that never raises."""

    def call_it(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            call(*arguments, **named)
        except Exception as error:
            _note(call, error, on_failure)

    return call_it


async def keep_running(
    work: Callable[[], Awaitable[object]], on_end: Callable[[Exception | None], object] = lambda _: None
) -> None:
    """Run `work` again whenever it ends, until cancelled.

    `on_end` is called after each end with the exception, or with None if the work returned.
    """
    pause = FIRST_PAUSE
    while True:
        began, failure = time.monotonic(), None
        try:
            await work()
        except Exception as error:
            failure = error
            log_failure(work, error)
        call_guarded(on_end, failure)
        if time.monotonic() - began > STEADY:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log the place of exceptions that reach the event loop: of timers, and of tasks that are not awaited."""
    loop.set_exception_handler(_at_the_loop)


def log_failure(work: object, error: BaseException) -> None:
    """Log that `work` failed, by names and places only."""
    name = getattr(work, "__qualname__", type(work).__name__)
    log.error("%s failed unexpectedly: %s", name, origin(error))


def _note(work: object, error: Exception, on_failure: OnFailure | None) -> None:
    log_failure(work, error)
    if on_failure is None:
        return
    try:
        on_failure(error)
    except Exception as another:
        log_failure(on_failure, another)


def _at_the_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    place = origin(error) if isinstance(error, BaseException) else str(context.get("message", ""))
    log.error("an exception reached the event loop: %s", place)
