"""Chooses which of two embedded models completes: the larger one only where it answers in time. No I/O.

The measure is a *warm key*: the model reads the few tokens that were typed and writes one short line. The
larger model takes over if that takes at most `TAKE_OVER_S`, and the smaller one takes back if it takes more
than `GIVE_BACK_S`. Until the larger model has been measured, its time is that of the smaller one, scaled by
the sizes of the files. This overestimates it: on two cores, the file of the 1.5B model is 2.3 times as large
as that of the 0.5B model, and it reads 2.1 and writes 1.5 times as slowly.

Between two changes lie `DWELL_ANSWERS` answers or more, and each change needs `AGREEING_ANSWERS` in a row
that support it, so that one slow moment changes nothing. A larger model that had to give back is known by its
own pace from then on.
"""

from dataclasses import dataclass, field

TAKE_OVER_S = 0.4
GIVE_BACK_S = 0.6
DWELL_ANSWERS = 20
AGREEING_ANSWERS = 3
READ_TOKENS = 6  # of a warm key
WRITTEN_TOKENS = 12  # of a short line
_MIN_WRITTEN = 3  # the time for fewer tokens says little about the pace
_WEIGHT = 0.3  # of a new measurement against those before


@dataclass(slots=True)
class WritingPace:
    """The smoothed speed of a model's writing, in tokens per second; 0 before the first measurement."""

    tokens_per_s: float = 0.0

    def include(self, tokens: int, seconds: float) -> None:
        """Include an answer: `seconds` passed from its first to its last token."""
        if tokens < _MIN_WRITTEN or seconds <= 0:
            return
        measured = (tokens - 1) / seconds
        old = self.tokens_per_s or measured
        self.tokens_per_s = old + (measured - old) * _WEIGHT


def estimate_key_s(reads_per_s: float, writes_per_s: float) -> float:
    """Return the seconds for a warm key at these paces, in tokens per second; infinite if one is unknown."""
    if reads_per_s <= 0 or writes_per_s <= 0:
        return float("inf")
    return READ_TOKENS / reads_per_s + WRITTEN_TOKENS / writes_per_s


@dataclass(slots=True)
class ModelChoice:
    """The rule and its state. `size_ratio`: the larger file's size over the smaller one's."""

    size_ratio: float
    prefers_large: bool = False
    small: WritingPace = field(default_factory=WritingPace)
    large: WritingPace = field(default_factory=WritingPace)
    expected_s: float = 0.0  # the larger model's time at the last change, or when first known; 0: unknown
    _since_change: int = DWELL_ANSWERS
    _agreeing: int = 0
    _judged: int = 0

    def judge(self, small_reads_per_s: float, large_reads_per_s: float) -> bool:
        """Judge after an answer, from the reading paces too; return whether the choice has changed."""
        if self.large.tokens_per_s:
            expected_s = estimate_key_s(large_reads_per_s, self.large.tokens_per_s)
        else:
            expected_s = estimate_key_s(small_reads_per_s, self.small.tokens_per_s) * self.size_ratio
        limit_s = GIVE_BACK_S if self.prefers_large else TAKE_OVER_S
        wants_large = expected_s <= limit_s
        self._since_change += 1
        self._agreeing = self._agreeing + 1 if wants_large != self.prefers_large else 0
        self._judged += expected_s != float("inf")
        if self._judged == AGREEING_ANSWERS:
            self.expected_s = expected_s
        if self._agreeing < AGREEING_ANSWERS or self._since_change < DWELL_ANSWERS:
            return False
        self.prefers_large = wants_large
        self.expected_s = expected_s
        self._since_change = 0
        self._agreeing = 0
        return True

    def explain(self, small: str, large: str) -> str:
        """Return why one of the two models completes, for the status; empty as long as that is not known."""
        if not self.expected_s or (self.expected_s <= TAKE_OVER_S and not self.prefers_large):
            return ""
        time = f"about {self.expected_s:.1f} s for a keystroke"
        if self.prefers_large:
            return f"{large} completes: it needs {time}"
        return f"{small} completes: {large} would need {time}, and {TAKE_OVER_S:g} s is the limit"
