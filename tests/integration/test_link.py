"""What a peer may do to the link besides answering: greet never, twice or wrongly, hang up, stop reading."""

import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import anyio
import pytest
import uvicorn
from websockets.asyncio.server import ServerConnection as Peer
from websockets.asyncio.server import serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from spark_lsp.answer_events import Chunk, Event, Started
from spark_lsp.engine.gateway_client import link as link_module
from spark_lsp.engine.gateway_client import remote as remote_module
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.engine.gateway_client.socket import Socket
from spark_lsp.errors import EngineError
from spark_lsp.gateway import serve as gateway_serve
from spark_lsp.gateway.app import Gateway
from spark_lsp.gateway.listener import Address, bind_address
from spark_lsp.gateway.registry import Registry
from spark_lsp.request import EngineInfo, Focus, Request, Task
from spark_lsp.text.document import Document
from tests.integration.gateway.conftest import environment, folder, running, start
from tests.integration.proxy import proxied
from tests.patience import PATIENCE

__all__ = ["environment", "folder", "running", "start"]

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
HELLO = {
    "type": "spark.hello",
    "version": "1",
    "max_in_flight": 16,
    "max_lanes": 32,
    "max_message_bytes": 1 << 24,
    "engines": [{"name": "e", "kind": "replay", "model": "m"}],
}

Talk = Callable[[Peer], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(remote_module, "MAX_PAUSE_S", 0.05)


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    async def tolerant(peer: Peer) -> None:
        with suppress(ConnectionClosed):
            await talk(peer)

    async with serve(tolerant, "127.0.0.1", 0, subprotocols=[Subprotocol("spark.v1")]) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/responses"


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


async def eventually(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


async def answer(remote: Remote, words: str = "x") -> str:
    with anyio.fail_after(DEADLINE):
        async with remote.open(Request(Task.EDIT, (), words)) as events:
            return "".join([event.text async for event in events if isinstance(event, Chunk)])


async def reply(peer: Peer, message: str | bytes, text: str = "hello") -> None:
    """Answer a request; let everything else pass."""
    asked = json.loads(message)
    if asked["type"] != "response.create":
        return
    lane, body = asked["stream_id"], {"response": {"id": "r", "model": "m"}}
    for told in (
        {"type": "response.created", **body},
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.completed", **body},
    ):
        await peer.send(json.dumps({**told, "stream_id": lane}))


async def gateway(peer: Peer) -> None:
    await peer.send(json.dumps(HELLO))
    async for message in peer:
        await reply(peer, message)


@pytest.mark.parametrize("first", [b"\x00\x01", "[" * 100_000, "noise", '{"type":"spark.challenge"}', ""])
async def test_a_stranger_that_says_nonsense_in_place_of_its_proof_is_left_and_the_real_one_is_found(
    first: str | bytes,
) -> None:
    heard: list[str | bytes] = []

    async def stranger(peer: Peer) -> None:
        await peer.send(first)
        heard.extend([message async for message in peer])

    async with listening(stranger) as bad, listening(gateway) as good:
        endpoints = [Endpoint(bad, "secret", proves=True)]
        async with linked(lambda: endpoints[0]) as (remote, told):
            remote.open_document(Document("file:///a.py", "code", 1, "python"))
            await eventually(lambda: told)
            assert "is not our gateway" in told[0].reason
            assert heard == []
            endpoints[0] = Endpoint(good, "secret")
            await eventually(lambda: told[-1].state == "ready")
            assert await answer(remote) == "hello"


@pytest.mark.parametrize("proves", [False, True])
async def test_one_that_sends_us_elsewhere_is_not_followed(proves: bool) -> None:
    """A person has agreed to an address, not to whatever stands behind it."""
    came: list[str] = []

    async def elsewhere(peer: Peer) -> None:
        came.append(str(peer.request))
        await gateway(peer)

    async with listening(elsewhere) as url:

        def redirect(peer: Peer, _: Any) -> Any:
            response = peer.respond(HTTPStatus.FOUND, "there")
            response.headers["Location"] = url
            return response

        async with serve(gateway, "127.0.0.1", 0, process_request=redirect) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            endpoint = Endpoint(f"ws://127.0.0.1:{port}/", "secret", proves=proves)
            async with linked(lambda: endpoint) as (_, told):
                await eventually(lambda: told)
                words = "is not our gateway" if proves else "redirects to another address"
                assert words in told[0].reason
    assert came == []


async def test_one_that_hangs_up_before_it_greets_is_told_of_and_the_next_one_is_found() -> None:
    async def rude(peer: Peer) -> None:
        await peer.close(1011, "no")

    async with listening(rude) as bad, listening(gateway) as good:
        endpoints = [Endpoint(bad)]
        async with linked(lambda: endpoints[0]) as (remote, told):
            await eventually(lambda: told, 1.0)
            assert told[0].state == "degraded"
            with pytest.raises(EngineError) as caught:
                await answer(remote)
            assert caught.value.code == "gateway_unavailable"
            endpoints[0] = Endpoint(good)
            await eventually(lambda: told[-1].state == "ready")
            assert await answer(remote) == "hello"


async def test_one_that_never_greets_is_told_of_and_the_next_one_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.2)

    async def mute(peer: Peer) -> None:
        await peer.wait_closed()

    async with listening(mute) as bad, listening(gateway) as good:
        endpoints = [Endpoint(bad)]
        async with linked(lambda: endpoints[0]) as (remote, told):
            await eventually(lambda: told, 2.0)
            assert told[0].state == "degraded"
            endpoints[0] = Endpoint(good)
            await eventually(lambda: told[-1].state == "ready")
            assert await answer(remote) == "hello"


async def test_while_the_next_gateway_is_mute_the_one_that_leaves_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.2)
    greeted = 0

    async def leaving(peer: Peer) -> None:
        nonlocal greeted
        greeted += 1
        if greeted == 1:
            await peer.send(json.dumps(HELLO))
            await peer.send(json.dumps({"type": "spark.goaway"}))
        elif greeted > 3:
            await peer.send(json.dumps(HELLO))
        async for message in peer:
            await reply(peer, message, str(min(greeted, 4)))

    async with listening(leaving) as url, linked(lambda: Endpoint(url)) as (remote, told):
        await eventually(lambda: greeted >= 2)
        assert await answer(remote)
        await eventually(lambda: len(told) == 2)
        assert await answer(remote) == "4"
        assert [status.state for status in told] == ["ready", "ready"]


