"""The gateway as an ASGI application: the WebSocket, its second door over HTTP, and three pages.

Every request needs the token. A page in a browser can open WebSockets to the loopback interface too, so
a request that bears an `Origin` is refused whatever token it has.
"""

import itertools
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError, origin
from spark_lsp.gateway.door import Door, Stranger
from spark_lsp.gateway.http import STATUS, Answer, error_response, read_create
from spark_lsp.gateway.mirrors import Mirrors
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.gateway.session import LIFETIME, Approve, Session
from spark_lsp.gateway.tally import Tally, page
from spark_lsp.gateway.turns import Turns
from spark_lsp.supervise import call_guarded
from spark_lsp.wire.frames import SUBPROTOCOL
from spark_lsp.wire.server import MAX_MESSAGE_BYTES, ServerConnection

log = logging.getLogger(__name__)

PATH = "/v1/responses"
TIMING_HEADER = "x-responsesapi-include-timing-metrics"
CLOSE_CODES = {Code.CONNECTION_LIMIT: 1000}

Handler = Callable[[Request], Awaitable[Response]]


class Gateway:
    """The application and what it counts: who is connected, and since when nobody is."""

    def __init__(
        self,
        registry: Registry,
        token: str,
        build: BuildEngine,
        approve: Approve,
        lifetime: float = LIFETIME,
    ) -> None:
        self.registry = registry
        self._door = Door(token)
        self._lifetime = lifetime
        self._mirrors = Mirrors(time.monotonic)
        self._build = build
        self._approve = approve
        self._numbers = itertools.count(1)
        self._identity = secrets.token_hex(4)
        self.sessions: set[Session] = set()
        self.tally = Tally()
        self.idle_since = time.monotonic()
        self._turns = Turns(lambda: any(session.busy for session in self.sessions))
        self.app = Starlette(
            routes=[
                Route(PATH, self._guarded(self._post), methods=["POST"]),
                Route("/v1/models", self._guarded(self._models)),
                Route("/healthz", self._healthz),
                Route("/status", self._guarded(self._status)),
                Route("/metrics", self._guarded(self._metrics)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. What fails unexpectedly is logged by its place, never by its words."""
        try:
            if scope["type"] == "websocket" and scope["path"] == PATH:
                await self._websocket(WebSocket(scope, receive, send), receive, send)
            else:
                await self.app(scope, receive, send)
        except Exception as error:
            log.error("a connection failed unexpectedly: %s", origin(error))

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            refusal = self._door.refusal(request)
            return refusal if refusal is not None else await handler(request)

        return guarded

    # The WebSocket.

    async def _websocket(self, socket: WebSocket, receive: Receive, send: Send) -> None:
        """Serve a WebSocket. Once it is open, messages come and go without Starlette's layers: they cost."""
        spark = SUBPROTOCOL in socket.scope.get("subprotocols", [])
        nonce = self._door.nonce(socket) if spark else ""
        refusal = self._door.refusal(socket, proof=bool(nonce))
        if refusal is not None:
            await socket.send_denial_response(refusal)
            return
        await socket.accept(SUBPROTOCOL if spark else None)
        say = _sender(send)
        try:
            if nonce:
                await self._door.challenge(nonce, lambda: _message(receive), say)
            async with self._session(self._connection(socket, spark=spark)) as session:
                await session.run(lambda: self._message(receive), say)
        except Stranger as error:
            await _close(socket, 1008, str(error))
        except RemoteProtocolError as error:
            await _close(socket, CLOSE_CODES.get(error.code, 1008), str(error))
        except ConnectionError:
            pass  # gone before it was let in

    async def _message(self, receive: Receive) -> str | bytes | None:
        message = await _message(receive)
        call_guarded(self._turns.work)
        return message

    def _connection(self, asked: HTTPConnection, *, spark: bool) -> ServerConnection:
        identity = f"{self._identity}{next(self._numbers)}"
        timing = asked.headers.get(TIMING_HEADER) == "true"
        return ServerConnection(identity, spark=spark, timing=timing, session=secrets.token_urlsafe(16))

    @asynccontextmanager
    async def _session(self, connection: ServerConnection) -> AsyncGenerator[Session, None]:
        args = (connection, self.registry, self._build, self._approve, self._mirrors, self._lifetime)
        session = Session(*args, tally=self.tally)
        self.sessions.add(session)
        self._mirrors.live(connection.session, lambda: connection.mirror)
        try:
            yield session
        finally:
            self.sessions.discard(session)
            self.idle_since = time.monotonic()
            call_guarded(self._mirrors.ended, connection.session)

    # The second door, and the pages.

    async def _post(self, request: Request) -> Response:
        try:
            message, stream = await read_create(request, MAX_MESSAGE_BYTES)
        except RemoteProtocolError as error:
            return error_response(STATUS.get(error.code, 400), error.code, str(error))
        return Answer(self._session(self._connection(request, spark=False)), message, stream=stream)

    async def _models(self, _: Request) -> Response:
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "spark-lsp"}
            for name in self.registry.models()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def _status(self, _: Request) -> Response:
        state = {
            "version": __version__,
            **self._gauges(),
            "serving": self.registry.serving(),
            "engines": [asdict(info) for info in self.registry.infos()],
        }
        return JSONResponse(state)

    async def _metrics(self, _: Request) -> Response:
        return Response(page(self.tally, self._gauges), media_type="text/plain; version=0.0.4")

    def _gauges(self) -> dict[str, float]:
        """Values of now: who is connected, what runs, what waits."""
        running, waiting = 0, 0
        for session in self.sessions:
            one, two = session.statistics()
            running, waiting = running + one, waiting + two
        return {"sessions": len(self.sessions), "running_now": running, "waiting": waiting}

    async def _healthz(self, request: Request) -> Response:
        """Say how we are; to who asks for a proof of us only that."""
        if proof := self._door.proof(request):
            refusal = self._door.refusal(request, proof=True)
            return refusal or JSONResponse({"status": "ok"}, headers=proof)
        refusal = self._door.refusal(request)
        state = {"status": "ok", "version": __version__, "sessions": len(self.sessions)}
        return refusal or JSONResponse(state)


async def _message(receive: Receive) -> str | bytes | None:
    """Return the peer's next message, or None when it is gone."""
    event = await receive()
    if event["type"] == "websocket.disconnect":
        return None
    text: str | None = event.get("text")
    return text if text is not None else event.get("bytes", b"")


def _sender(send: Send) -> Callable[[str], Awaitable[None]]:
    async def say(message: str) -> None:
        try:
            await send({"type": "websocket.send", "text": message})
        except (OSError, RuntimeError) as error:
            raise ConnectionError from error  # gone: the reader will hear of it too

    return say


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # closed by the peer meanwhile
        await socket.close(code, reason[:120])
