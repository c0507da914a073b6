"""The gateway as an ASGI application: the WebSocket, its HTTP counterparts, and four pages.

Every request needs the token; see `authentication`. The page for browsers has other rules; see `page.pages`.
"""

import itertools
import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.engine.metered.budgets import Budgets
from spark_lsp.errors import RemoteProtocolError, origin
from spark_lsp.gateway.admission import Admission
from spark_lsp.gateway.authentication import AuthenticationError, Authenticator
from spark_lsp.gateway.completion_fields import FieldError, read_completion
from spark_lsp.gateway.completions import CompletionOverHttp
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.http import ResponseOverHttp, read_create
from spark_lsp.gateway.http_body import read_object
from spark_lsp.gateway.http_errors import STATUS_OF, error_response, full_response
from spark_lsp.gateway.lifetime import LIFETIME_S
from spark_lsp.gateway.loop_monitor import LoopMonitor
from spark_lsp.gateway.metrics import Metrics, render_metrics
from spark_lsp.gateway.page.pages import Page, is_page
from spark_lsp.gateway.page.play import Playground
from spark_lsp.gateway.page.state import Sources
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.gateway.replica_cache import ReplicaCache
from spark_lsp.gateway.session_engines import Approve
from spark_lsp.gateway.team import ALONE, Team
from spark_lsp.supervise import call_guarded
from spark_lsp.wire.frames import SUBPROTOCOL
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_messages import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

RESPONSES_PATH = "/v1/responses"
COMPLETIONS_PATH = "/v1/completions"
TIMING_HEADER = "x-responsesapi-include-timing-metrics"
CLOSE_NORMAL = 1000
CLOSE_POLICY_VIOLATION = 1008
MAX_CLOSE_REASON_CHARS = 120

Handler = Callable[[Request], Awaitable[Response]]


