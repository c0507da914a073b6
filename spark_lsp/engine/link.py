"""One socket to a gateway: its reader, its writer, and the answers that come over it.

The reader hands each answer to its lane's channel and never waits for one; the writer writes what the
connection has to say. A link that is to be left goes on delivering what was asked on it, and is closed when
nothing is under way any more. A link that is lost tells everybody who waits on it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import anyio
from anyio.abc import TaskGroup

from spark_lsp.engine.channel import Channel
from spark_lsp.errors import GatewayError, RemoteProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.wire import codec
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import Answered, ClientEvent, Failed, Leaving
from spark_lsp.wire.frames import SUBPROTOCOL, Auth
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of, proves

if TYPE_CHECKING:
    from spark_lsp.engine.socket import Socket

__all__ = ["NONCE_HEADER", "PROOF_HEADER", "Endpoint", "Link", "connect", "vouches"]

MAX_MESSAGE = 16 * 1024 * 1024
HEARTBEAT = 4.0  # seconds between pings, and until a missing answer counts as a lost link
GOODBYE = 30.0  # seconds that answers have to come over a link that is to be left
CLOCK = 1.0  # seconds between looks at the clocks
ASLEEP = 10.0  # seconds by which the wall clock has run ahead when the machine was asleep
POOLS = {Task.COMPLETE: "ic", Task.EDIT: "act", Task.CHAT: "act"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway is: `ws://…`, `wss://…` or `ws+unix:PATH`, and the token it wants.

    With `proves` it must show that it knows the token, and never gets it: somebody else may listen on a
    port by now.
    """

    url: str
    token: str = field(default="", repr=False)
    proves: bool = False


class Link:
    """See the module's text. `on_event` is told what is not about an answer; None means that it is over."""

    def __init__(
        self,
        socket: "Socket",
        earlier: ClientConnection | None,
        on_event: "OnEvent",
    ) -> None:
        self.connection = ClientConnection(spark=socket.subprotocol == SUBPROTOCOL, earlier=earlier)
        self.next_wanted = anyio.Event()  # it is over, or will be: another one should take its place
        self._socket = socket
        self._on_event = on_event
        self._channels: dict[str, Channel] = {}
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._left = asyncio.Event()
        self._idle = asyncio.Event()

    async def run(self) -> None:
        """Pump until the link is lost, or has been left and nothing is under way."""
        from websockets.exceptions import ConnectionClosed

        try:
            async with anyio.create_task_group() as group:
                for work in (self._write, self._watch_clock):
                    group.start_soon(work)
                group.start_soon(self._say_goodbye, group)
                await self._read(group)
        except* (ConnectionClosed, RemoteProtocolError, OSError):
            pass  # the link is gone; what that means is told to each request
        finally:
            self._lose()  # who waits is told before we wait for the other side to say goodbye
            with anyio.CancelScope(shield=True), anyio.move_on_after(1), suppress(Exception):
                await self._socket.close()

    def leave(self) -> None:
        """Close when what is under way has been answered."""
        self._left.set()
        self._note_idle()

    async def _say_goodbye(self, group: TaskGroup) -> None:
        await self._left.wait()
        with anyio.move_on_after(GOODBYE):
            await self._idle.wait()
        group.cancel_scope.cancel()

    def _note_idle(self) -> None:
        if self._left.is_set() and not self._channels:
            self._idle.set()

    async def _watch_clock(self) -> None:
        """End the link when the machine has slept: nobody knows what became of the other side."""
        ahead = time.time() - time.monotonic()
        while time.time() - time.monotonic() - ahead < ASLEEP:
            ahead = min(ahead, time.time() - time.monotonic())
            await anyio.sleep(CLOCK)
        raise ConnectionError("the machine was asleep")

    def _lose(self) -> None:
        for event in self.connection.lost():
            self._take(event)
        self._channels.clear()
        self._news.set()
        self.next_wanted.set()
        self._on_event(self, None)

    async def _read(self, group: TaskGroup) -> None:
        while messages := await self._socket.hear():
            for message in messages:
                self._hear(message)
        async for message in self._socket:
            self._hear(message)
        group.cancel_scope.cancel()

    def _hear(self, message: str | bytes) -> None:
        for event in self.connection.receive(message):
            self._take(event)
        self._news.set()
        self.flush()

    async def news(self) -> None:
        """Wait until something has come, or the link is lost."""
        self._news.clear()
        await self._news.wait()

    async def _write(self) -> None:
        while True:
            while (message := self.connection.pop()) is not None:
                await self._socket.say(message)
            self._wake.clear()
            await self._wake.wait()

    def flush(self) -> None:
        """Have written what the connection has to say."""
        if self.connection.pending:
            self._wake.set()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Answered(lane, answer):
                self._channels[lane].put(answer)
            case Failed(lane, error):
                self._channels[lane].fail(error)
            case Leaving():
                self.next_wanted.set()
            case _:
                self._on_event(self, event)

    # Questions.

    def ask(self, request: Request) -> tuple[str, Channel]:
        """Ask; returns the lane and its channel. Raises `LocalProtocolError` if all lanes are busy."""
        lane = self.connection.create(request, POOLS[request.task])
        channel = self._channels[lane] = Channel(request.task, lambda: self._read_of(lane))
        self.flush()
        return lane, channel

    def _read_of(self, lane: str) -> None:
        self.connection.read(lane)
        self.flush()

    def done(self, lane: str, channel: Channel) -> None:
        """Stop listening to a lane; harmless after its end, when the lane may be somebody else's."""
        if self._channels.get(lane) is channel:
            del self._channels[lane]
            self.connection.cancel(lane)
            self.flush()
            self._note_idle()


