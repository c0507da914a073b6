"""Chooses the window of a completion by the contents of the prompt caches. No I/O.

The child has four slots, each with the cache of one prompt:

- `NEAR`, `WIDE` and `FULL` have windows around the user's cursor. The model reads them at rest, one after
  the other: a small one at once, a larger one within ten seconds, and the largest useful one.
- `SCRATCH` is for all other prompts: a small window while the others are cold, because the user waits for
  it; and edits, which would otherwise replace a window.

A completion uses the largest window of which little has changed since it was read. While the user types,
each key therefore costs a few tokens, whichever window it uses.

Requests name their slot. Otherwise, llama.cpp would give the next keystroke another, cold slot, while the
cancelled request still occupies its own for some hundred milliseconds.
"""

from dataclasses import dataclass, field, replace

from spark_lsp.prompts import fim, window
from spark_lsp.prompts.context_files import ContextFile
from spark_lsp.prompts.window import ReadingPace
from spark_lsp.text.lines import common_prefix_length

NEAR = 0
WIDE = 1
FULL = 2
SCRATCH = 3
SLOT_COUNT = 4
WINDOWS = (NEAR, WIDE, FULL)
# How long the model may read a window of each slot.
_READING_S = {NEAR: 2.0, WIDE: 6.5, FULL: 30.0, SCRATCH: 1.5}
_MIN_WINDOW_CHARS = 600
_MAX_WINDOW_CHARS = 12_000
# A prompt counts as warm if reading the rest of it takes less time than this.
_WARM_READING_S = 0.6
_WORTH_READING_S = 0.05
_MAX_DOCUMENTS = 100  # whose context is remembered
# A small document is read completely, even if the user waits this long for it, once: a window without the
# head of the function around the cursor gives worse answers (63 of 100 infilling tasks solved, instead of 71
# and more).
_COMPLETE_READING_S = 4.0
# Of a document that takes up to twice as long, as much as fits in that time is read. A window of `SCRATCH`
# would lack most of it, so that a slightly slower machine would give much worse answers.
_NEARLY_COMPLETE_READING_S = 2 * _COMPLETE_READING_S


