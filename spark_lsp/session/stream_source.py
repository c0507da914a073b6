"""Where the text of a stream comes from: the interfaces that its caller implements."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from spark_lsp.session.showing import ShowGate


class Shaper(Protocol):
    """Turns the chunks of an engine into the text to show: `prompts.ghost.GhostText`."""

    def feed(self, chunk: str) -> bool:
        """Take a chunk. Return True if the text is complete."""
        ...

    def finish(self) -> str | None:
        """Return the text to insert, or None. `end` then belongs to this text."""
        ...

    def reset(self) -> None:
        """Forget the chunks so far."""
        ...

    @property
    def text(self) -> str:
        """The text to show so far."""
        ...

    @property
    def end(self) -> int:
        """The end of the document's text that `text` replaces."""
        ...

    @property
    def whole_lines(self) -> str:
        """The complete lines so far."""
        ...

    @property
    def lines_end(self) -> int:
        """The end of the document's text that `whole_lines` replaces."""
        ...

    @property
    def is_useful(self) -> bool:
        """Whether the complete lines help alone."""
        ...

    def count_faults(self) -> int:
        """Return how many names in the final text, and in the lines below it, do not exist."""
        ...

    @property
    def has_faulty_lines(self) -> bool:
        """Whether the complete lines so far have such faults; more lines may remove them."""
        ...

    def find_second_starts(self) -> tuple[str, ...]:
        """Return texts, one of which a better answer begins with; empty if that is unknown."""
        ...

    def find_avoided_start(self) -> str:
        """Return the text with which a better answer does not begin; empty if that is unknown."""
        ...

    def cut_wrong_names(self) -> str | None:
        """Return the final text up to the first statement with a name that does not exist."""
        ...

    @property
    def deserves_second_answer(self) -> bool:
        """Whether the answer gave no text although there should be one."""
        ...


class SecretCheck(Protocol):
    """Finds the secrets that were hidden from the model: `privacy.redaction.RedactedDocument`."""

    @property
    def has_secrets(self) -> bool:
        """Whether any secret was hidden."""
        ...

    def repeats_mask(self, text: str) -> bool:
        """Return whether a text repeats the mask of a hidden secret."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Where a stream's text comes from: the shaping, the check for secrets, and the client's ability.

    `make_draft_shaper` makes the shaper of a draft. It is called when a draft arrives, which is seldom.
    `gate` decides whether the text is shown; without one, all text is.
    """

    shaper: Shaper
    secrets: SecretCheck
    shows_partial_results: bool
    make_draft_shaper: Callable[[], Shaper] | None = None
    gate: ShowGate | None = None
