"""The simulated wafer as an engine: never early, at its pace, from any source, and honest about all of it."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.config import Profile, ReplaySettings, WaferSettings
from spark_lsp.engine.base import Engine
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.engine.wafer.engine import WaferEngine, parts_of
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.engine.wafer.play import Memory, tokens_in
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, EngineInfo, Focus, Message, Part, PartKind, Request, Task
from spark_lsp.simulate.wafer import schedule

pytestmark = pytest.mark.anyio

QUICK = Profile(tokens_per_s=1000, prefill_tokens_per_s=1e6, overhead_ms=20, speculation=2)
SMALL = Profile(tokens_per_s=1000, prefill_tokens_per_s=1e6, overhead_ms=0, context_tokens=64)
TINY = Profile(tokens_per_s=1000, prefill_tokens_per_s=1e6, overhead_ms=0, context_tokens=100, kv_tokens=100)
OWN = {"quick": QUICK, "small": SMALL, "tiny": TINY}


class Scripted:
    """A source that says what it is given, and remembers what was asked of it."""

    def __init__(self, *events: Event | float, state: Literal["ready", "off"] = "ready") -> None:
        self._events = events
        self._state: Literal["ready", "off"] = state
        self.asked: list[Request] = []
        self.focus: list[Focus] = []
        self.inside = 0

    @property
    def info(self) -> EngineInfo:
        reason = "" if self._state == "ready" else "tired"
        return EngineInfo("scripted", "scripted", "real-model", state=self._state, reason=reason)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.asked.append(request)
        self.inside += 1
        try:
            yield self._say()
        finally:
            self.inside -= 1

    async def _say(self) -> AsyncIterator[Event]:
        for event in self._events:
            if isinstance(event, float | int):
                await anyio.sleep(event)
            else:
                yield event

    def observe(self, focus: Focus) -> None:
        self.focus.append(focus)

    async def aclose(self) -> None: ...


STARTED = Started("scripted", "real-model", EditFormat.REPLACE)


def said(count: int, pause: float = 0.0) -> Scripted:
    pauses = [pause] if pause else []
    return Scripted(STARTED, *[each for _ in range(count) for each in (*pauses, Chunk("abcd"))], Finished())


def wafer(
    source: Engine, settings: WaferSettings | None = None, own: Mapping[str, Profile] = OWN
) -> WaferEngine:
    engines = {"source": source}
    return WaferEngine("wafer", settings or WaferSettings(profile="quick", source="source"), engines.get, own)


async def answer(engine: Engine, request: Request | None = None) -> list[tuple[float, Event]]:
    """The events with the seconds since asking."""
    asked, found = time.monotonic(), list[tuple[float, Event]]()
    async with engine.open(request or Request(Task.COMPLETE)) as events:
        async for event in events:
            found.append((time.monotonic() - asked, event))
    return found


def finished(found: list[tuple[float, Event]]) -> Finished:
    event = found[-1][1]
    assert isinstance(event, Finished)
    return event


def text(found: list[tuple[float, Event]]) -> str:
    return "".join(event.text for _, event in found if isinstance(event, Chunk))


async def test_the_source_s_words_come_as_the_machine_s() -> None:
    source = said(5)
    found = await answer(wafer(source), Request(Task.EDIT, instruction="hello", model="wafer"))
    assert found[0][1] == Started("wafer", "quick (simulated)", EditFormat.REPLACE, simulated=True)
    assert text(found) == "abcd" * 5
    end = finished(found)
    assert (end.reason, end.usage.input_tokens, end.usage.output_tokens) == ("stop", 2, 5)
    assert source.asked == [Request(Task.EDIT, instruction="hello")]  # our own name means nothing to it


@pytest.mark.parametrize("speed", [1000, 2000, 4000])
async def test_no_token_is_early_and_the_stream_keeps_its_pace(tmp_path: Path, speed: int) -> None:
    (tmp_path / "long").write_text("abcd" * (speed // 2))
    source = ReplayEngine("r", ReplaySettings(text=str(tmp_path / "long"), tokens_per_s=0, delay_ms=0))
    settings = WaferSettings(profile="quick", source="source", tokens_per_s=speed)
    machine = wafer_of("quick", OWN).at(speed)
    errors = list[float]()
    for _ in range(3):
        found = await answer(wafer(source, settings), Request(Task.CHAT, max_tokens=speed // 2))
        arrived = [at for at, event in found if isinstance(event, Chunk)]
        due = list(islice(schedule(machine, 1, 0), len(arrived)))
        assert len(arrived) == speed // 2
        assert all(at >= 0.020 + offset for at, offset in zip(arrived, due, strict=True))
        errors.append((arrived[-1] - 0.020) / due[-1] - 1)
        timing = finished(found).timing
        assert timing.decode_ms == pytest.approx(due[-1] * 1e3)
        assert timing.prefill_ms == pytest.approx(20)
    assert min(errors) < 0.05  # at rest 0.001; this machine may be busy


async def test_bursts_come_as_bursts() -> None:
    found = await answer(wafer(said(60)))
    arrived = [at for at, event in found if isinstance(event, Chunk)]
    together = sum(other - one < 0.0004 for one, other in pairwise(arrived))
    assert together >= 15  # of 60 tokens at 2 a pass, each pass 2 ms


async def test_the_same_seed_plays_the_same_and_users_slow_it() -> None:
    alone = finished(await answer(wafer(said(50)))).timing
    again = finished(await answer(wafer(said(50)))).timing
    assert again.decode_ms == alone.decode_ms
    crowded = WaferSettings(profile="quick", source="source", users=140)  # 70,000 tokens/s for all of them
    assert finished(await answer(wafer(said(50), crowded))).timing.decode_ms == pytest.approx(
        alone.decode_ms * 141 / (1e6 / 14.2 / 1000), rel=0.01
    )


async def test_a_slow_source_is_told() -> None:
    engine = wafer(said(20, pause=0.01))
    timing = finished(await answer(engine)).timing
    assert timing.source_limited
    assert timing.simulated
    assert timing.decode_ms < 25
    assert timing.true_decode_ms >= 190
    assert timing.true_ttft_ms < timing.true_decode_ms
    assert "its source 'source' is slower than the simulated machine" in engine.info.reason
    assert engine.info.state == "ready"


async def test_a_fast_source_is_not() -> None:
    for _ in range(20):  # a busy machine is late at times
        engine = wafer(said(100))
        timing = finished(await answer(engine)).timing
        if not timing.source_limited:
            break
    assert not timing.source_limited
    assert engine.info.reason == ""
    assert timing.spent_ms >= timing.prefill_ms + timing.decode_ms
    assert timing.true_ttft_ms >= 20


async def test_a_buffered_source_finishes_first_and_that_wait_is_told_apart() -> None:
    settings = WaferSettings(profile="quick", source="source", buffer=True)
    engine = wafer(said(20, pause=0.01), settings)
    found = await answer(engine)
    timing = finished(found).timing
    note, _, waited = engine.info.reason.partition(" first: ")
    assert "buffered its source 'source'" in note
    assert float(waited.split()[0]) == pytest.approx(timing.buffer_ms / 1000, abs=0.051)  # one decimal
    assert found[0][0] >= 0.2  # nothing before the source has ended
    assert timing.buffer_ms >= 200
    assert timing.true_ttft_ms >= timing.buffer_ms + 20
    assert timing.true_decode_ms < 150  # 20 ms, but for a busy machine
    assert not timing.source_limited


async def test_what_is_longer_than_the_context_is_refused_before_anyone_is_asked() -> None:
    source = said(1)
    engine = wafer(source, WaferSettings(profile="small", source="source"))
    with pytest.raises(EngineError) as caught:
        await answer(engine, Request(Task.CHAT, instruction="x" * 240))
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.retryable  # a route goes on to an engine that holds more
    assert source.asked == []
    assert text(await answer(engine, Request(Task.CHAT, instruction="x" * 100, max_tokens=32))) == "abcd"
    with pytest.raises(EngineError):
        await answer(engine, Request(Task.CHAT, instruction="x" * 100, max_tokens=64))


async def test_the_prompt_cache_shortens_the_wait() -> None:
    own = {"slow": Profile(tokens_per_s=1000, prefill_tokens_per_s=20_000, overhead_ms=0)}
    engine = wafer(said(1), WaferSettings(profile="slow", source="source"), own)
    before = "x = 1\n" * 700  # 1,050 tokens: 8 whole blocks
    for typed, cached in (("", 0), ("y", 1024), ("yz", 1024)):
        parts = (Part(PartKind.PREFIX, before + typed),)
        end = finished(await answer(engine, Request(Task.COMPLETE, parts)))
        assert end.usage.cached_tokens == cached
        fresh = end.usage.input_tokens - cached
        assert end.timing.prefill_ms == pytest.approx(fresh / 20)
        assert end.timing.true_ttft_ms >= fresh / 20


async def test_a_warm_up_says_nothing_and_fills_the_cache() -> None:
    engine = wafer(Scripted(STARTED, Finished()))
    request = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x" * 1024),), warm=True)
    found = await answer(engine, request)
    assert [type(event) for _, event in found] == [Started, Finished]
    assert found[-1][0] >= 0.02
    assert finished(await answer(engine, request)).usage.cached_tokens == 128


async def test_who_finds_the_memory_full_waits_in_line() -> None:
    engine = wafer(said(60), WaferSettings(profile="tiny", source="source"))
    ends = list[tuple[str, Finished]]()

    async def ask(name: str) -> None:
        found = await answer(engine, Request(Task.CHAT, instruction=name, max_tokens=60))
        ends.append((name, finished(found)))

    async with anyio.create_task_group() as group:
        for name in ("a", "b", "c"):
            group.start_soon(ask, name)
            await anyio.sleep(0.001)
    assert [name for name, _ in ends] == ["a", "b", "c"]
    assert [end.timing.queue_ms > 40 for _, end in ends] == [False, True, True]


async def test_who_leaves_the_line_holds_up_nobody() -> None:
    memory = Memory(10)
    await memory.take(8)
    with anyio.move_on_after(0.01):
        await memory.take(5)
    with anyio.fail_after(1):
        await memory.take(2)
    memory.give(8)
    memory.give(2)
    assert memory.free == 10


async def test_leaving_the_block_stops_the_source_at_once_and_gives_the_memory_back() -> None:
    source = said(1000)
    engine = wafer(source)
    begun = time.monotonic()
    async with engine.open(Request(Task.COMPLETE)) as events:
        async for event in events:
            if isinstance(event, Chunk):
                break
    assert source.inside == 0
    assert time.monotonic() - begun < 0.5
    assert engine._memory.free == wafer_of("quick", OWN).kv_tokens
    assert engine._users == 0


async def test_a_source_that_fails_says_so_itself() -> None:
    class Broken(Scripted):
        async def _say(self) -> AsyncIterator[Event]:
            yield STARTED
            raise EngineError("The model is gone")

    with pytest.raises(EngineError, match="The model is gone"):
        await answer(wafer(Broken()))


async def test_an_answer_that_breaks_off_is_not_made_whole() -> None:
    found = await answer(wafer(Scripted(STARTED, Chunk("abcd"))))
    assert isinstance(found[-1][1], Chunk)


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"wafer": "wafer"}, "leads back to itself: wafer → wafer"),
        ({"wafer": "b", "b": "wafer"}, "leads back to itself: wafer → b → wafer"),
        ({"wafer": "b", "b": "c", "c": "b"}, "leads back to itself: wafer → b → c → b"),
        ({"wafer": "none"}, "no engine 'none'"),
        ({"wafer": "b", "b": "none"}, "no engine 'none'"),
    ],
)
async def test_a_source_that_is_none_is_refused_in_words(sources: dict[str, str], says: str) -> None:
    engines = dict[str, Engine]()
    for name, source in sources.items():
        engines[name] = WaferEngine(name, WaferSettings(source=source), engines.get)
    info = engines["wafer"].info
    assert info.state == "off"
    assert says in info.reason
    engines["wafer"].observe(Focus("", "", "", 0))
    with pytest.raises(EngineError, match=says) as caught:
        await answer(engines["wafer"])
    assert caught.value.code == "engine_unavailable"


async def test_one_wafer_may_stand_on_another() -> None:
    engines: dict[str, Engine] = {"source": said(3)}
    engines["inner"] = WaferEngine("inner", WaferSettings(profile="quick", source="source"), engines.get, OWN)
    engines["outer"] = WaferEngine("outer", WaferSettings(profile="quick", source="inner"), engines.get, OWN)
    found = await answer(engines["outer"])
    assert text(found) == "abcd" * 3
    assert found[-1][0] >= 0.02  # both take their 20 ms at the same time


async def test_an_engine_that_comes_later_is_found_when_it_is_asked() -> None:
    engines = dict[str, Engine]()
    engine = WaferEngine("wafer", WaferSettings(profile="quick", source="late"), engines.get, OWN)
    assert engine.info.state == "off"
    engines["late"] = said(1)
    assert engine.info.state == "ready"
    assert text(await answer(engine)) == "abcd"


async def test_a_profile_that_is_none_is_said_by_the_engine() -> None:
    engine = wafer(said(1), WaferSettings(profile="warp", source="source"))
    assert "There is no profile 'warp'" in engine.info.reason
    with pytest.raises(EngineError, match=r"Correct engines\.wafer"):
        await answer(engine)


def test_it_tells_what_it_simulates() -> None:
    source = said(1)
    info = wafer(source).info
    assert (info.name, info.kind, info.model, info.simulated) == ("wafer", "wafer", "quick (simulated)", True)
    assert (info.context_tokens, info.prefill_tokens_per_s) == (131_072, 1e6)
    off = wafer(Scripted(state="off")).info
    assert (off.state, off.reason) == ("off", "tired")
    focus = Focus("file:///a.py", "python", "x", 1)
    wafer(source).observe(focus)
    assert source.focus == [focus]


def test_a_chunk_is_a_token_unless_it_is_too_long_for_one() -> None:
    assert list(tokens_in("    return")) == ["    return"]
    assert list(tokens_in("a" * 18)) == ["aaaa"] * 4 + ["aa"]


def test_a_prompt_is_all_that_would_be_read() -> None:
    parts = (Part(PartKind.PREFIX, "x"), Part(PartKind.TARGET, "b"), Part(PartKind.SUFFIX, "y"))
    request = Request(Task.EDIT, parts, instruction="do", history=(Message("user", "a"),))
    assert parts_of(request) == ("ab", "x", "y")


async def test_of_a_long_document_the_text_around_the_place_is_read() -> None:
    """64 tokens of context, 16 kept for the answer: the document is cut, the source gets all of it."""
    source = said(1)
    engine = wafer(source, WaferSettings(profile="small", source="source"))
    parts = (Part(PartKind.PREFIX, "a = 1\n" * 500), Part(PartKind.SUFFIX, "\nb = 2" * 500))
    request = Request(Task.COMPLETE, parts, origin="file:///long.py")
    end = finished(await answer(engine, request))
    assert 30 <= end.usage.input_tokens <= 48
    assert source.asked[0].parts == parts
    for number in range(150):  # windows of many documents are not kept for ever
        engine._prompt(replace(request, origin=str(number)), 48)
    assert len(engine._windows) <= 100


async def test_typing_in_a_long_document_keeps_the_cache() -> None:
    own = {"p": Profile(tokens_per_s=1000, prefill_tokens_per_s=1e6, overhead_ms=0, context_tokens=4000)}
    engine = wafer(said(1), WaferSettings(profile="p", source="source"), own)
    before = "".join(f"value_{number} = compute({number})\n" for number in range(3000))
    behind = "\nother = 2\n" * 50
    shares = list[float]()
    for typed in ("x", "x = ", "x = 1"):
        parts = (Part(PartKind.PREFIX, before + typed), Part(PartKind.SUFFIX, behind))
        usage = finished(await answer(engine, Request(Task.COMPLETE, parts, origin="o"))).usage
        shares.append(usage.cached_tokens / usage.input_tokens)
    assert shares[0] == 0
    assert min(shares[1:]) > 0.9
