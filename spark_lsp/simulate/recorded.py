"""The user's own recorded days, as a session for `feel`. Pure.

A recording has times and lengths, never text. Bursts of typing and answers are recorded; everything else is a
gap. A gap of up to `AWAY_S` counts as thinking, although tests or builds may have run in it. In a longer one,
the user was away; it does not count.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.simulate.feel import Step

AWAY_S = 300.0
TYPE, COMPLETE, EDIT, CHAT, ACCEPT, REJECT = "type", "complete", "edit", "chat", "accept", "reject"
ANSWERS = (COMPLETE, EDIT, CHAT)
CANNOT_KNOW = (
    f"pauses of up to {AWAY_S / 60:.0f} minutes count as thinking, even if tests ran; longer ones as absence",
    "with faster or slower answers you might have asked more or less often, or something else",
    "tokens of engines that do not count them are estimated as a quarter of the characters",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: a burst of typing, an answer, or what became of a suggestion.

    `at` is Unix time in seconds. `first_s` is from the request to the first text, `seconds` from the request
    to the last one, or the length of a burst. `waited` is False if the user typed on before the first
    text of an answer. `chars` counts the typed or accepted characters.
    """

    at: float
    kind: str
    first_s: float = 0.0
    seconds: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    waited: bool = False
    chars: int = 0

    @property
    def day(self) -> str:
        """The local day, such as 2026-11-30."""
        return datetime.datetime.fromtimestamp(self.at).astimezone().date().isoformat()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded session: its steps, and the seconds that the user really waited and was away."""

    steps: tuple[Step, ...]
    waiting_s: float
    away_s: float
    counts: dict[str, int]
    typed_on: int  # answers that nobody waited for

    @property
    def active_s(self) -> float:
        """The seconds of the session as it was, without absences."""
        return self.waiting_s + sum(step.seconds for step in self.steps)


def read_events(events: Sequence[Event]) -> Recorded:
    """Return the session of some events."""
    ordered = sorted(events, key=lambda event: event.at)
    steps = list[Step]()
    thinking = typing = waiting = away = 0.0
    busy_until = ordered[0].at if ordered else 0.0
    for event in ordered:
        gap = event.at - busy_until
        thinking += gap if 0 < gap <= AWAY_S else 0.0
        away += gap if gap > AWAY_S else 0.0
        if event.kind == TYPE:
            typing += max(event.at + event.seconds - max(event.at, busy_until), 0.0)
        elif event.kind in ANSWERS and event.waited:
            waiting += event.seconds
            typing -= min(max(-gap, 0.0), event.seconds)  # the wait was a part of a burst
            kind = COMPLETE if event.kind == COMPLETE else EDIT
            steps.append(Step(kind, 0.0, event.prompt_tokens, event.output_tokens))
        if event.kind not in ANSWERS or event.waited:
            busy_until = max(busy_until, event.at + event.seconds)
    steps += [Step("type", max(typing, 0.0)), Step("think", thinking)]
    typed_on = sum(1 for event in ordered if event.kind in ANSWERS and not event.waited)
    return Recorded(tuple(steps), waiting, away, dict(Counter(event.kind for event in ordered)), typed_on)
