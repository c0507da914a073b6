"""What the model has read, and which window a completion therefore gets. Decisions only, no I/O.

The child has two slots, each with the cache of one prompt:

- `WARM` holds the big window around the person's cursor. It is filled at rest and used when little of it
  must be read anew.
- `SCRATCH` takes what does not fit there: a small window when the big one is cold, because a person
  waits for it; and edits, which would otherwise push the big window out.

Requests name their slot. Left to itself llama.cpp would give the next key the other slot, cold, while
the cancelled one still holds the first for some hundred milliseconds.
"""

from dataclasses import dataclass, field

from spark_lsp.prompts import fim, window
from spark_lsp.prompts.window import Pace

WARM, SCRATCH = 0, 1
# Seconds of reading: at rest, and at most while a person waits for the first letter.
_AT_REST_S = 4.0
_WAITED_S = 1.5
_LEAST, _MOST = 600, 12_000
# A prompt counts as warm if at most this long must be read.
_WARM_S = 0.6
# A small document is read whole, even if a person waits this long for it, once: a window that cuts off the
# head of the function it stands in costs answers (63 of 100 infilling tasks right, against 71 and more).
_WHOLE_S = 4.0


@dataclass(slots=True)
class Slot:
    """What one slot's cache holds: the prompt as text, and the window's prefix in it."""

    prompt: str = ""
    prefix: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One completion as it will be asked: `reading_s` is the estimate for what is not cached."""

    slot: int
    prompt: str
    prefix: str
    fragment: str
    closing: str
    reading_s: float


@dataclass(slots=True)
class Slots:
    """The state of both slots and the pace of the engine."""

    family: str
    pace: Pace = field(default_factory=Pace)
    held: tuple[Slot, Slot] = field(default_factory=lambda: (Slot(), Slot()))

    def plan(self, prefix: str, suffix: str) -> Plan:
        """Return how to complete between `prefix` and `suffix` so that the answer comes in time."""
        warm = self.plan_at_rest(prefix, suffix)
        whole = len(warm.prefix) + len(warm.fragment) == len(prefix)
        if warm.reading_s <= (_WHOLE_S if whole else _WARM_S):
            return warm
        scratch = self._plan(SCRATCH, _WAITED_S, prefix, suffix)
        return scratch if scratch.reading_s < warm.reading_s else warm

    def plan_at_rest(self, prefix: str, suffix: str) -> Plan:
        """Return what to read while nobody waits."""
        return self._plan(WARM, _AT_REST_S, prefix, suffix)

    def _plan(self, index: int, seconds: float, prefix: str, suffix: str) -> Plan:
        slot = self.held[index]
        slot.size = window.limit(self.pace, seconds, slot.size, _LEAST, _MOST)
        read, fragment = fim.heal(_plain_ends(prefix))
        chosen = window.choose(read, _plain_ends(suffix), slot.size, slot.prefix)
        prompt = fim.render(chosen.prefix, chosen.suffix, self.family)
        unread = len(prompt) - window.common(prompt, slot.prompt)
        return Plan(index, prompt, chosen.prefix, fragment, chosen.closing, self.pace.seconds(unread))

    def asked(self, plan: Plan) -> None:
        """Note that `plan` is on its way: until more is known, its slot holds what it shares with it."""
        slot = self.held[plan.slot]
        slot.prompt = plan.prompt[: window.common(plan.prompt, slot.prompt)]
        slot.prefix = plan.prefix

    def read(self, plan: Plan, done: int, total: int) -> None:
        """Note that `done` of the `total` tokens of the plan's prompt are in its slot."""
        share = done / total if total else 0.0
        self.held[plan.slot].prompt = plan.prompt[: int(len(plan.prompt) * share)]

    def answered(self, plan: Plan, text: str) -> None:
        """Note that the slot holds the plan's prompt and behind it the generated `text`."""
        self.held[plan.slot].prompt = plan.prompt + text

    def forget(self, index: int) -> None:
        """Note that a slot holds something else now."""
        slot = self.held[index]
        slot.prompt = slot.prefix = ""

    def measured(self, characters: int, tokens: int, read: int, seconds: float) -> None:
        """Take the measured reading of one prompt into the pace."""
        self.pace = self.pace.measured(characters, tokens, read, seconds)


def _plain_ends(text: str) -> str:
    """Return `text` with the line ends that models know best."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
