"""The application: what it does when something of ours fails."""

import json
import logging
from typing import Any

import anyio
import pytest

from spark_lsp.gateway.app import Gateway
from spark_lsp.gateway.registry import Registry
from spark_lsp.request import EngineInfo

pytestmark = pytest.mark.anyio

SECRET = "def secret_of_the_user"


class Failing:
    """An engine so broken that even asking who it is fails."""

    @property
    def info(self) -> EngineInfo:
        raise ZeroDivisionError(SECRET)


class Broken(Registry):
    """A registry that cannot even say what it has."""

    def infos(self) -> list[EngineInfo]:
        raise ZeroDivisionError(SECRET)

    def models(self) -> list[str]:
        raise ZeroDivisionError(SECRET)


def application(registry: type[Registry] = Broken) -> Gateway:
    return Gateway(registry({"x": Failing()}, {}), "token", lambda *_: None, lambda _: ({}, []))  # type: ignore[arg-type, dict-item, return-value]


def scope(kind: str, path: str) -> dict[str, Any]:
    headers = [(b"authorization", b"Bearer token")]
    more = {"subprotocols": ["spark.v1"]} if kind == "websocket" else {"method": "GET"}
    return {"type": kind, "path": path, "headers": headers, "query_string": b"", **more}


@pytest.mark.parametrize(
    ("kind", "path", "first", "answer"),
    [
        ("websocket", "/v1/responses", "websocket.connect", "websocket.accept"),
        ("http", "/v1/models", "http.request", "http.response.start"),
    ],
)
async def test_what_fails_unexpectedly_is_logged_by_its_place_only(
    caplog: pytest.LogCaptureFixture, kind: str, path: str, first: str, answer: str
) -> None:
    sent = list[dict[str, Any]]()
    coming = [{"type": first}]

    async def receive() -> dict[str, Any]:
        if not coming:
            await anyio.sleep_forever()
        return coming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    with caplog.at_level(logging.DEBUG):
        await application()(scope(kind, path), receive, send)
    assert sent[0]["type"] == answer
    assert sent[0].get("status", 500) == 500
    assert "failed unexpectedly: ZeroDivisionError at" in caplog.text
    assert SECRET not in caplog.text + str(sent)


async def test_an_engine_that_cannot_say_who_it_is_is_off_and_costs_no_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = list[dict[str, Any]]()
    greeted = anyio.Event()

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "websocket.connect"}
        await greeted.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)
        if "spark.hello" in message.get("text", ""):
            greeted.set()

    await application(Registry)(scope("websocket", "/v1/responses"), receive, send)
    hello = json.loads(next(each["text"] for each in sent if "text" in each))
    assert [(each["name"], each["state"]) for each in hello["engines"]] == [("x", "off")]
    assert hello["engines"][0]["reason"]
    assert SECRET not in caplog.text + str(sent)
