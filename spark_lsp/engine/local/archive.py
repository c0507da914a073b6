"""The saved states of slots: the windows that the model has read in other documents. No I/O.

A user moves between a few files. Each time, the windows of one document take the slots of another. Reading
them again takes seconds; saving and restoring a state of a thousand tokens takes some 20 ms. The states are
derived from the user's code: they are files in the child's private directory and end with it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from spark_lsp.engine.local.slots import WINDOWS, Slot, Slots

_MIN_KEPT_CHARS = 400  # of a prompt; a shorter one is read again in a second
_MAX_KEPT_CHARS = 40_000  # of all saved prompts: some 10,000 tokens, 120 MB for the 0.5B model


@dataclass(frozen=True, slots=True)
class SavedState:
    """The contents of a slot, saved in the file `name` of the child's directory."""

    slot: int
    name: str
    contents: Slot


@dataclass(slots=True)
class Archive:
    """The saved states by document, the least recently used first."""

    _states: OrderedDict[str, tuple[SavedState, ...]] = field(
        default_factory=OrderedDict[str, tuple[SavedState, ...]]
    )
    _count: int = 0

    def plan_saving(self, document: str, slots: Slots) -> tuple[SavedState, ...]:
        """Return the states of a document that are worth saving, with names for their files."""
        worthwhile = [index for index in WINDOWS if len(slots.held[index].prompt) >= _MIN_KEPT_CHARS]
        return tuple(self._name_state(document, index, slots.held[index]) for index in worthwhile)

    def _name_state(self, document: str, index: int, slot: Slot) -> SavedState:
        # A file of the same document and slot may be overwritten, so that their number stays bounded.
        known = {state.slot: state.name for state in self._states.get(document, ())}
        if index not in known:
            self._count += 1
        name = known.get(index, f"slot-{self._count}.bin")
        return SavedState(index, name, Slot(slot.prompt, slot.prefix, slot.size))

    def keep(self, document: str, states: tuple[SavedState, ...]) -> list[str]:
        """Remember saved states; return the names of the files that are to be deleted for them."""
        names = {state.name for state in states}
        dropped = [state.name for state in self._states.pop(document, ()) if state.name not in names]
        if states:
            self._states[document] = states
        while self._count_chars() > _MAX_KEPT_CHARS and len(self._states) > 1:
            _, oldest = self._states.popitem(last=False)
            dropped += [state.name for state in oldest]
        return dropped

    def _count_chars(self) -> int:
        return sum(len(state.contents.prompt) for states in self._states.values() for state in states)

    def states_of(self, document: str) -> tuple[SavedState, ...]:
        """Return the saved states of a document."""
        return self._states.get(document, ())

    def forget_all(self) -> None:
        """Record that no state is left: the child is new."""
        self._states.clear()
