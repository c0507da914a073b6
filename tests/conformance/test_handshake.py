"""What a client may bring to the handshake, and what it must never get without having asked for it."""

import json
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
CREATE = {"type": "response.create", "model": "replay", "input": "hi"}
OURS: tuple[dict[str, Any], ...] = (
    {"type": "spark.configure", "engines": {}},
    {"type": "spark.doc.open", "doc": "d1", "uri": "file:///a.py", "version": 1, "length": 1, "hash": "x"},
    {"type": "spark.credit", "events": 1, "bytes": 1},
    {"type": "response.cancel"},
    {"type": "of.the.future"},
)


async def turn(connection: ClientConnection, **fields: Any) -> list[dict[str, Any]]:
    """Ask, and return the events up to the end."""
    await connection.send(json.dumps({**CREATE, **fields}))
    events: list[dict[str, Any]] = []
    with anyio.fail_after(DEADLINE):
        while not events or events[-1]["type"] not in ("response.completed", "error"):
            events.append(json.loads(await connection.recv()))
    return events


async def test_who_asks_for_nothing_gets_the_public_protocol_and_nothing_more(running: Any) -> None:
    async with running.joined() as connection:
        for message in OURS:
            await connection.send(json.dumps(message))
        events = await turn(connection, spark={"task": "complete", "parts": []})
    assert connection.subprotocol is None
    assert all(event["type"].startswith("response.") for event in events)
    assert not any("spark" in event or "spark" in event.get("response", {}) for event in events)


async def test_compression_and_the_headers_of_real_clients_are_tolerated(running: Any) -> None:
    headers = {
        **running.headers,
        "OpenAI-Beta": "responses_websockets=2026-02-06",
        "OpenAI-Organization": "org-1",
        "originator": "codex_cli_rs",
        "x-codex-turn-metadata": "{}",
    }
    async with connect(
        f"{running.ready['url']}?model=replay",
        additional_headers=headers,
        compression="deflate",
        proxy=None,
    ) as connection:
        assert (await turn(connection))[-1]["type"] == "response.completed"


async def test_timing_comes_only_to_those_who_ask_for_it(running: Any) -> None:
    seen: dict[str, bool] = {}
    for given in ("true", "false"):
        headers = {**running.headers, "x-responsesapi-include-timing-metrics": given}
        async with connect(running.ready["url"], additional_headers=headers, proxy=None) as connection:
            kinds = [event["type"] for event in await turn(connection)]
        seen[given] = "responsesapi.websocket_timing" in kinds
    assert seen == {"true": True, "false": False}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/realtime", "/v1/responses/x"])
async def test_there_is_one_websocket_and_no_other(running: Any, path: str) -> None:
    url = running.ready["url"].replace("/v1/responses", path)
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, additional_headers=running.headers, proxy=None):
            pass
    assert caught.value.response.status_code in (403, 404)
