"""What became of each suggestion on the screen: a state machine without clock or I/O.

A document has at most one suggestion on the screen. It ends with an outcome:

    accepted    the user took all of it, with a key or from the menu
    partly      the user took words or lines of it
    rejected    the user sent it away
    ignored     it was on the screen for `SEEN_SECONDS`, and the user typed something else or went elsewhere
    typed       the user typed all of it, letter by letter
    brief       it was on the screen for a shorter time, so nothing follows from its end

An editor reports an acceptance after the change that inserts the text. So a suggestion that has ended is
remembered for a while, and its outcome is corrected.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

SEEN_SECONDS = 0.75
REMEMBERED = 32  # suggestions that have ended


class Outcome(StrEnum):
    """The end of a suggestion; see the module docstring."""

    ACCEPTED = "accepted"
    PARTLY = "partly"
    REJECTED = "rejected"
    IGNORED = "ignored"
    TYPED = "typed"
    BRIEF = "brief"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a suggestion comes from, for the history; `in_menu` if it is one of several items of a menu."""

    engine: str = ""
    model: str = ""
    latency_s: float = 0.0
    confidence: float | None = None
    in_menu: bool = False


@dataclass(slots=True)
class Shown:
    """A suggestion on the screen.

    `suggestion` has the rest that was not typed; `typed` counts the typed characters.
    """

    suggestion: Suggestion
    origin: Origin
    since: float
    typed: int = 0
    accepted: int = 0

    @property
    def chars(self) -> int:
        """The length of the complete text."""
        return self.typed + len(self.suggestion.text)

    @property
    def lines(self) -> int:
        """The number of lines that the rest touches."""
        return self.suggestion.text.count("\n") + 1


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of a suggestion. `is_contradicted`: the user typed something else at its cursor."""

    shown: Shown
    outcome: Outcome
    is_contradicted: bool = False

    @property
    def accepted_chars(self) -> int:
        """The number of characters that the user took."""
        return self.shown.accepted if self.outcome in (Outcome.ACCEPTED, Outcome.PARTLY) else 0


@dataclass(slots=True)
class Outcomes:
    """The suggestions on the screen, by document; each event returns the suggestions that it ends."""

    _shown: dict[str, Shown] = field(default_factory=dict[str, Shown])
    _ended: dict[int, Ended] = field(default_factory=dict[int, Ended])

    def show(self, suggestion: Suggestion, origin: Origin, now: float) -> list[Ended]:
        """A suggestion appears, or has grown."""
        uri, token = suggestion.document.uri, suggestion.token
        if not suggestion.text:
            return self.withdraw(token, uri, now)
        before = self._shown.get(uri)
        if before is not None and before.suggestion.token == token:
            if suggestion.document is before.suggestion.document:
                before.suggestion = suggestion
            elif (moved := _move(suggestion, before.suggestion.document)) is not None:
                before.suggestion = moved
            return []
        if token in self._ended:
            return []
        ended = self._end_by_time(uri, now)
        self._shown[uri] = Shown(suggestion, origin, now)
        return ended

    def withdraw(self, token: int, uri: str, now: float) -> list[Ended]:
        """A suggestion leaves the screen without any action of the user."""
        shown = self._shown.get(uri)
        return self._end_by_time(uri, now) if shown is not None and shown.suggestion.token == token else []

    def change(self, document: Document, now: float) -> list[Ended]:
        """The user has changed a document."""
        shown = self._shown.get(document.uri)
        if shown is None:
            return []
        made = shown.suggestion
        grown = len(document) - len(made.document)
        is_complete = grown == len(made.text) - (made.end - made.anchor)  # closers that it replaces included
        if is_complete and document.text.startswith(made.text, made.anchor):
            if grown > 1:
                return self._take(shown)
            shown.typed += len(made.text)
            shown.suggestion = replace(made, text="")
            return self._end(shown, Outcome.TYPED)
        moved = _move(made, document)
        if moved is None:
            return self._end_by_time(document.uri, now, is_contradicted=_is_typed_at_cursor(made, document))
        shown.typed += len(made.text) - len(moved.text)
        shown.suggestion = moved
        return []

    def accept(self, token: int) -> list[Ended]:
        """The editor reports that the user took a suggestion, or a part of it."""
        shown = self._find(token)
        if shown is not None:
            shown.accepted = shown.typed
            if not shown.typed:
                return self._take(shown)  # reported before the change
            return [Ended(shown, Outcome.PARTLY)]
        if (ended := self._ended.get(token)) is None:
            return []
        is_rest_left = ended.outcome is Outcome.PARTLY and bool(ended.shown.suggestion.text)
        if ended.outcome is Outcome.ACCEPTED or is_rest_left:
            return []
        ended.shown.accepted = ended.shown.chars
        return self._end(ended.shown, Outcome.ACCEPTED)

    def reject(self, token: int, now: float, *, leaving: bool = False) -> list[Ended]:
        """The user sent a suggestion away, or is `leaving` the mode in which it is on the screen."""
        shown = self._find(token)
        if shown is None:
            return []
        if leaving:
            return self._end_by_time(shown.suggestion.document.uri, now, is_contradicted=True)
        return self._end(shown, Outcome.REJECTED)

    def close(self, uri: str, now: float) -> list[Ended]:
        """A document is closed."""
        return self._end_by_time(uri, now)

    def _find(self, token: int) -> Shown | None:
        return next((each for each in self._shown.values() if each.suggestion.token == token), None)

    def _take(self, shown: Shown) -> list[Ended]:
        shown.accepted = shown.chars
        return self._end(shown, Outcome.ACCEPTED)

    def _end_by_time(self, uri: str, now: float, *, is_contradicted: bool = False) -> list[Ended]:
        shown = self._shown.get(uri)
        if shown is None:
            return []
        was_seen = now - shown.since >= SEEN_SECONDS
        return self._end(shown, Outcome.IGNORED if was_seen else Outcome.BRIEF, is_contradicted)

    def _end(self, shown: Shown, outcome: Outcome, is_contradicted: bool = False) -> list[Ended]:
        uri, token = shown.suggestion.document.uri, shown.suggestion.token
        if self._shown.get(uri) is shown:
            del self._shown[uri]
        if shown.accepted and outcome is not Outcome.ACCEPTED:
            outcome = Outcome.PARTLY
        ended = self._ended[token] = Ended(shown, outcome, is_contradicted)
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return [ended]


def _is_typed_at_cursor(suggestion: Suggestion, document: Document) -> bool:
    """Return whether all that changed is that text came at the suggestion's cursor.

    Else letters were deleted, or the change is elsewhere, as those of a formatter: that says nothing about
    the suggestion.
    """
    before, anchor = suggestion.document.text, suggestion.anchor
    after = document.text
    return (
        len(after) > len(before)
        and after.startswith(before[:anchor])
        and (after.endswith(before[anchor:]) or after.endswith(before[suggestion.end :]))
    )


def _move(suggestion: Suggestion, document: Document) -> Suggestion | None:
    """Return a suggestion for a later text, with the cursor behind the typed letters."""
    if document is suggestion.document:
        return suggestion
    offset = suggestion.anchor + len(document) - len(suggestion.document)
    return suggestion.move_to(document, offset)
