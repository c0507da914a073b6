"""Figure 10: the time of a small question and its answer during an upload of 8 MB of documents.

Ours: settings are sent and the gateway answers with its status, on the connection that carries the upload.
Over HTTP: a request with almost no text, on a separate connection, beside a request with the documents as its
context.
"""

import time
from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel

from spark_lsp.bench.ours import Ours
from spark_lsp.bench.question import Question, source
from spark_lsp.bench.roundtrip import first_us
from spark_lsp.bench.tuned import Tuned
from spark_lsp.text.document import Document

LARGEST = 1_000_000  # characters of a document, the language server's limit
COUNT = 8
PAUSE = 0.001


def large(number: int) -> list[Document]:
    """Return eight documents of a million characters; they overlap, since there is not enough source."""
    text = source(LARGEST * (COUNT + 1) // 2)
    return [
        Document(f"bench:///large-{number}-{part}.py", text[at : at + LARGEST], 1, "python")
        for part, at in enumerate(range(0, LARGEST * COUNT // 2, LARGEST // 2))
    ]


async def ours_ms(ours: Ours, documents: Sequence[Document]) -> list[float]:
    """Mirror the documents and ask about the last; return the milliseconds of each round trip."""

    async def upload() -> None:
        for document in documents:
            ours.remote.open_document(document)
            await anyio.lowlevel.checkpoint()  # an editor opens them one by one
        await first_us(ours, Question(documents[-1], 100, tokens=1))

    times = await _sample_trips(ours.settled, upload)
    for document in documents:
        ours.remote.close_document(document.uri)
    return times


async def tuned_ms(tuned: Tuned, documents: Sequence[Document]) -> list[float]:
    """Ask with all the documents; return the milliseconds of each small question in that time."""
    whole = Document("bench:///all.py", "".join(document.text for document in documents), 1, "python")
    small = Question(Document("bench:///small.py", source(200), 1, "python"), 100, tokens=1)

    async def upload() -> None:
        await first_us(tuned, Question(whole, len(whole) - 100, tokens=1))

    return await _sample_trips(lambda: first_us(tuned, small), upload)


async def _sample_trips(
    trip: Callable[[], Awaitable[object]], upload: Callable[[], Awaitable[None]]
) -> list[float]:
    """Return the milliseconds of successive round trips, until the parallel upload has arrived."""
    times, finished = list[float](), False

    async def uploading() -> None:
        nonlocal finished
        await upload()
        finished = True

    async with anyio.create_task_group() as group:
        group.start_soon(uploading)
        while not finished or not times:
            begun = time.perf_counter()
            await trip()
            times.append((time.perf_counter() - begun) * 1000)
            await anyio.sleep(PAUSE)
    return times
