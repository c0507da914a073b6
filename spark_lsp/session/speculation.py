"""The suggestion after the next acceptance, requested ahead of time.

If the user accepts a complete suggestion, the next request is for a known text and cursor. Its stream can
therefore start before the acceptance: the *ahead stream*. It has the states of every stream, but no request
uses it before it is adopted.

    state   event                                                   next    effects
    ------  ------------------------------------------------------  ------  --------------------------
    none    the user has rested on a complete suggestion (`SHOWN`)  ahead   StartAhead
    none    a change inserts all of a complete suggestion           ahead   StartAhead
    ahead   a request arrives for its text and cursor               none    AdoptStream: it is the live stream
    ahead   a request starts another stream                         none    StopStream
    ahead   a change contradicts both it and the suggestion         none    StopStream
    ahead   its new text contradicts such a change                  none    StopStream
    ahead   its engine fails, its work ends, the document is closed none    StopStream

The policy is by cost. A request after a rest is wasted if the user does not accept, so only an engine without
a price per request gets it (`SHOWN`). A request at the acceptance is the one that the editor sends next,
some milliseconds earlier (`ACCEPTED`), and costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from spark_lsp.session.effects import Effect, StartAhead, StopStream
from spark_lsp.session.recent_answers import RecentAnswers
from spark_lsp.session.suggestion_stream import CursorRequest, StreamState, StreamStep, SuggestionStream
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

REST_SECONDS = 0.2  # after the last answer, for which the user looks at a suggestion


class Trigger(Enum):
    """The event that starts the request for the suggestion after an acceptance."""

    NEVER = auto()
    ACCEPTED = auto()
    SHOWN = auto()  # or an acceptance before the rest is over


@dataclass(frozen=True, slots=True)
class Policy:
    """The trigger, and the source of answers: those of another engine or other settings are not reused.

    A source of None is unknown, as before the first message of the gateway.
    """

    trigger: Trigger = Trigger.NEVER
    source: object = None


def choose_trigger(setting: str, *, is_free: bool) -> Trigger:
    """Return the trigger for the value of `completion.speculate`.

    `is_free` tells whether a request to the engine that completes costs no money.
    """
    if setting == "auto":
        return Trigger.SHOWN if is_free else Trigger.ACCEPTED
    return {"shown": Trigger.SHOWN, "accepted": Trigger.ACCEPTED}.get(setting, Trigger.NEVER)


class Speculation:
    """The ahead stream of one document; see the module's text. `base` is the document's live stream."""

    def __init__(self, tokens: Iterator[int]) -> None:
        self._tokens = tokens
        self._policy = Policy()
        self.recent = RecentAnswers()
        self.stream: SuggestionStream | None = None
        self.due: float | None = None  # when the rest is over
        self._latest: Document | None = None  # after the last change

    def set_policy(self, policy: Policy) -> list[Effect]:
        """Follow the settings and the choice of the engine."""
        before, self._policy = self._policy.source, policy
        is_other = before is not None and before != policy.source
        if is_other:
            self.recent.clear()
        return self.drop() if is_other or policy.trigger is Trigger.NEVER else []

    def note_answer(self, base: SuggestionStream, now: float) -> None:
        """Let the rest begin: a request was answered from `base`."""
        is_shown = base.state is StreamState.DONE and bool(base.suggestion.text) and bool(base.answered)
        if is_shown and self._policy.trigger is Trigger.SHOWN and self.stream is None:
            self.due = now + REST_SECONDS

    def process_timer(self, base: SuggestionStream | None, now: float, *, is_idle: bool) -> list[Effect]:
        """Start the stream if the rest is over and no request is pending."""
        if self.due is None or self.due > now:
            return []
        self.due = None
        is_needed = is_idle and self.stream is None
        if base is None or base.state is not StreamState.DONE or not is_needed:
            return []
        return self._start(base.suggestion, now)

    def follow_change(
        self, document: Document, base: SuggestionStream | None, now: float, *, is_idle: bool
    ) -> list[Effect]:
        """Start the stream if a change has accepted a suggestion; drop it if the change contradicts it.

        `base` is the stream before the change, which may have dropped it.
        """
        self._latest = document
        if self.stream is None:
            is_wanted = is_idle and self._policy.trigger is not Trigger.NEVER
            if base is None or not is_wanted or not base.suggestion.is_accepted_in(document):
                return []
            return self._start(base.suggestion, now)
        return self.check_text(base)

    def check_text(self, base: SuggestionStream | None) -> list[Effect]:
        """Drop the stream if it contradicts the document; its text may come after the contradiction."""
        if self.stream is None or self._latest is None:
            return []
        if base is not None and base.state is not StreamState.DROPPED:
            return []
        return [] if self.stream.suggestion.agrees_with(self._latest) else self.drop()

    def take(self, request: CursorRequest, now: float) -> SuggestionStream | None:
        """Return the ahead stream or an earlier answer, if it is or may become the answer to a request."""
        stream = self.stream
        typed = stream.find_typed_text(request.document, request.offset) if stream is not None else None
        if stream is not None and typed is not None:
            self.stream = self.due = None
            stream.adopt(typed, request.document, request.offset)
            return stream
        known = self.recent.find(request.document, request.offset, now)
        if known is None:
            return None
        known = replace(known, token=next(self._tokens))
        return SuggestionStream(known, state=StreamState.DONE, started_at=now)

    def drop(self) -> list[Effect]:
        """End the stream, if any, and the rest."""
        stream, self.stream, self.due = self.stream, None, None
        if stream is None:
            return []
        stream.step(StreamStep.DROP)
        return [StopStream(stream)]

    def _start(self, base: Suggestion, now: float) -> list[Effect]:
        document, offset = base.accept()
        suggestion = Suggestion(document, offset, offset, token=next(self._tokens))
        self.stream = SuggestionStream(suggestion, started_at=now, is_ahead=True)
        self.due = None
        return [StartAhead(self.stream)]
