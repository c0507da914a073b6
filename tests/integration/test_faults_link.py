"""Faults 24 to 34: the link between the language server and the gateway, on real sockets and processes."""

import asyncio
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from spark_lsp.answer_events import Chunk, Event
from spark_lsp.engine.gateway_client import channel
from spark_lsp.engine.gateway_client import link as link_module
from spark_lsp.engine.gateway_client import remote as remote_module
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import EngineError
from spark_lsp.request import Part, PartKind, Request, Span, Task
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.wire.credit import LANE_BYTES, LANE_EVENTS
from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.replica_store import digest
from spark_lsp.wire.server import MAX_STRIKES
from tests.integration.gateway.conftest import Running, environment, folder, running, short, start, until
from tests.integration.proxy import Proxy, proxied
from tests.patience import PATIENCE

__all__ = ["environment", "folder", "running", "short", "start", "until"]

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
URI = "file:///a.py"
LONG = "abcd" * 40


@asynccontextmanager
async def linked(locate: Callable[[], Endpoint]) -> AsyncIterator[tuple[Remote, list[LinkStatus]]]:
    async def found() -> Endpoint:
        return locate()

    told: list[LinkStatus] = []
    remote = Remote(found, told.append)
    async with anyio.create_task_group() as group:
        group.start_soon(remote.run)
        yield remote, told
        group.cancel_scope.cancel()


def at(url: str, running: Running) -> Callable[[], Endpoint]:
    return lambda: Endpoint(url, running.token)


async def eventually(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


def ask(model: str, *parts: Part) -> Request:
    return Request(Task.EDIT, parts, "q", model=model)


async def answer(remote: Remote, request: Request) -> str:
    with anyio.fail_after(DEADLINE):
        async with remote.open(request) as events:
            return "".join([event.text async for event in events if isinstance(event, Chunk)])


async def first_text(events: AsyncIterator[Event]) -> str:
    async for event in events:
        if isinstance(event, Chunk):
            return event.text
    raise AssertionError("no text came")


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "x", **fields})


async def heard(connection: ClientConnection, *kinds: str) -> dict[str, Any]:
    with anyio.fail_after(DEADLINE):
        while True:
            told = json.loads(await connection.recv())
            if told["type"] in kinds:
                return told


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# 24


