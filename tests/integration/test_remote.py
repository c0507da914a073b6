"""The link to a gateway, over real sockets: lost, refused, hung, wrong, and back again."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.server import Server, serve, unix_serve
from websockets.asyncio.server import ServerConnection as Socket
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client import link as link_module
from spark_lsp.engine.gateway_client import remote as module
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import EngineError, GatewayError
from spark_lsp.request import EngineInfo, Focus, Part, PartKind, Request, Span, Task
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import CursorRested, RequestCancelled, RequestReceived, SettingsReceived
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio
URI = "file:///a.py"


def ask(instruction: str = "hello", *parts: Part, task: Task = Task.EDIT) -> Request:
    return Request(task, parts, instruction)


@dataclass
class Gateway:
    """A small real gateway: it says each instruction back; "hang" it only begins, "die" cuts the link."""

    token: str = "secret"
    spark: bool = True
    greets: bool = True
    heard: list[Any] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    sessions: list[str | None] = field(default_factory=list)
    server: Server | None = None

    async def admit(self, socket: Socket, request: HttpRequest) -> Response | None:
        self.tokens.append(request.headers.get("Authorization"))
        self.sessions.append(request.headers.get("session-id"))
        if self.tokens[-1] != f"Bearer {self.token}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no")
        return None

    async def talk(self, socket: Socket) -> None:
        connection = ServerConnection("t", spark=self.spark)
        if self.spark and self.greets:
            connection.greet("1", [EngineInfo("echo", "replay", "m")])
        try:
            await self.flush(socket, connection)
            async for message in socket:
                for event in connection.receive(message, time.time()):
                    self.heard.append(event)
                    if isinstance(event, RequestReceived):
                        await self.answer(socket, connection, event)
                await self.flush(socket, connection)
        except ConnectionClosed:
            pass

    async def answer(self, socket: Socket, connection: ServerConnection, asked: RequestReceived) -> None:
        said = asked.request.instruction
        connection.write_event(asked.response, Started("echo", "m"))
        if "die" in said:
            await self.flush(socket, connection)
            socket.transport.abort()
        elif "garbage" in said:
            await socket.send(b"\x00\xff")
        elif "fail" in said:
            connection.fail(asked.response, Code.ENGINE_FAILED, "It failed.")
        elif "status" in said:
            connection.report_status(
                [EngineInfo("echo", "replay", "m", state="off", reason="Gone.")], ["a problem"]
            )
            connection.announce_end("soon")
        elif "spoil" in said:
            await socket.send('{"type":"spark.doc.resync","doc":"d1"}')
        elif "hang" not in said:
            connection.write_event(asked.response, Chunk(said))
            connection.write_event(asked.response, Finished())

    async def flush(self, socket: Socket, connection: ServerConnection) -> None:
        while (message := connection.pop()) is not None:
            await socket.send(message)

    def requests(self) -> list[Request]:
        return [event.request for event in self.heard if isinstance(event, RequestReceived)]

    @asynccontextmanager
    async def listen(self, path: Path | None = None, port: int = 0) -> AsyncIterator[Endpoint]:
        options: dict[str, Any] = {"process_request": self.admit, "close_timeout": 0.2}
        if self.spark:
            options["subprotocols"] = ["spark.v1"]
        opened = (
            unix_serve(self.talk, str(path), **options)
            if path
            else serve(self.talk, "127.0.0.1", port, **options)
        )
        async with opened as self.server:
            url = f"ws+unix:{path}" if path else f"ws://127.0.0.1:{self.port}/v1/responses"
            yield Endpoint(url, self.token)

    @property
    def port(self) -> int:
        assert self.server is not None
        return next(iter(self.server.sockets)).getsockname()[1]


@dataclass
class Link:
    """A running remote, and all it told."""

    engine: Remote
    told: list[LinkStatus]

    async def until(self, state: str) -> LinkStatus:
        await eventually(lambda: bool(self.told) and self.told[-1].state == state)
        return self.told[-1]


@asynccontextmanager
async def linked(endpoint: Endpoint | Callable[[], Endpoint]) -> AsyncIterator[Link]:
    async def locate() -> Endpoint:
        return endpoint if isinstance(endpoint, Endpoint) else endpoint()

    told: list[LinkStatus] = []
    engine = Remote(locate, told.append)
    async with anyio.create_task_group() as group:
        group.start_soon(engine.run)
        yield Link(engine, told)
        group.cancel_scope.cancel()


async def eventually(condition: Callable[[], object]) -> None:
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.005)


async def answer(engine: Remote, request: Request) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "MAX_PAUSE_S", 0.05)


@pytest.mark.parametrize("unix", [False, True])
async def test_an_answer(unix: bool, tmp_path: Path):
    gateway = Gateway()
    async with gateway.listen(tmp_path / "g.sock" if unix else None) as endpoint, linked(endpoint) as link:
        events = await answer(link.engine, ask())
        assert events == [Started("echo", "m"), Chunk("hello"), Finished()]
        assert link.told == [LinkStatus("ready", engines=(EngineInfo("echo", "replay", "m"),))]
        assert link.engine.info.name == "echo"


async def test_all_links_of_a_client_name_the_same_session():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as one, linked(endpoint) as other:
        with pytest.raises(EngineError):
            await answer(one.engine, ask("die"))
        assert text_of(await answer(one.engine, ask())) == "hello"
        assert text_of(await answer(other.engine, ask())) == "hello"
    first, second, again = gateway.sessions
    assert first == again != second
    assert first


async def test_many_answers_at_once_do_not_mix():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        got: dict[str, str] = {}

        async def one(name: str) -> None:
            got[name] = text_of(await answer(link.engine, ask(name)))

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(one, f"n{number}")
        assert got == {f"n{number}": f"n{number}" for number in range(10)}
        assert len(gateway.tokens) == 1


async def test_leaving_early_cancels_and_the_neighbours_go_on():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        async with link.engine.open(ask("hang")) as events:
            assert isinstance(await anext(events), Started)
        await eventually(lambda: any(isinstance(event, RequestCancelled) for event in gateway.heard))
        assert text_of(await answer(link.engine, ask("next"))) == "next"


async def test_a_failure_of_the_engine_is_its_words():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        with pytest.raises(EngineError, match="It failed") as caught:
            await answer(link.engine, ask("fail"))
        assert caught.value.code == Code.ENGINE_FAILED


@pytest.mark.parametrize("how", ["die", "garbage"])
async def test_a_lost_link_ends_what_was_open_and_comes_back(how: str):
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        async with link.engine.open(ask("hang")) as events:
            await anext(events)
            for request in (ask(how),):
                with pytest.raises(EngineError) as caught:
                    await answer(link.engine, request)
                assert (caught.value.code, caught.value.retryable) == ("connection_lost", True)
            with pytest.raises(EngineError, match="connection to the gateway was lost"):
                await anext(events)
        assert text_of(await answer(link.engine, ask("again"))) == "again"
        assert [status.state for status in link.told] == ["ready", "degraded", "ready"]


async def test_documents_and_settings_are_there_again_after_a_loss():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        link.engine.configure({}, {"edit": ["echo"]}, {})
        document = Document(URI, "abc", 1, "python")
        link.engine.open_document(document)
        await link.until("ready")
        changed = document.splice(0, 1, "xyz", version=2)
        link.engine.edit_document(changed, [Edit(0, 1, "xyz")])
        part = Part(PartKind.TARGET, "yzb", URI, Span(URI, 2, 1, 4))
        for _ in range(2):
            await answer(link.engine, ask("cited", part))
            assert gateway.requests()[-1].parts == (part,)  # with its span: it was cited
            with pytest.raises(EngineError):
                await answer(link.engine, ask("die"))
            await link.until("ready")
        link.engine.observe(Focus(URI, "python", "xyzbc", 2))
        await eventually(lambda: any(isinstance(event, CursorRested) for event in gateway.heard))
        link.engine.close_document(URI)
        await answer(link.engine, ask("closed", part))
        assert gateway.requests()[-1].parts == (Part(PartKind.TARGET, "yzb", URI),)
        configured = [event for event in gateway.heard if isinstance(event, SettingsReceived)]
        assert {str(event.routes) for event in configured} == {"{'edit': ['echo']}"}
        assert len(configured) == len(gateway.tokens)


async def test_a_wrong_token_is_said_and_the_right_one_is_tried():
    gateway = Gateway()
    async with gateway.listen() as endpoint:
        endpoints = [Endpoint(endpoint.url, "wrong")]
        async with linked(lambda: endpoints[0]) as link:
            assert "rejected the token" in (await link.until("degraded")).reason
            with pytest.raises(EngineError, match="rejected the token") as caught:
                await answer(link.engine, ask())
            assert caught.value.code == "gateway_unavailable"
            assert gateway.heard == []
            endpoints[0] = endpoint
            await link.until("ready")
            assert text_of(await answer(link.engine, ask())) == "hello"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ws://127.0.0.1:1/v1/responses", "cannot be reached"),
        ("ws+unix:/nonexistent/gateway.sock", "cannot be reached"),
        ("http://127.0.0.1/", "address of the gateway is invalid"),
        ("nonsense", "address of the gateway is invalid"),
        ("ws://a..b/", "address of the gateway is invalid"),
        ("ws://127.0.0.1:99999/", "address of the gateway is invalid"),
    ],
)
async def test_an_address_where_nobody_is(url: str, reason: str):
    async with linked(Endpoint(url)) as link:
        assert reason in (await link.until("degraded")).reason
        with pytest.raises(EngineError, match=reason) as caught:
            await answer(link.engine, ask())
        assert caught.value.code == "gateway_unavailable"
        assert reason in link.engine.info.reason


async def test_a_gateway_that_cannot_be_found_is_looked_for_again():
    gateway = Gateway()
    async with gateway.listen() as endpoint:
        found: list[Endpoint] = []

        def locate() -> Endpoint:
            if not found:
                raise GatewayError("The gateway did not start", "No suggestions", "Look at its log")
            return found[0]

        async with linked(locate) as link:
            await link.until("degraded")
            with pytest.raises(EngineError, match="did not start"):
                await answer(link.engine, ask())
            found.append(endpoint)
            await link.until("ready")


async def test_one_that_does_not_greet_is_waited_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.2)
    gateway = Gateway(greets=False)
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        with pytest.raises(EngineError) as caught:
            await answer(link.engine, ask())
        assert caught.value.code == "gateway_unavailable"


async def test_one_that_is_deaf_to_the_handshake_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 0.2)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with linked(Endpoint(f"ws://127.0.0.1:{port}/")) as link:
            assert "cannot be reached" in (await link.until("degraded")).reason


async def test_the_end_of_the_link_is_told_to_whoever_waits():
    gateway = Gateway()
    async with gateway.listen() as endpoint:
        failed: list[EngineError] = []

        async def wait(engine: Remote) -> None:
            try:
                await answer(engine, ask("hang"))
            except EngineError as error:
                failed.append(error)

        async with anyio.create_task_group() as group, linked(endpoint) as link:
            group.start_soon(wait, link.engine)
            await eventually(gateway.requests)
        assert [error.code for error in failed] == ["connection_lost"]


async def test_more_at_once_than_there_are_lanes_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LANE_TIMEOUT_S", 0.05)
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link, anyio.create_task_group() as group:
        for _ in range(14):
            group.start_soon(hold, link.engine)
        await eventually(lambda: len(gateway.requests()) == 14)
        with pytest.raises(EngineError, match="Too many requests") as caught:
            await answer(link.engine, ask())
        assert caught.value.code == "engine_busy"
        assert text_of(await answer(link.engine, ask(task=Task.COMPLETE))) == "hello"
        group.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["left", "lost"])
async def test_one_more_than_there_are_lanes_is_asked_when_one_is_free(how: str):
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        got: list[str] = []

        async def wait() -> None:
            got.append(text_of(await answer(link.engine, ask("waited"))))

        async with anyio.create_task_group() as waiting, anyio.create_task_group() as group:
            for _ in range(14):
                group.start_soon(tolerant, hold, link.engine)
            await eventually(lambda: len(gateway.requests()) == 14)
            waiting.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert len(gateway.requests()) == 14
            if how == "lost":
                with pytest.raises(EngineError):
                    await answer(link.engine, ask("die", task=Task.COMPLETE))
            group.cancel_scope.cancel()
        assert got == ["waited"]
        assert len(gateway.tokens) == (2 if how == "lost" else 1)


async def tolerant(work: Callable[[Remote], Awaitable[None]], engine: Remote) -> None:
    with suppress(EngineError):
        await work(engine)


async def hold(engine: Remote) -> None:
    async with engine.open(ask("hang")) as events:
        async for _ in events:
            pass


async def test_a_server_that_knows_only_the_public_protocol():
    gateway = Gateway(spark=False)
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        link.engine.open_document(Document(URI, "abc", 1, "python"))
        part = Part(PartKind.TARGET, "ab", URI, Span(URI, 1, 0, 2))
        events = await answer(link.engine, ask("improve", part))
        assert text_of(events) == "<target>\nab\n</target>\n\nimprove"
        assert isinstance(events[0], Started)
        async with link.engine.open(ask("hang")) as waiting:
            await anext(waiting)
        assert text_of(await answer(link.engine, ask("next"))) == "next"
        assert [engine.name for engine in link.told[-1].engines] == ["remote"]


async def test_what_the_gateway_says_of_its_engines_is_passed_on():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        async with link.engine.open(ask("status")):
            await eventually(lambda: len(link.told) == 2)
        assert link.told[-1].problems == ("a problem",)
        assert link.engine.info.reason == "Gone."


async def test_a_spoilt_mirror_is_made_good_unseen():
    gateway = Gateway()
    async with gateway.listen() as endpoint, linked(endpoint) as link:
        await link.until("ready")
        document = Document(URI, "abc", 1, "python")
        link.engine.open_document(document)
        changed = document.splice(0, 0, "x" * 20_000, version=2)
        link.engine.edit_document(changed, [Edit(0, 0, "x" * 20_000)])  # too much for a delta
        part = Part(PartKind.TARGET, "xabc", URI, Span(URI, 2, 19_999, 20_003))
        async with link.engine.open(ask("spoil")) as events:
            await anext(events)
        assert text_of(await answer(link.engine, ask("cited", part))) == "cited"
        assert gateway.requests()[-1].parts == (part,)
        await link.engine.aclose()
