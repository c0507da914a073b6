"""Servers that load their model for the first request, and stop when that is closed, as Ollama does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk
from spark_lsp.config import OpenAISettings, ReplaySettings
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.openai import servers as openai_servers
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.http_server import Asked, HttpServer, Json, Reply, http_server

pytestmark = pytest.mark.anyio

COMPLETE = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "a = "), Part(PartKind.SUFFIX, "\n")), origin="u")
LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}


@dataclass
class Ollama:
    """Loads its model while a request is open; `loaded` lets that load end."""

    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False
    loads: int = 0
    aborted: int = 0
    at_once: int = 0
    most_at_once: int = 0
    headers_first: bool = False

    async def answer(self, asked: Asked, reply: Reply) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._answer(reply)
        finally:
            self.at_once -= 1

    async def _answer(self, reply: Reply) -> None:
        if self.headers_first:
            await reply.begin()
            await reply.send(b": loading\n\n")
        if not self.ready:
            self.loads += 1
            try:
                await self.loaded.wait()
            except asyncio.CancelledError:
                self.aborted += 1  # the connection was closed: the load starts from the beginning next time
                raise
            self.ready = True
        if not self.headers_first:
            await reply.begin()
        said: list[Json] = [{"choices": [{"delta": {"content": "1\n"}}]}]
        await reply.send(*said, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, b"data: [DONE]\n\n")


@dataclass
class Set:
    """A server with its engine."""

    ollama: Ollama
    server: HttpServer
    engine: OpenAIEngine


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Awaitable[Set]]]:
    async with AsyncExitStack() as stack:

        async def start(ollama: Ollama | None = None, **settings: Any) -> Set:
            ollama = ollama or Ollama()
            server = await stack.enter_async_context(http_server(ollama.answer))
            usual = {"model": "m", "context_tokens": 4096, "flavour": "ollama", "fim": "none"}
            table = OpenAISettings(base_url=f"{server.url}/v1", **{**usual, **settings})
            engine = OpenAIEngine("gpu", table)
            stack.push_async_callback(engine.aclose)
            return Set(ollama, server, engine)

        yield start


async def ask(engine: OpenAIEngine | Route, request: Request = COMPLETE) -> str:
    with anyio.fail_after(20):
        async with engine.open(request) as events:
            return "".join([event.text async for event in events if isinstance(event, Chunk)])


async def until(true: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not true():
            await anyio.sleep(0.01)


async def type_on(each: Set, keys: int) -> None:
    """Ask at each key, and give up at the next one."""
    async with anyio.create_task_group() as group:
        for _ in range(keys):
            scope = anyio.CancelScope()

            async def key(scope: anyio.CancelScope = scope) -> None:
                with scope:
                    await ask(each.engine)

            group.start_soon(key)
            await until(lambda: each.ollama.loads)
            await anyio.sleep(0.01)
            scope.cancel()


@pytest.mark.parametrize("headers_first", [False, True])
@pytest.mark.parametrize("flavour", ["ollama", "openai"])
async def test_typing_on_does_not_abort_the_load(
    make: Callable[..., Awaitable[Set]], flavour: str, headers_first: bool
) -> None:
    each = await make(Ollama(headers_first=headers_first), flavour=flavour)
    await type_on(each, 20)
    assert (each.ollama.loads, each.ollama.aborted, each.ollama.most_at_once) == (1, 0, 1)
    each.ollama.loaded.set()
    assert await ask(each.engine) == "1\n"
    assert each.ollama.aborted == 0
    assert len(each.server.posts) == 2
    await until(lambda: not each.ollama.at_once)


async def test_requests_that_wait_are_answered_once_the_model_is_loaded(
    make: Callable[..., Awaitable[Set]],
) -> None:
    each = await make()
    answers: list[str] = []

    async def one() -> None:
        answers.append(await ask(each.engine))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(one)
        await until(lambda: each.ollama.loads)
        await anyio.sleep(0.05)
        assert each.ollama.at_once == 1
        each.ollama.loaded.set()
    assert answers == ["1\n"] * 5
    assert each.ollama.loads == 1


async def test_the_status_says_that_the_model_is_loaded(
    make: Callable[..., Awaitable[Set]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_servers, "LOADING_SHOWN_S", 0.0)
    each = await make()
    await type_on(each, 1)
    info = each.engine.info
    assert info.state == "starting"
    assert "loading the model 'm'" in info.reason
    each.ollama.loaded.set()
    await until(lambda: each.engine.info.state == "ready")


async def test_a_load_that_takes_longer_than_the_first_token_may_is_no_failure(
    make: Callable[..., Awaitable[Set]],
) -> None:
    each = await make(first_token_s=0.1)
    for _ in range(4):
        with pytest.raises(EngineError) as caught:
            await ask(each.engine)
        assert caught.value.code == "engine_loading"
    assert (each.ollama.loads, each.ollama.aborted) == (1, 0)
    each.ollama.loaded.set()
    await until(lambda: each.ollama.ready and not each.ollama.at_once)
    assert await ask(each.engine) == "1\n"


async def test_a_silent_server_of_another_kind_goes_on_loading_too(
    make: Callable[..., Awaitable[Set]],
) -> None:
    each = await make(flavour="openai", first_token_s=0.1)
    with pytest.raises(EngineError) as caught:
        await ask(each.engine)
    assert caught.value.code == "engine_silent"
    assert each.ollama.aborted == 0
    each.ollama.loaded.set()
    await until(lambda: each.ollama.ready and not each.ollama.at_once)
    assert await ask(each.engine) == "1\n"


async def test_meanwhile_the_next_engine_of_the_route_answers(
    make: Callable[..., Awaitable[Set]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (text := tmp_path / "answer.txt").write_text("2\n")
    monkeypatch.setattr(openai_servers, "LOADING_SHOWN_S", 0.0)
    monkeypatch.setattr("spark_lsp.engine.route.FIRST_TEXT_TIMEOUT_S", 0.1)
    each = await make()
    health = {"gpu": CircuitBreaker(), "other": CircuitBreaker()}
    other = ReplayEngine("other", ReplaySettings(text=str(text), delay_ms=0, tokens_per_s=0))
    route = Route("completion", [each.engine, other], health)
    for _ in range(4):
        assert await ask(route) == "2\n"
        assert each.ollama.aborted == 0
    assert health["gpu"].reason == ""
    assert "loading the model" in route.info.reason
    each.ollama.loaded.set()
    await until(lambda: each.engine.info.state == "ready")
    assert route.info.name == "gpu"
    assert await ask(route) == "1\n"


async def test_the_end_of_the_engine_ends_the_load(make: Callable[..., Awaitable[Set]]) -> None:
    each = await make()
    await type_on(each, 3)
    await each.engine.aclose()
    await until(lambda: not each.ollama.at_once)
    assert each.ollama.aborted == 1


async def test_a_loaded_model_loses_a_request_that_is_left(make: Callable[..., Awaitable[Set]]) -> None:
    ollama = Ollama(ready=True)
    each = await make(ollama)
    assert await ask(each.engine) == "1\n"
    ollama.ready = False
    for number in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(ask, each.engine)
            await until(lambda number=number: ollama.loads > number)
            group.cancel_scope.cancel()
        await until(lambda: not ollama.at_once)
    assert ollama.aborted == 3


async def test_a_refused_field_is_learned_from_a_server_that_loads(serve_refusing: Set) -> None:
    assert await ask(serve_refusing.engine) == "1\n"
    assert len(serve_refusing.server.posts) == 2


@pytest.fixture
async def serve_refusing(make: Callable[..., Awaitable[Set]]) -> Set:
    each = await make(Ollama(ready=True))
    whole = each.ollama.answer

    async def answer(asked: Asked, reply: Reply) -> None:
        if "temperature" in asked.json:
            await reply.whole(400, {"error": {"message": "no", "param": "temperature"}})
        else:
            await whole(asked, reply)

    each.server.handler = answer
    return each


async def test_a_server_that_says_that_it_loads_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_lsp.engine.openai.answer.LOADING_POLL_S", 0.02)
    monkeypatch.setattr(openai_servers, "LOADING_SHOWN_S", 0.0)
    ready = False

    async def answer(asked: Asked, reply: Reply) -> None:
        if ready:
            await reply.say("1\n")
        else:
            await reply.whole(503, LOADING)

    async with http_server(answer) as server:
        table = OpenAISettings(base_url=f"{server.url}/v1", model="m", context_tokens=4096, first_token_s=2.0)
        engine = OpenAIEngine("gpu", table)
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                await ask(engine)
            assert caught.value.code == "engine_loading"
            assert engine.info.state == "starting"
        ready = True
        assert await ask(engine) == "1\n"
        assert engine.info.state == "ready"
        await engine.aclose()
