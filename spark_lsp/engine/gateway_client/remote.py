"""The gateway as an engine: one WebSocket connection for all documents and requests.

`run` keeps a link to the gateway open: it finds the gateway, connects, and reconnects after a loss, with
random and growing pauses. Before a gateway ends, it announces that; `run` then opens the next link first,
which replaces the old one after its `hello`, so that no keystroke has to wait. `open` waits a limited time
for a link, because the first request of the day may start the gateway.
"""

import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup

from spark_lsp.answer_events import Event
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.gateway_client.connect import Endpoint
from spark_lsp.engine.gateway_client.link import GatewayLink, open_link, send_request
from spark_lsp.errors import EngineError, GatewayError, LocalProtocolError, SparkError
from spark_lsp.request import EngineInfo, Focus, Request
from spark_lsp.supervise import guarded, log_failure, run_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.wire.client_events import ClientEvent, EnginesChanged, Greeted, Resync

__all__ = ["Endpoint", "LinkStatus", "Locate", "Remote"]

CONNECT_TIMEOUT_S = 15.0  # for a request to get a connection; a cold start of the gateway takes about 1 s
FIRST_PAUSE_S = 0.1
FIRST_SHARED_PAUSE_S = 0.4  # for a gateway that may lose many clients at the same moment
MAX_PAUSE_S = 5.0
HANDOVER_S = 1.0  # during which a shared gateway's clients leave it, one after another
STEADY_S = 10.0  # after a link that lived longer, the pauses start again at the shortest
LANE_TIMEOUT_S = 5.0  # for a free lane; a cancelled request occupies its lane until its response ends
CONNECT_REPORT_S = 0.9  # after which the status reports a gateway that does not answer


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The state of the connection.

    `problems` are settings that the gateway does not use; `serving` names the engine that each route would
    use now. `settled` is False until the gateway has answered our own settings, which may add engines.
    """

    state: Literal["starting", "ready", "degraded"]
    reason: str = ""
    code: Code | Literal[""] = ""
    engines: tuple[EngineInfo, ...] = ()
    problems: tuple[str, ...] = ()
    serving: Mapping[str, str] = field(default_factory=dict[str, str])
    settled: bool = True


Locate = Callable[[], Awaitable[Endpoint]]
Configuration = tuple[
    Mapping[str, Any], Mapping[str, Sequence[str]], Mapping[str, Any], Mapping[str, str], bool
]


class Remote:
    """The gateway as an engine. `locate` finds the gateway; `on_status` gets each new status of the link."""

    def __init__(self, locate: Locate, on_status: Callable[[LinkStatus], None]) -> None:
        self._locate = locate
        self._on_status = guarded(on_status)
        self._link: GatewayLink | None = None  # gets new requests
        self._last_link: GatewayLink | None = (
            None  # may have ended; the next one keeps its names of documents
        )
        self._changed = anyio.Event()  # set, and replaced, at each change of the link
        self._documents: dict[str, Document] = {}
        self._settings: Configuration | None = None
        self._engines: tuple[EngineInfo, ...] = ()
        self._serving: Mapping[str, str] = {}
        self._error: SparkError | None = None  # of the last attempt to connect
        self._pause_s = 0.0  # before the next attempt; 0: the shortest
        self._retry_after_s = 0.0  # the pause that the gateway has asked for
        self._is_shared = False  # the last gateway may have other clients
        self._session = secrets.token_hex(8)

    @property
    def info(self) -> EngineInfo:
        """The gateway's first engine, or the reason for its absence."""
        if self._live_link is not None and self._engines:
            return self._engines[0]
        reason = "Starting the gateway"
        code = Code.GATEWAY_STARTING
        if self._error is not None:
            reason = str(self._error)
            code = self._error.code
        return EngineInfo("remote", "remote", "", state="starting", reason=reason, code=code)

    # The link.

    @property
    def _live_link(self) -> GatewayLink | None:
        """The link that gets new requests; None if it has ended."""
        if self._link is None or self._link.is_over:
            return None
        return self._link

    async def run(self) -> None:
        """Keep a link open until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                began = anyio.current_time()
                try:
                    await self._use_one_link(group)
                except (SparkError, OSError) as error:
                    self._error = error if isinstance(error, SparkError) else _make_unreachable_error()
                    self._retry_after_s = getattr(error, "retry_after", 0.0)
                    self._report_loss()
                except Exception as error:
                    log_failure(self._use_one_link, error)
                    self._error = _connecting_failed()
                    self._report_loss()
                await self._pause_before_retry(anyio.current_time() - began)

    async def _use_one_link(self, group: TaskGroup) -> None:
        """Open a link, and return when another one should replace it."""
        self._retry_after_s = 0.0
        endpoint = await self._locate()
        self._is_shared = not endpoint.own
        earlier = self._last_link.connection if self._last_link is not None else None
        scope = anyio.CancelScope()
        group.start_soon(run_guarded, self._report_slow_connect, scope)
        try:
            link = await open_link(endpoint, earlier, self._handle_event, self._session)
            link.is_own = endpoint.own
            group.start_soon(partial(run_guarded, link.run, on_failure=lambda _: link.lose()))
            if link.connection.spark:
                await link.wait_for_hello()
            else:
                self._engines = (EngineInfo("remote", "responses", ""),)
                self._switch_to(link)
        finally:
            scope.cancel()
        await link.needs_successor.wait()

    async def _report_slow_connect(self, scope: anyio.CancelScope) -> None:
        with scope:
            await anyio.sleep(CONNECT_REPORT_S)
            if self._live_link is None:
                reason = "Still connecting to the gateway …"
                self._announce_status(LinkStatus("degraded", reason, Code.GATEWAY_SILENT))

    async def _pause_before_retry(self, lived_s: float) -> None:
        """Pause before the next link; each pause in a row is twice as long."""
        first_s = FIRST_SHARED_PAUSE_S if self._is_shared else FIRST_PAUSE_S
        if lived_s > STEADY_S or not self._pause_s:
            self._pause_s = first_s
        await anyio.sleep(self._choose_pause())
        self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)

    def _choose_pause(self) -> float:
        """Return a random pause in seconds: clients that were lost together should not return together.

        A shared gateway that is ending still serves while its clients leave, so they can take their time.
        """
        if not self._is_shared:
            return self._pause_s * random.uniform(0.5, 1.0)
        longest = HANDOVER_S if self._live_link is not None else self._pause_s
        return self._retry_after_s + random.uniform(0.0, max(longest, self._retry_after_s))

    def _switch_to(self, link: GatewayLink) -> None:
        """Send new requests over this link; retire the one before."""
        before = self._link
        self._link = link
        self._last_link = link
        self._error = None
        self._send_settings(link)
        link.connection.restore((d.uri, d.language, d.version, d.text) for d in self._documents.values())
        link.flush()
        if before is not None:
            before.retire()
        settled = self._settings is None or not link.connection.spark
        self._announce_status(
            LinkStatus("ready", engines=self._engines, serving=self._serving, settled=settled)
        )

    def _announce_status(self, status: LinkStatus) -> None:
        """Wake the requests that wait for a link, and report the status."""
        self._changed.set()
        self._changed = anyio.Event()
        self._on_status(status)

    def _report_loss(self) -> None:
        """Report that no link is open, unless one is."""
        if self._live_link is not None:
            return
        reason = "The connection to the gateway was lost"
        code = Code.CONNECTION_LOST
        if self._error is not None:
            reason = str(self._error)
            code = self._error.code
        self._announce_status(LinkStatus("degraded", reason, code))

    def _handle_event(self, link: GatewayLink, event: ClientEvent | None) -> None:
        match event:
            case None if link is self._link:
                self._link = None
                self._report_loss()
            case Greeted(engines=engines, serving=serving) if link is not self._link:
                self._engines = engines
                self._serving = serving
                self._switch_to(link)
            case EnginesChanged(engines, problems, serving) if link is self._link:
                self._engines = engines
                self._serving = serving
                self._on_status(LinkStatus("ready", "", "", engines, problems, serving))
            case Resync(uri) if link is self._link and uri in self._documents:
                self._mirror_document(self._documents[uri])
            case _:
                pass

    # Requests.

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Send the request. Raises `EngineError` if no connection or lane is available in time."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        link = self._live_link or await self._wait_for_link()
        try:
            lane, channel = send_request(link, request)
        except LocalProtocolError as busy:
            link, lane, channel = await self._send_on_next_lane(request, busy)
        try:
            yield channel.read()
        finally:
            link.end_request(lane, channel)

    async def _send_on_next_lane(
        self, request: Request, busy: LocalProtocolError
    ) -> tuple[GatewayLink, str, Channel]:
        """Send the request as soon as a lane is free. Raises `EngineError` if none is free in time."""
        with anyio.move_on_after(LANE_TIMEOUT_S):
            while True:
                link = self._live_link or await self._wait_for_link()
                with suppress(LocalProtocolError):
                    lane, channel = send_request(link, request)
                    return link, lane, channel
                await link.wait_for_news()
        raise EngineError(busy.what, busy.meaning, busy.remedy, code=Code.ENGINE_BUSY) from busy

    async def _wait_for_link(self) -> GatewayLink:
        """Return a link as soon as one is open. Raises `EngineError` if that fails or takes too long."""
        with anyio.move_on_after(CONNECT_TIMEOUT_S):
            while self._error is None:
                await self._changed.wait()
                if (link := self._live_link) is not None:
                    return link
        error = self._error or _make_unreachable_error()
        raise EngineError(error.what, error.meaning, error.remedy, code=Code.GATEWAY_UNAVAILABLE) from error

    def observe(self, focus: Focus) -> None:
        """Send the cursor's position after a rest, if the mirror has that text."""
        link = self._live_link
        document = self._documents.get(focus.uri)
        if link is None or document is None or document.text != focus.text:
            return
        link.connection.check_document(document.uri, document.version, document.text)
        link.connection.focus(document.uri, document.version, focus.offset)
        link.flush()

    # Documents and settings.

    def open_document(self, document: Document) -> None:
        """Mirror a document."""
        self._documents[document.uri] = document
        self._mirror_document(document)

    def edit_document(self, document: Document, edits: Sequence[Edit]) -> None:
        """Mirror the changes, made one after another, that led to `document`."""
        self._documents[document.uri] = document
        link = self._live_link
        if link is None:
            return
        if not link.connection.edit_document(document.uri, document.version, edits, len(document)):
            self._mirror_document(document)
        link.flush()

    def close_document(self, uri: str) -> None:
        """Remove a document from the mirror."""
        self._documents.pop(uri, None)
        if (link := self._live_link) is not None:
            link.connection.close_document(uri)
            link.flush()

    def _mirror_document(self, document: Document) -> None:
        if (link := self._live_link) is not None:
            link.connection.open_document(document.uri, document.language, document.version, document.text)
            link.flush()

    def configure(
        self,
        engines: Mapping[str, Any],
        routes: Mapping[str, Sequence[str]],
        budget: Mapping[str, Any],
        keys: Mapping[str, str] = MappingProxyType({}),
        *,
        drafts: bool = True,
    ) -> None:
        """Send the editor's settings, now and after each reconnect; keys only to the user's own gateway."""
        self._settings = (engines, routes, budget, keys, drafts)
        if (link := self._live_link) is not None:
            self._send_settings(link)
            link.flush()

    def _send_settings(self, link: GatewayLink) -> None:
        if self._settings is None:
            return
        engines, routes, budget, keys, drafts = self._settings
        own_keys = keys if link.is_own else None
        link.connection.configure(engines, routes, budget, own_keys, drafts=drafts)

    async def aclose(self) -> None:
        """Do nothing: the link ends with `run`."""


def _make_unreachable_error() -> GatewayError:
    return GatewayError(
        "The gateway cannot be reached",
        "No suggestions and edits until it answers",
        "Retrying automatically. If this persists, run `spark-lsp doctor`",
    )


def _connecting_failed() -> GatewayError:
    return GatewayError(
        "spark-lsp failed while it connected to the gateway",
        "No suggestions and edits until it is connected",
        "Retrying automatically. If this persists, please report it",
    )
