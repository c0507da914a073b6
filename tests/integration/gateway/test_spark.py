"""What spark.v1 adds, on a real gateway: proof of the token, credit, mirrors that live on, and old age."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from spark_lsp.wire.credit import LANE_EVENTS
from spark_lsp.wire.proof import NONCE_HEADER, proof_of, proves
from spark_lsp.wire.replica_store import digest
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
TEXT = "def add(a, b):\n    return a + b\n"


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


async def heard(connection: ClientConnection, *kinds: str) -> dict[str, Any]:
    """Return the next message of one of these types."""
    with anyio.fail_after(DEADLINE):
        while True:
            told = json.loads(await connection.recv())
            if told["type"] in kinds:
                return told


# Proving that one knows the token.


@asynccontextmanager
async def unproven(running: Any, nonce: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        running.ready["url"],
        additional_headers={NONCE_HEADER: nonce},
        subprotocols=[Subprotocol("spark.v1")],
        proxy=None,
    ) as connection:
        yield connection


async def test_both_sides_prove_that_they_know_the_token_before_anything_is_said(running: Any) -> None:
    nonce = secrets.token_hex(16)
    async with unproven(running, nonce) as connection:
        challenge = json.loads(await connection.recv())
        assert proves(running.token, "gateway", nonce, challenge["proof"])
        assert running.token not in str(challenge)
        proof = proof_of(running.token, "client", challenge["nonce"])
        await connection.send(message("spark.auth", proof=proof))
        assert (await heard(connection, "spark.hello"))["session"]


@pytest.mark.parametrize("kind", ["wrong", "played back", "another message", "noise"])
async def test_who_does_not_know_the_token_is_let_go(running: Any, kind: str) -> None:
    nonce = secrets.token_hex(16)
    async with unproven(running, nonce) as connection:
        challenge = json.loads(await connection.recv())
        answers = {
            "wrong": message("spark.auth", proof=proof_of("other", "client", challenge["nonce"])),
            "played back": message("spark.auth", proof=challenge["proof"]),
            "another message": message("response.create", input="secret"),
            "noise": "noise",
        }
        await connection.send(answers[kind])
        with pytest.raises(ConnectionClosed) as caught:
            await connection.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, "token" in caught.value.rcvd.reason) == (1008, True)


# Credit.


async def test_a_lane_that_is_not_read_waits_and_its_neighbour_does_not(running: Any) -> None:
    async with running.joined(spark=True) as connection:
        for lane in ("unread", "read"):
            await connection.send(message("response.create", stream_id=lane, model="slow", input="x"))
        texts, events = {"unread": "", "read": ""}, {"unread": 0, "read": 0}
        with anyio.fail_after(DEADLINE):
            while True:
                told = json.loads(await connection.recv())
                lane = told.get("stream_id", "")
                if told["type"] == "response.completed" and lane == "read":
                    break
                if "delta" in told:
                    texts[lane] += told["delta"]
                    events[lane] += 1
        assert texts["read"] == "abcd" * 40
        assert events["unread"] <= LANE_EVENTS


async def test_a_stalled_lane_goes_on_in_larger_pieces_when_it_is_read(start: Any, short: Path) -> None:
    text = "x = 1  # words\n" * 4000
    config = short / "config.toml"
    (short / "long.txt").write_text(text)
    config.write_text('[engines.fast]\nkind = "replay"\ntext = "long.txt"\ntokens_per_s = 20000\n')
    with start(short, "--config", str(config)) as started:
        async with started.joined(spark=True) as connection:
            await connection.send(message("response.create", stream_id="a", model="fast", input="x"))
            got, events = "", 0
            while events < LANE_EVENTS:
                told = await heard(connection, "response.output_text.delta")
                got, events = got + told["delta"], events + 1
            with pytest.raises(TimeoutError), anyio.fail_after(0.3):
                await connection.recv()  # the lane's window is empty
            while len(got) < len(text):
                await connection.send(message("spark.credit", stream_id="a", events=1, bytes=10_000))
                told = await heard(connection, "response.output_text.delta", "response.completed")
                got, events = got + told["delta"], events + 1
            assert got == text
            assert events < len(text) / 4 / 10
            assert (await heard(connection, "response.completed"))["stream_id"] == "a"


# Mirrors.


def opened(doc: str, text: str) -> str:
    fields = {"doc": doc, "uri": f"file:///{doc}", "version": 1, "length": len(text), "hash": digest(text)}
    return message("spark.doc.open", text=text, **fields)


@pytest.mark.parametrize("lives", [True, False])
async def test_the_next_connection_goes_on_with_the_mirror(running: Any, until: Any, lives: bool) -> None:
    async with running.joined(spark=True) as first:
        session = (await heard(first, "spark.hello"))["session"]
        await first.send(opened("d1", TEXT))
        await first.send(opened("d2", TEXT))
        await first.send(message("spark.doc.check", doc="d3", version=1, hash=""))
        await heard(first, "spark.doc.resync")  # so it has read what came before
        if not lives:
            await first.close()
            until(lambda: running.sessions() == 0)
        async with running.joined(spark=True) as second:
            documents = [["d1", 1, digest(TEXT)], ["d2", 2, digest("changed")]]
            await second.send(message("spark.resume", session=session, documents=documents))
            assert (await heard(second, "spark.doc.resync"))["doc"] == "d2"
            spark = {"task": "complete", "at": ["d1", 1, 4]}
            await second.send(message("response.create", stream_id="a", model="replay", spark=spark))
            assert (await heard(second, "response.completed", "error"))["type"] == "response.completed"


# Old age.


async def to_the_end(connection: ClientConnection) -> None:
    with anyio.fail_after(DEADLINE):
        while True:
            await connection.recv()


async def test_a_connection_is_asked_to_leave_in_time_and_ends_when_its_answers_have(
    start: Any, short: Path, answers: Any
) -> None:
    with start(short, "--lifetime", "1.0") as started:
        async with started.joined(spark=True) as spark, started.joined() as public:
            await public.send(message("response.create", stream_id="a", model="slow", input="x"))
            assert (await heard(spark, "spark.goaway"))["reason"]
            told = [event async for event in answers(public, "a")]
            assert "".join(event.get("delta", "") for event in told) == "abcd" * 40
            await public.send(message("response.create", stream_id="b", model="slow", input="x"))
            limit = await heard(public, "error")
            assert limit["error"]["code"] == "websocket_connection_limit_reached"
            for connection in (spark, public):
                with pytest.raises(ConnectionClosed) as caught:
                    await to_the_end(connection)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1000


# Timing.


async def test_who_asks_for_timing_is_told_before_the_end(running: Any) -> None:
    headers = {**running.headers, "x-responsesapi-include-timing-metrics": "true"}
    async with connect(running.ready["url"], additional_headers=headers, proxy=None) as connection:
        await connection.send(message("response.create", model="slow", input="x"))
        told = await heard(connection, "responsesapi.websocket_timing", "response.completed")
        metrics = told["timing_metrics"]
        assert metrics["engine_service_total_ms"] > 100
        assert metrics["responses_duration_excl_engine_and_client_tool_time_ms"] < 100
        await heard(connection, "response.completed")
