"""The bases of one connection: which document has which, and the preparation of new ones.

Each base has a lane to itself, because a lane keeps only its latest response. A new base of a document goes
to another lane than its present one, so requests can fork the present one until the new one is ready. The
least recently used document loses its base when no lane is left.

A service may not know bases: it refuses the fields, or answers a request that wants no answer. From then on
every request has its full text.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.codes import Code
from spark_lsp.engine.responses.connection import BASE_LANES
from spark_lsp.engine.responses.creates import Call
from spark_lsp.engine.responses.errors import RefusedError
from spark_lsp.engine.responses.events import ResponseReader
from spark_lsp.engine.responses.lineage import SMALLEST_TEXT, Base, Fork, Lineage
from spark_lsp.engine.responses.tasks import start
from spark_lsp.engine.responses.words import base_items
from spark_lsp.errors import EngineError
from spark_lsp.request import Part
from spark_lsp.supervise import run_guarded

MOST_DOCUMENTS = len(BASE_LANES) - 1  # one lane is left for the next base
WAIT_S = 5.0  # that a request waits for the first base of its document; then it sends the full text
MOST_FAILURES = 2  # in a row, after which no more bases are prepared on this connection

_OF_ALL_REQUESTS = (Code.RATE_LIMIT_EXCEEDED, Code.ENGINE_UNAVAILABLE)

Exchange = Callable[[Call, str], Awaitable[ResponseReader]]
"""Sends a call on a lane and reads its response to the end. Raises `EngineError`."""


@dataclass(slots=True)
class _Document:
    lineage: Lineage = field(default_factory=Lineage)
    lane: str = ""
    is_unfit: bool = False  # each key would repeat a very long line
    preparing: asyncio.Task[Any] | None = None


class Bases:
    """See the module's text. `tasks` get the background work; `note_failure` gets each failure."""

    def __init__(
        self,
        exchange: Exchange,
        tasks: set[asyncio.Task[Any]],
        is_lane_free: Callable[[str], bool],
        note_failure: Callable[[EngineError], None],
    ) -> None:
        self.are_supported = True
        self._note_failure = note_failure
        self._exchange = exchange
        self._tasks = tasks
        self._is_lane_free = is_lane_free
        self._documents: dict[str, _Document] = {}  # by URI, the least recently used first
        self._failures = 0

    async def fork(self, uri: str, text: str, language: str, beside: tuple[Part, ...]) -> Fork | None:
        """Return how a request for this text continues a base; None if it must send the full text."""
        if not self._is_worth(uri, text):
            return None
        document = self._document(uri)
        document.lineage.note(text, language, beside)
        if document.lineage.has_long_lines:
            document.is_unfit = True
            document.lineage.forget()
            return None
        fork = document.lineage.fork()
        if fork is None:
            await self._wait_for_base(document)
            document.lineage.note(text, language, beside)  # another request may have come since
            fork = document.lineage.fork()
        return fork

    async def _wait_for_base(self, document: _Document) -> None:
        done, _ = await asyncio.wait([self._prepare_soon(document)], timeout=WAIT_S)
        if not done:
            self._count_failure()

    def follow(self, uri: str) -> None:
        """Prepare the next base of a document if one is due; call it after the request was sent."""
        document = self._documents.get(uri)
        if document is None or document.lineage.base is None or not self.are_supported:
            return
        if document.lineage.needs_checkpoint or document.lineage.needs_root:
            self._prepare_soon(document)

    def prepare(self, uri: str, text: str, language: str) -> "asyncio.Task[Any] | None":
        """Begin to prepare a base of a document that has none; return the work, None if nothing is to do."""
        if not self._is_worth(uri, text):
            return None
        document = self._document(uri)
        if document.preparing is None and document.lineage.base is not None:
            return None
        if document.preparing is None:
            document.lineage.note(text, language)
        return self._prepare_soon(document)

    def forget(self, uri: str) -> None:
        """Note that the service does not have the base of a document."""
        if uri in self._documents:
            self._documents[uri].lineage.forget()

    @property
    def latest(self) -> tuple[str, Lineage] | None:
        """The most recently used document that has a base."""
        with_base = [(uri, each.lineage) for uri, each in self._documents.items() if each.lineage.base]
        return with_base[-1] if with_base else None

    def _is_worth(self, uri: str, text: str) -> bool:
        known = self._documents.get(uri)
        is_unfit = known is not None and known.is_unfit
        return self.are_supported and not is_unfit and bool(uri) and len(text) >= SMALLEST_TEXT

    def _document(self, uri: str) -> _Document:
        document = self._documents.pop(uri, None) or _Document()
        self._documents[uri] = document
        if len(self._documents) > MOST_DOCUMENTS:
            del self._documents[next(iter(self._documents))]
        return document

    # Preparing.

    def _prepare_soon(self, document: _Document) -> "asyncio.Task[Any]":
        if document.preparing is None:
            work = run_guarded(self._prepare, document)
            document.preparing = start(work, self._tasks)
        return document.preparing

    async def _prepare(self, document: _Document) -> None:
        try:
            await self._prepare_base(document)
            self._failures = 0
        except EngineError as error:
            self._take_failure(document, error)
        finally:
            document.preparing = None

    def _take_failure(self, document: _Document, error: EngineError) -> None:
        """Learn from a failure; after several in a row, the service has no bases for us.

        A limit or a refused key says nothing about bases: the engine pauses then.
        """
        self._note_failure(error)
        if isinstance(error, RefusedError) and error.code not in _OF_ALL_REQUESTS:
            if error.is_lost_base:
                document.lineage.forget()
            if error.refused_of(frozenset(("generate",))):
                self.are_supported = False
            if not error.is_lost_base:
                self._count_failure()

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self.are_supported = False

    async def _prepare_base(self, document: _Document) -> None:
        lineage = document.lineage
        base, text, beside = lineage.base, lineage.text, lineage.beside
        if base is None or lineage.needs_root:
            call = Call(base_items(text, lineage.language, beside), warm=True)
            drift = 0
        else:
            fork = lineage.fork()
            assert fork is not None  # `needs_root` covers the other case
            call = Call(fork.changes, parent=base.response, warm=True)
            drift = lineage.drift
            beside = (*base.beside, *(part for part in beside if part not in base.beside))
        lane = self._choose_lane(document)
        if not lane:
            return
        reader = await self._exchange(call, lane)
        if reader.has_text or not reader.response_id:
            self.are_supported = False  # it answers, so it does not know `generate`
            return
        document.lane = lane
        lineage.adopt(Base(reader.response_id, text, beside, drift))

    def _choose_lane(self, document: _Document) -> str:
        used = {each.lane for each in self._documents.values()}
        free = [lane for lane in BASE_LANES if lane not in used and self._is_lane_free(lane)]
        return free[0] if free else ""
