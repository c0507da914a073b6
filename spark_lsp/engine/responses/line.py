"""One open WebSocket to a service, and what that service has of our documents.

The peer decides the protocol: another gateway of spark-lsp selects `spark.v1` and gets mirrors, credit and
cancels (`gateway`); every other service gets the public protocol (`public`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio

from spark_lsp.answer_events import Chunk, Event, Finished, Usage
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.gateway_client.link import LANE_POOLS, GatewayLink, Link
from spark_lsp.engine.gateway_client.socket import Socket
from spark_lsp.engine.openai.errors import make_silence_error
from spark_lsp.engine.responses.bases import Bases
from spark_lsp.engine.responses.connection import Outgoing, PublicConnection
from spark_lsp.engine.responses.creates import Call
from spark_lsp.engine.responses.errors import make_busy_error, make_lost_error, make_other_peer_error
from spark_lsp.engine.responses.events import ResponseReader
from spark_lsp.engine.responses.mirrors import Mirrors
from spark_lsp.engine.responses.steers import make_steer_error, steering_text
from spark_lsp.errors import EngineError, GatewayError, LocalProtocolError
from spark_lsp.request import Request, Task
from spark_lsp.wire.client import ClientConnection
from spark_lsp.wire.client_events import ClientEvent, Resync
from spark_lsp.wire.frames import SUBPROTOCOL

LANE_TIMEOUT_S = 5.0  # for a free lane; a cancelled request occupies its lane until its response ends
NO_LIMIT_S = 86_400.0
STEER_TIMEOUT_S = 2.0  # for the service's word about a steer; then the request is sent as a new one
MAX_LEFT = 4


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until the first text and until each further one; 0: no limit."""

    first_s: float
    next_s: float


@dataclass(frozen=True, slots=True)
class Owner:
    """What a connection needs of its engine: the body of a call, places for failures and bases' tokens."""

    make_body: Callable[[Call], dict[str, Any]]
    note_failure: Callable[[EngineError], None]
    note_usage: Callable[[str, Usage], None]


