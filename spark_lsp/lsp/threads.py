"""Runs long computations on a worker thread, so that the event loop can take and answer keystrokes.

Use it for pure functions on snapshots only. The interpreter switches between the threads every few
milliseconds.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio.to_thread

P = ParamSpec("P")
R = TypeVar("R")


async def run_in_thread(work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Run `work` in a worker thread and return its result. If the caller is cancelled, abandon the thread."""
    call = functools.partial(work, *arguments, **named)
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
