"""Records the user's session if `stats.record` is on: times and lengths, never text, names or paths.

A keystroke only changes two numbers here. Rows are made after an answer or an outcome, and written by
`StoreQueue` on a thread. A document that may not leave the editor leaves no row, nor does one whose project
has switched the recording off.
"""

import functools
import time
from collections.abc import Sequence

from spark_lsp.answer_events import Usage
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.store_queue import StoreQueue
from spark_lsp.request import Request
from spark_lsp.session.outcomes import Ended, Outcome
from spark_lsp.simulate.recorded import ACCEPT, REJECT, TYPE, Event
from spark_lsp.store.recording import Recording
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

PAUSE_S = 2.0  # a longer pause between two changes ends a burst of typing
CHARACTERS_PER_TOKEN = 4  # for engines that do not count
KINDS = {Outcome.ACCEPTED: ACCEPT, Outcome.PARTLY: ACCEPT, Outcome.REJECTED: REJECT}


class SessionRecorder:
    """See the module's text."""

    def __init__(
        self, settings: SettingsStore, outgoing: Outgoing, queue: StoreQueue, recording: Recording
    ) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._queue = queue
        self._recording = recording
        self._uri = ""  # of the burst of typing
        self._began_at = 0.0  # on the monotonic clock, as all times here
        self._changed_at = 0.0
        self._chars = 0

    @property
    def is_on(self) -> bool:
        """Whether the user wants a recording."""
        return self._settings.current.stats.record

    def follow_change(self, document: Document, edits: Sequence[Edit] = ()) -> None:
        """The user has changed a document."""
        if not self.is_on:
            return
        now = time.monotonic()
        if now - self._changed_at > PAUSE_S or document.uri != self._uri:
            self._end_burst()
            self._uri, self._began_at = document.uri, now
        self._changed_at = now
        self._chars += sum(len(edit.new) for edit in edits)

    def record_answer(
        self,
        request: Request,
        asked_at: float,
        first_at: float | None,
        last_at: float,
        usage: Usage,
        chars: int,
    ) -> None:
        """Record an answer that has begun; times are monotonic. The user did not wait for any other one."""
        if first_at is None or not self._may_record(request.origin or self._uri):
            return
        event = Event(
            _unix(asked_at),
            request.task.value,
            first_at - asked_at,
            last_at - asked_at,
            usage.input_tokens or request.characters() // CHARACTERS_PER_TOKEN,
            usage.output_tokens or -(-chars // CHARACTERS_PER_TOKEN),
            not asked_at < self._changed_at <= first_at,
        )
        self._write(event)

    def record_outcome(self, ended: Ended) -> None:
        """Record that the user took or refused a suggestion; it ends a burst of typing."""
        kind = KINDS.get(ended.outcome)
        if kind is None or not self._may_record(ended.shown.suggestion.document.uri):
            return
        self._end_burst()
        self._write(Event(time.time(), kind, chars=ended.accepted_chars))

    def _end_burst(self) -> None:
        if self._chars and self._may_record(self._uri):
            seconds = self._changed_at - self._began_at
            self._write(Event(_unix(self._began_at), TYPE, seconds=seconds, chars=self._chars))
        self._chars = 0
        self._uri = ""

    def _may_record(self, uri: str) -> bool:
        if not self.is_on or self._outgoing.withholds(uri):
            return False
        return self._outgoing.exclusion.find_narrowing(uri).record

    def _write(self, event: Event) -> None:
        self._queue.put(functools.partial(self._recording.add, [event]))


def _unix(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)
