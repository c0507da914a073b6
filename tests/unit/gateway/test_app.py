"""The application: what it does when something of ours fails."""

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


def application() -> Gateway:
    return Gateway(Registry({"x": Failing()}, {}), "token", lambda *_: None, lambda _: ({}, []))  # type: ignore[arg-type, dict-item, return-value]


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
