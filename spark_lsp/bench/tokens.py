"""Figures 2 and 5: the cost of each token of a long answer at both ends, and its delay.

Processor time is that of the asking and the answering process together, engine included; the engine
alone is measured too, in the loop of the benchmark, so its part in both is known.
"""

import time
from dataclasses import dataclass

from spark_lsp.answer_events import Chunk
from spark_lsp.bench.ours import Ours
from spark_lsp.bench.peers import Peer
from spark_lsp.bench.question import Asker, Question, typist
from spark_lsp.config import ReplaySettings
from spark_lsp.engine.replay import TOKEN_CHARS, ReplayEngine
from spark_lsp.errors import SparkError


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one answer: microseconds of processor time per token, and its number of pieces."""

    cpu_us: float
    pieces: int


def question(asker: Asker, tokens: int, engine: str) -> Question:
    """Return a question with a long answer and little context."""
    person = typist(2_000, tokens=tokens, engine=engine)
    if isinstance(asker, Ours):
        asker.remote.open_document(person.document)
    return person.again()


async def cost(asker: Asker, peer: Peer, asked: Question) -> Cost:
    """Read one answer. Raises `SparkError` if a token is missing."""
    before, got, pieces = time.process_time() + peer.cpu_s(), 0, 0
    async for text in asker.ask(asked):
        got += len(text)
        pieces += 1
    used = time.process_time() + peer.cpu_s() - before
    if got != asked.tokens * TOKEN_CHARS:
        raise SparkError(f"Of {asked.tokens} tokens {got / TOKEN_CHARS:g} came", "Nothing was measured")
    return Cost(used / asked.tokens * 1e6, pieces)


async def engine_us(settings: ReplaySettings, asked: Question) -> float:
    """Return the microseconds of processor time that the engine alone takes per token."""
    before, tokens = time.process_time(), 0
    async with ReplayEngine("alone", settings).open(asked.request()) as events:
        async for event in events:
            tokens += isinstance(event, Chunk)
    return (time.process_time() - before) / tokens * 1e6


async def lags_ms(asker: Asker, asked: Question, pace: float) -> list[float]:
    """Return for each piece the delay of its oldest token in milliseconds."""
    begun, got, lags = time.perf_counter(), 0, list[float]()
    async for text in asker.ask(asked):
        due = begun + got / TOKEN_CHARS / pace
        lags.append((time.perf_counter() - due) * 1000)
        got += len(text)
    return lags
