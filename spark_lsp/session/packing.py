"""Chooses the context beside a document: the most useful pieces that fit a budget of tokens.

Pieces are taken by their rank and placed by their place. The two differ, so that a prompt begins as the one
before as long as possible: the engine then has most of it in its cache. Signatures change least, so they come
first; recent edits and diagnostics follow.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from spark_lsp.request import PartKind

CHARS_PER_TOKEN = 3  # of code; a low estimate, as of the engines
FRAME_CHARS = 24  # that a prompt needs for the name of a part
_PLACES = {PartKind.FILE: 0, PartKind.RECENT_EDIT: 1, PartKind.DIAGNOSTIC: 2}

Order = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One piece of text. `title` names the part that it belongs to: pieces with one title become one part.

    `rank` is smaller for a more useful piece, `place` for one that comes earlier within its kind.
    """

    kind: PartKind
    title: str
    text: str
    rank: Order = ()
    place: Order = ()


@dataclass(frozen=True, slots=True)
class ContextPart:
    """One part of the context: its kind, its title (a path), and its text, which ends with a line end."""

    kind: PartKind
    title: str
    text: str


@dataclass(slots=True)
class _Room:
    """The characters that are left, and the titles that are paid for."""

    characters: int
    titles: set[tuple[PartKind, str]] = field(default_factory=set[tuple[PartKind, str]])

    def take(self, candidate: Candidate) -> bool:
        """Take the room for a piece; return False if it does not fit."""
        part = candidate.kind, candidate.title
        cost = len(candidate.text) + 1
        if part not in self.titles:
            cost += FRAME_CHARS + len(candidate.title)
        if cost > self.characters:
            return False
        self.characters -= cost
        self.titles.add(part)
        return True


def pack_context(candidates: Iterable[Candidate], tokens: int) -> tuple[ContextPart, ...]:
    """Return the parts with the most useful candidates, in at most `tokens`, by the estimate above."""
    room = _Room(tokens * CHARS_PER_TOKEN)
    unique = {
        (each.kind, each.title, each.text): each for each in sorted(candidates, key=_by_rank, reverse=True)
    }
    chosen = [each for each in sorted(unique.values(), key=_by_rank) if room.take(each)]
    parts: dict[tuple[PartKind, str], list[str]] = {}
    for each in sorted(chosen, key=_by_place):
        parts.setdefault((each.kind, each.title), []).append(each.text)
    return tuple(
        ContextPart(kind, title, "".join(f"{text}\n" for text in texts))
        for (kind, title), texts in parts.items()
    )


def _by_rank(candidate: Candidate) -> tuple[Order, int, str, str, str]:
    """Order candidates by rank; of the same rank, in an order that depends on nothing else."""
    return candidate.rank, len(candidate.text), candidate.text, candidate.kind, candidate.title


def _by_place(candidate: Candidate) -> tuple[int, Order, str, str]:
    return _PLACES[candidate.kind], candidate.place, candidate.title, candidate.text
