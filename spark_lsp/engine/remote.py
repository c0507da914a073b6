"""The gateway as an engine: one WebSocket, however many documents and requests.

`run` is the life of the connection: find the gateway, connect, pump, and again after a loss, with
jittered and growing pauses. One reader hands each answer to its lane's channel and never waits for a
lane; one writer writes what the connection has to say. `open` waits a bounded time for a connection,
so that the first request of a morning may start the gateway, and fails with words fit for a person.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
from anyio.abc import TaskGroup

from spark_lsp.engine.channel import Channel
from spark_lsp.errors import EngineError, GatewayError, RemoteProtocolError, SparkError
from spark_lsp.request import EngineInfo, Event, Focus, Request, Task
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import (
    Answered,
    ClientEvent,
    EnginesChanged,
    Failed,
    Greeted,
    Leaving,
    Resync,
)
from spark_lsp.wire.frames import SUBPROTOCOL

if TYPE_CHECKING:
    from spark_lsp.engine.socket import Socket

MAX_MESSAGE = 16 * 1024 * 1024
CONNECT_WAIT = 15.0  # seconds a request waits for the connection; a cold gateway takes about one
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
STEADY = 10.0  # seconds a link must have lived for the next one to be tried at once again
HEARTBEAT = 5.0  # seconds between pings, and until a missing answer counts as a lost link
POOLS = {Task.COMPLETE: "ic", Task.EDIT: "act", Task.CHAT: "act"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway is: `ws://…`, `wss://…` or `ws+unix:PATH`, and the token it wants."""

    url: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the connection is. `problems` are settings that the gateway does not use; `serving` names the
    engine that each route would ask now; `settled` is False while the gateway has not yet answered to our
    own settings, which may bring other engines."""

    state: Literal["starting", "ready", "degraded"]
    reason: str = ""
    engines: tuple[EngineInfo, ...] = ()
    problems: tuple[str, ...] = ()
    serving: Mapping[str, str] = field(default_factory=dict[str, str])
    settled: bool = True


Locate = Callable[[], Awaitable[Endpoint]]


class Remote:
    """See the module's text. `locate` finds the gateway; `on_status` is told how the link is."""

    def __init__(self, locate: Locate, on_status: Callable[[LinkStatus], None]) -> None:
        self._locate = locate
        self._on_status = on_status
        self._connection: ClientConnection | None = None
        self._ready = False
        self._changed = anyio.Event()
        self._wake = asyncio.Event()
        self._channels: dict[str, Channel] = {}
        self._documents: dict[str, Document] = {}
        self._settings: tuple[Mapping[str, Any], Mapping[str, Sequence[str]], Mapping[str, Any]] | None = None
        self._engines: tuple[EngineInfo, ...] = ()
        self._serving: Mapping[str, str] = {}
        self._trouble: SparkError | None = None
        self._pause = FIRST_PAUSE

    @property
    def info(self) -> EngineInfo:
        """The gateway's first engine, or why there is none."""
        if self._connection is not None and self._engines:
            return self._engines[0]
        reason = str(self._trouble) if self._trouble else "The gateway is being started"
        return EngineInfo("remote", "remote", "", state="starting", reason=reason)

    # The link.

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        try:
            while True:
                began = anyio.current_time()
                try:
                    endpoint = await self._locate()
                    await self._connected(endpoint)
                except (SparkError, OSError) as error:
                    self._trouble = error if isinstance(error, SparkError) else _unreachable()
                self._down()
                if anyio.current_time() - began > STEADY:
                    self._pause = FIRST_PAUSE
                await anyio.sleep(self._pause * random.uniform(0.5, 1.0))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
        finally:
            self._lose()  # whoever still waits is told

    async def _connected(self, endpoint: Endpoint) -> None:
        from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

        try:
            socket = await _connect(endpoint)
        except (InvalidURI, ValueError) as error:
            raise _no_address() from error
        except WebSocketException as error:
            raise _refused(error) from error
        try:
            async with anyio.create_task_group() as group:
                self._up(ClientConnection(spark=socket.subprotocol == SUBPROTOCOL))
                group.start_soon(self._write, socket)
                await self._read(socket, group)
        except* (ConnectionClosed, RemoteProtocolError):
            pass  # the link is gone; what that means is told to each request
        finally:
            self._lose()  # who waits is told before we wait for the other side to say goodbye
            with anyio.CancelScope(shield=True), anyio.move_on_after(1), suppress(Exception):
                await socket.close()

    def _up(self, connection: ClientConnection) -> None:
        self._connection = connection
        if self._settings is not None:
            connection.configure(*self._settings)
        for document in self._documents.values():
            connection.open_document(document.uri, document.language, document.version, document.text)
        self._flush()
        if not connection.spark:
            self._engines = (EngineInfo("remote", "responses", ""),)
            self._settle()

    def _settle(self) -> None:
        self._trouble, self._ready = None, True
        settled = self._settings is None or self._connection is None or not self._connection.spark
        self._announce(
            LinkStatus("ready", engines=self._engines, serving=self._serving, settled=settled),
        )

    def _announce(self, status: LinkStatus) -> None:
        """Wake who waits for the link, and tell how it is."""
        self._changed.set()
        self._changed = anyio.Event()
        self._on_status(status)

    def _down(self) -> None:
        self._lose()
        reason = str(self._trouble) if self._trouble else "The connection to the gateway was lost"
        self._announce(LinkStatus("degraded", reason))

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._ready = False
        if connection is not None:
            for event in connection.lost():
                self._take(event)
        self._channels.clear()

    async def _read(self, socket: "Socket", group: TaskGroup) -> None:
        while messages := await socket.hear():
            for message in messages:
                self._hear(message)
        async for message in socket:
            self._hear(message)
        group.cancel_scope.cancel()

    def _hear(self, message: str | bytes) -> None:
        if self._connection is not None:
            for event in self._connection.receive(message):
                self._take(event)
            self._flush()

    async def _write(self, socket: "Socket") -> None:
        while self._connection is not None:
            while (message := self._connection.pop()) is not None:
                await socket.say(message)
            self._wake.clear()
            await self._wake.wait()

    def _flush(self) -> None:
        if self._connection is not None and self._connection.pending:
            self._wake.set()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Answered(lane, answer):
                self._channels[lane].put(answer)
            case Failed(lane, error):
                self._channels[lane].fail(error)
            case Greeted(engines=engines, serving=serving):
                self._engines, self._serving = engines, serving
                self._settle()
            case EnginesChanged(engines, problems, serving):
                self._engines, self._serving = engines, serving
                self._on_status(LinkStatus("ready", "", engines, problems, serving))
            case Resync(uri):
                if uri in self._documents:
                    self._mirror(self._documents[uri])
            case Leaving():
                pass  # the gateway closes when its answers are out; then run() finds the next one

    # Questions.

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Ask the gateway."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        connection = await self._usable()
        try:
            lane = connection.create(request, POOLS[request.task])
        except SparkError as error:
            raise EngineError(error.what, error.meaning, error.remedy, code="engine_busy") from error
        channel = self._channels[lane] = Channel(lambda: self._read_of(connection, lane))
        self._flush()
        try:
            yield channel.read()
        finally:
            if self._connection is connection and self._channels.get(lane) is channel:
                connection.cancel(lane)  # harmless after the terminal: the lane is free by then
                self._flush()

    def _read_of(self, connection: ClientConnection, lane: str) -> None:
        connection.read(lane)
        if connection is self._connection:
            self._flush()

    async def _usable(self) -> ClientConnection:
        if self._connection is not None and self._ready:
            return self._connection
        with anyio.move_on_after(CONNECT_WAIT):
            while self._trouble is None:
                if self._connection is not None and self._ready:
                    return self._connection
                await self._changed.wait()
        error = self._trouble or _unreachable()
        raise EngineError(error.what, error.meaning, error.remedy, code="gateway_unavailable") from error

    def observe(self, focus: Focus) -> None:
        """Tell where the cursor rests, if the mirror has that text."""
        document = self._documents.get(focus.uri)
        if self._connection is not None and document is not None and document.text == focus.text:
            self._connection.check_document(document.uri, document.version, document.text)
            self._connection.focus(document.uri, document.version, focus.offset)
            self._flush()

    # Documents and settings.

    def opened(self, document: Document) -> None:
        """Mirror a document."""
        self._documents[document.uri] = document
        self._mirror(document)

    def edited(self, document: Document, edits: Sequence[Edit]) -> None:
        """Mirror changes, made one after another, that led to `document`."""
        self._documents[document.uri] = document
        if self._connection is None:
            return
        if not self._connection.edit_document(document.uri, document.version, edits, len(document)):
            self._mirror(document)
        self._flush()

    def closed(self, uri: str) -> None:
        """Have a document forgotten."""
        self._documents.pop(uri, None)
        if self._connection is not None:
            self._connection.close_document(uri)
            self._flush()

    def _mirror(self, document: Document) -> None:
        if self._connection is not None:
            self._connection.open_document(document.uri, document.language, document.version, document.text)
            self._flush()

    def configure(
        self, engines: Mapping[str, Any], routes: Mapping[str, Sequence[str]], budget: Mapping[str, Any]
    ) -> None:
        """Send the editor's settings, now and after every reconnect."""
        self._settings = (engines, routes, budget)
        if self._connection is not None:
            self._connection.configure(engines, routes, budget)
            self._flush()

    async def aclose(self) -> None:
        """The link ends with `run`; there is nothing else to free."""