class Gateway:
    """The application and its connections; `idle_since` is the time at which the last one ended."""

    def __init__(
        self,
        registry: Registry,
        token: str,
        build: BuildEngine,
        approve: Approve,
        lifetime_s: float = LIFETIME_S,
        budgets: Budgets | None = None,
        page_hosts: Collection[str] = (),
        team: Team = ALONE,
    ) -> None:
        self.registry = registry
        self.handlers: set[ConnectionHandler] = set()
        self.metrics = Metrics()
        self.idle_since = time.monotonic()
        self._authenticator = Authenticator(token, team.users)
        self._max_connections = team.max_connections
        self._admission = Admission(team.max_answers)
        self._lifetime_s = lifetime_s
        self._replicas = ReplicaCache(time.monotonic)
        self._build = build
        self._approve = approve
        self._budgets = budgets
        self._connection_numbers = itertools.count(1)
        self._identity = secrets.token_hex(4)
        self._loop_monitor = LoopMonitor(lambda: self.is_busy)
        playground = Playground(registry.engine, self.metrics)
        sources = Sources(self.read_status, self._list_streams, registry.settings, self.metrics)
        self.page = Page(sources, playground, token, page_hosts)
        self.app = Starlette(
            routes=[
                Route(RESPONSES_PATH, self._require_token(self._create_response), methods=["POST"]),
                Route(COMPLETIONS_PATH, self._require_token(self._create_completion), methods=["POST"]),
                Route("/v1/models", self._require_token(self._list_models)),
                Route("/healthz", self._check_health),
                Route("/status", self._require_token(self._show_status)),
                Route("/metrics", self._require_token(self._show_metrics)),
            ]
        )

    @property
    def is_busy(self) -> bool:
        """Whether a response is not completely written."""
        return any(handler.is_busy for handler in self.handlers) or self.page.playground.plays > 0

    @property
    def idle_s(self) -> float:
        """Seconds without a connection, and without an answer for the playground.

        A page that is only open does not count: it does not keep the gateway running.
        """
        if self.handlers or self.page.playground.plays:
            return 0.0
        return time.monotonic() - max(self.idle_since, self.page.playground.ended)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. An unexpected failure is logged by its place, never by its message."""
        try:
            if scope["type"] == "websocket" and scope["path"] == RESPONSES_PATH:
                await self._serve_websocket(WebSocket(scope, receive, send), receive, send)
            elif scope["type"] == "http" and is_page(scope["path"]):
                await self.page(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        except Exception as error:
            log.error("a connection failed unexpectedly: %s", origin(error))

    def _require_token(self, handler: Handler) -> Handler:
        async def check_token(request: Request) -> Response:
            refusal = self._authenticator.find_refusal(request)
            if refusal is None and request.method == "POST":
                refusal = self._find_no_room()
            return refusal if refusal is not None else await handler(request)

        return check_token

    # The WebSocket.

    async def _serve_websocket(self, socket: WebSocket, receive: Receive, send: Send) -> None:
        """Serve a WebSocket. Once it is open, messages bypass Starlette's layers, which cost time."""
        spark = SUBPROTOCOL in socket.scope.get("subprotocols", [])
        nonce = self._authenticator.read_nonce(socket) if spark else ""
        refusal = self._authenticator.find_refusal(socket, challenged=bool(nonce)) or self._find_no_room()
        if refusal is not None:
            await socket.send_denial_response(refusal)
            return
        await socket.accept(SUBPROTOCOL if spark else None)
        send_message = _make_sender(send)
        try:
            if nonce:
                await self._authenticator.challenge(nonce, lambda: _receive_message(receive), send_message)
            user = self._authenticator.find_user(socket)
            async with self._open_handler(self._make_connection(socket, spark=spark), user) as handler:
                await handler.run(lambda: self._receive_message(receive), send_message)
        except AuthenticationError as error:
            await _close_socket(socket, CLOSE_POLICY_VIOLATION, str(error))
        except RemoteProtocolError as error:
            is_limit = error.code == Code.CONNECTION_LIMIT
            await _close_socket(socket, CLOSE_NORMAL if is_limit else CLOSE_POLICY_VIOLATION, str(error))
        except ConnectionError:
            pass  # the client left during the challenge

    def _find_no_room(self) -> Response | None:
        """Return a refusal if there are as many connections as this process can serve."""
        if self._max_connections and len(self.handlers) >= self._max_connections:
            return full_response(self._max_connections)
        return None

    def end_removed_users(self) -> None:
        """End the connections of users whose tokens have been removed or replaced."""
        if gone := self._authenticator.take_gone():
            for handler in self.handlers:
                if handler.user in gone:
                    handler.end()

    async def _receive_message(self, receive: Receive) -> str | bytes | None:
        message = await _receive_message(receive)
        call_guarded(self._loop_monitor.note_work)
        return message

    def _make_connection(
        self, request: HTTPConnection, *, spark: bool, details: bool = False
    ) -> ServerConnection:
        identity = f"{self._identity}{next(self._connection_numbers)}"
        timing = request.headers.get(TIMING_HEADER) == "true"
        session = secrets.token_urlsafe(16)
        return ServerConnection(identity, spark=spark, timing=timing, session=session, details=details)

    @asynccontextmanager
    async def _open_handler(
        self, connection: ServerConnection, user: str
    ) -> AsyncGenerator[ConnectionHandler, None]:
        handler = ConnectionHandler(
            connection,
            self.registry,
            self._build,
            self._approve,
            self._replicas,
            self._lifetime_s,
            self.metrics,
            budgets=self._budgets,
            admission=self._admission,
            user=user,
        )
        self.end_removed_users()
        self.handlers.add(handler)
        self._replicas.add_session(connection.session, lambda: connection.documents.replicas)
        try:
            yield handler
        finally:
            self.handlers.discard(handler)
            self.idle_since = time.monotonic()
            call_guarded(self._replicas.end_session, connection.session)

    # HTTP.

    async def _create_response(self, request: Request) -> Response:
        try:
            message, stream = await read_create(request, MAX_MESSAGE_BYTES)
        except RemoteProtocolError as error:
            return error_response(STATUS_OF.get(error.code, 400), error.code, str(error))
        connection = self._make_connection(request, spark=False)
        user = self._authenticator.find_user(request)
        return ResponseOverHttp(self._open_handler(connection, user), message, stream=stream)

    async def _create_completion(self, request: Request) -> Response:
        try:
            fields = await read_object(request, MAX_MESSAGE_BYTES)
            completion = read_completion(fields, request.query_params)
        except FieldError as error:
            return error_response(400, error.code, str(error), error.param)
        except RemoteProtocolError as error:
            return error_response(STATUS_OF.get(error.code, 400), error.code, str(error))
        connection = self._make_connection(request, spark=False, details=True)
        user = self._authenticator.find_user(request)
        return CompletionOverHttp(self._open_handler(connection, user), completion)

    async def _list_models(self, _: Request) -> Response:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "spark-lsp"}
            for name in self.registry.models()
        ]
        return JSONResponse({"object": "list", "data": models})

    async def _show_status(self, _: Request) -> Response:
        return JSONResponse(self.read_status())

    def read_status(self) -> dict[str, Any]:
        """Return the gateway's state, as `/status` and the page show it."""
        return {
            "version": __version__,
            "pid": os.getpid(),  # tells the replicas of a fleet apart
            **self.read_gauges(),
            "serving": self.registry.serving(),
            "engines": [msgspec.to_builtins(info) for info in self.registry.infos()],
            "routing": self.registry.records.report(self.registry.rules),
        }

    def _list_streams(self) -> Iterator[tuple[str, str, float]]:
        """Return engine, task and start (Unix time) of each answer under way."""
        for handler in self.handlers:
            yield from handler.list_streams()
        for stream in self.page.playground.streams:
            yield stream.engine, stream.task, stream.since

    async def _show_metrics(self, _: Request) -> Response:
        page = render_metrics(self.metrics, self.read_gauges, self.registry.records)
        return Response(page, media_type="text/plain; version=0.0.4")

    def read_gauges(self) -> dict[str, float]:
        """Return the numbers of connections, of users, of running responses and of waiting ones."""
        statistics = [handler.statistics() for handler in self.handlers]
        _, in_turn = self._admission.statistics()  # each of them holds a lane of its connection already
        running = sum(running for running, _ in statistics) - in_turn + len(self.page.playground.streams)
        waiting = sum(waiting for _, waiting in statistics) + in_turn
        users = len({handler.user for handler in self.handlers})
        return {"sessions": len(self.handlers), "users": users, "running_now": running, "waiting": waiting}

    async def _check_health(self, request: Request) -> Response:
        """Return the gateway's health. A request with a challenge gets the proof and nothing else."""
        if proof := self._authenticator.make_proof_header(request):
            refusal = self._authenticator.find_refusal(request, challenged=True)
            return refusal or JSONResponse({"status": "ok"}, headers=proof)
        refusal = self._authenticator.find_refusal(request)
        self.end_removed_users()
        state = {"status": "ok", "version": __version__, "sessions": len(self.handlers)}
        return refusal or JSONResponse(state)


async def _receive_message(receive: Receive) -> str | bytes | None:
    """Return the peer's next message, or None when it is gone."""
    event = await receive()
    if event["type"] == "websocket.disconnect":
        return None
    text: str | None = event.get("text")
    return text if text is not None else event.get("bytes", b"")


def _make_sender(send: Send) -> Callable[[str], Awaitable[None]]:
    async def send_message(message: str) -> None:
        try:
            await send({"type": "websocket.send", "text": message})
        except (OSError, RuntimeError) as error:
            raise ConnectionError from error  # the peer is gone; the reader notices it too

    return send_message


async def _close_socket(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # the peer may have closed it already
        await socket.close(code, reason[:MAX_CLOSE_REASON_CHARS])
