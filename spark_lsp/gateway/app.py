"""The gateway as an ASGI application: the WebSocket, its second door over HTTP, and three pages.

Every request needs the token. A page in a browser can open WebSockets to the loopback interface too, so
a request that bears an `Origin` is refused whatever token it has.
"""

import hmac
import itertools
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from spark_lsp import __version__
from spark_lsp.errors import RemoteProtocolError, origin
from spark_lsp.gateway.http import STATUS, Answer, error_response, read_create
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.gateway.session import Approve, Session
from spark_lsp.gateway.turns import Turns
from spark_lsp.wire.frames import SUBPROTOCOL
from spark_lsp.wire.server import MAX_MESSAGE_BYTES, ServerConnection

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Gateway:
    """The application and what it counts: who is connected, and since when nobody is."""

    def __init__(self, registry: Registry, token: str, build: BuildEngine, approve: Approve) -> None:
        self.registry = registry
        self._token = token
        self._build = build
        self._approve = approve
        self._numbers = itertools.count(1)
        self._identity = secrets.token_hex(4)
        self.sessions: set[Session] = set()
        self.idle_since = time.monotonic()
        self._turns = Turns(lambda: any(session.busy for session in self.sessions))
        self.app = Starlette(
            routes=[
                WebSocketRoute("/v1/responses", self._websocket),
                Route("/v1/responses", self._guarded(self._post), methods=["POST"]),
                Route("/v1/models", self._guarded(self._models)),
                Route("/healthz", self._guarded(self._healthz)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. What fails unexpectedly is logged by its place, never by its words."""
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            log.error("a connection failed unexpectedly: %s", origin(error))

    # Who may come in.

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        if "origin" in connection.headers:
            return error_response(403, "forbidden_origin", "Browsers are not served here")
        given = connection.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            message = "Wrong or missing token. Send `Authorization: Bearer TOKEN` with the gateway's token"
            return error_response(401, "invalid_api_key", message)
        return None

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            refusal = self._refusal(request)
            return refusal if refusal is not None else await handler(request)

        return guarded

    # The WebSocket.

    async def _websocket(self, socket: WebSocket) -> None:
        refusal = self._refusal(socket)
        if refusal is not None:
            await socket.send_denial_response(refusal)
            return
        spark = SUBPROTOCOL in socket.scope.get("subprotocols", [])
        await socket.accept(SUBPROTOCOL if spark else None)
        async with self._session(self._connection(spark=spark)) as session:
            try:
                await session.run(lambda: self._message(socket), _sender(socket))
            except RemoteProtocolError as error:
                await _close(socket, 1008, str(error))

    async def _message(self, socket: WebSocket) -> str | bytes | None:
        message = await _message(socket)
        self._turns.work()
        return message

    def _connection(self, *, spark: bool) -> ServerConnection:
        return ServerConnection(f"{self._identity}{next(self._numbers)}", spark=spark)

    @asynccontextmanager
    async def _session(self, connection: ServerConnection) -> AsyncGenerator[Session, None]:
        session = Session(connection, self.registry, self._build, self._approve)
        self.sessions.add(session)
        try:
            yield session
        finally:
            self.sessions.discard(session)
            self.idle_since = time.monotonic()

    # The second door, and the pages.

    async def _post(self, request: Request) -> Response:
        try:
            message, stream = await read_create(request, MAX_MESSAGE_BYTES)
        except RemoteProtocolError as error:
            return error_response(STATUS.get(error.code, 400), error.code, str(error))
        return Answer(self._session(self._connection(spark=False)), message, stream=stream)

    async def _models(self, _: Request) -> Response:
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "spark-lsp"}
            for name in self.registry.models()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "sessions": len(self.sessions)})


async def _message(socket: WebSocket) -> str | bytes | None:
    """Return the peer's next message, or None when it is gone."""
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        return None
    text: str | None = event.get("text")
    return text if text is not None else event.get("bytes", b"")


def _sender(socket: WebSocket) -> Callable[[str], Awaitable[None]]:
    async def send(message: str) -> None:
        try:
            await socket.send_text(message)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError from error  # gone: the reader will hear of it too

    return send


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(RuntimeError):  # closed by the peer meanwhile
        await socket.close(code, reason[:120])
