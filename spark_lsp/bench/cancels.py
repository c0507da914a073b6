"""Figure 9 at the link: the rate of requests and their cancels, and the time until the engine stops.

An engine's stop is not visible from outside, but its effect is: a session serves a fixed number of requests
at once, and the next one begins only when the work of another has really ended.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import anyio

from spark_lsp.answer_events import Event, Started
from spark_lsp.bench.question import typist
from spark_lsp.engine.gateway_client.remote import Remote
from spark_lsp.request import Request, Task
from spark_lsp.wire.client import LANES_PER_POOL
from spark_lsp.wire.server_messages import MAX_IN_FLIGHT

ABREAST = 4  # pairs at once; a lane is free only after its terminal event

EDIT = Request(Task.EDIT, model="slow")
SETTLE = 0.01  # seconds for the terminal events of earlier cancels


async def pairs_per_s(remote: Remote, count: int) -> float:
    """Send `count` requests and cancel each as soon as it is under way."""
    begun = time.perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(ABREAST):
            group.start_soon(_pairs, remote, number, count // ABREAST)
    return count / (time.perf_counter() - begun)


async def _pairs(remote: Remote, number: int, count: int) -> None:
    person = typist(2_000, engine="slow")
    request = person.again().request()
    for _ in range(count):
        async with remote.open(_copy_request(request, f"{number}")) as events:
            await anext(events)


def _copy_request(request: Request, origin: str) -> Request:
    """Return the request for a separate document: a newer one for the same document would replace it."""
    return Request(request.task, request.parts, language=request.language, model="slow", origin=origin)


async def stopped_ms(remote: Remote) -> float:
    """Fill a session, let one more request wait, cancel one; return the milliseconds until it begins."""
    async with AsyncExitStack() as stack:
        await _fill(remote, stack)
        async with AsyncExitStack() as last:
            await _wait_for_start(await last.enter_async_context(remote.open(EDIT)))
            waiting = await stack.enter_async_context(remote.open(EDIT))
            await anyio.sleep(SETTLE)
            left = time.perf_counter()
        await _wait_for_start(waiting)
        taken = (time.perf_counter() - left) * 1000
    await anyio.sleep(SETTLE)
    return taken


async def _fill(remote: Remote, stack: AsyncExitStack) -> None:
    """Occupy all but one of a session's places."""
    request = typist(2_000).again().request()
    completions = [_copy_request(request, str(number)) for number in range(LANES_PER_POOL)]
    for asked in (*completions, *[EDIT] * (MAX_IN_FLIGHT - LANES_PER_POOL - 1)):
        await _wait_for_start(await stack.enter_async_context(remote.open(asked)))


async def _wait_for_start(events: AsyncIterator[Event]) -> None:
    assert isinstance(await anext(events), Started)
