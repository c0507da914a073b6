"""The small model for ghost text; the larger one for edits, and for ghost text where it is fast."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.engine.local.choice import AGREEING_ANSWERS, DWELL_ANSWERS
from spark_lsp.engine.local.pair import LocalPair
from spark_lsp.errors import EngineError
from spark_lsp.models import memory
from spark_lsp.request import EngineInfo, Request, Task

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Model:
    """Writes ten tokens, each of which takes `token_s` on the clock."""

    def __init__(self, name: str, state: Any, clock: Clock | None = None, token_s: float = 0.0) -> None:
        self.name = name
        self.state: Any = state
        self.clock = clock or Clock()
        self.token_s = token_s
        self.hints: list[Any] = []
        self.fails = False
        self.closed = False

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self.name, "local", self.name, state=self.state, prefill_tokens_per_s=1000)

    async def start(self) -> None:
        if self.fails:
            raise EngineError("no memory")
        self.state = "ready"

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Any]:
        async with aclosing(self.answer()) as events:
            yield events

    async def answer(self) -> AsyncGenerator[Any, None]:
        yield Started(self.name, self.name)
        for _ in range(10):
            self.clock.now += self.token_s
            yield Chunk("x")
        yield Finished()

    def observe(self, focus: Any) -> None:
        self.hints.append(focus)

    async def aclose(self) -> None:
        self.closed = True


def pair_of(small: Model, large: Model, clock: Clock | None = None) -> LocalPair:
    return LocalPair(small, large, clock or Clock())  # type: ignore[arg-type]


async def ask(pair: LocalPair, task: Task = Task.COMPLETE) -> str:
    """Read one answer to its end; return who gave it."""
    async with pair.open(Request(task, ())) as events:
        started, *_ = [event async for event in events]
    assert isinstance(started, Started)
    return started.engine


async def asked(task: Task, small: str, large: str) -> str:
    return await ask(pair_of(Model("small", small), Model("large", large)), task)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda free: monkeypatch.setattr(memory, "available", lambda: free)


async def test_each_task_has_its_model(room: Any) -> None:
    room(8 << 30)
    assert await asked(Task.COMPLETE, "ready", "starting") == "small"
    assert await asked(Task.EDIT, "ready", "starting") == "large"
    assert await asked(Task.CHAT, "ready", "starting") == "large"


async def test_one_that_is_not_here_is_not_asked(room: Any) -> None:
    room(8 << 30)
    assert await asked(Task.EDIT, "ready", "off") == "small"
    assert await asked(Task.COMPLETE, "off", "ready") == "large"
    assert await asked(Task.COMPLETE, "off", "off") == "small"


async def test_without_the_memory_the_small_one_edits(room: Any) -> None:
    room(1 << 30)
    assert await asked(Task.EDIT, "ready", "starting") == "small"
    assert await asked(Task.EDIT, "ready", "ready") == "large"
    room(0)
    assert await asked(Task.EDIT, "ready", "starting") == "large"


async def test_hints_go_to_the_one_that_completes() -> None:
    small, large = Model("small", "ready"), Model("large", "ready")
    pair: Any = pair_of(small, large)
    pair.observe("focus")
    assert (small.hints, large.hints) == (["focus"], [])
    assert pair.info.name == "small"


async def test_on_a_fast_machine_the_larger_one_is_loaded_and_takes_over(room: Any) -> None:
    room(8 << 30)
    clock = Clock()
    small, large = Model("small", "ready", clock, 0.005), Model("large", "starting", clock, 0.01)
    pair: Any = pair_of(small, large, clock)
    pair.observe("focus")
    assert {await ask(pair) for _ in range(AGREEING_ANSWERS)} == {"small"}
    await anyio.wait_all_tasks_blocked()
    assert (large.state, large.hints) == ("ready", ["focus"])  # it has read before the first key
    assert await ask(pair) == "large"
    assert (pair.info.name, pair.info.note) == (
        "large",
        "large completes: it needs about 0.2 s for a keystroke",
    )
    pair.observe("next")
    assert large.hints == ["focus", "next"]
    await pair.aclose()
    assert (small.closed, large.closed) == (True, True)


async def test_one_that_becomes_slow_gives_back(room: Any) -> None:
    room(8 << 30)
    clock = Clock()
    large = Model("large", "ready", clock, 0.01)
    pair = pair_of(Model("small", "ready", clock, 0.005), large, clock)
    for _ in range(AGREEING_ANSWERS):
        await ask(pair)
    large.token_s = 0.2
    given = [await ask(pair) for _ in range(DWELL_ANSWERS + 5)]
    assert given == ["large"] * DWELL_ANSWERS + ["small"] * 5


async def test_one_that_cannot_be_loaded_leaves_all_to_the_small_one(room: Any) -> None:
    room(8 << 30)
    clock = Clock()
    large = Model("large", "starting", clock)
    large.fails = True
    pair = pair_of(Model("small", "ready", clock, 0.005), large, clock)
    assert {await ask(pair) for _ in range(AGREEING_ANSWERS + 3)} == {"small"}


async def test_without_the_memory_the_larger_one_does_not_take_over(room: Any) -> None:
    room(1 << 30)
    clock = Clock()
    large = Model("large", "starting", clock)
    pair = pair_of(Model("small", "ready", clock, 0.005), large, clock)
    assert {await ask(pair) for _ in range(30)} == {"small"}
    assert (large.state, pair.info.note) == ("starting", "")


async def test_on_two_slow_cores_the_small_one_stays_and_the_status_says_why(room: Any) -> None:
    room(8 << 30)
    clock = Clock()
    pair = pair_of(Model("small", "ready", clock, 1 / 43), Model("large", "ready", clock, 1 / 29), clock)
    assert {await ask(pair) for _ in range(60)} == {"small"}
    assert pair.info.note.startswith("small completes: large would need about 0.6 s")


async def test_a_reader_who_leaves_early_is_measured_too(room: Any) -> None:
    room(8 << 30)
    clock = Clock()
    pair = pair_of(Model("small", "ready", clock, 0.005), Model("large", "ready", clock), clock)
    for _ in range(AGREEING_ANSWERS):
        async with pair.open(Request(Task.COMPLETE, ())) as events:
            for _ in range(6):
                await anext(events)
    assert await ask(pair) == "large"