async def _connect(endpoint: Endpoint) -> "Socket":
    from websockets.asyncio.client import connect, unix_connect
    from websockets.typing import Subprotocol

    from spark_lsp.engine.socket import Socket

    options: dict[str, Any] = {
        "additional_headers": {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {},
        "subprotocols": [Subprotocol(SUBPROTOCOL)],
        "compression": None,
        "max_size": MAX_MESSAGE,
        "ping_interval": HEARTBEAT,
        "ping_timeout": HEARTBEAT,
        "open_timeout": HEARTBEAT,
        "close_timeout": 1,
        "proxy": None,
        "create_connection": Socket,
    }
    if endpoint.url.startswith("ws+unix:"):
        del options["proxy"]
        path = endpoint.url.removeprefix("ws+unix:")
        return cast("Socket", await unix_connect(path, "ws://localhost/v1/responses", **options))
    return cast("Socket", await connect(endpoint.url, **options))


def _refused(error: Exception) -> GatewayError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status in (401, 403):
        return GatewayError(
            "The gateway refused our token",
            "No suggestions and no edits until it is accepted",
            'Set SPARK_LSP_TOKEN to the gateway\'s token, or set spark.engine.url to "auto"',
        )
    return GatewayError(
        f"What answers at the gateway's address is no gateway (status {status})",
        "No suggestions and no edits until one answers there",
        "Check spark.engine.url",
    )


def _no_address() -> GatewayError:
    return GatewayError(
        "The address of the gateway cannot be used",
        "No suggestions and no edits until it is changed",
        'Set spark.engine.url to a ws:// or wss:// address, or to "auto"',
    )


def _unreachable() -> GatewayError:
    return GatewayError(
        "The gateway cannot be reached",
        "No suggestions and no edits until it answers",
        "It is tried again by itself; check spark.engine.url if it stays so",
    )
