"""Keystrokes for the document benchmark: the same for all measured servers. Pure.

The text is real source code, repeated to the requested length. The typist types a few words at one place,
then at another; a small seeded generator chooses the places.
"""

from dataclasses import dataclass

Point = tuple[int, int]
WORDS = "value = self.compute(item)\n"


@dataclass(frozen=True, slots=True)
class Keys:
    """A text and the keys typed into it: `(start, end, text)`, each position `(line, character)`."""

    text: str
    edits: list[tuple[Point, Point, str]]


def keys(source: str, lines: int, count: int) -> Keys:
    """Return `count` keystrokes in a text of about `lines` lines."""
    once = source.count("\n")
    text = source * (lines // once + 1)
    text = "".join(text.splitlines(keepends=True)[:lines])
    edits: list[tuple[Point, Point, str]] = []
    line, column, state = 0, 0, 12345
    for number in range(count):
        key = WORDS[number % len(WORDS)]
        if number % len(WORDS) == 0:
            state = (state * 1103515245 + 12345) % 2**31
            line, column = state % (lines - 1), 0
        edits.append(((line, column), (line, column), key))
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)
    return Keys(text, edits)
