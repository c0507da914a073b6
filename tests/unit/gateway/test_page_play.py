"""The playground without a browser: shared answers, paces, lanes and their failures."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import OpenAISettings, ReplaySettings, WaferSettings
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.gateway.metrics import Metrics
from spark_lsp.gateway.page.lines import KEEP_ALIVE, send_changes
from spark_lsp.gateway.page.paces import GPU_TOKENS_PER_S, list_paces, make_pace_engine, own_seconds
from spark_lsp.gateway.page.play import MAX_PLAYS, MAX_PROMPT_CHARS, Playground, read_fields
from spark_lsp.gateway.page.shared_answer import SharedAnswer
from spark_lsp.gateway.page.state import HERE, destination_of
from spark_lsp.request import Request, Task

pytestmark = pytest.mark.anyio
PROMPT = Request(Task.CHAT, instruction="talk")


def fields(*lanes: str, source: str = "", prompt: str = "talk") -> Any:
    return read_fields({"prompt": prompt, "lanes": list(lanes), "source": source})


def playground(**engines: Any) -> Playground:
    return Playground(engines.get, Metrics())


async def play(found: Playground, *lanes: str, source: str = "") -> list[list[dict[str, Any]]]:
    """Return the events of each lane."""
    events: list[dict[str, Any]] = []

    async def take(line: Any) -> None:
        events.append(line)

    await found.prepare(fields(*lanes, source=source)).run(take)
    assert events[-1] == {"type": "end"}
    assert (found.plays, found.streams) == (0, [])
    return [[each for each in events if each.get("lane") == number] for number in range(2)]


def text(events: list[dict[str, Any]]) -> str:
    return "".join(each.get("text", "") for each in events)


async def test_readers_of_a_shared_answer_see_all_of_it(puppet: Any, until: Callable[..., Any]) -> None:
    shared = SharedAnswer(puppet, PROMPT)
    found: list[list[Any]] = [[], []]

    async def read(number: int) -> None:
        async with shared.open(PROMPT) as events:
            async for event in events:
                found[number].append(event)

    async with anyio.create_task_group() as group:
        group.start_soon(shared.run)
        group.start_soon(read, 0)
        puppet.say("talk", Started("puppet", "wood"), Chunk("a"))
        await until(lambda: len(found[0]) == 2)
        group.start_soon(read, 1)
        await until(lambda: len(found[1]) == 2)
        puppet.say("talk", Finished())
    assert found[0] == found[1] == [Started("puppet", "wood"), Chunk("a"), Finished()]
    assert shared.finished == Finished()
    assert shared.info == puppet.info


async def test_a_failure_reaches_all_readers(puppet: Any) -> None:
    found = playground(puppet=puppet)
    puppet.say("talk", Started("puppet", "wood"), EngineError("Broken", "No text", code=Code.ENGINE_FAILED))
    for events in await play(found, "engine:puppet", "pace:wafer-4000", source="puppet"):
        assert events[-1]["type"] == "failed"
        assert events[-1]["code"] == "engine_failed"
    assert found.metrics.answers == {("puppet", "chat", "engine_failed"): 1}


async def test_an_unexpected_failure_costs_its_lane_only(puppet: Any) -> None:
    found = playground(puppet=puppet)
    puppet.say("talk", ValueError("with the user's code"))
    broken, sample = await play(found, "engine:puppet", "pace:wafer-4000")
    assert broken[-1]["type"] == "failed"
    assert "user's code" not in broken[-1]["message"]
    assert sample[-1]["type"] == "finished"
    assert found.metrics.answers == {("puppet", "chat", "engine_failed"): 1}


async def test_both_lanes_show_one_answer_that_is_counted_once(puppet: Any) -> None:
    found = playground(puppet=puppet)
    puppet.say("talk", Started("puppet", "wood"), Chunk("ab"), Chunk("cd"), Finished())
    true, simulated = await play(found, "engine:puppet", "pace:wafer-4000", source="puppet")
    assert text(true) == text(simulated) == "abcd"
    assert (true[0]["simulated"], simulated[0]["simulated"]) == (False, True)
    assert simulated[-1]["simulated"]
    assert simulated[-1]["tokens"] == 2
    assert found.metrics.answers == {("puppet", "chat", "stop"): 1}


async def test_the_sample_needs_no_engine_and_is_not_counted() -> None:
    found = playground()
    slow, fast = await play(found, "pace:wafer-1000", "pace:wafer-4000")
    assert text(slow) == text(fast) != ""
    assert not found.metrics.answers


async def test_who_leaves_ends_the_engines(puppet: Any, until: Callable[..., Any]) -> None:
    found = playground(puppet=puppet)
    run = found.prepare(fields("engine:puppet", "pace:wafer-1000", source="puppet")).run

    async def ignore(_: Any) -> None:
        pass

    async with anyio.create_task_group() as group:
        group.start_soon(run, ignore)
        await until(lambda: puppet.inside == ["talk"])
        assert [stream.engine for stream in found.streams] == ["puppet"]
        group.cancel_scope.cancel()
    assert (puppet.inside, found.plays, found.streams) == ([], 0, [])
    assert found.metrics.answers == {("puppet", "chat", "cancelled"): 1}


async def test_the_gpu_s_pace_is_even_and_waits_as_the_wafer_does(tmp_path: Any) -> None:
    (tmp_path / "text").write_text("abcd" * 3)
    source = ReplayEngine("text", ReplaySettings(text=str(tmp_path / "text"), tokens_per_s=0, delay_ms=0))
    prefill: dict[str, float] = {}
    for name in ("gpu-65", "wafer-1000"):
        async with make_pace_engine(name, source).open(PROMPT) as events:
            end = [event async for event in events][-1]
        assert isinstance(end, Finished)
        prefill[name] = end.timing.prefill_ms
        if name == "gpu-65":
            assert end.timing.decode_ms == pytest.approx(2 / GPU_TOKENS_PER_S * 1000)
    assert prefill["gpu-65"] == pytest.approx(prefill["wafer-1000"])


@pytest.mark.parametrize(
    "lanes",
    [
        ("engine:none", "pace:gpu-65"),
        ("pace:none", "pace:gpu-65"),
        ("gpu-65", "pace:gpu-65"),
        ("engine:", "engine:"),
    ],
)
def test_an_unknown_lane_is_refused(lanes: tuple[str, str]) -> None:
    with pytest.raises(EngineError) as caught:
        playground().prepare(fields(*lanes))
    assert caught.value.code is Code.MODEL_NOT_FOUND


def test_a_source_must_exist() -> None:
    with pytest.raises(EngineError) as caught:
        playground().prepare(fields("pace:gpu-65", "pace:gpu-65", source="none"))
    assert caught.value.code is Code.MODEL_NOT_FOUND


def test_too_many_plays_are_refused() -> None:
    found = playground()
    found.plays = MAX_PLAYS
    with pytest.raises(EngineError) as caught:
        found.prepare(fields("pace:gpu-65", "pace:gpu-65"))
    assert caught.value.code is Code.ENGINE_BUSY


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"prompt": "", "lanes": ["a", "b"]},
        {"prompt": "x" * (MAX_PROMPT_CHARS + 1), "lanes": ["a", "b"]},
        {"prompt": "x", "lanes": ["a"]},
        {"prompt": "x", "lanes": ["a", "b", "c"]},
        {"prompt": "x", "lanes": ["a", 1]},
        {"prompt": "x", "lanes": ["a", "b"], "source": None},
        {"prompt": "x", "lanes": ["a", "b"], "engines": {}},
        {"prompt": "x", "lanes": ["a", "b"], "previous_response_id": "resp_1"},
    ],
)
def test_a_body_with_other_fields_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_fields(wrong)
    assert caught.value.code is Code.INVALID_INPUT


async def test_only_changes_are_sent_and_a_sign_of_life() -> None:
    async def states() -> AsyncGenerator[bytes, None]:
        for state in (b"a\n", b"a\n", b"a\n", b"b\n", b"b\n"):
            yield state

    sent: list[bytes] = []

    async def take(line: bytes) -> None:
        sent.append(line)

    await send_changes(states(), take, keep_alive_s=2, period_s=1)
    assert sent == [b"a\n", KEEP_ALIVE, b"b\n"]


def test_a_destination_is_that_of_the_text() -> None:
    settings = {
        "gpu": OpenAISettings(base_url="http://gpu.lan:8000/v1"),
        "broken": OpenAISettings(base_url="nonsense"),
        "wafer": WaferSettings(source="gpu"),
        "ring": WaferSettings(source="ring"),
        "lost": WaferSettings(source="missing"),
        "text": ReplaySettings(text="/a/file"),
    }
    assert destination_of("gpu", settings) == destination_of("wafer", settings) == "http://gpu.lan:8000/v1"
    assert {destination_of(name, settings) for name in ("broken", "ring", "lost", "text")} == {HERE}


def test_the_paces_are_marked_with_their_error() -> None:
    assert {pace.tokens_per_s for pace in list_paces().values()} == {65.0, 1000.0, 4000.0}
    assert all("±16%" in pace.note for name, pace in list_paces().items() if name.startswith("wafer"))
    assert 5 < own_seconds() < 60
