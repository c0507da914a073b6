"""What the user refused, and where: a text that was refused at a place is not offered there again.

A *place* is the rest of the cursor's line, and the nearest lines with text above and below it, in one
document. The *text* is the cursor's line as it would be with the first line of the suggestion that is not
blank. So a text stays refused while its letters are typed, and another text at the same place may be offered.
An *ignored* text was on the screen while the user typed something else. It is held back only at exactly the
same cursor, until the document is closed.

Only salted hashes are kept, so the memory may be written to disk. A hash cannot be compared with a beginning:
each refusal has the length of its text, and a growing text is undecided until it is that long.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from spark_lsp.text.document import Document
from spark_lsp.text.lines import LINE_END

MOST = 2_000  # refusals; the oldest are forgotten first
_NEAR_CHARS = 2_000  # of the document on each side of the cursor, to find the nearest lines


class Verdict(Enum):
    """What the memory knows about a text, which may be incomplete."""

    NEW = auto()
    UNDECIDED = auto()  # more text decides
    REFUSED = auto()
    IGNORED = auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused text as hashes; `length` is the number of characters that are hashed in `text`."""

    place: str
    length: int
    text: str


class Refusals:
    """The refusals of one user; without the `salt`, their hashes cannot be computed."""

    def __init__(self, salt: bytes = b"") -> None:
        self._salt = salt[:16]
        self._known: dict[str, dict[Refusal, Verdict]] = {}  # by place; dicts keep the order
        self._ignored: dict[str, set[str]] = {}  # places by document
        self._count = 0

    def load(self, salt: bytes, known: Iterable[Refusal]) -> None:
        """Replace the memory, and the salt."""
        self._salt, self._known, self._ignored, self._count = salt[:16], {}, {}, 0
        for each in known:
            self._keep(each, Verdict.REFUSED)

    def refuse(self, document: Document, offset: int, text: str, *, done: bool) -> Refusal | None:
        """Remember that a text, which is complete if `done`, was refused. Return what to keep on disk."""
        return self._remember(self._place(document, offset), document, offset, text, done, Verdict.REFUSED)

    def ignore(self, document: Document, offset: int, text: str, *, done: bool) -> None:
        """Remember that a text was ignored at this cursor."""
        place = self._cursor(document, offset)
        self._ignored.setdefault(document.uri, set()).add(place)
        self._remember(place, document, offset, text, done, Verdict.IGNORED)

    def allow(self, document: Document, offset: int, text: str) -> None:
        """Forget that a text was ignored at this cursor: the user has accepted it after all."""
        known = self._known.get(self._cursor(document, offset), {})
        for each in [each for each in known if self.matches(each, _unit(document, offset, text, done=True))]:
            del known[each]
            self._count -= 1

    def forget_ignored(self, uri: str) -> None:
        """Forget the ignored texts of a document, which is closed."""
        for place in self._ignored.pop(uri, ()):
            self._count -= len(self._known.pop(place, {}))

    def at(self, document: Document, offset: int) -> "RefusalsHere":
        """Return the refusals at a cursor."""
        places = (self._place(document, offset), self._cursor(document, offset)) if self._count else ()
        known = {each: how for place in places for each, how in self._known.get(place, {}).items()}
        return RefusalsHere(self, document, offset, known)

    def matches(self, known: Refusal, unit: str) -> bool:
        """Return whether a text begins with a refused one."""
        return len(unit) >= known.length and self._hash(known.place, unit[: known.length]) == known.text

    def _remember(
        self, place: str, document: Document, offset: int, text: str, done: bool, how: Verdict
    ) -> Refusal | None:
        if not text.strip():
            return None
        unit = _unit(document, offset, text, done=done)
        made = Refusal(place, len(unit), self._hash(place, unit))
        self._keep(made, how)
        return made

    def _keep(self, made: Refusal, how: Verdict) -> None:
        known = self._known.setdefault(made.place, {})
        self._count += made not in known
        known[made] = how
        while self._count > MOST:
            self._count -= len(self._known.pop(next(iter(self._known))))

    def _cursor(self, document: Document, offset: int) -> str:
        return self._hash(self._place(document, offset), line_before(document, offset))

    def _place(self, document: Document, offset: int) -> str:
        text = document.text
        *above, _ = LINE_END.split(text[max(0, offset - _NEAR_CHARS) : offset])
        rest, *below = LINE_END.split(text[offset : offset + _NEAR_CHARS])
        nearest = [next((line for line in lines if line.strip()), "") for lines in (above[::-1], below)]
        return self._hash(document.uri, *nearest, rest)

    def _hash(self, *texts: str) -> str:
        digest = hashlib.blake2b(salt=self._salt, digest_size=16)
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8) + data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class RefusalsHere:
    """The refusals at one cursor."""

    memory: Refusals
    document: Document
    offset: int
    known: dict[Refusal, Verdict]

    def judge(self, text: str, *, done: bool) -> Verdict:
        """Return the verdict on a text, which is complete if `done`."""
        if not self.known or not text.strip():
            return Verdict.NEW
        unit = _unit(self.document, self.offset, text, done=done)
        for each, how in self.known.items():
            if self.memory.matches(each, unit):
                return how
        is_growing = not unit.endswith("\n")
        if is_growing and any(len(unit.rstrip()) < each.length for each in self.known):
            return Verdict.UNDECIDED
        return Verdict.NEW


def line_before(document: Document, offset: int) -> str:
    """Return the cursor's line up to the cursor."""
    return LINE_END.split(document.text[max(0, offset - _NEAR_CHARS) : offset])[-1]


def _unit(document: Document, offset: int, text: str, *, done: bool) -> str:
    """Return the cursor's line with the text through its first line that is not blank.

    A line end follows if that line is complete.
    """
    return line_before(document, offset) + first_line(text, done=done)


def first_line(text: str, *, done: bool) -> str:
    """Return a text through its first line that is not blank; with a line end if that line is complete.

    Complete lines lose the blanks at their ends: the same answer may be offered with or without them.
    """
    kept = ""
    *closed, last = LINE_END.split(text)
    for line in [each.rstrip() + "\n" for each in closed] + [last.rstrip() + "\n" if done else last]:
        kept += line
        if line.strip():
            break
    return kept