@pytest.mark.parametrize("kind", ["refused", "no such host", "no answer"])
async def test_fault_24_a_gateway_that_is_not_there_is_said_within_a_second_and_tried_calmly(
    kind: str,
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        url = {
            "refused": f"ws://127.0.0.1:{closed_port()}/",
            "no such host": "ws://no-such-host.invalid/",
            "no answer": f"ws://127.0.0.1:{deaf.getsockname()[1]}/",
        }[kind]
        tries: list[float] = []

        def locate() -> Endpoint:
            tries.append(time.monotonic())
            return Endpoint(url)

        began = time.monotonic()
        async with linked(locate) as (_, told):
            await eventually(lambda: told, 1.0)
            assert told[0].state == "degraded"
            assert "gateway" in told[0].reason
            await anyio.sleep(max(0.0, began + 2.0 - time.monotonic()))
        pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
        assert len(tries) <= 8  # 0.1 s, doubled each time, less up to half of it
        assert kind != "refused" or pauses[-1] > pauses[0]


# 25


async def test_fault_25_a_reset_in_mid_stream_is_one_error_and_nothing_comes_twice(running: Any) -> None:
    async with proxied(running.ready["url"]) as proxy, linked(at(proxy.url, running)) as (remote, told):
        async with remote.open(ask("slow")) as events:
            got = await first_text(events)
            proxy.reset()
            with pytest.raises(EngineError) as caught:
                got += "".join([event.text async for event in events if isinstance(event, Chunk)])
        assert (caught.value.code, caught.value.retryable) == ("connection_lost", True)
        assert LONG.startswith(got)
        assert await answer(remote, ask("slow")) == LONG
        assert [status.state for status in told if status.state != "ready"] == ["degraded"]


# 26


async def test_fault_26_a_half_open_link_is_found_by_its_heartbeat(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * link_module.HEARTBEAT_S <= 9  # what the test shortens is within ten seconds
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.3)
    async with proxied(running.ready["url"]) as proxy, linked(at(proxy.url, running)) as (remote, told):
        await answer(remote, ask("replay"))
        proxy.silent = True
        await eventually(lambda: told[-1].state == "degraded", 2.0)
        proxy.silent = False
        assert await answer(remote, ask("slow")) == LONG
        assert proxy.opened >= 2


# 27


async def test_fault_27_after_a_stall_the_state_is_there_again(
    start: Any, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.3)
    with start(short, "--port", "0") as started:
        async with linked(at(started.ready["url"], started)) as (remote, told):
            remote.open_document(Document(URI, "a = 1\n", 1, "python"))
            await eventually(lambda: told and told[-1].state == "ready")
            os.kill(started.process.pid, signal.SIGSTOP)
            try:
                await eventually(lambda: told[-1].state == "degraded")
                remote.edit_document(Document(URI, "b = 1\n", 2, "python"), [Edit(0, 1, "b")])
            finally:
                os.kill(started.process.pid, signal.SIGCONT)
            part = Part(PartKind.TARGET, "b = 1\n", URI, Span(URI, 2, 0, 6))
            assert await answer(remote, ask("replay", part))


async def test_fault_27_a_machine_that_has_slept_connects_anew(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "CLOCK_INTERVAL_S", 0.02)
    async with linked(at(running.ready["url"], running)) as (remote, told):
        await eventually(lambda: told and told[-1].state == "ready")
        told.clear()  # a busy machine may have been slow to connect
        clocks = _Shifted()
        monkeypatch.setattr(link_module, "time", clocks)
        await eventually(lambda: lost(told) or clocks.sleep_a_minute())  # the watch may not have begun yet
        await eventually(lambda: told[-1].state == "ready")
        assert await answer(remote, ask("slow")) == LONG


def lost(told: list[LinkStatus]) -> bool:
    """Tell whether the link was reported as lost."""
    return any(each.state == "degraded" for each in told)


class _Shifted:
    """The clocks of a machine that has slept for some minutes: only the wall clock has gone on."""

    def __init__(self) -> None:
        self.slept_s = 60

    def sleep_a_minute(self) -> None:
        self.slept_s += 60

    def time(self) -> float:
        return time.time() + self.slept_s

    def monotonic(self) -> float:
        return time.monotonic()


# 28


async def test_fault_28_a_restarted_gateway_that_knows_no_document_gets_it_unseen(
    start: Any, short: Path
) -> None:
    now: dict[str, Running] = {}
    document = Document(URI, "x = 1\n" * 5000, 1, "python")

    def locate() -> Endpoint:
        return Endpoint(now["it"].ready["url"], now["it"].token)

    with start(short, "--port", "0") as first:
        now["it"] = first
        async with linked(locate) as (remote, told):
            remote.open_document(document)
            await eventually(lambda: told and told[-1].state == "ready")
            with start(short / "second", "--port", "0") as second:
                now["it"] = second
                first.process.kill()
                await eventually(lambda: told[-1].state == "degraded")
                document = document.splice(0, 1, "y", 2)
                remote.edit_document(document, [Edit(0, 1, "y")])
                part = Part(PartKind.TARGET, document.text, URI, Span(URI, 2, 0, len(document)))
                assert await answer(remote, ask("replay", part))
                document = document.splice(0, 1, "z", 3)
                remote.edit_document(document, [Edit(0, 1, "z")])
                assert await answer(remote, ask("replay", part))
    assert {status.state for status in told} <= {"ready", "degraded"}
    assert not [status for status in told if status.problems]


# 29


async def test_fault_29_documents_go_in_small_messages_and_a_request_that_is_too_large_fails_alone(
    running: Any,
) -> None:
    async with proxied(running.ready["url"]) as proxy, linked(at(proxy.url, running)) as (remote, _):
        text = "é\x01" * 2_000_000
        remote.open_document(Document(URI, text, 1, "python"))
        part = Part(PartKind.PREFIX, text, URI, Span(URI, 1, 0, len(text)))
        assert await answer(remote, ask("replay", part))
        sizes = masked_sizes(bytes(proxy.upward))
        assert max(sizes) <= 64 * 1024
        assert len(sizes) > len(text) // CHUNK_CHARS
        too_large = Part(PartKind.FILE, "x" * (17 * 1024 * 1024))
        with pytest.raises(EngineError) as caught:
            await answer(remote, ask("replay", too_large))
        assert "too large" in str(caught.value)
        assert await answer(remote, ask("slow")) == LONG
        assert proxy.opened == 1


def masked_sizes(sent: bytes) -> list[int]:
    """Return the sizes of a client's WebSocket messages."""
    at_, sizes = sent.index(b"\r\n\r\n") + 4, list[int]()
    while at_ + 2 <= len(sent):
        size = sent[at_ + 1] & 0x7F
        at_ += 2
        if size == 126:
            size, at_ = int.from_bytes(sent[at_ : at_ + 2], "big"), at_ + 2
        elif size == 127:
            size, at_ = int.from_bytes(sent[at_ : at_ + 8], "big"), at_ + 8
        at_ += 4 + size
        sizes.append(size)
    return sizes


# 30


async def test_fault_30_what_belongs_to_nothing_harms_nothing_and_too_much_of_it_ends_the_connection(
    running: Any,
) -> None:
    async with running.joined(spark=True) as connection:
        await connection.send(create(stream_id="a", model="slow"))
        nonsense = [
            {"type": "response.cancel", "stream_id": "nobody"},
            {"type": "response.cancel", "response_id": "resp_none"},
            {"type": "spark.credit", "stream_id": "nobody", "events": 5, "bytes": 5},
            {"type": "spark.doc.chunk", "doc": "d9", "version": 1, "text": "out of order"},
            {"type": "spark.doc.edit", "doc": "d9", "base": 1, "version": 2, "edits": [], "length": 0},
            {"type": "spark.doc.open", "doc": 5},
            {"type": "spark.hello"},
        ]
        for message in nonsense:
            await connection.send(json.dumps(message))
        done = await heard(connection, "response.completed")
        assert done["stream_id"] == "a"
        for lane in ("a b", "ä", "x" * 257):
            await connection.send(create(stream_id=lane))
            assert (await heard(connection, "error"))["error"]["code"] == "invalid_stream_id"
        for _ in range(MAX_STRIKES):
            await connection.send("[" * 5000)
        with pytest.raises(ConnectionClosed) as caught:
            await to_the_end(connection)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


async def to_the_end(connection: ClientConnection) -> None:
    with anyio.fail_after(DEADLINE):
        while True:
            await connection.recv()


async def test_fault_30_a_gateway_that_speaks_out_of_turn_is_not_believed() -> None:
    """Events after the terminal, terminals twice, lanes nobody asked on: each request ends once."""

    async def talk(socket_: Any) -> None:
        async for message in socket_:
            lane = json.loads(message)["stream_id"]
            body = {"response": {"id": "r1", "model": "m"}, "stream_id": lane}
            delta = {"type": "response.output_text.delta", "delta": "one"}
            for told in (
                {"type": "response.created", **body},
                {**delta, "stream_id": lane},
                {**delta, "stream_id": "nobody's"},
                {"type": "response.completed", **body},
                {"type": "response.completed", **body},
                {**delta, "stream_id": lane, "delta": "late"},
                {"type": "response.failed", **body},
            ):
                await socket_.send(json.dumps(told))

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with linked(lambda: Endpoint(f"ws://127.0.0.1:{port}/")) as (remote, _):
            for _ in range(3):
                assert await answer(remote, ask("x")) == "one"


# 31


async def test_fault_31_a_flood_of_requests_and_cancels_leaves_memory_flat_and_others_served(
    start: Any, short: Path
) -> None:
    with start(short, "--port", "0") as started:
        process = psutil.Process(started.process.pid)
        async with started.joined(spark=True) as flood, started.joined(spark=True) as calm:
            reading = asyncio.ensure_future(_drain(flood))
            await _flood(flood, 1000)  # what it takes to warm up is not counted
            before = process.memory_info().rss
            pairs = asyncio.ensure_future(_flood(flood, 5000))
            waits: list[float] = []
            while not pairs.done():
                begun = time.monotonic()
                await calm.send(create(stream_id="a", model="replay"))
                await heard(calm, "response.completed")
                waits.append(time.monotonic() - begun)
            await pairs
            await flood.send(create(stream_id="after", model="replay"))
            await eventually(lambda: reading.done() or "after" in _ended)
            assert process.memory_info().rss - before < 8_000_000
            assert max(waits) < 2.0
            reading.cancel()


_ended: set[str] = set()


async def _drain(connection: ClientConnection) -> None:
    _ended.clear()
    async for message in connection:
        told = json.loads(message)
        if told["type"] in ("response.completed", "response.incomplete"):
            _ended.add(told.get("stream_id", ""))


async def _flood(connection: ClientConnection, pairs: int) -> None:
    for number in range(pairs):
        lane = f"l{number % 30}"
        await connection.send(create(stream_id=lane, model="stuck"))
        await connection.send(json.dumps({"type": "response.cancel", "stream_id": lane}))


# 32


async def test_fault_32_one_reader_of_64_that_does_not_read_leaves_the_others_their_pace(
    running: Any,
) -> None:
    """It is sent more than it may be, so that it stands still, which the end of the others shows."""
    alone = await _paces(running, stalled=False)
    beside = await _paces(running, stalled=True)
    assert len(beside) >= 63 * 10
    assert percentile(beside, 99) <= percentile(alone, 99) * 3 + 0.05


async def _paces(running: Any, *, stalled: bool) -> list[float]:
    """Return the pauses between the deltas of 64 streams on four connections, without a stalled one's."""
    pauses: list[float] = []

    async def one(number: int) -> None:
        async with running.joined(spark=True) as connection:
            left, last = {f"l{lane}" for lane in range(16)}, dict[str, float]()
            if stalled and number == 0:
                left.discard("l0")
                await _stall(connection, "l0")
            for lane in sorted(left):
                await connection.send(create(stream_id=lane, model="slow"))
            with anyio.fail_after(DEADLINE):
                while left:
                    told = json.loads(await connection.recv())
                    lane = told.get("stream_id", "")
                    assert lane in left or not lane  # nothing comes of the stalled one
                    if told["type"] == "response.completed":
                        left.discard(lane)
                    elif "delta" in told:
                        now = time.monotonic()
                        pauses.append(now - last.get(lane, now))
                        last[lane] = now
                        give = {"type": "spark.credit", "stream_id": lane, "events": 1, "bytes": 4}
                        await connection.send(json.dumps(give))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(one, number)
    return pauses


async def _stall(connection: ClientConnection, lane: str) -> None:
    """Have a lane sent all that it may be, and give no credit back."""
    await connection.send(create(stream_id=lane, model="flood"))
    events, size = 0, 0
    with anyio.fail_after(DEADLINE):
        while events < LANE_EVENTS and size < LANE_BYTES:
            told = json.loads(await connection.recv())
            if "delta" in told:
                events, size = events + 1, size + len(told["delta"])


def percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) * share // 100, len(ordered) - 1)]


