"""The replay engine: its texts, its pace, and what it says of both."""

import time
from pathlib import Path

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.config import ReplaySettings
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, Part, PartKind, Request, Task

pytestmark = pytest.mark.anyio

TEXT = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "answer.txt"
    path.write_text(TEXT)
    return str(path)


def at_once(**settings: object) -> ReplayEngine:
    return ReplayEngine("replay", ReplaySettings(**{"tokens_per_s": 0.0, "delay_ms": 0.0, **settings}))  # type: ignore[arg-type]


async def answer(engine: ReplayEngine, request: Request) -> list[Event]:
    async with engine.open(request) as events:
        return [event async for event in events]


async def test_the_text_comes_whole_in_tokens_of_four_characters(text: str) -> None:
    first, *chunks, last = await answer(at_once(text=text), Request(Task.COMPLETE))
    assert first == Started("replay", "replay")
    pieces = [chunk.text for chunk in chunks if isinstance(chunk, Chunk)]
    assert "".join(pieces) == TEXT
    assert {len(piece) for piece in pieces[:-1]} == {4}
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.output_tokens) == ("stop", len(chunks))


async def test_what_was_asked_is_counted(text: str) -> None:
    request = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x" * 40),))
    last = (await answer(at_once(text=text), request))[-1]
    assert isinstance(last, Finished)
    assert last.usage.input_tokens == 10


async def test_a_bound_on_tokens_is_kept_and_told(text: str) -> None:
    *_, chunk, last = await answer(at_once(text=text), Request(Task.CHAT, max_tokens=2))
    assert chunk == Chunk("add(")
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.output_tokens) == ("length", 2)


async def test_each_task_has_its_text_and_the_others_the_common_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "edit.txt").write_text("other")
    engine = at_once(text=text, texts={"edit": str(tmp_path / "edit.txt")})
    assert (await answer(engine, Request(Task.EDIT)))[1:-1] == [Chunk("othe"), Chunk("r")]
    assert (await answer(engine, Request(Task.CHAT)))[1] == Chunk(TEXT[:4])


async def test_without_a_text_the_answer_is_empty() -> None:
    events = await answer(at_once(), Request(Task.COMPLETE))
    assert [type(event) for event in events] == [Started, Finished]


async def test_a_missing_text_is_told_with_its_path_and_the_setting(tmp_path: Path) -> None:
    missing = tmp_path / "none.txt"
    with pytest.raises(EngineError, match=r"none\.txt.*Correct `text` of engines\.replay") as caught:
        await answer(at_once(text=str(missing)), Request(Task.COMPLETE))
    assert caught.value.code == "engine_unavailable"
    missing.write_text("now")
    assert Chunk("now") in await answer(at_once(text=str(missing)), Request(Task.COMPLETE))


async def test_a_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(EngineError, match="cannot read its text"):
        await answer(at_once(text=str(tmp_path / "latin")), Request(Task.COMPLETE))


@pytest.mark.parametrize(
    ("task", "action", "given", "expected"),
    [
        (Task.COMPLETE, "", "```x", EditFormat.TEXT),
        (Task.CHAT, "", "```x", EditFormat.TEXT),
        (Task.EDIT, "rewrite", "x = 1", EditFormat.REPLACE),
        (Task.EDIT, "rewrite", "\n```python\nx\n```", EditFormat.FENCED),
        (Task.EDIT, "document", "Add two numbers.", EditFormat.DOCSTRING),
        (Task.EDIT, "document", "```x", EditFormat.FENCED),
    ],
)
async def test_the_format_follows_the_text_and_what_was_asked(
    tmp_path: Path, task: Task, action: str, given: str, expected: EditFormat
) -> None:
    (tmp_path / "text").write_text(given)
    events = await answer(at_once(text=str(tmp_path / "text")), Request(task, action=action))
    assert events[0] == Started("replay", "replay", expected)


async def test_no_token_is_early_and_lateness_does_not_add_up(tmp_path: Path) -> None:
    """200 tokens at 1000 a second after 30 ms: token i is due at 30 ms + i · 1 ms.

    A pause of 1 ms after each token would drift by the loop's own cost for each of them; one schedule
    does not, so one of a few runs ends close to its due time even on a busy machine.
    """
    (tmp_path / "long").write_text("abcd" * 200)
    settings = ReplaySettings(text=str(tmp_path / "long"), tokens_per_s=1000, delay_ms=30)
    engine, lateness = ReplayEngine("replay", settings), list[float]()
    while not lateness or (lateness[-1] >= 0.025 and len(lateness) < 20):
        asked, arrived = time.monotonic(), list[float]()
        async with engine.open(Request(Task.COMPLETE)) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    arrived.append(time.monotonic() - asked)
        assert len(arrived) == 200
        assert all(at >= 0.030 + number / 1000 for number, at in enumerate(arrived))
        lateness.append(arrived[-1] - (0.030 + 199 / 1000))
    assert lateness[-1] < 0.025


async def test_a_slow_reader_gets_what_is_due_at_once(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("abcd" * 100)
    engine = ReplayEngine("replay", ReplaySettings(text=str(tmp_path / "long"), tokens_per_s=500, delay_ms=0))
    took = list[float]()
    while not took or (took[-1] >= 0.1 and len(took) < 10):  # a busy machine is late at times
        async with engine.open(Request(Task.COMPLETE)) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    break
            await anyio.sleep(0.25)  # all 100 tokens are due after 0.2 s
            begun = time.monotonic()
            assert len([event async for event in events]) >= 1
            took.append(time.monotonic() - begun)
    assert took[-1] < 0.1


async def test_leaving_the_block_stops_it_at_once(text: str) -> None:
    engine = ReplayEngine("replay", ReplaySettings(text=text, tokens_per_s=1, delay_ms=60_000))
    begun = time.monotonic()
    async with engine.open(Request(Task.COMPLETE)) as events:
        async for event in events:
            assert isinstance(event, Started)
            break
    assert time.monotonic() - begun < 50  # and not after the minute that it would take


async def test_cancelling_stops_it_at_once(text: str) -> None:
    engine = ReplayEngine("replay", ReplaySettings(text=text, tokens_per_s=1, delay_ms=60_000))
    with anyio.move_on_after(0.05) as scope:
        await answer(engine, Request(Task.COMPLETE))
    assert scope.cancelled_caught
