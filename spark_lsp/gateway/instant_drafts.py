"""Drafts of one connection: text copied from its mirrored documents, sent while the engine is still silent.

Each connection has its own copy model, so no text passes from one editor window or user to another. It
follows the connection's replicas: a document that leaves the mirror leaves the model with the same message.
Documents are indexed in short steps between other work.

A draft is made only after an engine has been silent for `DRAFT_DELAY_S`. A fast engine therefore never waits
for a draft, and the editor never sees one that an answer replaces at once. Without a draft, the request waits
for one until its first text: in a file that was just opened, the texts to copy from come a moment later.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from spark_lsp.answer_events import Draft
from spark_lsp.gateway.writer import ConnectionWriter
from spark_lsp.instant.copy_model import CopyModel, Cursor
from spark_lsp.request import PartKind, Request, Task
from spark_lsp.supervise import guarded
from spark_lsp.wire.server import ServerConnection

if TYPE_CHECKING:
    from spark_lsp.wire.replica_store import ReplicaStore

DRAFT_DELAY_S = 0.002
INDEX_DELAY_S = 0.02  # between the steps that index documents
MOST_WAITING = 4  # requests, the newest: a user has one cursor
STEP_CHARS = 8_000  # of one step; takes about 1 ms


class InstantDrafts:
    """See the module's text. `enabled` is the user's setting; the public protocol has no drafts."""

    def __init__(
        self, connection: ServerConnection, writer: ConnectionWriter, model: CopyModel | None = None
    ) -> None:
        self.enabled = True
        self._connection = connection
        self._writer = writer
        self._model = model or CopyModel()
        self._replicas: ReplicaStore | None = None  # that the model follows
        self._stale: set[str] = set()  # documents whose change the model does not have yet
        self._waiting: dict[str, Request] = {}  # by response: without a draft so far
        self._timers: set[asyncio.TimerHandle] = set()
        self._index_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def close(self) -> None:
        """Make no more drafts."""
        self._is_closed = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._stop_indexing()

    def set_enabled(self, enabled: bool) -> None:
        """Follow the setting. Without drafts, nothing is indexed."""
        if enabled == self.enabled:
            return
        self.enabled = enabled
        self._stop_indexing()
        self._waiting.clear()
        self._model = CopyModel()
        self._replicas = None
        self.follow_replicas()

    def follow_replicas(self) -> None:
        """Note the changes of the replicas. Documents that have left are removed at once."""
        if not self.enabled or not self._connection.spark:
            return
        replicas = self._connection.documents.replicas
        if replicas is not self._replicas:  # those of an earlier connection, or the first ones
            self._replicas = replicas
            self._stale = set(replicas.names)
            for name in self._model.names:
                self._model.remove(name)
        changed = replicas.take_changes()
        if not changed and not self._stale:
            return
        self._stale |= changed
        for name in changed:
            if replicas.text_of(name) is None:
                self._model.remove(name)
        self._index_soon()

    # Drafts.

    def plan_draft(self, response: str, request: Request) -> None:
        """Send a draft for a completion, if its engine is still silent after `DRAFT_DELAY_S`."""
        if not self.enabled or request.task is not Task.COMPLETE or request.warm:
            return
        self._call_later(DRAFT_DELAY_S, lambda: self._send_draft(response, request))

    def _send_draft(self, response: str, request: Request) -> None:
        if not self._connection.accepts_draft(response):
            return
        self._update_model()
        self._model.advance(STEP_CHARS)
        self._predict(response, request)

    def _predict(self, response: str, request: Request) -> None:
        """Send the model's prediction; without one, let the request wait for it."""
        prediction = self._model.predict(self._find_cursor(request))
        if prediction is None:
            self._waiting[response] = request
            for oldest in list(self._waiting)[:-MOST_WAITING]:  # each holds the text around its cursor
                del self._waiting[oldest]
            return
        draft = Draft(
            prediction.text, prediction.match_tokens, round(prediction.agreement, 2), prediction.count
        )
        self._connection.write_event(response, draft)
        self._writer.wake()

    def _predict_again(self) -> None:
        """Predict for the requests that wait, because the model has more text now."""
        waiting, self._waiting = self._waiting, {}
        for response, request in waiting.items():
            if self._connection.accepts_draft(response):
                self._predict(response, request)

    def _find_cursor(self, request: Request) -> Cursor:
        uris = [part.uri for part in request.parts if part.kind is PartKind.PREFIX]
        replicas = self._connection.documents.replicas
        own = replicas.name_of(uris[-1] if uris and uris[-1] else request.origin)
        return Cursor(request.text_of(PartKind.PREFIX), request.text_of(PartKind.SUFFIX), own)

    # Indexing.

    def _update_model(self) -> None:
        """Give the model the current texts of all documents that have changed."""
        self.follow_replicas()
        replicas = self._connection.documents.replicas
        for name in self._stale:
            text = replicas.text_of(name)
            if text is None or replicas.is_context(name):  # nobody wrote that text
                self._model.remove(name)
            else:
                self._model.update(name, text)
        self._stale.clear()

    def _index_soon(self) -> None:
        if self._index_timer is None and not self._is_closed:
            loop = asyncio.get_running_loop()
            self._index_timer = loop.call_later(INDEX_DELAY_S, guarded(self._index_step))

    def _index_step(self) -> None:
        self._index_timer = None
        self._update_model()
        if self._model.advance(STEP_CHARS):
            self._index_soon()
        self._predict_again()

    def _stop_indexing(self) -> None:
        if self._index_timer is not None:
            self._index_timer.cancel()
            self._index_timer = None

    def _call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        if self._is_closed:
            return

        def run() -> None:
            self._timers.discard(timer)
            guarded(call)()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)
