"""The page as an ASGI application: its paths and their permissions.

    GET  /                 the page itself, without data; /page/NAME its files
    POST /page/tickets     a ticket, for the gateway's token; browsers are refused
    POST /page/pass        a pass, for a ticket
    GET  /page/proof       the proof that this gateway knows a pass
    GET  /page/state       the gateway's state, for a pass: a line of JSON now, and after each change
    POST /page/play        the playground, for a pass

A pass is no token: no other path of the gateway accepts it. So a page cannot change settings, read documents,
or use an engine that only an editor has brought.
"""

import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from functools import partial

import anyio
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, RemoteProtocolError, SparkError, origin
from spark_lsp.gateway.authentication import Authenticator
from spark_lsp.gateway.http_body import read_object
from spark_lsp.gateway.http_errors import STATUS_OF, error_response
from spark_lsp.gateway.page import peer
from spark_lsp.gateway.page.admission import Admission
from spark_lsp.gateway.page.files import HEADERS, NAMES, PRIVATE, answer_with_file
from spark_lsp.gateway.page.lines import Lines, SendLine, encode, send_changes
from spark_lsp.gateway.page.passes import Passes
from spark_lsp.gateway.page.play import Playground, read_fields
from spark_lsp.gateway.page.state import Sources, make_state

log = logging.getLogger(__name__)

PERIOD_S = 1.0  # between two looks at the state
KEEP_ALIVE_S = 15.0
MAX_BODY_BYTES = 64 * 1024
MIN_NONCE_CHARS = 16

Handler = Callable[[Request], Awaitable[Response]]
OpenDoor = Callable[[], Awaitable[str]]


def is_page(path: str) -> bool:
    """Return whether a path belongs to the page."""
    return path == "/" or path.startswith("/page/")


class Page:
    """See the module's text.

    `names` are the host names of `--page-host`. `open_door` returns the address at which a browser finds this
    page, and listens there first if need be; it is set by the process that listens.
    """

    def __init__(
        self, sources: Sources, playground: Playground, token: str, names: Collection[str] = ()
    ) -> None:
        self.playground = playground
        self.names = tuple(names)
        self.open_door: OpenDoor | None = None
        self._sources = sources
        self._authenticator = Authenticator(token)
        self._admission = Admission(names)
        self._passes = Passes(token)
        self._ending = anyio.Event()
        self._app = Starlette(
            routes=[
                Route("/", self._show_page),
                *(
                    Route(f"/page/{name}", partial(_show_file, name))
                    for name in NAMES
                    if name != "index.html"
                ),
                Route("/page/tickets", self._issue_ticket, methods=["POST"]),
                Route("/page/pass", self._issue_pass, methods=["POST"]),
                Route("/page/proof", self._prove),
                Route("/page/state", self._require_pass(self._send_state)),
                Route("/page/play", self._require_pass(self._play), methods=["POST"]),
            ]
        )

    def end(self) -> None:
        """End the streams of all pages: the gateway ends."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Every response has the headers that keep the page to itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            refusal = self._admission.find_refusal(Request(scope))
            await (refusal or self._app)(scope, receive, partial(_send_with_headers, send))
        except Exception as error:  # its message may contain a prompt
            log.error("a request of the page failed unexpectedly: %s", origin(error))

    def _require_pass(self, handler: Handler) -> Handler:
        async def check_pass(request: Request) -> Response:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme != "Page" or not self._passes.is_valid(given):
                message = "This page's pass is missing, wrong or expired. Run: spark-lsp open"
                return error_response(401, Code.INVALID_API_KEY, message)
            return await handler(request)

        return check_pass

    async def _show_page(self, request: Request) -> Response:
        return answer_with_file(request, "index.html")

    async def _issue_ticket(self, request: Request) -> Response:
        """Return the page's address and a ticket for it."""
        if (refusal := self._authenticator.find_refusal(request)) is not None:
            return refusal
        if self.open_door is None:
            message = "This gateway cannot listen for a browser. Open the address at which it is served"
            return error_response(501, Code.GATEWAY_UNAVAILABLE, message)
        try:
            address = await self.open_door()
        except SparkError as error:
            return error_response(503, error.code, str(error))
        return JSONResponse({"address": address, "ticket": self._passes.issue_ticket()})

    async def _issue_pass(self, request: Request) -> Response:
        try:
            ticket = (await read_object(request, MAX_BODY_BYTES)).get("ticket")
        except RemoteProtocolError as error:
            return error_response(STATUS_OF.get(error.code, 400), error.code, str(error))
        if not self._admission.has_names and _is_foreign(request):  # before the ticket is used up
            message = "This ticket belongs to another user of this machine. Run `spark-lsp open` as yourself"
            return error_response(403, Code.FORBIDDEN_ORIGIN, message)
        granted = self._passes.redeem(ticket) if isinstance(ticket, str) else None
        if granted is None:
            message = "This link was used already, or is older than a minute. Run: spark-lsp open"
            return error_response(401, Code.INVALID_API_KEY, message)
        return JSONResponse({"pass": granted})

    async def _prove(self, request: Request) -> Response:
        identity = request.headers.get("x-spark-pass", "")
        nonce = request.headers.get("x-spark-nonce", "")
        if len(nonce) < MIN_NONCE_CHARS or not identity:
            return error_response(400, Code.INVALID_INPUT, "x-spark-pass and x-spark-nonce are needed")
        return JSONResponse({"proof": self._passes.prove(identity, nonce)})

    async def _send_state(self, _: Request) -> Response:
        return Lines(self._write_states)

    async def _write_states(self, send_line: SendLine) -> None:
        await send_changes(self._watch_state(), send_line, KEEP_ALIVE_S, PERIOD_S)

    async def _watch_state(self) -> AsyncGenerator[bytes, None]:
        while not self._ending.is_set():
            yield encode(make_state(self._sources))
            with anyio.move_on_after(PERIOD_S):
                await self._ending.wait()

    async def _play(self, request: Request) -> Response:
        try:
            fields = read_fields(await read_object(request, MAX_BODY_BYTES))
            play = self.playground.prepare(fields)
        except (RemoteProtocolError, EngineError) as error:
            return error_response(STATUS_OF.get(error.code, 400), error.code, str(error))
        return Lines(play.run)


async def _show_file(name: str, request: Request) -> Response:
    return answer_with_file(request, name)


def _is_foreign(request: Request) -> bool:
    if sys.platform != "linux" or request.client is None:
        return False
    return peer.is_foreign(request.client.host, request.client.port)


async def _send_with_headers(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        headers.update(HEADERS)
        headers.setdefault("cache-control", PRIVATE)
    await send(message)
