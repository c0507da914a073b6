"""Whether a suggestion is shown: by the engine's confidence, and by what the user refused at this place.

The decision is made once, for the first line that is not blank: until then the text waits, unless the model
is very sure of its first tokens. A text on the screen is never removed because the confidence has fallen. It
is only not extended any further. A refused text is never shown, even if it is the rest of a longer text that
was cut.

Confidence is the geometric mean of the probabilities that the model gave its tokens so far, from 0 to 1. A
text without a reported confidence passes.
"""

from dataclasses import dataclass
from enum import Enum, auto

from spark_lsp.codes import Code, Reason
from spark_lsp.session.refusals import Refusals, RefusalsHere, Verdict, first_line
from spark_lsp.text.document import Document

EARLY_REPORTS = 4  # of the confidence, each for a token at least, after which it may decide early
EARLY_MARGIN = 0.15  # above the threshold, for an early decision


class Ruling(Enum):
    """What to do with a text."""

    SHOW = auto()
    WAIT = auto()  # more text decides
    HIDE = auto()
    KEEP = auto()  # the part that is on the screen stays, and is not extended


@dataclass(frozen=True, slots=True)
class ShowPolicy:
    """The user's threshold for the confidence, and the refusals. A threshold of 0 shows everything."""

    threshold: float
    refusals: Refusals

    def gate(self, document: Document, offset: int) -> "ShowGate":
        """Return the gate for the suggestions at a cursor."""
        return ShowGate(self.threshold, self.refusals.at(document, offset))


@dataclass(slots=True)
class ShowGate:
    """Decides about the texts of one suggestion. `reason` is why the last one was hidden."""

    threshold: float
    refusals: RefusalsHere
    confidence: float | None = None  # of the engine, in its tokens so far
    reports: int = 0
    reason: Reason | None = None

    def note_confidence(self, confidence: float | None) -> None:
        """Take the engine's confidence in its tokens so far, if it reports one."""
        if confidence is not None:
            self.confidence = confidence
            self.reports += 1

    def forget_confidence(self) -> None:
        """Begin with another answer."""
        self.confidence, self.reports = None, 0

    @property
    def is_sure_early(self) -> bool:
        """Whether the confidence decides before the line is complete."""
        sure = self.confidence is not None and self.confidence >= self.threshold + EARLY_MARGIN
        return sure and self.reports >= EARLY_REPORTS

    @property
    def is_unsure(self) -> bool:
        """Whether the confidence is known, and too low."""
        return self.confidence is not None and self.confidence < self.threshold

    def judge(self, text: str, *, shown: str, done: bool) -> Ruling:
        """Return what to do with a text, which is complete if `done`; `shown` may be on the screen."""
        verdict = self.refusals.judge(text, done=done)
        if verdict in (Verdict.REFUSED, Verdict.IGNORED):
            self.reason = Code.DISMISSED
            return Ruling.HIDE
        if verdict is Verdict.UNDECIDED:
            return Ruling.WAIT
        if shown:
            return Ruling.KEEP if self.is_unsure else Ruling.SHOW
        if self.threshold <= 0 or self.confidence is None or self.is_sure_early or not text.strip():
            return Ruling.SHOW
        if not first_line(text, done=done).endswith("\n"):
            return Ruling.WAIT
        if self.is_unsure:
            self.reason = Code.LOW_CONFIDENCE
            return Ruling.HIDE
        return Ruling.SHOW
