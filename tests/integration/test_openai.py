"""The engine behind OpenAI's HTTP interface, and routes that fall over to the next: faults 35 and 36."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from spark_lsp.config import OpenAIEngine
from spark_lsp.engine.fallback import Fallback
from spark_lsp.engine.health import Health
from spark_lsp.engine.openai import OpenAI
from spark_lsp.errors import EngineError
from spark_lsp.request import (
    Chunk,
    EditFormat,
    Event,
    Finished,
    Focus,
    Part,
    PartKind,
    Request,
    Started,
    Task,
    Usage,
)
from tests.integration.odd_server import Odd, odd_server

pytestmark = pytest.mark.anyio

AROUND = (Part(PartKind.PREFIX, "return "), Part(PartKind.SUFFIX, "\n"))
COMPLETE = Request(Task.COMPLETE, AROUND, language="python", origin="u")
EDIT = Request(Task.EDIT, (Part(PartKind.TARGET, "x"),), "swap", language="python")
MUL = "def mul(a, b):\n    return b * a\n"
BEFORE = ["reset", "401", "404", "429", "500", "html", "silent"]
AFTER = ["after", "cut", "broken", "told", "slow"]


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    async with odd_server() as server:
        yield server


@pytest.fixture
async def made(odd: Odd) -> AsyncIterator[Callable[..., OpenAI]]:
    engines: list[OpenAI] = []

    def make(kind: str = "good", **fields: object) -> OpenAI:
        quick = {"first_token_s": 0.5, "next_token_s": 0.5}
        table = OpenAIEngine(**{"base_url": odd.url(kind), **quick, **fields})  # type: ignore[arg-type]
        engines.append(OpenAI(kind, table))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.aclose()


async def answer(engine: OpenAI | Fallback, request: Request) -> list[Event]:
    with anyio.fail_after(10):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


async def test_an_edit_is_a_chat_with_its_usage(made: Callable[..., OpenAI], odd: Odd) -> None:
    events = await answer(made(key_env="PATH"), EDIT)
    assert events[0] == Started("good", "tiny-coder", EditFormat.FENCED)
    assert text_of(events) == MUL
    assert isinstance(events[-1], Finished)
    assert events[-1].usage == Usage(50, 3, 40)
    ((path, body),) = odd.asked
    assert (path, body["model"], body["stream"]) == ("chat/completions", "tiny-coder", True)
    assert "swap" in body["messages"][-1]["content"]
    assert odd.keys[-1].startswith("bearer ")


async def test_a_completion_fills_in_the_middle_where_the_model_can_and_chats_where_not(
    made: Callable[..., OpenAI], odd: Odd
) -> None:
    assert text_of(await answer(made(fim="qwen"), COMPLETE)).strip() == "a + b"
    assert text_of(await answer(made(), COMPLETE)) == MUL
    infill, chat = odd.asked
    assert infill[0] == "completions"
    assert infill[1]["prompt"] == "<|fim_prefix|><|fim_suffix|>\n<|fim_middle|>return "
    assert chat[0] == "chat/completions"


async def test_the_only_model_is_found_and_several_are_named(made: Callable[..., OpenAI], odd: Odd) -> None:
    engine = made()
    await answer(engine, EDIT)
    assert (engine.info.model, engine.info.context_tokens) == ("tiny-coder", 32_768)
    odd.models = ("one", "two")
    with pytest.raises(EngineError, match="one, two") as caught:
        await answer(made(), EDIT)
    assert caught.value.code == "model_not_found"


async def test_a_connection_is_kept_warm_where_that_is_offered_and_no_text_goes_along(
    made: Callable[..., OpenAI], odd: Odd
) -> None:
    focus = Focus("file:///a.py", "python", "SECRET", 3)
    warm, plain = made(flavour="cerebras"), made()
    for _ in range(3):
        warm.observe(focus)
        plain.observe(focus)
    with anyio.fail_after(5):
        while not odd.asked:
            await anyio.sleep(0.01)
    await answer(plain, EDIT)
    assert [path for path, _ in odd.asked] == ["tcp_warming", "chat/completions"]
    assert odd.asked[0][1] == {}


async def test_leaving_closes_the_stream(made: Callable[..., OpenAI], odd: Odd) -> None:
    async with made("endless").open(EDIT) as events:
        async for event in events:
            if isinstance(event, Chunk):
                break
        assert odd.open
    with anyio.fail_after(5):
        while odd.open > 1:
            await anyio.sleep(0.01)


async def test_a_kept_connection_that_was_closed_is_opened_anew(
    made: Callable[..., OpenAI], odd: Odd
) -> None:
    engine = made("closing", model="m", context_tokens=1000)
    for _ in range(3):
        assert text_of(await answer(engine, EDIT)) == MUL
    assert len(odd.asked) == 4


async def test_a_key_file_that_others_can_read_is_not_used(
    made: Callable[..., OpenAI], odd: Odd, tmp_path: Path
) -> None:
    (key := tmp_path / "key").write_text("sk-1\n")
    key.chmod(0o644)
    engine = made(key_file=str(key))
    assert (engine.info.state, f"chmod 600 {key}" in engine.info.reason) == ("off", True)
    with pytest.raises(EngineError, match="chmod 600"):
        await answer(engine, EDIT)
    key.chmod(0o600)
    assert text_of(await answer(engine, EDIT)) == MUL
    assert odd.keys[-1] == "bearer sk-1"


async def test_what_the_context_cannot_hold_is_not_sent(made: Callable[..., OpenAI], odd: Odd) -> None:
    request = Request(Task.EDIT, (Part(PartKind.TARGET, "x" * 10_000),), "swap")
    with pytest.raises(EngineError) as caught:
        await answer(made(context_tokens=1000), request)
    assert caught.value.code == "context_length_exceeded"
    assert odd.asked == []


async def test_a_document_stays_with_its_server_until_that_one_is_unwell(odd: Odd) -> None:
    urls = [odd.url("good"), odd.url("good") + "/"]
    settings = OpenAIEngine(base_urls=(odd.url("good"), odd.url("500")), model="m", context_tokens=1000)
    assert urls[0] == urls[1].rstrip("/")
    engine = OpenAI("two", settings)
    origins = [f"file:///{number}" for number in range(20)]
    homes = {origin: engine._server_for(Request(Task.COMPLETE, origin=origin)).url for origin in origins}
    assert len(set(homes.values())) == 2
    bad = next(origin for origin in origins if "500" in homes[origin])
    for _ in range(2):
        with pytest.raises(EngineError):
            await answer(engine, Request(Task.CHAT, instruction="hi", origin=bad))
    assert text_of(await answer(engine, Request(Task.CHAT, instruction="hi", origin=bad))) == MUL
    await engine.aclose()


@pytest.mark.parametrize("task", ["complete", "edit"])
@pytest.mark.parametrize("kind", ["refused", *BEFORE])
async def test_fault_35_what_fails_before_the_first_token_falls_over_unseen(
    made: Callable[..., OpenAI], kind: str, task: str
) -> None:
    bad = made(kind, model="m", context_tokens=1000)
    if kind == "refused":
        bad = made(kind, base_url="http://127.0.0.1:9/v1", model="m", context_tokens=1000)
    health = {"good": Health(), kind: Health()}
    route = Fallback("edit", [bad, made()], health)
    events = await answer(route, COMPLETE if task == "complete" else EDIT)
    assert isinstance(events[0], Started)
    assert events[0].engine == "good"
    assert sum(isinstance(event, Started | Finished) for event in events) == 2
    assert text_of(events) == MUL
    assert health[kind].reason
    assert "SECRET" not in health[kind].reason


@pytest.mark.parametrize("kind", AFTER)
async def test_fault_36_what_fails_after_the_first_token_is_told_and_asked_again_it_is_another(
    made: Callable[..., OpenAI], kind: str
) -> None:
    health = {"good": Health(), kind: Health()}
    route = Fallback("edit", [made(kind, model="m", context_tokens=1000), made()], health)
    with pytest.raises(EngineError) as caught:
        await answer(route, EDIT)
    assert caught.value.retryable
    assert str(caught.value).count(".") >= 2
    assert text_of(await answer(route, EDIT)) == MUL
    assert route.info.name == "good"


async def test_fault_36_an_answer_without_end_is_ended(made: Callable[..., OpenAI], odd: Odd) -> None:
    request = Request(Task.EDIT, EDIT.parts, "swap", max_tokens=20)
    events = await answer(made("endless"), request)
    assert isinstance(events[-1], Finished)
    assert text_of(events).count("\n") <= 50


async def test_fault_36_silence_has_an_end(made: Callable[..., OpenAI]) -> None:
    begun = time.monotonic()
    with pytest.raises(EngineError) as caught:
        await answer(made("silent", model="m", context_tokens=1000), EDIT)
    assert (caught.value.code, time.monotonic() - begun < 3) == ("engine_silent", True)


async def test_fault_35_a_server_that_asks_for_a_pause_gets_it_and_is_asked_again(
    made: Callable[..., OpenAI], odd: Odd
) -> None:
    now = [0.0]
    health = {"429": Health(), "good": Health()}
    busy, good = made("429", model="m", context_tokens=1000), made()
    route = Fallback("edit", [busy, good], health, lambda: now[0])
    assert text_of(await answer(route, EDIT)) == MUL
    asked = len(odd.asked)
    now[0] = 6.9
    assert text_of(await answer(route, EDIT)) == MUL
    assert len(odd.asked) == asked + 1  # only the other one
    now[0] = 7.1
    await answer(route, EDIT)
    assert len(odd.asked) == asked + 3