# 33


async def test_fault_33_two_windows_with_one_file_keep_their_own_text_and_fair_shares(running: Any) -> None:
    async with running.joined(spark=True) as one, running.joined(spark=True) as two:
        for connection, text in ((one, "mine\n"), (two, "other\n" * 3)):
            fields = {"uri": URI, "version": 1, "length": len(text), "hash": digest(text), "text": text}
            await connection.send(json.dumps({"type": "spark.doc.open", "doc": "d1", **fields}))
        for _ in range(64):  # far more than run at once
            await one.send(create(stream_id=f"l{_ % 16}", model="slow"))
        begun = time.monotonic()
        spark = {"task": "complete", "at": ["d1", 1, 3]}
        await two.send(
            json.dumps({"type": "response.create", "stream_id": "a", "model": "slow", "spark": spark})
        )
        done = await heard(two, "response.completed", "error")
        assert done["response"]["usage"]["input_tokens"] == len("other\n" * 3) // 4
        assert time.monotonic() - begun < 2.0  # alone it takes 0.4 s
        spark["at"] = ["d1", 1, 2]
        await one.send(
            json.dumps({"type": "response.create", "stream_id": "mine", "model": "replay", "spark": spark})
        )
        done = await read_all(one, until="mine")
        assert done["response"]["usage"]["input_tokens"] == len("mine\n") // 4


