"""The engine `responses` against a service with all public rules: bytes, lineage, limits, errors."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from openai.types.responses import ResponsesClientEvent
from pydantic import TypeAdapter

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.bench.question import source
from spark_lsp.codes import Code
from spark_lsp.config import ReplaySettings, ResponsesSettings
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.engine.responses.upstream import Limits
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, Focus, Message, Part, PartKind, Request, Task
from spark_lsp.session.context import build_completion, build_edit
from spark_lsp.text.document import Document
from tests.conformance.service import Rules, Service, service
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

PUBLIC = TypeAdapter[Any](ResponsesClientEvent)
MODEL = "gpt-5.3-codex-spark"
URI = "file:///a.py"
KEY_BYTES = 600
CODE = "def f(a):\n    return a\n" * 60


def digest(document: str | None, _task: str = "") -> str:
    return hashlib.sha256((document or "").encode()).hexdigest()[:12]


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    (file := tmp_path / "key").write_text("secret\n")
    file.chmod(0o600)
    return str(file)


@pytest.fixture
def started(key_file: str):
    """`async with started(answer, rules, limits, **settings) as (engine, service)`."""

    @asynccontextmanager
    async def start(
        answer: Callable[[str | None, str], str] = digest,
        rules: Rules | None = None,
        limits: Limits | None = None,
        **settings: Any,
    ) -> AsyncIterator[tuple[ResponsesEngine, Service]]:
        async with service(answer, rules) as served:
            usual = {"base_url": served.url, "model": MODEL, "key_file": key_file}
            engine = ResponsesEngine("spark", ResponsesSettings(**{**usual, **settings}), limits)
            try:
                yield engine, served
            finally:
                await engine.aclose()

    return start


async def answer(engine: ResponsesEngine | Route, request: Request) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.005)


def asking(text: str, offset: int | None = None, uri: str = URI) -> Request:
    document = Document(uri, text, 1, "python")
    return build_completion(document, len(text) if offset is None else offset)


async def agrees(engine: ResponsesEngine, text: str, offset: int | None = None, uri: str = URI) -> None:
    """Ask, and check that the service has read exactly this text."""
    assert text_of(await answer(engine, asking(text, offset, uri))) == digest(text)


# What is sent.


async def test_a_key_in_128_kb_costs_at_most_600_bytes_and_the_service_has_the_text(started: Any) -> None:
    text = source(131_072)
    at = text.index("\n", len(text) // 2)
    async with started() as (engine, served):
        await agrees(engine, text, at)
        sizes: list[int] = []
        for letter in "\n    value = compute(first, second)\n    return value + 1\n" * 3:
            text = text[:at] + letter + text[at:]
            at += 1
            count = len(served.seen.creates)
            await agrees(engine, text, at)
            sizes.append(sum(served.seen.sizes[count:]))  # checkpoints that began by then, too
        fulls = [size for size in served.seen.sizes if size > 100_000]
        assert len(fulls) == 1
        forks = [
            size
            for size, create in zip(served.seen.sizes, served.seen.creates, strict=True)
            if create.get("generate") is not False
        ]
        assert max(forks) <= KEY_BYTES
        assert sum(sizes) / len(sizes) <= KEY_BYTES
        assert len(served.seen.warm) > 2  # checkpoints keep it so
        assert served.seen.connections == 1
        assert served.seen.documents[-1] == text


async def test_all_that_is_sent_is_public(started: Any) -> None:
    async with started() as (engine, served):
        await agrees(engine, CODE)
        document = Document(URI, CODE, 1, "python")
        await answer(engine, build_edit(document, (0, 10), "fix", "Rename it.", ["bad name"], "deep"))
        await answer(engine, Request(Task.CHAT, (), "hello", history=(Message("system", "Be brief."),)))
        for create in served.seen.creates:
            PUBLIC.validate_python({"type": "response.create", **create}, strict=True)
            assert create["store"] is False
            assert create["model"] == MODEL
        assert [each["reasoning"]["effort"] for each in served.seen.asked] == ["low", "high", "medium"]
        assert "spark" not in str(served.seen.creates).replace(MODEL, "")


async def test_an_edit_forks_the_documents_base_and_its_answer_is_fenced(started: Any) -> None:
    def reply(document: str | None, task: str) -> str:
        assert document == CODE
        assert "<edit>\ndef f(a):\n\n</edit>\nRename it." in task
        return "```python\ndef g(a):\n```"

    async with started(reply) as (engine, served):
        document = Document(URI, CODE, 1, "python")
        events = await answer(engine, build_edit(document, (0, 10), "", "Rename it."))
        assert events[0] == Started("spark", served.rules.model, EditFormat.FENCED)
        assert text_of(events) == "```python\ndef g(a):\n```"
        assert [bool(each.get("previous_response_id")) for each in served.seen.creates] == [False, True]


async def test_the_handshake_has_the_key_and_a_session_and_nothing_of_the_user(started: Any) -> None:
    async with started() as (engine, served):
        await agrees(engine, "a = 1\n")
        (shaken,) = served.seen.handshakes
        assert shaken.headers["Authorization"] == "Bearer secret"
        assert shaken.path == "/v1/responses"
        session = shaken.headers["session-id"]
        assert len(session) == 32
        await engine.aclose()
        await agrees(engine, "a = 1\n")
        assert served.seen.handshakes[1].headers["session-id"] == session
        assert "secret" not in str(engine.info)


async def test_usage_with_cached_tokens_and_times(started: Any) -> None:
    async with started() as (engine, _):
        finished = (await answer(engine, asking(CODE)))[-1]
        assert isinstance(finished, Finished)
        assert (finished.reason, finished.usage.cached_tokens) == ("stop", 1024)
        assert finished.usage.input_tokens > 0
        assert finished.timing.prefill_ms > 0


# Documents at the service.


async def test_a_small_document_is_sent_whole_without_a_base(started: Any) -> None:
    async with started() as (engine, served):
        await agrees(engine, "a = 1\n")
        assert served.seen.warm == []
        assert "previous_response_id" not in served.seen.asked[0]


async def test_many_documents_share_a_connection_and_its_names(started: Any) -> None:
    async with started() as (engine, served):
        async with anyio.create_task_group() as group:
            for number in range(40):
                text = f"# {number}\n{CODE}"
                group.start_soon(agrees, engine, text, None, f"file:///{number}.py")
        assert served.seen.connections == 1
        assert served.seen.most_names <= 32
        assert served.seen.most_in_flight <= 16
        for number in range(40):
            await agrees(engine, f"# {number}\n{CODE}x", None, f"file:///{number}.py")


async def test_the_base_is_prepared_where_the_cursor_rests(started: Any) -> None:
    async with started() as (engine, served):
        engine.observe(Focus(URI, "python", CODE, 3))
        await until(lambda: len(served.seen.warm) == 1)
        await agrees(engine, CODE + "x")
        assert len(served.seen.creates) == 2
    async with started(prewarm=False) as (engine, served):
        engine.observe(Focus(URI, "python", CODE, 3))
        await agrees(engine, "a = 1\n")
        assert served.seen.warm == []


async def test_a_request_that_wants_no_text_prepares_the_document(started: Any) -> None:
    async with started() as (engine, served):
        warm = Request(Task.COMPLETE, (Part(PartKind.PREFIX, CODE),), origin=URI, warm=True)
        events = await answer(engine, warm)
        assert [type(event) for event in events] == [Started, Finished]
        assert (len(served.seen.warm), served.seen.asked) == (1, [])


async def test_the_tokens_of_a_base_are_reported_although_no_request_has_them(started: Any) -> None:
    spent: list[tuple[str, Usage]] = []
    async with started(digest) as (engine, service):
        engine.report_usage_to(lambda model, usage: spent.append((model, usage)))
        engine.observe(Focus(URI, "python", CODE, 3))
        with anyio.fail_after(PATIENCE):
            while not spent:
                await anyio.sleep(0.01)
        assert len(service.seen.warm) == 1
    [(model, usage)] = spent
    assert model
    assert (usage.input_tokens > len(CODE) // 5, usage.output_tokens) == (True, 0)


async def test_a_lost_base_costs_one_full_text_and_the_user_sees_nothing(started: Any) -> None:
    async with started() as (engine, served):
        await agrees(engine, CODE)
        served.evict()
        await agrees(engine, CODE + "x")
        await agrees(engine, CODE + "xy")
        kinds = [
            "warm" if each.get("generate") is False else "fork" if "previous_response_id" in each else "full"
            for each in served.seen.creates
        ]
        assert kinds == ["warm", "fork", "fork", "full", "warm", "fork"]
        assert engine.info.state == "ready"


async def test_a_base_that_fails_is_not_missed(started: Any) -> None:
    rules = Rules(warm_errors=[{"code": "server_error", "status": 500}] * 9)
    async with started(rules=rules) as (engine, served):
        for number in range(4):
            await agrees(engine, CODE + "x" * number)
        assert len(served.seen.warm) == 2  # then it tries no more


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "rate_limit_exceeded", "headers": {"Retry-After": "40"}}, Code.RATE_LIMIT_EXCEEDED),
        ({"code": "invalid_api_key", "status": 401}, Code.ENGINE_UNAVAILABLE),
    ],
)
async def test_a_limit_or_a_refused_key_is_learned_from_the_base(
    started: Any, error: dict[str, Any], code: Code
) -> None:
    async with started(rules=Rules(warm_errors=[error])) as (engine, served):
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                await answer(engine, asking(CODE))
            assert caught.value.code == code
        assert len(served.seen.creates) == 1


@pytest.mark.parametrize("rules", [Rules(knows_generate=False), Rules(refuses=("generate",))])
async def test_a_service_without_bases_gets_the_text_each_time(started: Any, rules: Rules) -> None:
    async with started(rules=rules) as (engine, served):
        for number in range(3):
            await agrees(engine, CODE + "x" * number)
        assert not any("previous_response_id" in each for each in served.seen.creates)
        assert len(served.seen.creates) == 4


async def test_a_very_long_line_is_not_sent_as_changes(started: Any) -> None:
    text = "x = '" + "a" * 5_000 + "'\n" + CODE
    async with started() as (engine, served):
        for number in range(4):
            await agrees(engine, f"{text}{'y' * number}"[::-1] if number else text)
        assert len([each for each in served.seen.creates if each.get("generate") is False]) <= 2


async def test_a_document_too_large_for_the_model_is_sent_around_the_cursor(started: Any) -> None:
    text = source(131_072)
    async with started(lambda _, task: str(len(task)), context_tokens=8_000) as (engine, served):
        assert 1_000 < int(text_of(await answer(engine, asking(text, 60_000)))) < 20_000
        assert served.seen.warm == []


# Servers that know less.


async def test_a_server_without_lanes_answers_one_after_the_other(started: Any) -> None:
    async with started(rules=Rules(knows_lanes=False)) as (engine, served):
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(agrees, engine, f"a = {number}\n", None, f"file:///{number}.py")
        assert served.seen.most_in_flight == 1
        assert served.seen.connections == 1


async def test_a_server_that_keeps_its_latest_response_only_soon_gets_full_texts(started: Any) -> None:
    async with started(rules=Rules(knows_lanes=False)) as (engine, served):
        for number in range(12):
            await agrees(engine, CODE + "x" * number)
        kinds = ["previous_response_id" in each for each in served.seen.asked]
        assert not any(kinds[6:])  # two bases, and two requests for each of them
        assert len(served.seen.warm) <= 2


async def test_a_cancelled_response_without_lanes_costs_the_connection_and_no_request(started: Any) -> None:
    async with started(rules=Rules(knows_lanes=False)) as (engine, served):
        await agrees(engine, "a = 1\n")
        served.rules.silent = True
        async with engine.open(asking("b = 1\n")) as events:
            await anext(events)
        served.rules.silent = False
        await agrees(engine, "c = 1\n")
        assert served.seen.connections == 2


async def test_a_text_without_deltas_is_read_from_the_item(started: Any) -> None:
    async with started(rules=Rules(deltas=False)) as (engine, _):
        await agrees(engine, CODE)


async def test_unknown_events_and_reasoning_are_no_text(started: Any) -> None:
    noise: tuple[dict[str, Any], ...] = (
        {"kind": "codex.rate_limits", "rate_limits": {"a": 1}},
        {"kind": "response.reasoning_summary_text.delta", "delta": "hmm"},
        {"kind": "response.future", "response": [1]},
        {"kind": "response.output_item.done", "item": {"type": "reasoning", "summary": []}},
    )
    async with started(rules=Rules(noise=noise)) as (engine, _):
        await agrees(engine, CODE)


@pytest.mark.parametrize("field", ["reasoning", "max_output_tokens"])
async def test_a_refused_field_is_left_out_from_then_on(started: Any, field: str) -> None:
    async with started(rules=Rules(refuses=(field,))) as (engine, served):
        await agrees(engine, "a = 1\n")
        await agrees(engine, "a = 2\n")
        assert [field in each for each in served.seen.asked] == [True, False, False]


async def test_a_service_that_wants_to_store_gets_nothing(started: Any) -> None:
    async with started(rules=Rules(refuses=("store",))) as (engine, served):
        with pytest.raises(EngineError, match="invalid"):
            await answer(engine, asking("a = 1\n"))
        assert len(served.seen.creates) == 1


async def test_another_models_name_is_shown(started: Any) -> None:
    async with started(rules=Rules(model="gpt-5.1-codex-mini")) as (engine, _):
        await agrees(engine, "a = 1\n")
        assert "the service answers with the model 'gpt-5.1-codex-mini'" in engine.info.note
    async with started() as (engine, _):
        await agrees(engine, "a = 1\n")
        assert engine.info.note == "over the WebSocket"  # a dated name is the same model


# Limits.


async def test_the_next_connection_is_there_before_the_old_one_ends(started: Any) -> None:
    """The lifetime is scaled: 4 s for 60 minutes. Somebody types all the time, and nothing is lost."""
    limits = Limits(lifetime_s=4.0, margin_s=2.0, idle_s=60.0)
    async with started(rules=Rules(lifetime_s=4.0), limits=limits) as (engine, served):
        number = 0
        while served.seen.connections < 3 or number < 40:
            await agrees(engine, CODE + "x" * number)
            number += 1
            await anyio.sleep(0.02)
        full = [each for each in served.seen.asked if "previous_response_id" not in each]
        assert full == []  # each successor had the base before its first request
        await until(lambda: served.seen.open == 1)


async def test_the_end_of_a_connection_repeats_the_request_on_the_next_one(started: Any) -> None:
    async with started() as (engine, served):
        await agrees(engine, CODE)
        served.rules.lifetime_s = 0.0
        (session,) = served.sessions
        session.began = -1e9
        served.rules.lifetime_s = 3600.0
        await agrees(engine, CODE + "x")
        assert served.seen.connections == 2


@pytest.mark.parametrize("code", ["websocket_connection_limit_reached", "websocket_stream_limit_reached"])
async def test_a_limit_of_the_connection_costs_a_connection_and_no_request(started: Any, code: str) -> None:
    async with started(rules=Rules(errors=[{"code": code}])) as (engine, served):
        await agrees(engine, "a = 1\n")
        assert served.seen.connections == 2
        assert engine.info.state == "ready"


async def test_a_refused_name_of_a_lane_is_left_out(started: Any) -> None:
    async with started(rules=Rules(errors=[{"code": "invalid_stream_id"}])) as (engine, served):
        await agrees(engine, "a = 1\n")
        assert ["stream_id" in each for each in served.seen.creates] == [True, False]


async def test_a_connection_that_nobody_uses_is_closed(started: Any) -> None:
    async with started(limits=Limits(idle_s=0.2)) as (engine, served):
        await agrees(engine, CODE)
        await until(lambda: served.seen.open == 0)
        await agrees(engine, CODE)
        assert served.seen.connections == 2


async def test_a_connection_lost_before_the_text_costs_nothing(started: Any) -> None:
    async with started(rules=Rules(silent=True)) as (engine, served):
        got: list[str] = []

        async def ask() -> None:
            got.append(text_of(await answer(engine, asking("a = 1\n"))))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await until(lambda: served.seen.creates)
            served.rules.silent = False
            served.sessions[0].socket.transport.abort()
        assert got == [digest("a = 1\n")]
        assert served.seen.connections == 2


# Errors.


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "context_length_exceeded"}, Code.CONTEXT_LENGTH_EXCEEDED),
        ({"code": "model_not_found", "status": 404}, Code.MODEL_NOT_FOUND),
        ({"code": "server_error", "status": 500}, Code.ENGINE_FAILED),
        ({"code": "server_is_overloaded", "status": 503}, Code.ENGINE_FAILED),
        ({"code": "invalid_prompt", "status": 400}, Code.ENGINE_FAILED),
        ({"code": "content_filter", "status": 400}, Code.CONTENT_FILTER),
        ({"code": "rate_limit_exceeded", "status": 429}, Code.RATE_LIMIT_EXCEEDED),
        ({"code": "invalid_api_key", "status": 401}, Code.ENGINE_UNAVAILABLE),
        ({"code": "something_new", "status": 418}, Code.ENGINE_FAILED),
    ],
)
async def test_each_error_has_our_code_and_costs_one_request(
    started: Any, error: dict[str, Any], code: Code
) -> None:
    async with started(rules=Rules(errors=[error])) as (engine, served):
        with pytest.raises(EngineError) as caught:
            await answer(engine, asking("a = 1\n"))
        assert caught.value.code == code
        assert len(served.seen.creates) == 1
        if code not in (Code.RATE_LIMIT_EXCEEDED, Code.ENGINE_UNAVAILABLE):
            await agrees(engine, "a = 1\n")
            assert served.seen.connections == 1


@pytest.mark.parametrize(
    "error",
    [
        {"code": "rate_limit_exceeded", "status": 429, "headers": {"Retry-After": "40"}},
        {"code": "rate_limit_exceeded", "message": "Limit reached. Please try again in 40s."},
        {
            "code": "rate_limit_exceeded",
            "status": 429,
            "headers": {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "40s"},
        },
    ],
)
async def test_a_rate_limit_names_its_end_and_nothing_is_sent_until_then(
    started: Any, error: dict[str, Any]
) -> None:
    async with started(rules=Rules(errors=[error])) as (engine, served):
        with pytest.raises(EngineError) as caught:
            await answer(engine, asking("a = 1\n"))
        assert caught.value.retry_after == 40
        assert (engine.info.state, engine.info.code) == ("degraded", Code.RATE_LIMIT_EXCEEDED)
        assert "is rate-limited until " in engine.info.reason
        for _ in range(3):
            with pytest.raises(EngineError, match="rate-limited until"):
                await answer(engine, asking("a = 2\n"))
        assert len(served.seen.creates) == 1


async def test_a_key_refused_in_the_middle_of_the_day_is_shown_and_not_tried_again(
    started: Any, key_file: str
) -> None:
    async with started() as (engine, served):
        await agrees(engine, "a = 1\n")
        served.rules.key = "another"
        served.rules.errors = [{"code": "invalid_api_key", "status": 401}]
        for _ in range(5):
            with pytest.raises(EngineError, match="rejected the API key"):
                await answer(engine, asking("a = 2\n"))
        assert (len(served.seen.creates), served.seen.connections) == (2, 1)
        assert engine.info.state == "off"
        assert "rejected the API key" in engine.info.reason
        Path(key_file).write_text("another\n")
        await agrees(engine, "a = 3\n")  # the new key is used at once
        assert engine.info.state == "ready"


async def test_a_wrong_key_is_refused_once(started: Any) -> None:
    async with started(rules=Rules(key="right")) as (engine, served):
        for _ in range(5):
            with pytest.raises(EngineError, match="rejected the API key"):
                await answer(engine, asking("a = 1\n"))
        engine.observe(Focus(URI, "python", CODE, 1))
        assert len(served.seen.handshakes) == 1


async def test_a_limited_handshake_waits_as_long_as_its_headers_say(started: Any) -> None:
    rules = Rules(upgrade=HTTPStatus.TOO_MANY_REQUESTS, upgrade_headers={"Retry-After": "30"})
    async with started(rules=rules) as (engine, served):
        for _ in range(3):
            with pytest.raises(EngineError) as caught:
                await answer(engine, asking("a = 1\n"))
            assert caught.value.code == Code.RATE_LIMIT_EXCEEDED
            assert caught.value.retry_after == pytest.approx(30, abs=PATIENCE)
        assert len(served.seen.handshakes) == 1


async def test_silence_is_an_error_with_the_time(started: Any) -> None:
    async with started(rules=Rules(silent=True), first_token_s=2.0) as (engine, served):
        with pytest.raises(EngineError) as caught:
            await answer(engine, asking("a = 1\n"))
        assert caught.value.code == Code.ENGINE_SILENT
        served.rules.silent = False
        await agrees(engine, "a = 1\n")
        assert served.seen.connections == 1


async def read_stalled(engine: ResponsesEngine, texts: list[str], on_text: Callable[[], Any]) -> None:
    """Read an answer, and call `on_text` after its first text."""
    with anyio.fail_after(PATIENCE):
        async with engine.open(asking("a = 1\n")) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    texts.append(event.text)
                    await on_text()


async def test_silence_in_the_middle_of_an_answer_is_an_error_though_the_connection_is_alive(
    started: Any,
) -> None:
    async with started(rules=Rules(stalls=True), next_token_s=0.4) as (engine, served):
        texts: list[str] = []
        with pytest.raises(EngineError) as caught:
            await read_stalled(engine, texts, anyio.lowlevel.checkpoint)
        assert caught.value.code == Code.ANSWER_BROKE_OFF
        assert texts == [digest("a = 1\n")[:7]]
        served.rules.stalls = False
        await agrees(engine, "a = 1\n")
        assert served.seen.connections == 1


async def test_a_key_refused_in_the_middle_of_an_answer_turns_the_engine_off(started: Any) -> None:
    async with started(rules=Rules(stalls=True)) as (engine, served):
        texts: list[str] = []

        async def refuse() -> None:
            await served.sessions[0].error(served.seen.asked[0]["stream_id"], "invalid_api_key", status=401)

        with pytest.raises(EngineError, match="rejected the API key"):
            await read_stalled(engine, texts, refuse)
        assert texts == [digest("a = 1\n")[:7]]
        assert engine.info.state == "off"


async def test_nothing_of_a_cancelled_response_is_read(started: Any) -> None:
    async with started() as (engine, served):
        served.rules.pause_s = PATIENCE
        async with engine.open(asking("a = 1\n")) as events:
            await anext(events)
        served.rules.pause_s = 0.0
        await agrees(engine, "b = 1\n")
        assert {each["stream_id"] for each in served.seen.asked} == {"a.0", "a.1"}


@pytest.mark.parametrize(
    "rules",
    [
        Rules(silent=True),
        Rules(key="another"),
        Rules(errors=[{"code": "rate_limit_exceeded", "status": 429}]),
        Rules(errors=[{"code": "server_error", "status": 500}] * 2),
        Rules(upgrade=HTTPStatus.SERVICE_UNAVAILABLE),
    ],
)
async def test_the_route_asks_the_next_engine_and_the_status_says_why(
    started: Any, tmp_path: Path, rules: Rules
) -> None:
    (text := tmp_path / "text").write_text("from the next one")
    second = ReplayEngine("second", ReplaySettings(text=str(text), tokens_per_s=0, delay_ms=0))
    async with started(rules=rules, first_token_s=0.3) as (engine, _):
        breakers = {"spark": CircuitBreaker(), "second": CircuitBreaker()}
        route = Route("completion", [engine, second], breakers)
        for _ in range(3):
            assert text_of(await answer(route, asking("a = 1\n"))) == "from the next one"
        assert breakers["spark"].reason.startswith("Engine 'spark' ")


async def test_no_service_at_all(key_file: str) -> None:
    table = ResponsesSettings(base_url="ws://127.0.0.1:9/v1", model="m", key_file=key_file)
    engine = ResponsesEngine("spark", table)
    with pytest.raises(EngineError, match="nothing listens") as caught:
        await answer(engine, asking("a = 1\n"))
    assert caught.value.code == Code.ENGINE_UNAVAILABLE
    assert (engine.info.state, engine.info.code) == ("degraded", Code.ENGINE_UNAVAILABLE)
    await engine.aclose()