class Line:
    """See the module's text. `used_at` and `opened_at` are times of the monotonic clock."""

    def __init__(
        self,
        name: str,
        socket: Socket,
        patience: Patience,
        retire_s: float,
        owner: "Owner",
        tasks: set[asyncio.Task[Any]],
    ) -> None:
        self.public: Link[PublicConnection] | None = None
        self.gateway: GatewayLink | None = None
        self.mirrors = Mirrors()
        self._left: dict[str, Request] = {}  # by lane: responses that go on though nobody reads them
        self.opened_at = self.used_at = time.monotonic()
        self._name = name
        self._patience = patience
        self._owner = owner
        self.bases = Bases(self._exchange_base, tasks, self._is_lane_free, owner.note_failure)

        def make_loss() -> EngineError:
            return make_lost_error(name)

        if socket.subprotocol == SUBPROTOCOL:
            connection = ClientConnection(spark=True)
            self.gateway = Link(
                socket, connection, self._handle_event, make_loss=make_loss, retire_s=retire_s
            )
        else:
            plain = PublicConnection(name, time.time)
            self.public = Link(socket, plain, _ignore_event, make_loss=make_loss, retire_s=retire_s)

    @property
    def link(self) -> Link[Any]:
        """The link, whatever its protocol."""
        link = self.public or self.gateway
        assert link is not None
        return link

    @property
    def run(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """The work that reads and writes until the link ends."""
        return self.link.run

    async def wait_until_ready(self) -> None:
        """Wait for a gateway's greeting. Raises `EngineError` if none comes."""
        if self.gateway is not None:
            try:
                await self.gateway.wait_for_hello()
            except GatewayError as error:
                raise make_other_peer_error(self._name, "the gateway did not greet") from error

    def _handle_event(self, link: GatewayLink, event: ClientEvent | None) -> None:
        if isinstance(event, Resync):
            self.mirrors.forget(event.uri)

    # Requests.

    async def send_public(self, task: Task, outgoing: Outgoing) -> "Exchange":
        """Send a request in the public protocol."""
        assert self.public is not None
        return await self._send(self.public, task, lambda connection: connection.create(outgoing))

    def leave(self, request: Request, exchange: "Exchange") -> None:
        """Close an exchange; remember a response that goes on at the service, so that it can be steered."""
        if not exchange.close() or self.public is None or request.task is Task.COMPLETE:
            return
        busy = self.public.connection.busy_lanes
        left = {lane: each for lane, each in self._left.items() if lane in busy and lane != exchange.lane}
        if exchange.lane in busy:
            left[exchange.lane] = request
        self._left = dict(list(left.items())[-MAX_LEFT:])

    async def steer(self, request: Request, reader: ResponseReader) -> "Exchange | None":
        """Continue a response that was left, if `request` adds to its request, else None.

        Raises `SteerError` if the service does not accept that in time.
        """
        for lane, old in list(self._left.items()):
            text = steering_text(old, request)
            if text and self.public is not None and self.public.connection.may_steer(lane):
                del self._left[lane]
                return await self._steer(self.public, lane, text, reader, request.task)
        return None

    async def _steer(
        self, link: Link[PublicConnection], lane: str, text: str, reader: ResponseReader, task: Task
    ) -> "Exchange":
        self.used_at = time.monotonic()
        exchange = Exchange(self._name, link, task, self._patience)
        if not exchange.begin(lambda connection: connection.steer(lane, text, reader)):
            raise make_steer_error(self._name)
        with anyio.move_on_after(STEER_TIMEOUT_S):
            while link.connection.is_steer_open(lane):
                await link.wait_for_news()
            return exchange
        exchange.close()
        link.connection.has_steering = False
        raise make_steer_error(self._name)

    async def _exchange_base(self, call: Call, lane: str) -> ResponseReader:
        """Send the call of a base on its lane, and read its response to the end."""
        outgoing = Outgoing(self._owner.make_body(call), lane)
        exchange = await self.send_public(Task.EDIT, outgoing)
        try:
            async for event in exchange.events():
                if isinstance(event, Chunk):
                    break
                if isinstance(event, Finished):
                    self._owner.note_usage(outgoing.reader.model, event.usage)
        finally:
            exchange.close()
        return outgoing.reader

    def _is_lane_free(self, lane: str) -> bool:
        return self.public is not None and lane not in self.public.connection.busy_lanes

    async def send_to_gateway(self, request: Request) -> "Exchange":
        """Send a request to a gateway, with ranges of mirrored documents in place of their text."""
        assert self.gateway is not None
        cited = self.mirrors.cite(request, self.gateway.connection)
        pool = LANE_POOLS[request.task]
        return await self._send(self.gateway, request.task, lambda connection: connection.create(cited, pool))

    async def _send(self, link: Link[Any], task: Task, create: Callable[[Any], str]) -> "Exchange":
        """Send a request, now or as soon as a lane is free."""
        self.used_at = time.monotonic()
        exchange = Exchange(self._name, link, task, self._patience)
        if not exchange.begin(create):
            await self._wait_for_lane(exchange, create)
        return exchange

    async def _wait_for_lane(self, exchange: "Exchange", create: Callable[[Any], str]) -> None:
        """Send a request as soon as a lane is free. Raises `EngineError` if none is free in time."""
        with anyio.move_on_after(LANE_TIMEOUT_S):
            while not exchange.begin(create):
                if self.public is not None and self.public.connection.is_stuck:
                    raise make_lost_error(self._name)  # only the connection's end stops that response
                await self.link.wait_for_news()
            return
        raise make_busy_error(self._name)


class Exchange:
    """A request that was sent, and its response. `close` cancels it, harmlessly after its end."""

    def __init__(self, name: str, link: Link[Any], task: Task, patience: Patience) -> None:
        self.lane = ""
        self.has_text = False
        self._name = name
        self._link = link
        self._task = task
        self._patience = patience
        self._channel: Channel

    def begin(self, create: Callable[[Any], str]) -> bool:
        """Send the request. Return False if no lane is free; raises `EngineError` if the link has ended."""
        try:
            self.lane, self._channel = self._link.begin(create, self._make_channel)
        except LocalProtocolError:
            return False
        return True

    def _make_channel(self, on_read: Callable[[], None]) -> Channel:
        first_s, next_s = self._patience.first_s or NO_LIMIT_S, self._patience.next_s or NO_LIMIT_S
        return Channel(self._task, on_read, first_s, next_s, self._make_silence)

    def _make_silence(self, seconds: float) -> EngineError:
        return make_silence_error(self._name, seconds, begun=self.has_text)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Give the events of the response. Raises `EngineError`."""
        async with aclosing(self._channel.read()) as events:
            async for event in events:
                self.has_text = self.has_text or isinstance(event, Chunk)
                yield event

    def close(self) -> bool:
        """Cancel the response unless it has ended. Return False if another request uses its lane."""
        return self._link.end_request(self.lane, self._channel)


def _ignore_event(_link: Link[PublicConnection], _event: ClientEvent | None) -> None:
    """Ignore the events of no response: the link itself notes that it should be replaced."""
