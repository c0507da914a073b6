"""Figures 1 and 11 for a service: the time that the engine `responses` adds, and the bytes that it sends.

The service is our own gateway, used through the public protocol alone, on the loopback interface. The
baseline is the language server's link to the same gateway; both ask the same replay engine. Included: the
difference to the document's base, the request, the public events and the filter of the answer. Bytes count as
written to the socket, with the WebSocket's header and mask; those of checkpoints are counted apart.
"""

import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spark_lsp.answer_events import Chunk
from spark_lsp.bench import peers
from spark_lsp.bench.figures import Figure, at_most, at_most_of_baseline, measured
from spark_lsp.bench.keystroke import frame_length
from spark_lsp.bench.ours import Ours
from spark_lsp.bench.peers import Peer
from spark_lsp.bench.question import Question, typist
from spark_lsp.bench.roundtrip import LARGE, SMALL, first_us
from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.responses.calls import call_of, document_text
from spark_lsp.engine.responses.connection import BASE_LANES, Outgoing, PublicConnection
from spark_lsp.engine.responses.creates import Call
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.engine.responses.lineage import Base, Lineage
from spark_lsp.engine.responses.words import base_items

SPARK = ResponsesSettings(profile="codex-spark", model="gpt-5.3-codex-spark", context_tokens=128_000)
RESPONSE = f"resp_{'0' * 48}"  # as long as OpenAI's


class Service:
    """Asks through the engine `responses`."""

    def __init__(self, engine: ResponsesEngine) -> None:
        self._engine = engine

    async def ask(self, question: Question) -> AsyncGenerator[str]:
        """Ask, and yield the answer's text as it arrives."""
        async with self._engine.open(question.request()) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    yield event.text


@asynccontextmanager
async def joined(peer: Peer, model: str) -> AsyncGenerator[Service]:
    """Use a gateway as a service; its key is in a private file, as a user's would be."""
    with TemporaryDirectory(prefix="spark-lsp-bench-") as folder:
        key = _write_key(Path(folder))
        # One token of reasoning: the answer is as long as that of the other peer.
        table = ResponsesSettings(base_url=peer.url, model=model, key_file=str(key), thinking_tokens=1)
        engine = ResponsesEngine("service", table, offers_spark=False)
        try:
            yield Service(engine)
        finally:
            await engine.aclose()


def _write_key(folder: Path) -> Path:
    key = folder / "key"
    key.write_text(peers.TOKEN, encoding="utf-8")
    key.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return key


async def round_trips(ours: Ours, peer: Peer, rounds: int, each: int) -> list[Figure]:
    """Measure the request through the engine against the request over the link, in turns."""
    mine, theirs = typist(SMALL), typist(SMALL)
    times: tuple[list[float], list[float]] = [], []
    ours.remote.open_document(mine.document)
    async with joined(peer, "replay") as service:
        with peers.together([peer]):
            for number in range(rounds + 1):
                link = [await first_us(ours, mine.key()) for _ in range(each)]
                hop = [await first_us(service, theirs.key()) for _ in range(each)]
                for taken, found in zip(times, (link, hop), strict=True):
                    taken.extend(found if number else [])
    name = "round trip through a service: request of the engine → first text, against the link's own"
    return [at_most_of_baseline(1, name, "µs", times[1], times[0], 1.2)]


def bytes_of_keys(count: int, bodies: list[float]) -> list[Figure]:
    """Count the bytes of each key in a document of 128 KB, against the body of an HTTP request."""
    person = typist(LARGE)
    wire, lineage = PublicConnection("bench"), Lineage()
    text = person.document.text
    lineage.note(text, "python")
    _exchange(wire, Call(base_items(text, "python", ()), warm=True), BASE_LANES[0])
    lineage.adopt(Base(RESPONSE, text))
    counted = [_key(wire, lineage, person.key()) for _ in range(count)]
    requests, checkpoints = ([float(each[index]) for each in counted] for index in (0, 1))
    name = "bytes sent to a service per key at 128 KB of context (the most), against a whole HTTP request"
    mean = [sum(requests + checkpoints) / count]
    return [
        at_most(11, name, "bytes", requests, 600, bodies, share=100),
        measured(11, "the mean of these, with the checkpoints between", "bytes", mean),
    ]


def _key(wire: PublicConnection, lineage: Lineage, question: Question) -> tuple[int, int]:
    """Return the bytes of one key's request and of the checkpoint after it, as the engine sends them."""
    request = question.request()
    text = document_text(request)
    lineage.note(text, "python")
    fork = lineage.fork()
    assert fork is not None
    sent = _exchange(wire, call_of(request, SPARK, 0, fork, whole=False))
    if not lineage.needs_checkpoint:
        return sent, 0
    checkpoint = Call(fork.changes, parent=fork.base.response, warm=True)
    more = _exchange(wire, checkpoint, BASE_LANES[1])
    lineage.adopt(Base(RESPONSE, text, drift=lineage.drift))
    return sent, more


def _exchange(wire: PublicConnection, call: Call, lane: str = "") -> int:
    """Send a call and have it answered; return its bytes on the socket."""
    lane = wire.create(Outgoing(call.body(SPARK.model), lane))
    sent = 0
    while (message := wire.pop()) is not None:
        sent += frame_length(len(message.encode()))
    wire.receive(f'{{"type":"response.completed","stream_id":"{lane}","response":{{"id":"{RESPONSE}"}}}}')
    return sent