async def test_a_link_that_was_left_and_greets_again_is_not_gone_back_to() -> None:
    peers: list[Peer] = []

    async def twice(peer: Peer) -> None:
        peers.append(peer)
        number = len(peers)
        await peer.send(json.dumps(HELLO))
        async for message in peer:
            if "hang" in str(message):
                lane = json.loads(message)["stream_id"]
                body = {"response": {"id": "r", "model": "m"}, "stream_id": lane}
                await peer.send(json.dumps({"type": "response.created", **body}))
            else:
                await reply(peer, message, str(number))

    async with listening(twice) as url, linked(lambda: Endpoint(url)) as (remote, told):
        async with remote.open(Request(Task.EDIT, (), "hang")) as events:
            await anext(events)
            await peers[0].send(json.dumps({"type": "spark.goaway"}))
            await eventually(lambda: len(told) == 2)
            await peers[0].send(json.dumps(HELLO))
            await (await peers[0].ping())
            await anyio.sleep(0.02)
            assert await answer(remote) == "2"
        assert len(told) == 2


async def test_a_peer_that_stops_reading_in_mid_upload_is_found_by_the_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.2)
    async with (
        listening(gateway) as url,
        proxied(url) as proxy,
        linked(lambda: Endpoint(proxy.url)) as (remote, told),
    ):
        await eventually(lambda: told)
        proxy.stuck = True
        remote.open_document(Document("file:///a.py", "x" * 3_000_000, 1, "python"))
        await eventually(lambda: told[-1].state == "degraded", 3.0)
        proxy.stuck = False
        assert await answer(remote) == "hello"