OnEvent = Callable[[Link, ClientEvent | None], None]


async def connect(endpoint: Endpoint, earlier: ClientConnection | None, on_event: OnEvent) -> Link:
    """Return a link to the gateway at `endpoint`. Raises `GatewayError` or `OSError`."""
    from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

    try:
        socket = await _open(endpoint)
        if endpoint.proves:
            await _proved(socket, endpoint.token)
    except (InvalidURI, ValueError) as error:
        raise _no_address() from error
    except ConnectionClosed as error:
        raise ConnectionError from error
    except WebSocketException as error:
        raise _refused(error) from error
    return Link(socket, earlier, on_event)


async def _open(endpoint: Endpoint) -> "Socket":
    from websockets.asyncio.client import connect as connect_tcp
    from websockets.asyncio.client import unix_connect
    from websockets.typing import Subprotocol

    from spark_lsp.engine.socket import Socket

    options: dict[str, Any] = {
        "additional_headers": _introduction(endpoint),
        "subprotocols": [Subprotocol(SUBPROTOCOL)],
        "compression": None,
        "max_size": MAX_MESSAGE,
        "ping_interval": HEARTBEAT,
        "ping_timeout": HEARTBEAT,
        "open_timeout": HEARTBEAT,
        "close_timeout": 1,
        "create_connection": Socket,
    }
    if endpoint.url.startswith("ws+unix:"):
        path = endpoint.url.removeprefix("ws+unix:")
        return cast("Socket", await unix_connect(path, "ws://localhost/v1/responses", **options))
    return cast("Socket", await connect_tcp(endpoint.url, **options, proxy=None))


def vouches(token: str, nonce: str, proof: str) -> bool:
    """Return whether a gateway that was sent `nonce` has answered with the proof that it knows the token."""
    return proves(token, "gateway", nonce, proof)


def _introduction(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers that say who we are: the token, or a number that asks for a proof."""
    if endpoint.proves:
        import secrets

        return {NONCE_HEADER: secrets.token_hex(16)}
    return {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}


async def _proved(socket: "Socket", token: str) -> None:
    """Have the other side prove that it knows the token, and prove it too. Raises `GatewayError`."""
    assert socket.request is not None
    nonce = socket.request.headers[NONCE_HEADER]
    proof = ""
    with anyio.move_on_after(HEARTBEAT), suppress(RemoteProtocolError):
        _, challenge = codec.decode("".join((await socket.hear())[:1]), codec.CHALLENGE_FRAMES)
        proof = challenge.proof if challenge is not None else ""
        ours = challenge.nonce if challenge is not None else ""
        if proves(token, "gateway", nonce, proof):
            await socket.say(codec.encode(Auth(proof=proof_of(token, "client", ours))))
            return
    with anyio.CancelScope(shield=True), anyio.move_on_after(1), suppress(Exception):
        await socket.close()
    raise GatewayError(
        "What listens at the gateway's port does not know our token",
        "Nothing was sent to it; no suggestions and no edits until the gateway is found",
        "It is looked for again by itself",
    )


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
