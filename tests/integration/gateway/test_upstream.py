"""The engine `responses` with our own gateway as its service: by spark.v1, plainly, by POST."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import Focus, Request, Task
from spark_lsp.session.context import build_completion, build_edit
from spark_lsp.text.document import Document
from tests.integration.gateway.conftest import Running, Start
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

TEXT = "def add(a, b):\n    return a + b\n"
URI = "file:///a.py"
CODE = "def f(a):\n    return a\n" * 100


@pytest.fixture
def joined(running: Running, tmp_path: Path):
    """`async with joined(offers_spark=…, **settings) as engine`."""

    @asynccontextmanager
    async def join(*, offers_spark: bool = True, **settings: Any) -> AsyncIterator[ResponsesEngine]:
        (key := tmp_path / "key").write_text(running.token)
        key.chmod(0o600)
        usual = {"base_url": running.ready["url"], "model": "replay", "key_file": str(key)}
        engine = ResponsesEngine("far", ResponsesSettings(**{**usual, **settings}), offers_spark=offers_spark)
        try:
            yield engine
        finally:
            await engine.aclose()

    return join


async def answer(engine: ResponsesEngine, request: Request) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


def asking(text: str = CODE) -> Request:
    return build_completion(Document(URI, text, 1, "python"), len(text))


@pytest.mark.parametrize("offers_spark", [True, False])
async def test_a_completion_and_an_edit(
    joined: Callable[..., Any], running: Running, offers_spark: bool
) -> None:
    async with joined(offers_spark=offers_spark) as engine:
        before = running.sessions()
        for text in (CODE, CODE + "x", CODE + "xy", "short\n"):
            events = await answer(engine, asking(text))
            assert isinstance(events[0], Started)
            assert isinstance(events[-1], Finished)
            assert (events[0].engine, text_of(events)) == ("far", TEXT)
        edit = build_edit(Document(URI, CODE, 1, "python"), (0, 10), "", "Change it.")
        assert text_of(await answer(engine, edit)) == TEXT
        assert text_of(await answer(engine, Request(Task.CHAT, (), "Hello"))) == TEXT
        assert running.sessions() == before + 1
        protocol = " (spark.v1)" if offers_spark else ""
        assert engine.info.note.startswith(f"over the WebSocket{protocol}")


async def test_over_http_like_a_service_without_websocket(
    joined: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with joined(offers_spark=False) as engine:
        broken = replace(engine._address, websocket=engine._address.websocket + "/nothing")
        monkeypatch.setattr(engine, "_address", broken)
        assert text_of(await answer(engine, asking())) == TEXT
        assert engine.info.note.startswith("over HTTP, because the service refused the WebSocket: status 4")


async def test_a_cancel_stops_the_work_at_the_other_gateway(joined: Callable[..., Any]) -> None:
    async with joined(model="slow") as engine:
        for _ in range(40):  # more than the lanes of a connection: each is free again after its cancel
            async with engine.open(asking()) as events:
                await anext(events)
        line = engine._upstream.line
        assert line is not None
        assert line.gateway is not None
        with anyio.fail_after(PATIENCE):
            while line.gateway.connection.busy:
                await anyio.sleep(0.01)


@pytest.mark.parametrize("offers_spark", [True, False])
async def test_errors_of_the_other_gateway(joined: Callable[..., Any], offers_spark: bool) -> None:
    async with joined(offers_spark=offers_spark, model="nobody") as engine:
        with pytest.raises(EngineError) as caught:
            await answer(engine, asking())
        assert caught.value.code == Code.MODEL_NOT_FOUND


async def test_a_wrong_token_is_a_refused_key(joined: Callable[..., Any], tmp_path: Path) -> None:
    (wrong := tmp_path / "wrong").write_text("wrong")
    wrong.chmod(0o600)
    async with joined(key_file=str(wrong)) as engine:
        with pytest.raises(EngineError, match="rejected the API key"):
            await answer(engine, asking())
        assert engine.info.state == "off"


async def test_a_document_is_prepared_at_a_plain_gateway(joined: Callable[..., Any]) -> None:
    async with joined(offers_spark=False) as engine:
        engine.observe(Focus(URI, "python", CODE, 3))
        assert text_of(await answer(engine, asking(CODE + "x"))) == TEXT
        line = engine._upstream.line
        assert line is not None
        assert line.bases.are_supported
        assert line.bases.latest is not None


async def test_a_gateway_in_front_of_another_one(
    running: Running, start: Start, tmp_path: Path, short: Path
) -> None:
    (key := tmp_path / "key").write_text(running.token)
    key.chmod(0o600)
    (config := tmp_path / "config.toml").write_text(
        f"""\
[engines.far]
kind = "responses"
base_url = "{running.ready["url"]}"
model = "replay"
key_file = "key"
[routes]
chat = ["far"]
"""
    )
    with start(short, "--token-file", str(short / "token"), "--config", str(config)) as near:
        async with near.joined() as connection:
            await connection.send(json.dumps({"type": "response.create", "input": "Hello"}))
            with anyio.fail_after(PATIENCE):
                events = [json.loads(await connection.recv())]
                while events[-1]["type"] not in ("response.completed", "response.failed", "error"):
                    events.append(json.loads(await connection.recv()))
        deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
        assert "".join(deltas) == TEXT
        async with httpx.AsyncClient(headers=near.headers) as client:
            status = (await client.get(near.http.removesuffix("/v1") + "/status")).json()
        far = next(engine for engine in status["engines"] if engine["name"] == "far")
        assert (far["kind"], far["state"], far["note"]) == (
            "responses",
            "ready",
            "over the WebSocket (spark.v1)",
        )
