"""Reads the brackets, strings and comments of code, and keeps the stack of those that are open.

`read_tokens` reads a part of a text and changes the stack of a `Nesting` as it goes, so that the parts of a
text can be read one after the other: the text before a cursor, an answer, the text after the cursor.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from spark_lsp.prompts.shaping.lexical import Family, Literal, compile_inside

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_BRACKET = Literal("", "")


@dataclass(frozen=True, slots=True)
class Opening:
    """An open bracket, string or comment; `offset` is that of its opener in the text that was read."""

    closer: str
    literal: Literal = _BRACKET
    offset: int = 0

    @property
    def is_bracket(self) -> bool:
        """Whether this is a bracket, so that code follows."""
        return self.literal is _BRACKET

    @property
    def spans_lines(self) -> bool:
        """Whether this stays open at the end of a line."""
        return self.is_bracket or self.literal.spans_lines


@dataclass(frozen=True, slots=True)
class BracketToken:
    """An opener or closer at `[start, end)`.

    `depth` is the index in the stack of the entry that was opened or closed. An `excess` closer closes
    nothing, and a `broken` one is the line end inside a string that cannot span lines. `inner` is the number
    of brackets inside the closed one that were still open.
    """

    kind: OneOf["open", "close", "excess", "broken"]
    start: int
    end: int
    depth: int
    inner: int = 0


@dataclass(slots=True)
class Nesting:
    """The brackets, strings and comments that are open at a point of a text, the innermost last."""

    family: Family
    stack: list[Opening] = field(default_factory=list[Opening])
    heredocs: list[str] = field(default_factory=list[str])  # they begin on the next line

    def copy(self) -> "Nesting":
        """Return an independent copy."""
        return Nesting(self.family, self.stack[:], self.heredocs[:])

    @property
    def is_code(self) -> bool:
        """Whether the point is outside strings and comments."""
        return not self.stack or self.stack[-1].is_bracket


def read_tokens(nesting: Nesting, text: str, at: int, end: int) -> Iterator[BracketToken]:
    """Read `text[at:end]`, change `nesting` accordingly, and give the tokens."""
    while True:
        stack = nesting.stack
        if nesting.is_code:
            match = nesting.family.code_pattern.search(text, at, end)
        else:
            top = stack[-1]
            match = compile_inside(top.literal, top.closer).search(text, at, end)
        if match is None:
            return
        at = match.end()
        token = _read_code(nesting, match) if nesting.is_code else _read_inside(nesting, match)
        if token is not None:
            yield token


def _read_code(nesting: Nesting, match: re.Match[str]) -> BracketToken | None:
    kind = match.lastgroup or ""
    if kind == "open":
        return _open(nesting, Opening(_CLOSERS[match[0]], offset=match.start()), match)
    if kind == "close":
        return _close(nesting, match)
    if kind == "here":
        nesting.heredocs.append(match["word"])
    elif kind == "newline" and nesting.heredocs:
        word = nesting.heredocs.pop(0)
        literal = Literal("", word, spans_lines=True, escapes=False)
        return _open(nesting, Opening(word, literal, match.end()), match)
    elif kind.startswith("literal"):
        literal = nesting.family.literals[int(kind[len("literal") :])]
        return _open(nesting, Opening(literal.closer_for(match[0]), literal, match.start()), match)
    return None


def _read_inside(nesting: Nesting, match: re.Match[str]) -> BracketToken | None:
    kind = match.lastgroup
    if kind == "hole":
        return _open(nesting, Opening(_CLOSERS[match[0][-1]], offset=match.start()), match)
    if kind == "close" or kind == "newline":
        nesting.stack.pop()
        is_broken = kind == "newline"
        return BracketToken(
            "broken" if is_broken else "close", match.start(), match.end(), len(nesting.stack)
        )
    return None


def _open(nesting: Nesting, opening: Opening, match: re.Match[str]) -> BracketToken:
    nesting.stack.append(opening)
    return BracketToken("open", match.start(), match.end(), len(nesting.stack) - 1)


def _close(nesting: Nesting, match: re.Match[str]) -> BracketToken:
    """Close the innermost bracket of the closer's kind, and those inside it."""
    stack = nesting.stack
    for depth in range(len(stack) - 1, -1, -1):
        if not stack[depth].is_bracket:
            break  # the expression in a string cannot close a bracket outside the string
        if stack[depth].closer == match[0]:
            inner = len(stack) - depth - 1
            del stack[depth:]
            return BracketToken("close", match.start(), match.end(), depth, inner)
    return BracketToken("excess", match.start(), match.end(), len(stack))


def read_nesting(family: Family, text: str, start: int, end: int) -> Nesting:
    """Return the nesting at `end`, reading from `start`."""
    nesting = Nesting(family)
    for _ in read_tokens(nesting, text, start, end):
        pass
    return nesting
