"""The engine behind OpenAI's HTTP interface, and routes that fall over to the next: faults 35 and 36."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.openai.http import MAX_KEPT_CONNECTIONS
from spark_lsp.engine.openai.servers import Server, rank_servers
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, Focus, Part, PartKind, Request, Task
from tests.integration.odd_server import LATE, Odd, odd_server
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

AROUND = (Part(PartKind.PREFIX, "return "), Part(PartKind.SUFFIX, "\n"))
COMPLETE = Request(Task.COMPLETE, AROUND, language="python", origin="u")
EDIT = Request(Task.EDIT, (Part(PartKind.TARGET, "x"),), "swap", language="python")
MUL = "def mul(a, b):\n    return b * a\n"
BEFORE = ["reset", "401", "403", "404", "422", "429", "500", "502", "503", "html", "silent", "pings", "late"]
BEFORE += ["longer", "flood", "elsewhere"]
QUICK = ("silent", "pings", "late", "slow", "minute", "thinks")
AFTER = ["after", "cut", "broken", "told", "slow", "minute"]


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    async with odd_server() as server:
        yield server


@pytest.fixture
async def made(odd: Odd) -> AsyncIterator[Callable[..., OpenAIEngine]]:
    engines: list[OpenAIEngine] = []

    def make(kind: str = "good", **fields: object) -> OpenAIEngine:
        wait = 0.5 if kind in QUICK else 20.0  # a busy machine must not make a good server look silent
        quick = {"first_token_s": wait, "next_token_s": wait}
        table = OpenAISettings(**{"base_url": odd.url(kind), **quick, **fields})  # type: ignore[arg-type]
        engines.append(OpenAIEngine(kind, table))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.aclose()


async def answer(engine: OpenAIEngine | Route, request: Request) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


async def test_an_edit_is_a_chat_with_its_usage(made: Callable[..., OpenAIEngine], odd: Odd) -> None:
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
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    assert text_of(await answer(made(fim="qwen"), COMPLETE)).strip() == "a + b"
    assert text_of(await answer(made(), COMPLETE)) == MUL
    infill, chat = odd.asked
    assert infill[0] == "completions"
    assert infill[1]["prompt"] == "<|fim_prefix|><|fim_suffix|>\n<|fim_middle|>return "
    assert chat[0] == "chat/completions"


async def test_the_only_model_is_found_and_several_are_named(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made()
    await answer(engine, EDIT)
    assert (engine.info.model, engine.info.context_tokens) == ("tiny-coder", 32_768)
    odd.models = ("one", "two")
    with pytest.raises(EngineError, match="one, two") as caught:
        await answer(made(), EDIT)
    assert caught.value.code == "model_not_found"


async def test_leaving_closes_the_stream(made: Callable[..., OpenAIEngine], odd: Odd) -> None:
    async with made("endless").open(EDIT) as events:
        async for event in events:
            if isinstance(event, Chunk):
                break
        assert odd.open
    with anyio.fail_after(PATIENCE):
        while odd.open > 1:
            await anyio.sleep(0.01)


async def test_a_kept_connection_that_was_closed_is_opened_anew(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made("closing", model="m", context_tokens=1000)
    for _ in range(3):
        assert text_of(await answer(engine, EDIT)) == MUL
    assert len(odd.asked) == 4


async def test_a_key_file_that_others_can_read_is_not_used(
    made: Callable[..., OpenAIEngine], odd: Odd, tmp_path: Path
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


async def test_what_the_context_cannot_hold_is_not_sent(made: Callable[..., OpenAIEngine], odd: Odd) -> None:
    request = Request(Task.EDIT, (Part(PartKind.TARGET, "x" * 10_000),), "swap")
    with pytest.raises(EngineError) as caught:
        await answer(made(context_tokens=1000), request)
    assert caught.value.code == "context_length_exceeded"
    assert odd.asked == []


async def test_a_document_stays_with_its_server_until_that_one_is_unwell(odd: Odd) -> None:
    urls = (odd.url("good"), odd.url("500"))
    engine = OpenAIEngine("two", OpenAISettings(base_urls=urls, model="m", context_tokens=1000))
    origins = [f"file:///{number}" for number in range(20)]
    homes = {origin: rank_servers([Server(url) for url in urls], origin)[0].url for origin in origins}
    bad = next(origin for origin in origins if "500" in homes[origin])
    asked = list[int]()
    for _ in range(4):
        events = await answer(engine, Request(Task.CHAT, instruction="hi", origin=bad))
        assert text_of(events) == MUL
        assert sum(isinstance(event, Started) for event in events) == 1
        asked.append(len(odd.asked))
    # asked of the other one, unseen, as far as the budget goes; then not even tried where it failed
    assert asked == [2, 4, 5, 6]
    await engine.aclose()


@pytest.mark.parametrize("task", ["complete", "edit"])
@pytest.mark.parametrize("kind", ["refused", *BEFORE])
async def test_fault_35_what_fails_before_the_first_token_falls_over_unseen(
    made: Callable[..., OpenAIEngine], kind: str, task: str
) -> None:
    bad = made(kind, model="m", context_tokens=1000)
    if kind == "refused":
        bad = made(kind, base_url="http://127.0.0.1:9/v1", model="m", context_tokens=1000)
    health = {"good": CircuitBreaker(), kind: CircuitBreaker()}
    route = Route("edit", [bad, made()], health)
    events = await answer(route, COMPLETE if task == "complete" else EDIT)
    assert isinstance(events[0], Started)
    assert events[0].engine == "good"
    assert sum(isinstance(event, Started | Finished) for event in events) == 2
    assert text_of(events) == MUL
    assert bool(health[kind].reason) == (kind != "longer")  # that was the request's fault
    assert "SECRET" not in health[kind].reason


@pytest.mark.parametrize("kind", AFTER)
async def test_fault_36_what_fails_after_the_first_token_is_told_and_asked_again_it_is_another(
    made: Callable[..., OpenAIEngine], kind: str
) -> None:
    health = {"good": CircuitBreaker(), kind: CircuitBreaker()}
    route = Route("edit", [made(kind, model="m", context_tokens=1000), made()], health)
    with pytest.raises(EngineError) as caught:
        await answer(route, EDIT)
    assert caught.value.retryable
    assert str(caught.value).count(".") >= 2
    assert text_of(await answer(route, EDIT)) == MUL
    assert route.info.name == "good"


async def test_fault_36_an_answer_without_end_is_ended(made: Callable[..., OpenAIEngine], odd: Odd) -> None:
    request = Request(Task.EDIT, EDIT.parts, "swap", max_tokens=20)
    events = await answer(made("endless"), request)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "length"
    assert text_of(events).count("\n") <= 21


async def test_fault_36_silence_has_an_end(made: Callable[..., OpenAIEngine]) -> None:
    with pytest.raises(EngineError) as caught:
        await answer(made("silent", model="m", context_tokens=1000), EDIT)
    assert caught.value.code == "engine_silent"


async def test_fault_35_a_server_that_asks_for_a_pause_gets_it_and_is_asked_again(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    now = [0.0]
    health = {"429": CircuitBreaker(), "good": CircuitBreaker()}
    settings = OpenAISettings(base_url=odd.url("429"), model="m", context_tokens=1000)
    busy, good = OpenAIEngine("429", settings, lambda: now[0]), made()
    route = Route("edit", [busy, good], health, lambda: now[0])
    assert text_of(await answer(route, EDIT)) == MUL
    asked = len(odd.asked)
    now[0] = 6.9
    assert text_of(await answer(route, EDIT)) == MUL
    assert len(odd.asked) == asked + 1  # only the other one
    with pytest.raises(EngineError, match="will be used again in") as caught:
        await answer(busy, EDIT)  # even where there is no other
    assert caught.value.retry_after == pytest.approx(0.1)
    assert len(odd.asked) == asked + 1
    now[0] = 7.1
    await answer(route, EDIT)
    assert len(odd.asked) == asked + 3
    await busy.aclose()


async def test_fault_36_the_wait_for_headers_and_the_wait_for_a_token_are_one(
    made: Callable[..., OpenAIEngine],
) -> None:
    engine, took = made("late", model="m", context_tokens=1000), list[float]()
    while not took or (took[-1] >= 0.5 + LATE and len(took) < 10):  # a busy machine is late at times
        begun = time.monotonic()
        with pytest.raises(EngineError, match=r"nothing for 0.5 s"):
            await answer(engine, EDIT)
        took.append(time.monotonic() - begun)
    assert took[-1] < 0.5 + LATE


async def test_a_model_that_thinks_is_not_silent(made: Callable[..., OpenAIEngine]) -> None:
    assert text_of(await answer(made("thinks"), EDIT)) == MUL


async def test_waiting_for_the_reader_is_not_the_servers_silence(made: Callable[..., OpenAIEngine]) -> None:
    async with made("good", next_token_s=0.1).open(EDIT) as events:
        said = ""
        async for event in events:
            said += event.text if isinstance(event, Chunk) else ""
            await anyio.sleep(0.15)
    assert said == MUL


@pytest.mark.parametrize("kind", ["packed", "returns", "plain", "good"])
async def test_streams_that_are_odd_but_right(made: Callable[..., OpenAIEngine], kind: str) -> None:
    engine = made(kind)
    assert text_of(await answer(engine, EDIT)) == MUL
    assert engine.info.context_tokens == (0 if kind == "plain" else 32_768)


@pytest.mark.parametrize("kind", ["unlisted", "nothing"])
async def test_without_a_list_of_models_the_settings_word_counts(
    made: Callable[..., OpenAIEngine], kind: str
) -> None:
    assert text_of(await answer(made(kind, model="m"), EDIT)) == MUL
    with pytest.raises(EngineError) as caught:
        await answer(made(kind), EDIT)
    assert "base_url" in caught.value.remedy


async def test_a_server_that_knows_chats_only_is_asked_by_chat(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made("chats", model="qwen2.5-coder", context_tokens=4000)
    for _ in range(2):
        assert text_of(await answer(engine, COMPLETE)) == MUL
    assert [path for path, _ in odd.asked] == ["completions", "chat/completions", "chat/completions"]


async def test_a_llama_cpp_document_stays_in_its_slot_and_words_are_healed(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made("good", flavour="llamacpp", fim="qwen")
    parts = (Part(PartKind.PREFIX, "return va"), Part(PartKind.SUFFIX, "\n"))
    for origin in ("a", "a", "b", "c", "d", "e"):
        await answer(engine, Request(Task.COMPLETE, parts, origin=origin))
    slots = [body["id_slot"] for _, body in odd.asked]
    assert slots[0] == slots[1]
    assert len(set(slots)) > 1
    assert set(slots) <= {0, 1, 2, 3}
    assert odd.asked[0][1]["prompt"].endswith("return")
    assert odd.asked[0][1]["grammar"].startswith('root ::= " va"')


async def test_a_connection_to_cerebras_is_kept_warm_but_not_hot(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made("good", flavour="cerebras", model="m")
    for offset in range(3):
        engine.observe(Focus("file:///a.py", "python", "abc", offset))
    with anyio.fail_after(PATIENCE):
        while not odd.warmed:
            await anyio.sleep(0.01)
    assert (odd.warmed, odd.asked) == (1, [])


async def test_a_request_that_only_warms_asks_for_no_text(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    events = await answer(made(), Request(Task.COMPLETE, AROUND, warm=True))
    assert [type(event) for event in events] == [Started, Finished]
    assert odd.asked == []


async def test_a_host_that_is_not_known_is_said_to_be(made: Callable[..., OpenAIEngine]) -> None:
    with pytest.raises(EngineError, match="its host is not known"):
        await answer(made(base_url="http://no-such-host.invalid/v1", first_token_s=20), EDIT)
    with pytest.raises(EngineError, match="nothing listens"):
        await answer(made(base_url="http://127.0.0.1:9/v1"), EDIT)


async def test_no_proxy_of_the_environment_gets_to_see_anything(
    made: Callable[..., OpenAIEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert text_of(await answer(made(), EDIT)) == MUL


async def test_a_key_that_is_none_is_told_before_anything_is_sent(
    made: Callable[..., OpenAIEngine], odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, words in (
        ("", "is not set"),
        ("sk-\u00e9", "is not a valid API key"),
        ("sk-1\nx: y", "is not a valid API key"),
    ):
        monkeypatch.setenv("ODD_KEY", value)
        with pytest.raises(EngineError, match=words) as caught:
            await answer(made(key_env="ODD_KEY"), EDIT)
        assert "sk-" not in str(caught.value)
    assert odd.asked == odd.keys == []


async def test_a_wait_may_be_without_end(made: Callable[..., OpenAIEngine]) -> None:
    assert text_of(await answer(made("thinks", first_token_s=0, next_token_s=0), EDIT)) == MUL


async def test_a_key_is_in_no_error(
    made: Callable[..., OpenAIEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_KEY", "sk-very-secret")
    for kind in ("401", "500", "reset", "html", "silent"):
        with pytest.raises(EngineError) as caught:
            await answer(made(kind, key_env="ODD_KEY", model="m"), EDIT)
        assert "sk-very" not in repr(caught.value) + str(caught.value)


async def test_ollama_is_taken_to_read_as_little_as_it_does(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engine = made("plain", flavour="ollama", model="m")
    assert engine.info.context_tokens == 4096
    with pytest.raises(EngineError) as caught:
        await answer(engine, Request(Task.EDIT, (Part(PartKind.TARGET, "x = 1\n" * 4000),), "swap"))
    assert caught.value.code == "context_length_exceeded"
    assert made("plain", flavour="ollama", context_tokens=9000).info.context_tokens == 9000


async def test_fault_36_answers_given_up_at_any_time_leave_nothing_open(
    made: Callable[..., OpenAIEngine], odd: Odd
) -> None:
    engines = [made(kind, model="m", context_tokens=1000) for kind in ("endless", "slow", "silent", "good")]

    async def given_up(number: int) -> None:
        with anyio.move_on_after(number % 10 * 0.01):
            async with engines[number % 4].open(EDIT) as events:
                async for _ in events:
                    pass

    for _ in range(5):
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(given_up, number)
    with anyio.fail_after(PATIENCE):
        while odd.open > MAX_KEPT_CONNECTIONS:  # of those that answered, for the next request
            await anyio.sleep(0.01)
    for engine in engines:
        await engine.aclose()
    with anyio.fail_after(PATIENCE):
        while odd.open:
            await anyio.sleep(0.01)