@dataclass(slots=True)
class Slot:
    """The contents of one slot's cache: the prompt as text, and the window's prefix in it."""

    prompt: str = ""
    prefix: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One completion's prompt and slot. `reading_s` is the estimated time to read the uncached part.

    `reads_all_below` tells whether the window ends where the document ends.
    """

    slot: int
    prompt: str
    prefix: str
    fragment: str
    reading_s: float
    reads_all_below: bool = False


@dataclass(slots=True)
class Slots:
    """The state of the slots and the pace of the engine."""

    family: str
    pace: ReadingPace = field(default_factory=ReadingPace)
    held: tuple[Slot, ...] = field(default_factory=lambda: tuple(Slot() for _ in range(SLOT_COUNT)))
    document: str = ""  # whose windows the slots have
    beside_tokens: int = 0  # the most context beside the document
    _files: dict[str, tuple[ContextFile, ...]] = field(default_factory=dict[str, tuple[ContextFile, ...]])

    @property
    def files(self) -> tuple[ContextFile, ...]:
        """The context beside the document, as of its last request; reading ahead uses it too."""
        return self._files.get(self.document, ())

    def set_files(self, files: tuple[ContextFile, ...]) -> None:
        """Record the context beside the document. It begins each prompt, so it should change seldom."""
        self._files.pop(self.document, None)
        if files:
            self._files[self.document] = files
        while len(self._files) > _MAX_DOCUMENTS:
            del self._files[next(iter(self._files))]

    def plan(self, prefix: str, suffix: str) -> Plan:
        """Return a plan for completing between `prefix` and `suffix` with an answer in time."""
        windows = [self.plan_slot(index, prefix, suffix) for index in WINDOWS]
        for warm in reversed(windows):
            if warm.reading_s <= _WARM_READING_S:
                return warm
        begun = [each for each in windows if _reads_all_of(prefix, each)]
        ended = [each for each in begun if each.reads_all_below]
        for whole in (*ended, *begun):
            if whole.reading_s <= _COMPLETE_READING_S:
                return whole
        is_small = self.pace.seconds_for(len(prefix) + len(suffix)) <= _NEARLY_COMPLETE_READING_S
        if is_small:
            return self.plan_slot(SCRATCH, prefix, suffix, _COMPLETE_READING_S)
        scratch = self.plan_slot(SCRATCH, prefix, suffix)
        return min(scratch, *windows, key=lambda plan: plan.reading_s)

    def plan_again(self, prefix: str, suffix: str) -> Plan:
        """Return a plan for a second answer: another order of the prompt, in the slot for all others."""
        first = self.plan_slot(SCRATCH, prefix, suffix)
        chosen = self._choose_window(SCRATCH, prefix, suffix)
        prompt = fim.render_prompt(chosen.prefix, chosen.suffix, self.family, self.files, other_order=True)
        return replace(first, prompt=prompt, reading_s=self.pace.seconds_for(len(prompt)))

    def plan_reading(self, prefix: str, suffix: str) -> Plan | None:
        """Return what the model should read next while the user rests; None if that is nothing.

        The largest window that is nearly read is completed first, because completions use it.
        """
        size = 0
        larger = list(WINDOWS)
        for index in reversed(WINDOWS):
            plan = self.plan_slot(index, prefix, suffix)
            if plan.reading_s <= _WARM_READING_S:
                if plan.reading_s >= _WORTH_READING_S:
                    return plan
                size = len(plan.prompt)
                larger = [each for each in WINDOWS if each > index]
                break
        for index in larger:
            plan = self.plan_slot(index, prefix, suffix)
            if plan.reading_s >= _WORTH_READING_S and len(plan.prompt) > size:
                return plan
        return None

    def plan_slot(self, index: int, prefix: str, suffix: str, seconds: float = 0.0) -> Plan:
        """Return the plan for the window of one slot, whatever is cached.

        `seconds` is for how long the model may read it; 0 means the usual time of the slot. A slower engine
        gets smaller windows. But one that the slot has read already costs less than a smaller one that begins
        elsewhere, so it stays until the cursor has left it.
        """
        slot = self.held[index]
        size = window.choose_window_size(
            self.pace, seconds or _READING_S[index], slot.size, _MIN_WINDOW_CHARS, _MAX_WINDOW_CHARS
        )
        if slot.prompt and size < slot.size:
            kept = self._plan_window(index, prefix, suffix)
            if kept.reading_s <= _WARM_READING_S:
                return kept
        slot.size = size
        return self._plan_window(index, prefix, suffix)

    def _plan_window(self, index: int, prefix: str, suffix: str) -> Plan:
        slot = self.held[index]
        _, fragment = fim.split_fragment(_plain_ends(prefix))
        chosen = self._choose_window(index, prefix, suffix)
        prompt = fim.render_prompt(chosen.prefix, chosen.suffix, self.family, self.files)
        unread = len(prompt) - common_prefix_length(prompt, slot.prompt)
        ends = chosen.suffix == window.frozen_suffix(_plain_ends(suffix))
        return Plan(index, prompt, chosen.prefix, fragment, self.pace.seconds_for(unread), ends)

    def _choose_window(self, index: int, prefix: str, suffix: str) -> window.PromptWindow:
        slot = self.held[index]
        read, _ = fim.split_fragment(_plain_ends(prefix))
        return window.choose_window(read, _plain_ends(suffix), slot.size, slot.prefix)

    def record_prompt(self, plan: Plan) -> None:
        """Record that `plan` was sent. Until it is read, its slot has only the common beginning."""
        slot = self.held[plan.slot]
        slot.prompt = plan.prompt[: common_prefix_length(plan.prompt, slot.prompt)]
        slot.prefix = plan.prefix

    def read(self, plan: Plan, done: int, total: int) -> None:
        """Record that `done` of the `total` tokens of the plan's prompt are in its slot."""
        share = done / total if total else 0.0
        self.held[plan.slot].prompt = plan.prompt[: int(len(plan.prompt) * share)]

    def record_answer(self, plan: Plan, text: str) -> None:
        """Record that the slot contains the plan's prompt, followed by the generated `text`."""
        self.held[plan.slot].prompt = plan.prompt + text

    def forget(self, index: int) -> None:
        """Record that a slot contains another prompt now."""
        slot = self.held[index]
        slot.prompt = slot.prefix = ""

    def restore(self, index: int, contents: Slot) -> None:
        """Record that a slot has these contents again."""
        slot = self.held[index]
        slot.prompt = contents.prompt
        slot.prefix = contents.prefix
        slot.size = contents.size

    def forget_all(self) -> None:
        """Record that all slots are empty: the child is new."""
        for index in range(len(self.held)):
            self.forget(index)

    def record_pace(self, characters: int, tokens: int, read: int, seconds: float) -> None:
        """Include the measured reading of one prompt in the pace."""
        self.pace = self.pace.with_measurement(characters, tokens, read, seconds)


def _reads_all_of(prefix: str, plan: Plan) -> bool:
    """Tell whether the plan's window begins where the document begins."""
    return len(plan.prefix) + len(plan.fragment) == len(prefix)


def _plain_ends(text: str) -> str:
    """Return `text` with LF line ends, which models know best."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