async def read_all(connection: ClientConnection, until: str) -> dict[str, Any]:
    """Read as a client of ours does, giving credit back, until one lane's answer is complete."""
    with anyio.fail_after(DEADLINE):
        while True:
            told = json.loads(await connection.recv())
            lane = told.get("stream_id", "")
            if "delta" in told:
                give = {"type": "spark.credit", "stream_id": lane, "events": 1, "bytes": len(told["delta"])}
                await connection.send(json.dumps(give))
            elif told["type"] == "response.completed" and lane == until:
                return told


# 34


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Authorization": "Bearer wrong"}, 401, "token"),
        ({"Authorization": ""}, 401, "token"),
        ({"Origin": "https://evil.example"}, 403, "Browsers"),
    ],
)
async def test_fault_34_who_may_not_come_in_is_told_before_anything_is_said(
    running: Any, headers: dict[str, str], status: int, words: str
) -> None:
    given = {**running.headers, **headers}
    with pytest.raises(InvalidStatus) as caught:
        async with connect(running.ready["url"], additional_headers=given, proxy=None):
            pass
    assert caught.value.response.status_code == status
    assert words in json.loads(caught.value.response.body or b"")["error"]["message"]


async def test_fault_34_another_version_of_ours_is_not_selected(running: Any) -> None:
    offered = [Subprotocol("spark.v2")]
    async with connect(
        running.ready["url"], additional_headers=running.headers, subprotocols=offered, proxy=None
    ) as connection:
        assert connection.subprotocol is None
        await connection.send(create(model="replay"))
        assert await heard(connection, "response.completed")


