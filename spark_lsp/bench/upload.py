"""Figure 10: how long a small question and its answer take while a document of 8 MB goes up.

Ours: settings are told and the gateway answers with its status, on the connection that carries the
upload. Over HTTP: a request with next to no text, on a connection of its own, beside a request with the
document as its context.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from spark_lsp.bench.ours import Ours
from spark_lsp.bench.question import Asker, Question, source
from spark_lsp.bench.roundtrip import first_us
from spark_lsp.bench.tuned import Tuned
from spark_lsp.text.document import Document

SIZE = 8_000_000
PAUSE = 0.001


def large(number: int) -> Document:
    """Return a document of 8 MB; each has its own URI and is new to everybody."""
    once = source(SIZE)
    text = (once * -(-SIZE // len(once)))[:SIZE]
    return Document(f"bench:///large-{number}.py", text, 1, "python")


async def ours_ms(ours: Ours, document: Document) -> list[float]:
    """Mirror the document and ask about it; return the milliseconds of every round trip meanwhile."""
    async with _uploading(ours, document) as done:
        times = await _sampled(ours.settled, done)
    ours.remote.closed(document.uri)
    return times


async def tuned_ms(tuned: Tuned, document: Document) -> list[float]:
    """Ask about the document; return the milliseconds of every small question meanwhile."""
    small = Question(Document("bench:///small.py", source(200), 1, "python"), 100, tokens=1)
    async with _uploading(tuned, document) as done:
        return await _sampled(lambda: first_us(tuned, small), done)


@asynccontextmanager
async def _uploading(asker: Asker, document: Document) -> AsyncGenerator[Callable[[], bool]]:
    """Upload beside the block: the document has arrived when a question about it is answered."""
    finished = False

    async def upload() -> None:
        nonlocal finished
        if isinstance(asker, Ours):
            asker.remote.opened(document)
        await first_us(asker, Question(document, len(document) // 2, tokens=1))
        finished = True

    async with anyio.create_task_group() as group:
        group.start_soon(upload)
        yield lambda: finished


async def _sampled(trip: Callable[[], Awaitable[object]], done: Callable[[], bool]) -> list[float]:
    times: list[float] = []
    while not done() or not times:
        begun = time.perf_counter()
        await trip()
        times.append((time.perf_counter() - begun) * 1000)
        await anyio.sleep(PAUSE)
    return times