async def test_a_stall_of_our_own_loop_does_not_cost_a_living_link(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stall between a ping and its answer, much longer than what a silent peer is given."""
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.1)
    probes: list[float] = []

    def ping(socket: Socket) -> Any:
        answered = Socket.ping(socket)
        time.sleep(0.3)
        probes.append(time.monotonic())
        return answered

    monkeypatch.setattr(Stalling, "ping", ping)
    monkeypatch.setattr("spark_lsp.engine.gateway_client.dial.Socket", Stalling)
    async with linked(lambda: Endpoint(running.ready["url"], running.token)) as (remote, told):
        await eventually(lambda: len(probes) == 3)
        async with remote.open(Request(Task.EDIT, (), "x", model="replay")) as events:
            assert [event async for event in events]
        assert [status.state for status in told] == ["ready"]


class Stalling(Socket):
    """A socket whose pings hold up everything."""


@pytest.mark.parametrize(
    "method",
    [
        "receive_data",
        "events_received",
        "data_to_send",
        "close_expected",
        "send_text",
        "send_ping",
        "receive_eof",
    ],
)
async def test_whatever_the_socket_raises_is_a_lost_link_and_the_next_request_is_answered(
    method: str, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.2)  # a ping soon
    broken: list[str] = []

    def raise_once(protocol: ClientProtocol, *arguments: Any) -> Any:
        if not broken and protocol.state is not State.CONNECTING:
            broken.append(method)
            raise AttributeError("the library has changed")
        return original(protocol, *arguments)

    original = getattr(ClientProtocol, method)
    async with linked(lambda: Endpoint(running.ready["url"], running.token)) as (remote, told):
        await eventually(lambda: told and told[-1].state == "ready")
        before = len(told)
        monkeypatch.setattr(ClientProtocol, method, raise_once)
        with suppress(EngineError):
            await answer(remote)
        if method == "receive_eof":  # which is only called at the end
            remote._link.retire()  # type: ignore[union-attr]
        await eventually(lambda: broken)
        await eventually(lambda: "degraded" in [status.state for status in told[before:]])
        await eventually(lambda: told[-1].state == "ready")
        async with remote.open(Request(Task.EDIT, (), "x", model="replay")) as events:
            assert [event async for event in events]


async def test_a_cancel_reaches_the_engine_soon() -> None:
    """It waits for nothing: a cancel, one way, takes no longer than a request and its first event.

    Both are measured side by side, since a busy machine slows them alike.
    """
    engine = Endless()
    async with serving(engine) as endpoint, linked(lambda: endpoint) as (remote, _):
        opened: list[float] = []
        took: list[float] = []
        for _ in range(100):
            asked = time.perf_counter()
            async with remote.open(Request(Task.COMPLETE, (), "x")) as events:
                await anext(events)
                begun = time.perf_counter()
            await eventually(lambda: not engine.inside)
            opened.append(begun - asked)
            took.append(engine.left - begun)
    assert statistics.median(took) < 3 * statistics.median(opened)


class Endless:
    """An engine that begins, says nothing, and notes when it is left."""

    info = EngineInfo("endless", "puppet", "wood")
    inside = 0
    left = 0.0

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncIterator[Event]]:
        self.inside += 1
        try:
            yield self._play()
        finally:
            self.left = time.perf_counter()
            self.inside -= 1

    async def _play(self) -> AsyncIterator[Event]:
        yield Started("endless", "wood")
        await anyio.sleep_forever()

    def observe(self, focus: Focus) -> None:
        """Nothing to warm."""

    async def aclose(self) -> None:
        """Nothing to free."""


@asynccontextmanager
async def serving(engine: Endless) -> AsyncIterator[Endpoint]:
    """The real gateway in this process, around an engine of the test's own."""
    routes: dict[str, tuple[str, ...]] = dict.fromkeys(("completion", "edit"), ("endless",))
    registry = Registry({"endless": engine}, routes)
    gateway_ = Gateway(registry, "token", lambda *_: engine, lambda _: ({}, []))
    listener, url = bind_address(Address())
    server = uvicorn.Server(gateway_serve._make_config(gateway_))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [listener])
        await eventually(lambda: server.started)
        yield Endpoint(url, "token")
        server.should_exit = True
    listener.close()
