"""Figure 48: the gain of hedges on a slow engine, and their cost, against the same route without hedges.

Two simulated engines answer edits. The first one has text after 6 to 12 ms, but 4 % of its answers take 120
to 480 ms, as on a server that sometimes loads a cache or waits for other users. The second one always has
text after 12 to 18 ms. The two routes get the same requests, one after the other, and the first engine takes
the same time for a request on both. All waits are real, so the time of the route itself is included.

Times are relative: a hedge gains as much on an engine that is ten times as slow. The cost is the share of the
tokens that a service charges for a stopped request: all of its input, in the worst case.
"""

import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.bench.figures import Figure, at_most, at_most_of_baseline, measured, percentile
from spark_lsp.config import RouteRules
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.route import Route
from spark_lsp.engine.route_records import RouteRecords
from spark_lsp.engine.traffic import Traffic
from spark_lsp.request import EngineInfo, Focus, Request, Task

USUAL_MS, TAIL_MS, SECOND_MS = (6.0, 12.0), (120.0, 480.0), (12.0, 18.0)
TAIL_SHARE = 0.04
INPUT_TOKENS, OUTPUT_TOKENS = 1000, 100
SHARE = 0.05  # the default of `hedge_share`
SEED = 7


@dataclass
class TailedEngine:
    """An engine whose time to the first text comes from a list; it counts the tokens that it has read."""

    name: str
    times_ms: list[float] = field(default_factory=list[float])
    read_tokens: int = 0

    @property
    def info(self) -> EngineInfo:
        """Its name, always ready."""
        return EngineInfo(self.name, "simulated", self.name, simulated=True)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event]]:
        """Answer after the next time of the list."""
        self.read_tokens += INPUT_TOKENS
        yield self._answer(self.times_ms.pop())

    async def _answer(self, wait_ms: float) -> AsyncGenerator[Event]:
        yield Started(self.name, self.name, simulated=True)
        await anyio.sleep(wait_ms / 1000)
        yield Chunk("x")
        yield Finished(usage=Usage(INPUT_TOKENS, OUTPUT_TOKENS))

    def observe(self, focus: Focus) -> None:
        """Ignore the hint."""

    async def aclose(self) -> None:
        """Do nothing."""


class Side:
    """A route over two engines, and the times of its answers to the first text, in milliseconds."""

    def __init__(self, first_ms: list[float], second_ms: list[float], rules: RouteRules) -> None:
        self.engines = TailedEngine("first", list(first_ms)), TailedEngine("second", list(second_ms))
        breakers = {each.name: CircuitBreaker() for each in self.engines}
        traffic = [Traffic(), Traffic()]
        self.records = RouteRecords()
        self.times_ms: list[float] = []
        self._route = Route(
            "edit", self.engines, breakers, rules=rules, traffic=traffic, records=self.records
        )

    async def ask(self) -> None:
        """Send one request, and read its answer."""
        asked_at = time.perf_counter()
        async with self._route.open(Request(Task.EDIT, instruction="x" * INPUT_TOKENS * 4)) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    self.times_ms.append((time.perf_counter() - asked_at) * 1000)

    @property
    def tokens(self) -> int:
        """The tokens of all requests: those read by either engine, and the answers."""
        return sum(each.read_tokens for each in self.engines) + len(self.times_ms) * OUTPUT_TOKENS


def run(requests: int = 400) -> list[Figure]:
    """Measure, and return the figures."""
    return anyio.run(_measure, requests)


async def _measure(requests: int) -> list[Figure]:
    numbers = random.Random(SEED)
    first = [
        numbers.uniform(*(TAIL_MS if numbers.random() < TAIL_SHARE else USUAL_MS)) for _ in range(requests)
    ]
    second = [numbers.uniform(*SECOND_MS) for _ in range(requests)]
    hedged = Side(first, second, RouteRules(hedge="p95", hedge_share=SHARE))
    plain = Side(first, second, RouteRules())
    for _ in range(requests):
        await plain.ask()
        await hedged.ask()
    return _figures(hedged, plain)


def _figures(hedged: Side, plain: Side) -> list[Figure]:
    sent = hedged.records.hedges["edit", "sent"]
    extra = 100 * (hedged.tokens / plain.tokens - 1)
    name = "time to the first text of a slow engine with hedges after p95, against none"
    slowest, baseline = _take_slowest(hedged.times_ms), _take_slowest(plain.times_ms)
    return [
        at_most_of_baseline(48, f"{name}: the slowest 3 %", "ms", slowest, baseline, 0.5),
        measured(48, f"{name}: the median", "ms", hedged.times_ms, plain.times_ms),
        at_most(48, "requests sent twice", "%", [100 * sent / len(hedged.times_ms)], 100 * SHARE),
        measured(48, "additional tokens, if a service charges for all that it has read", "%", [extra]),
    ]


def _take_slowest(times_ms: list[float]) -> list[float]:
    """Return the slowest 3 % of the times."""
    limit = percentile(times_ms, 97)
    return [each for each in times_ms if each >= limit]