async def test_fault_34_a_token_of_yesterday_is_said_once_and_the_link_waits(running: Any) -> None:
    async with linked(lambda: Endpoint(running.ready["url"], "expired")) as (remote, told):
        with pytest.raises(EngineError, match="rejected the token"):
            await answer(remote, ask("replay"))
        assert "SPARK_LSP_TOKEN" in told[0].reason


async def test_fault_34_a_stranger_on_the_gateway_s_port_learns_nothing() -> None:
    seen = bytearray()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take everybody in, as somebody who hopes for a token or for code would."""
        while data := await reader.read(65_536):
            seen.extend(data)
        writer.close()

    async def welcome(socket_: Any) -> None:
        seen.extend(str(socket_.request.headers).encode())
        hello = {"type": "spark.hello", "version": "1", "engines": []}
        limits = {"max_in_flight": 1, "max_lanes": 1, "max_message_bytes": 1}
        challenge = {"type": "spark.challenge", "nonce": "n", "proof": "0" * 64}
        for message in ({**hello, **limits}, challenge):
            await socket_.send(json.dumps(message))
        async for message in socket_:
            seen.extend(message.encode())

    for server in (
        serve(welcome, "127.0.0.1", 0, subprotocols=[Subprotocol("spark.v1")]),
        asyncio.start_server(greet, "127.0.0.1", 0),
    ):
        listening = await server
        port = next(iter(listening.sockets)).getsockname()[1]
        endpoint = Endpoint(f"ws://127.0.0.1:{port}/v1/responses", "the-token", proves=True)
        async with linked(lambda endpoint=endpoint: endpoint) as (remote, told):
            remote.open_document(Document(URI, "the code", 1, "python"))
            await eventually(lambda told=told: told and seen)
            await eventually(lambda told=told: told[-1].state == "degraded")
        listening.close()
    assert b"the-token" not in seen
    assert b"the code" not in seen


async def test_who_proves_itself_is_trusted(running: Any) -> None:
    endpoint = Endpoint(running.ready["url"], running.token, proves=True)
    async with proxied(running.ready["url"]) as proxy:
        async with linked(lambda: Endpoint(proxy.url, running.token, proves=True)) as (remote, _):
            assert await answer(remote, ask("replay"))
        assert running.token.encode() not in proxy.upward
    assert running.token not in repr(endpoint)


# A farewell.


async def test_a_link_that_gets_old_is_replaced_before_it_ends_and_no_request_waits_or_is_lost(
    start: Any, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "STEADY_S", 0.2)
    monkeypatch.setattr(remote_module, "HANDOVER_S", 0.02)  # an hour is 1.2 s here
    with start(short, "--port", "0", "--lifetime", "1.2") as started:
        async with linked(at(started.ready["url"], started)) as (remote, told):
            remote.open_document(Document(URI, "a = 1\n", 1, "python"))
            part = Part(PartKind.TARGET, "a = 1\n", URI, Span(URI, 1, 0, 6))
            end = time.monotonic() + 3.5
            while time.monotonic() < end:
                assert await answer(remote, ask("slow", part)) == LONG
            assert {status.state for status in told} == {"ready"}
            assert len(told) >= 3  # links that took over
            assert started.sessions() <= 2


async def test_a_gateway_that_ends_is_left_for_the_next_before_it_has_ended(
    start: Any, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "HANDOVER_S", 0.02)  # its one answer takes less than a second
    with start(short, "--port", "0") as first, start(short / "second", "--port", "0") as second:
        now = first

        def locate() -> Endpoint:
            return Endpoint(now.ready["url"], now.token)

        async with linked(locate) as (remote, told):
            async with remote.open(ask("slow")) as events:
                got = await first_text(events)
                told.clear()  # a busy machine may have been slow to connect
                now = second
                first.process.terminate()
                while not await anyio.to_thread.run_sync(second.sessions):  # a request that blocks
                    await anyio.sleep(0.02)
                assert await answer(remote, ask("replay"))  # over the next link, while the first still speaks
                async for event in events:
                    got += event.text if isinstance(event, Chunk) else ""
            assert got == LONG
            assert {status.state for status in told} == {"ready"}
            assert first.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("after", ["its beginning", "some text"])
async def test_a_gateway_that_is_silent_about_a_request_is_given_up(
    after: str, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other lanes' events, and the link's own, are no sign of life of this one."""
    monkeypatch.setattr(channel, "NEXT_TEXT_TIMEOUT_S", 0.2)
    if after == "its beginning":
        monkeypatch.setitem(channel.FIRST_TEXT_TIMEOUT_S, Task.EDIT, 0.3)
    model = "stuck" if after == "its beginning" else "halting"
    async with linked(at(running.ready["url"], running)) as (remote, _):
        async with anyio.create_task_group() as group:
            group.start_soon(answer, remote, Request(Task.CHAT, (), "q", model="slow"))
            with pytest.raises(EngineError) as caught:
                await answer(remote, ask(model))
        assert (caught.value.code, caught.value.retryable) == ("engine_silent", True)
        assert await answer(remote, ask("replay"))


__all__ += ["Proxy"]
