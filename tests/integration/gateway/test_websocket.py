"""The gateway's WebSocket, with a plain client: lanes, noise, and clients that die."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from spark_lsp import __version__
from spark_lsp.wire.server import MAX_STRIKES

pytestmark = pytest.mark.anyio

TEXT = "def add(a, b):\n    return a + b\n"


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "hello", **fields})


async def test_without_a_subprotocol_it_is_the_public_websocket(answers: Any, running: Any) -> None:
    async with running.joined() as connection:
        assert connection.subprotocol is None
        await connection.send(create(model="replay", stream_id="a", stream=True, client_metadata={"x": 1}))
        seen = [event async for event in answers(connection, "a")]
    assert seen[0]["type"] == "response.created"
    assert seen[-1]["response"]["output"][0]["content"][0]["text"] == TEXT
    assert "".join(event.get("delta", "") for event in seen) == TEXT


async def test_spark_v1_is_selected_when_offered_and_greets_with_its_engines(running: Any) -> None:
    async with running.joined(spark=True) as connection:
        assert connection.subprotocol == "spark.v1"
        hello = json.loads(await connection.recv())
    assert (hello["type"], hello["version"]) == ("spark.hello", __version__)
    named = {engine["name"] for engine in hello["engines"]}
    assert named == {"local", "replay", "slow", "flood", "halting", "late", "stuck", "broken"}


async def test_an_unknown_subprotocol_is_not_selected(running: Any) -> None:
    async with connect(
        running.ready["url"],
        additional_headers=running.headers,
        subprotocols=[Subprotocol("spark.v9")],
        proxy=None,
    ) as connection:
        assert connection.subprotocol is None


async def test_a_failure_leaves_the_other_lanes(answers: Any, running: Any) -> None:
    async with running.joined() as connection:
        await connection.send(create(model="slow", stream_id="slow"))
        for lane, model in (("gone", "gpt-5"), ("broken", "broken")):
            await connection.send(create(model=model, stream_id=lane))
            assert [event async for event in answers(connection, lane)][-1]["type"] == "response.failed"
        last = [event async for event in answers(connection, "slow")][-1]
    assert last["response"]["output"][0]["content"][0]["text"] == "abcd" * 40


async def test_noise_is_an_error_and_much_of_it_closes_the_connection_and_harms_nobody_else(
    answers: Any, running: Any
) -> None:
    async with running.joined() as good, running.joined() as bad:
        await bad.send(b"\x00\x01")
        told = json.loads(await bad.recv())
        assert (told["type"], "binary" in told["error"]["message"]) == ("error", True)
        for _ in range(MAX_STRIKES):
            await bad.send("noise")
        for _ in range(MAX_STRIKES - 1):
            await bad.recv()
        with pytest.raises(ConnectionClosed) as caught:
            await bad.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, "Too many" in caught.value.rcvd.reason) == (1008, True)
        await good.send(create(model="replay", stream_id="a"))
        assert [event async for event in answers(good, "a")][-1]["type"] == "response.completed"


async def oversized(connection: ClientConnection) -> None:
    await connection.send("x" * (17 * 1024 * 1024))
    await connection.recv()


async def test_a_message_above_the_limit_ends_its_connection_only(answers: Any, running: Any) -> None:
    async with running.joined() as bad:
        with pytest.raises(ConnectionClosed) as caught:
            await oversized(bad)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
    async with running.joined() as good:
        await good.send(create(model="replay", stream_id="a"))
        assert [event async for event in answers(good, "a")][-1]["type"] == "response.completed"


def test_a_client_that_dies_is_noticed_and_its_work_stopped(
    until: Any, running: Any, environment: Any, short: Path
) -> None:
    script = (
        "import asyncio, json, sys\n"
        "from websockets.asyncio.client import connect\n"
        "async def main(url, token):\n"
        "    headers = {'Authorization': f'Bearer {token}'}\n"
        "    async with connect(url, additional_headers=headers, proxy=None) as c:\n"
        "        await c.send(json.dumps({'type': 'response.create', 'model': 'stuck', 'input': 'x'}))\n"
        "        await c.recv()\n"
        "        print('begun', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", script, running.ready["url"], running.token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(short)) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"begun\n"
        assert running.sessions() == 1
        client.kill()
    until(lambda: running.sessions() == 0)
