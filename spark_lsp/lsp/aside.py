"""Work on a snapshot that takes longer than a turn of the loop may: it is done on a thread.

Only pure functions go here. They take turns with the loop every few milliseconds, so that keys are taken
and answered meanwhile.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio.to_thread

P = ParamSpec("P")
R = TypeVar("R")


async def aside(work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Return what `work` returns; who is cancelled meanwhile does not wait for it."""
    call = functools.partial(work, *arguments, **named)
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
