"""The engine `responses` with services that have no WebSocket: POST, and server-sent events."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.http_server import Asked, Handler, HttpServer, Json, Reply, http_server
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

COMPLETE = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "a = "), Part(PartKind.SUFFIX, "\n")), origin="u")
PARAMS = TypeAdapter[Any](response_create_params.ResponseCreateParamsStreaming)
BODY = {"id": "r1", "model": "m-2026", "output": []}
USAGE = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 8}}


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Any]:
    """Start a server that answers the handshake with `upgrade`, and an engine for it."""
    async with AsyncExitStack() as stack:
        (key := tmp_path / "key").write_text("secret")
        key.chmod(0o600)

        async def start(
            post: Handler, upgrade: int = 426, **settings: Any
        ) -> tuple[ResponsesEngine, HttpServer]:
            async def handle(asked: Asked, reply: Reply) -> None:
                if asked.method == "GET":
                    assert asked.headers["upgrade"] == "websocket"
                    await reply.whole(upgrade, {"error": {"message": "use POST"}})
                    return
                await post(asked, reply)

            server = await stack.enter_async_context(http_server(handle))
            usual = {"base_url": f"{server.url}/v1", "model": "m", "key_file": str(key)}
            engine = ResponsesEngine("far", ResponsesSettings(**{**usual, **settings}))
            stack.push_async_callback(engine.aclose)
            return engine, server

        yield start


async def ask(engine: ResponsesEngine, request: Request = COMPLETE) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


async def well(asked: Asked, reply: Reply) -> None:
    await reply.begin()
    await reply.send(event("response.created", response=BODY))
    await reply.send(b": keep alive\n\n", event("response.future", a=1))
    for text in ("1 ", "+ 1"):
        await reply.send(event("response.output_text.delta", delta=text))
    await reply.send(event("response.completed", response={**BODY, "usage": USAGE}))


@pytest.mark.parametrize("upgrade", [426, 404, 405, 400, 403, 200])
async def test_without_a_websocket_the_same_engine_answers_over_http(serve: Any, upgrade: int) -> None:
    engine, server = await serve(well, upgrade)
    events = await ask(engine)
    assert events[0] == Started("far", "m-2026")
    assert text_of(events) == "1 + 1"
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.cached_tokens == 8
    await ask(engine)
    assert [asked.method for asked in server.asked] == ["GET", "POST", "POST"]  # no second handshake
    assert engine.info.note == f"over HTTP, because the service refused the WebSocket: status {upgrade}"
    assert engine.info.state == "ready"


async def test_the_request_is_public_and_has_the_key_and_session(serve: Any) -> None:
    engine, server = await serve(well)
    await ask(engine)
    handshake, post = server.asked
    assert post.path == handshake.path == "/v1/responses"
    PARAMS.validate_python(post.json, strict=True)
    assert (post.json["store"], post.json["stream"]) == (False, True)
    for asked in (handshake, post):
        assert asked.headers["authorization"] == "Bearer secret"
        assert asked.headers["session-id"] == handshake.headers["session-id"]


async def test_azure_gets_its_query_and_its_header(serve: Any) -> None:
    engine, server = await serve(well, key_header="api-key")
    server_url = server.url
    await engine.aclose()
    table = ResponsesSettings(
        base_url=f"{server_url}/openai/v1?api-version=preview",
        model="m",
        key_env="PATH",
        key_header="api-key",
    )
    engine = ResponsesEngine("azure", table)
    await ask(engine)
    await engine.aclose()
    for asked in server.asked:
        assert asked.target == "/openai/v1/responses?api-version=preview"
        assert asked.headers["api-key"]
        assert "authorization" not in asked.headers


async def test_one_json_object_is_an_answer_too(serve: Any) -> None:
    async def whole(asked: Asked, reply: Reply) -> None:
        content = [{"type": "output_text", "text": "1 + 1"}]
        output = [{"type": "reasoning"}, {"type": "message", "content": content}]
        await reply.whole(200, {**BODY, "output": output, "usage": USAGE})

    engine, _ = await serve(whole)
    assert text_of(await ask(engine)) == "1 + 1"


async def test_a_refused_field_is_left_out(serve: Any) -> None:
    async def strict(asked: Asked, reply: Reply) -> None:
        if "reasoning" in asked.json:
            error = {"message": "Unsupported parameter: 'reasoning.effort'", "param": "reasoning.effort"}
            await reply.whole(400, {"error": error})
            return
        await well(asked, reply)

    engine, server = await serve(strict)
    assert text_of(await ask(engine)) == "1 + 1"
    assert text_of(await ask(engine)) == "1 + 1"
    assert len(server.asked) == 4


FAULTS: list[tuple[int, Json, Code]] = [
    (401, {"error": {"code": "invalid_api_key"}}, Code.ENGINE_UNAVAILABLE),
    (404, {"error": {"code": "model_not_found"}}, Code.MODEL_NOT_FOUND),
    (429, {"error": {"code": "rate_limit_exceeded"}}, Code.RATE_LIMIT_EXCEEDED),
    (400, {"error": {"code": "context_length_exceeded"}}, Code.CONTEXT_LENGTH_EXCEEDED),
    (500, {}, Code.ENGINE_FAILED),
]


@pytest.mark.parametrize(("status", "body", "code"), FAULTS)
async def test_each_error_has_our_code(serve: Any, status: int, body: Json, code: Code) -> None:
    async def fails(asked: Asked, reply: Reply) -> None:
        await reply.whole(status, body)

    engine, _ = await serve(fails)
    with pytest.raises(EngineError) as caught:
        await ask(engine)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((event("response.created", response=BODY),), Code.ANSWER_BROKE_OFF),
        ((b"data: {nothing\n\n",), Code.ANSWER_BROKE_OFF),
        ((event("error", code="rate_limit_exceeded", message="slower"),), Code.RATE_LIMIT_EXCEEDED),
        (
            (event("response.failed", response={**BODY, "error": {"code": "server_error"}}),),
            Code.ENGINE_FAILED,
        ),
        (
            (event("response.refusal.delta", delta="I"), event("response.completed", response=BODY)),
            Code.CONTENT_FILTER,
        ),
    ],
)
async def test_a_stream_that_breaks_off_or_tells_an_error(
    serve: Any, events: tuple[bytes, ...], code: Code
) -> None:
    async def breaks(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.send(*events)

    engine, _ = await serve(breaks)
    with pytest.raises(EngineError) as caught:
        await ask(engine)
    assert caught.value.code == code


async def test_a_login_page_is_no_answer(serve: Any) -> None:
    async def page(asked: Asked, reply: Reply) -> None:
        await reply.whole(200, b"<html>", "text/html")

    engine, _ = await serve(page)
    with pytest.raises(EngineError, match="not an OpenAI-compatible API"):
        await ask(engine)


async def test_a_redirect_is_not_followed(serve: Any) -> None:
    engine, server = await serve(well, 307)
    with pytest.raises(EngineError, match="redirects"):
        await ask(engine)
    assert len(server.asked) == 1
