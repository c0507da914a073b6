"""The gateway as an engine: one WebSocket, however many documents and requests.

`run` is the life of it: find the gateway, connect, and again after a loss, with jittered and growing pauses.
A gateway that announces its end is left before it ends: the next link is opened first and takes over when it
has been greeted, so that no key has to wait. `open` waits a bounded time for a link, so that the first
request of a morning may start the gateway, and fails with words fit for a person.
"""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup

from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.gateway_client.connect import Endpoint
from spark_lsp.engine.gateway_client.link import Link, connect
from spark_lsp.errors import EngineError, GatewayError, LocalProtocolError, SparkError
from spark_lsp.request import EngineInfo, Event, Focus, Request
from spark_lsp.supervise import guarded, log_failure, run_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.wire.client_events import ClientEvent, EnginesChanged, Greeted, Resync

__all__ = ["Endpoint", "LinkStatus", "Locate", "Remote"]

CONNECT_WAIT = 15.0  # seconds a request waits for the connection; a cold gateway takes about one
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
STEADY = 10.0  # seconds a link must have lived for the next one to be tried at once again
LANE_WAIT = 5.0  # seconds a request waits for a lane; one that was left is busy until its answer has ended
SOON = 0.9  # seconds after which a gateway that does not answer is told of


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the connection is. `problems` are settings that the gateway does not use; `serving` names the
    engine that each route would ask now; `settled` is False while the gateway has not yet answered to our
    own settings, which may bring other engines."""

    state: Literal["starting", "ready", "degraded"]
    reason: str = ""
    code: Code | Literal[""] = ""
    engines: tuple[EngineInfo, ...] = ()
    problems: tuple[str, ...] = ()
    serving: Mapping[str, str] = field(default_factory=dict[str, str])
    settled: bool = True


Locate = Callable[[], Awaitable[Endpoint]]
Configuration = tuple[Mapping[str, Any], Mapping[str, Sequence[str]], Mapping[str, Any], Mapping[str, str]]


class Remote:
    """See the module's text. `locate` finds the gateway; `on_status` is told how the link is."""

    def __init__(self, locate: Locate, on_status: Callable[[LinkStatus], None]) -> None:
        self._locate = locate
        self._on_status = guarded(on_status)
        self._link: Link | None = None  # where questions go
        self._earlier: Link | None = None  # the last one that was, whose names of documents are kept
        self._changed = anyio.Event()
        self._documents: dict[str, Document] = {}
        self._settings: Configuration | None = None
        self._engines: tuple[EngineInfo, ...] = ()
        self._serving: Mapping[str, str] = {}
        self._trouble: SparkError | None = None
        self._pause = FIRST_PAUSE

    @property
    def info(self) -> EngineInfo:
        """The gateway's first engine, or why there is none."""
        if self._live is not None and self._engines:
            return self._engines[0]
        reason, code = "The gateway is being started", Code.GATEWAY_STARTING
        if self._trouble is not None:
            reason, code = str(self._trouble), self._trouble.code
        return EngineInfo("remote", "remote", "", state="starting", reason=reason, code=code)

    # The link.

    @property
    def _live(self) -> Link | None:
        """The link where questions go; None where there is none, or it is over."""
        return self._link if self._link is not None and not self._link.over else None

    async def run(self) -> None:
        """Keep a link up until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                began = anyio.current_time()
                try:
                    await self._one_link(group)
                except (SparkError, OSError) as error:
                    self._trouble = error if isinstance(error, SparkError) else _unreachable()
                    self._down()
                except Exception as error:
                    log_failure(self._one_link, error)
                    self._trouble = _went_wrong()
                    self._down()
                await self._rest(anyio.current_time() - began)

    async def _one_link(self, group: TaskGroup) -> None:
        """Open a link, and return when another one should take its place."""
        endpoint = await self._locate()
        earlier = self._earlier.connection if self._earlier is not None else None
        group.start_soon(run_guarded, self._tell_if_slow, scope := anyio.CancelScope())
        try:
            link = await connect(endpoint, earlier, self._take)
            link.own = endpoint.own
            group.start_soon(partial(run_guarded, link.run, on_failure=lambda _: link.lose()))
            if not link.connection.spark:
                self._engines = (EngineInfo("remote", "responses", ""),)
                self._take_over(link)
            else:
                await link.greeted()
        finally:
            scope.cancel()
        await link.next_wanted.wait()

    async def _tell_if_slow(self, scope: anyio.CancelScope) -> None:
        with scope:
            await anyio.sleep(SOON)
            if self._live is None:
                reason = "The gateway does not answer yet; it is tried further"
                self._announce(LinkStatus("degraded", reason, Code.GATEWAY_SILENT))

    async def _rest(self, lived: float) -> None:
        """Pause before the next link, the longer the more often it failed."""
        if lived > STEADY:
            self._pause = FIRST_PAUSE
        await anyio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _take_over(self, link: Link) -> None:
        """Send questions over this link from now on; the one before ends when it has answered."""
        before, self._link, self._earlier = self._link, link, link
        self._trouble = None
        self._send_settings(link)
        link.connection.restore((d.uri, d.language, d.version, d.text) for d in self._documents.values())
        link.flush()
        if before is not None:
            before.leave()
        settled = self._settings is None or not link.connection.spark
        self._announce(LinkStatus("ready", engines=self._engines, serving=self._serving, settled=settled))

    def _announce(self, status: LinkStatus) -> None:
        """Wake who waits for the link, and tell how it is."""
        self._changed.set()
        self._changed = anyio.Event()
        self._on_status(status)

    def _down(self) -> None:
        """Tell that there is no link, if there is none."""
        if self._live is None:
            reason, code = "The connection to the gateway was lost", Code.CONNECTION_LOST
            if self._trouble is not None:
                reason, code = str(self._trouble), self._trouble.code
            self._announce(LinkStatus("degraded", reason, code))

    def _take(self, link: Link, event: ClientEvent | None) -> None:
        match event:
            case None if link is self._link:
                self._link = None
                self._down()
            case Greeted(engines=engines, serving=serving) if link is not self._link:
                self._engines, self._serving = engines, serving
                self._take_over(link)
            case EnginesChanged(engines, problems, serving) if link is self._link:
                self._engines, self._serving = engines, serving
                self._on_status(LinkStatus("ready", "", "", engines, problems, serving))
            case Resync(uri) if link is self._link and uri in self._documents:
                self._mirror(self._documents[uri])
            case _:
                pass

    # Questions.

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Ask the gateway."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        link = self._live or await self._awaited()
        try:
            lane, channel = link.ask(request)
        except LocalProtocolError as busy:
            link, lane, channel = await self._in_turn(request, busy)
        try:
            yield channel.read()
        finally:
            link.done(lane, channel)

    async def _in_turn(self, request: Request, busy: LocalProtocolError) -> tuple[Link, str, Channel]:
        """Ask as soon as a lane is free. Raises `EngineError` if none is in time."""
        with anyio.move_on_after(LANE_WAIT):
            while True:
                link = self._live or await self._awaited()
                with suppress(LocalProtocolError):
                    return link, *link.ask(request)
                await link.news()
        raise EngineError(busy.what, busy.meaning, busy.remedy, code=Code.ENGINE_BUSY) from busy

    async def _awaited(self) -> Link:
        """Return the link as soon as there is one. Raises `EngineError` if it cannot be had."""
        with anyio.move_on_after(CONNECT_WAIT):
            while self._trouble is None:
                await self._changed.wait()
                if (link := self._live) is not None:
                    return link
        error = self._trouble or _unreachable()
        raise EngineError(error.what, error.meaning, error.remedy, code=Code.GATEWAY_UNAVAILABLE) from error

    def observe(self, focus: Focus) -> None:
        """Tell where the cursor rests, if the mirror has that text."""
        document = self._documents.get(focus.uri)
        if (link := self._live) is not None and document is not None and document.text == focus.text:
            link.connection.check_document(document.uri, document.version, document.text)
            link.connection.focus(document.uri, document.version, focus.offset)
            link.flush()

    # Documents and settings.

    def opened(self, document: Document) -> None:
        """Mirror a document."""
        self._documents[document.uri] = document
        self._mirror(document)

    def edited(self, document: Document, edits: Sequence[Edit]) -> None:
        """Mirror changes, made one after another, that led to `document`."""
        self._documents[document.uri] = document
        if (link := self._live) is None:
            return
        if not link.connection.edit_document(document.uri, document.version, edits, len(document)):
            self._mirror(document)
        link.flush()

    def closed(self, uri: str) -> None:
        """Have a document forgotten."""
        self._documents.pop(uri, None)
        if (link := self._live) is not None:
            link.connection.close_document(uri)
            link.flush()

    def _mirror(self, document: Document) -> None:
        if (link := self._live) is not None:
            link.connection.open_document(document.uri, document.language, document.version, document.text)
            link.flush()

    def configure(
        self,
        engines: Mapping[str, Any],
        routes: Mapping[str, Sequence[str]],
        budget: Mapping[str, Any],
        keys: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Send the editor's settings, now and after every reconnect; keys only to the user's own gateway."""
        self._settings = (engines, routes, budget, keys)
        if (link := self._live) is not None:
            self._send_settings(link)
            link.flush()

    def _send_settings(self, link: Link) -> None:
        if self._settings is not None:
            engines, routes, budget, keys = self._settings
            link.connection.configure(engines, routes, budget, keys if link.own else None)

    async def aclose(self) -> None:
        """The link ends with `run`; there is nothing else to free."""


def _unreachable() -> GatewayError:
    return GatewayError(
        "The gateway cannot be reached",
        "No suggestions and no edits until it answers",
        "It is tried again by itself; check spark.engine.url if it stays so",
    )


def _went_wrong() -> GatewayError:
    return GatewayError(
        "spark-lsp failed while it connected to the gateway",
        "No suggestions and no edits until it is connected",
        "It is tried again by itself; please report it if it stays so",
    )
