"""Chooses the window of a completion by the contents of the prompt caches. No I/O.

The child has two slots, each with the cache of one prompt:

- `WARM` has the large window around the user's cursor. The model reads it at rest; completions use it when
little
  of it has changed.
- `SCRATCH` is for all other prompts: a small window when the large one is cold, because the user waits for
it; and
  edits, which would otherwise replace the large window.

Requests name their slot. Otherwise, llama.cpp would give the next keystroke the other, cold slot, while the
cancelled request still occupies the first for some hundred milliseconds.
"""

from dataclasses import dataclass, field

from spark_lsp.prompts import fim, window
from spark_lsp.prompts.window import ReadingPace
from spark_lsp.text.lines import common_prefix_length

WARM = 0
SCRATCH = 1
# Limits of the time for reading a prompt: at rest, and while the user waits for the first character.
_REST_READING_S = 4.0
_WAIT_READING_S = 1.5
_MIN_WINDOW_CHARS = 600
_MAX_WINDOW_CHARS = 12_000
# A prompt counts as warm if reading the rest of it takes less time than this.
_WARM_READING_S = 0.6
# A small document is read completely, even if the user waits this long for it, once: a window without the
# head of the function around the cursor gives worse answers (63 of 100 infilling tasks solved, instead of 71
# and more).
_COMPLETE_READING_S = 4.0


@dataclass(slots=True)
class Slot:
    """The contents of one slot's cache: the prompt as text, and the window's prefix in it."""

    prompt: str = ""
    prefix: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One completion's prompt and slot. `reading_s` is the estimated time to read the uncached part."""

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
    pace: ReadingPace = field(default_factory=ReadingPace)
    held: tuple[Slot, Slot] = field(default_factory=lambda: (Slot(), Slot()))

    def plan(self, prefix: str, suffix: str) -> Plan:
        """Return a plan for completing between `prefix` and `suffix` with an answer in time."""
        warm = self.plan_at_rest(prefix, suffix)
        whole = len(warm.prefix) + len(warm.fragment) == len(prefix)
        if warm.reading_s <= (_COMPLETE_READING_S if whole else _WARM_READING_S):
            return warm
        scratch = self._plan(SCRATCH, _WAIT_READING_S, prefix, suffix)
        return scratch if scratch.reading_s < warm.reading_s else warm

    def plan_at_rest(self, prefix: str, suffix: str) -> Plan:
        """Return the plan for reading in advance, while no request waits."""
        return self._plan(WARM, _REST_READING_S, prefix, suffix)

    def _plan(self, index: int, seconds: float, prefix: str, suffix: str) -> Plan:
        slot = self.held[index]
        slot.size = window.choose_window_size(
            self.pace, seconds, slot.size, _MIN_WINDOW_CHARS, _MAX_WINDOW_CHARS
        )
        read, fragment = fim.split_fragment(_plain_ends(prefix))
        chosen = window.choose_window(read, _plain_ends(suffix), slot.size, slot.prefix)
        prompt = fim.render_prompt(chosen.prefix, chosen.suffix, self.family)
        unread = len(prompt) - common_prefix_length(prompt, slot.prompt)
        return Plan(index, prompt, chosen.prefix, fragment, chosen.closing, self.pace.seconds_for(unread))

    def asked(self, plan: Plan) -> None:
        """Record that `plan` was sent. Until it is read, its slot has only the common beginning."""
        slot = self.held[plan.slot]
        slot.prompt = plan.prompt[: common_prefix_length(plan.prompt, slot.prompt)]
        slot.prefix = plan.prefix

    def read(self, plan: Plan, done: int, total: int) -> None:
        """Record that `done` of the `total` tokens of the plan's prompt are in its slot."""
        share = done / total if total else 0.0
        self.held[plan.slot].prompt = plan.prompt[: int(len(plan.prompt) * share)]

    def answered(self, plan: Plan, text: str) -> None:
        """Record that the slot contains the plan's prompt, followed by the generated `text`."""
        self.held[plan.slot].prompt = plan.prompt + text

    def forget(self, index: int) -> None:
        """Record that a slot contains another prompt now."""
        slot = self.held[index]
        slot.prompt = slot.prefix = ""

    def measured(self, characters: int, tokens: int, read: int, seconds: float) -> None:
        """Include the measured reading of one prompt in the pace."""
        self.pace = self.pace.with_measurement(characters, tokens, read, seconds)


def _plain_ends(text: str) -> str:
    """Return `text` with LF line ends, which models know best."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
