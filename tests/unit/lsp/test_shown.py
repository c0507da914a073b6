"""The parts around the screen: what is written, what is warned about, and when there are no more attempts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from spark_lsp.errors import SparkError, StoreError
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.shown import MAX_NAME, make_row
from spark_lsp.lsp.store_queue import MOST_FAILURES, MOST_WAITING, StoreQueue
from spark_lsp.session.outcomes import Ended, Origin, Outcome, Shown
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

pytestmark = pytest.mark.anyio
FULL = StoreError(
    "The file h.sqlite3 cannot be used: the disk is full", "It keeps figures", "Free some space"
)


class Editor:
    """What the user was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def show_message(self, _: object, text: str) -> None:
        self.told.append(text)


class Work:
    """Background work: tasks of this loop."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.is_down = False

    def spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        if self.is_down:
            raise SparkError("The engine side is being started")
        self.tasks.append(asyncio.ensure_future(cast(Any, work())))

    async def end(self) -> None:
        while self.tasks:
            await self.tasks.pop()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def queue(work: Work, editor: Editor) -> StoreQueue:
    return StoreQueue(work.spawn, UserMessages(cast(Any, editor)))


async def test_writes_are_done_in_their_order_and_off_the_loop() -> None:
    work, done = Work(), list[int]()
    loop = asyncio.get_running_loop()

    def write(number: int) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        done.append(number)

    waiting = queue(work, Editor())
    for number in range(20):
        waiting.put(lambda number=number: write(number))
    assert done == []
    await work.end()
    assert done == list(range(20))
    assert loop.is_running()


async def test_failures_are_told_once_and_end_the_attempts() -> None:
    work, editor, calls = Work(), Editor(), list[int]()

    def fail() -> None:
        calls.append(1)
        raise FULL

    waiting = queue(work, editor)
    for _ in range(MOST_FAILURES + 3):
        waiting.put(fail)
        await work.end()
    assert len(calls) == MOST_FAILURES
    assert editor.told == [f"spark-lsp: {FULL}"]


async def test_a_write_that_succeeds_forgives_those_before() -> None:
    work, editor, done = Work(), Editor(), list[int]()

    def fail() -> None:
        raise FULL

    waiting = queue(work, editor)
    for _ in range(MOST_FAILURES):
        waiting.put(fail)
        waiting.put(lambda: done.append(1))
        await work.end()
    assert len(done) == MOST_FAILURES


async def test_an_unexpected_failure_costs_one_write() -> None:
    work, done = Work(), list[int]()
    waiting = queue(work, Editor())
    waiting.put(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await work.end()
    waiting.put(lambda: done.append(1))
    await work.end()
    assert done == [1]


async def test_what_waits_is_bounded_and_nothing_waits_for_an_engine_side_that_is_down() -> None:
    work, done = Work(), list[int]()
    waiting = queue(work, Editor())
    for number in range(MOST_WAITING + 5):
        waiting.put(lambda number=number: done.append(number))
    await work.end()
    assert done == list(range(5, MOST_WAITING + 5))
    work.is_down = True
    waiting.put(lambda: done.append(-1))
    work.is_down = False
    waiting.put(lambda: done.append(-2))
    await work.end()
    assert done[-2:] == [MOST_WAITING + 4, -2]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("qwen", "qwen"),
        ("/home/me/secret/model.gguf", "model.gguf"),
        ("C:\\me\\model.gguf", "model.gguf"),
        ("Qwen/Qwen2.5", "Qwen2.5"),
        ("x" * 99, "x" * MAX_NAME),
    ],
)
async def test_a_row_has_no_path(model: str, expected: str) -> None:
    document = Document("file:///home/me/a.py", "x = \n", 1, "python")
    made = Suggestion(document, 4, 4, "call(\n    1)", done=True, token=1)
    row = make_row(
        Ended(Shown(made, Origin("local", model, 0.25, 0.5), 0.0, typed=2, accepted=9), Outcome.PARTLY)
    )
    assert (row.model, row.chars, row.lines, row.latency_ms) == (expected, 14, 2, 250.0)
    assert (row.accepted_chars, row.confidence, row.outcome) == (9, 0.5, "partly")
