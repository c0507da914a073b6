"""What a request sends of its document, given what the service already has of it. No I/O.

Theory. A *base* is a response without text that the service keeps on this connection: the rules, and the
document as it was. A request *forks* the base by `previous_response_id` and adds the changes since then,
which are a few hundred bytes. When the changes grow, a *checkpoint* is prepared: a base that forks the one
before by the changes alone. When all changes since the full text exceed a share of it, a new *root* sends
the full text: a model reads a text better than the history of it, and each checkpoint is read with every
request.

A base that the service no longer has (`previous_response_not_found`) is forgotten; the request then sends the
full text, and the next one has a new base.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.engine.responses.splices import Splice, Step, extend
from spark_lsp.engine.responses.words import changes_text
from spark_lsp.request import Part

CHECKPOINT_CHARS = 140  # of changes, after which a checkpoint is prepared
MOST_CHARS = 4_000  # of changes of the document in one request
ROOT_SHARE = 4  # a new root after changes of a quarter of the text …
ROOT_CHARS = 6_000  # … but not before that many
LONGEST_LINE = 1_000  # of a change: a longer line is repeated by each key in it
SMALLEST_TEXT = 1_000  # characters of a document for which a base is worth its round trip


@dataclass(frozen=True, slots=True)
class Base:
    """A prepared response, and the text and context that it stands for.

    `drift` counts the characters of changes since the full text.
    """

    response: str
    text: str
    beside: tuple[Part, ...] = ()
    drift: int = 0


@dataclass(frozen=True, slots=True)
class Fork:
    """Continue `base` with `changes`; empty if the document is unchanged."""

    base: Base
    changes: str


@dataclass(slots=True)
class Lineage:
    """One document at a service. `base` is None until the first is ready.

    `text`, `beside` and `language` are those of the latest request.
    """

    base: Base | None = None
    text: str = ""
    beside: tuple[Part, ...] = ()
    language: str = ""
    _steps: tuple[Step, ...] = ()
    _diffs: str = ""  # the steps, in words
    _changes: str = ""  # the same, and the context that the base does not have

    def adopt(self, base: Base) -> None:
        """Use a base from now on."""
        self.base = base
        self._steps = extend(base.text, (), base.text, self.text)
        self._describe()

    def forget(self) -> None:
        """Forget the base: the service does not have it."""
        self.base = None
        self._steps = ()
        self._describe()

    def note(self, text: str, language: str, beside: tuple[Part, ...] = ()) -> None:
        """Note the text and context of the latest request."""
        if self.base is not None:
            self._steps = extend(self.base.text, self._steps, self.text, text)
        self.text = text
        self.language = language
        self.beside = beside
        self._describe()

    def _describe(self) -> None:
        self._diffs = self._changes = ""
        if self.base is not None:
            new = [part for part in self.beside if part not in self.base.beside]
            self._diffs = changes_text(self.splices, ())
            self._changes = self._diffs + changes_text((), new)

    @property
    def splices(self) -> Sequence[Splice]:
        """The changes from the base to the latest text."""
        return [step.splice for step in self._steps]

    def fork(self) -> Fork | None:
        """Return how the latest text continues the base; None if the full text must be sent."""
        if self.base is None or len(self._diffs) > MOST_CHARS:
            return None
        return Fork(self.base, self._changes)

    @property
    def drift(self) -> int:
        """The characters of changes of the document since its full text was sent."""
        return (self.base.drift if self.base is not None else 0) + len(self._diffs)

    @property
    def has_long_lines(self) -> bool:
        """Whether each key would repeat a very long line, so that no base pays."""
        return any(splice.longest_line > LONGEST_LINE for splice in self.splices)

    @property
    def needs_root(self) -> bool:
        """Whether a base with the full text is due."""
        if self.base is None:
            return True
        most = max(ROOT_CHARS, len(self.text) // ROOT_SHARE)
        return len(self._diffs) > MOST_CHARS or self.drift > most

    @property
    def needs_checkpoint(self) -> bool:
        """Whether a base with the changes so far is due."""
        return self.base is not None and len(self._changes) > CHECKPOINT_CHARS
