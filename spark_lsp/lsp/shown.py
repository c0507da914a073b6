"""The suggestions on the screen: whether they are shown, what became of them, and the history of that.

`session.showing` and `session.outcomes` decide everything. This module passes the events to them, writes the
figures into the history and the refusals into their file. Nothing of it leaves the machine.
"""

import asyncio
import functools
import secrets
import time
from collections.abc import Sequence

from spark_lsp.errors import StoreError
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.session_recorder import SessionRecorder
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.store_queue import StoreQueue
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.session.outcomes import Ended, Origin, Outcome, Outcomes, Shown
from spark_lsp.session.refusals import Refusals, Verdict
from spark_lsp.session.showing import ShowGate, ShowPolicy
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.store.history import History, Row
from spark_lsp.store.refused import Refused
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

MAX_NAME = 60  # characters of a language, an engine or a model in the history


class ShownSuggestions:
    """The suggestions on the screen of all documents."""

    def __init__(
        self,
        *,
        settings: SettingsStore,
        client: LanguageClient,
        queue: StoreQueue,
        history: History,
        refused: Refused,
        session: SessionRecorder,
    ) -> None:
        self._settings = settings
        self._client = client
        self._queue = queue
        self._history = history
        self._refused = refused
        self._session = session
        self._refusals = Refusals(secrets.token_bytes(16))  # until `load`
        self._outcomes = Outcomes()
        self._is_loaded = False

    async def load(self) -> None:
        """Read the refusals of earlier sessions, once. The memory is empty without their file."""
        if self._is_loaded:
            return
        self._is_loaded = True
        try:
            self._refusals.load(*await run_in_thread(self._refused.load))
        except StoreError as error:
            self._queue.report(error)

    @property
    def wants_confidence(self) -> bool:
        """Whether engines should report their confidence: for the threshold, or for the history."""
        settings = self._settings.current
        return settings.completion.threshold > 0 or settings.stats.enabled

    def make_gate(self, document: Document, offset: int) -> ShowGate:
        """Return the gate for the suggestions at a cursor."""
        threshold = self._settings.current.completion.threshold
        return ShowPolicy(threshold, self._refusals).gate(document, offset)

    def may_show(self, suggestion: Suggestion) -> bool:
        """Return whether an earlier answer may be shown again: it may have been refused since."""
        here = self._refusals.at(suggestion.document, suggestion.anchor)
        return here.judge(suggestion.text, done=True) not in (Verdict.REFUSED, Verdict.IGNORED)

    # Events.

    def show(self, suggestion: Suggestion, origin: Origin) -> None:
        """A suggestion appears, or has grown."""
        self._note(self._outcomes.show(suggestion, origin, _read_clock()))

    def withdraw(self, suggestion: Suggestion) -> None:
        """A suggestion leaves the screen without any action of the user."""
        self._note(self._outcomes.withdraw(suggestion.token, suggestion.document.uri, _read_clock()))

    def follow_change(self, document: Document, _: Sequence[Edit] = ()) -> None:
        """The user has changed a document."""
        self._note(self._outcomes.change(document, _read_clock()))

    def forget_document(self, uri: str) -> None:
        """A document is closed."""
        self._note(self._outcomes.close(uri, _read_clock()))
        self._refusals.forget_ignored(uri)

    def accept(self, token: int) -> None:
        """The user took a suggestion, or a part of it."""
        self._note(self._outcomes.accept(token))

    def reject(self, token: int, *, leaving: bool) -> bool:
        """The user sent a suggestion away, or left the mode. Return whether it must not be shown again."""
        ended = self._outcomes.reject(token, _read_clock(), leaving=leaving)
        self._note(ended, reported=True)
        return any(each.outcome is not Outcome.BRIEF for each in ended)

    def _note(self, ended: Sequence[Ended], *, reported: bool = False) -> None:
        """Remember refusals, and write the outcomes into the history."""
        for each in ended:
            self._remember(each, reported=reported)
            self._session.record_outcome(each)
        if ended and self._settings.current.stats.enabled:
            rows = [(each.shown.suggestion.token, make_row(each)) for each in ended]
            self._queue.put(functools.partial(self._history.add, rows))

    def _remember(self, ended: Ended, *, reported: bool) -> None:
        """Remember a refusal; conclude one from typing only in editors that do not report refusals."""
        shown = ended.shown
        at = shown.suggestion
        if reported and ended.outcome in (Outcome.REJECTED, Outcome.PARTLY) and not ended.is_contradicted:
            refusal = self._refusals.refuse(at.document, at.anchor, at.text, done=at.done)
            if refusal is not None:
                self._queue.put(functools.partial(self._refused.add, refusal))
        elif ended.outcome is Outcome.ACCEPTED:
            self._refusals.allow(at.document, at.anchor, at.text)
        elif ended.outcome is Outcome.IGNORED and ended.is_contradicted and self._counts(shown, reported):
            self._refusals.ignore(at.document, at.anchor, at.text, done=at.done)

    def _counts(self, shown: Shown, reported: bool) -> bool:
        return reported or not (self._client.reports_rejections or shown.origin.in_menu)


def make_row(ended: Ended) -> Row:
    """Return the figures of a suggestion that has ended."""
    shown = ended.shown
    origin = shown.origin
    return Row(
        at=int(time.time()),
        language=shown.suggestion.document.language[:MAX_NAME],
        engine=origin.engine[:MAX_NAME],
        model=origin.model.replace("\\", "/").rpartition("/")[2][:MAX_NAME],  # a model may be a file's path
        chars=shown.chars,
        lines=shown.lines,
        latency_ms=round(origin.latency_s * 1000, 1),
        confidence=origin.confidence,
        outcome=ended.outcome.value,
        accepted_chars=ended.accepted_chars,
    )


def _read_clock() -> float:
    return asyncio.get_running_loop().time()
