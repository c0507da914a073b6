"""Follows the brackets of an answer: where it closes too much, and which of the editor's closers it replaces.

An answer may contain a closer that is already right of the cursor. If text follows it in the answer, the
inserted text replaces the editor's closer: `console.log(|)` and the answer `"hello");`. Otherwise, the text
ends before the closer. The answer must end before a closer whose counterpart is closed elsewhere.
"""

import re
from dataclasses import dataclass, field

from spark_lsp.prompts.shaping.brackets import BracketToken, Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import NEWLINE
from spark_lsp.prompts.shaping.rest_tokens import RestToken, find_mark
from spark_lsp.prompts.shaping.surroundings import Surroundings
from spark_lsp.text.lines import LINE_END

_STATEMENT_MARKS = (";", ",", ":")
_BLANKS = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Taken:
    """A closer of the answer, at `[start, end)`; it replaces the line's rest up to `rest_end`."""

    start: int
    end: int
    rest_end: int


@dataclass(frozen=True, slots=True)
class LineState:
    """The nesting at the beginning of a line of the answer.

    `depth` counts the brackets, strings and comments that the answer itself has open. `has_all` says that it
    has taken all closers right of the cursor.
    """

    depth: int
    is_code: bool
    has_all: bool


@dataclass(frozen=True, slots=True)
class _Saved:
    """The state of a `ClosedAnswer` at the beginning of a line, at the offset `at`."""

    at: int
    nesting: Nesting
    base: int
    tokens: list[RestToken]
    taken: int


@dataclass
class ClosedAnswer:
    """The brackets of an answer, read from its beginning.

    `cut` is the offset at which the answer must end, or None. `depth` counts what the answer has open at its
    end. `outer` are the offsets of closers for brackets that were open at the cursor and have no other.
    """

    around: Surroundings
    text: str = ""
    cut: int | None = None
    depth: int = 0
    taken: list[Taken] = field(default_factory=list[Taken])
    outer: set[int] = field(default_factory=set[int])
    states: dict[int, LineState] = field(default_factory=dict[int, LineState])  # by the line's start

    def __post_init__(self) -> None:
        self._nesting = self.around.nesting.copy()
        self._base = len(self._nesting.stack)  # the number of entries open at the cursor and still open
        self._tokens: list[RestToken] = list(self.around.tokens or ())
        self._saved = _Saved(0, self._nesting.copy(), self._base, self._tokens[:], 0)

    def extend(self, text: str) -> None:
        """Read the answer again, which has grown since; only its lines from the last one on are read."""
        if self.cut is not None:
            return
        self._restore()
        self.text = text
        start = self._saved.at
        ends = [match.end() for match in LINE_END.finditer(text, start)]
        if ends and text.endswith("\r"):
            ends.pop()  # the rest of this line end may follow
        for end in ends:
            if not self._read(start, end):
                return
            self.states[end] = LineState(self.depth, self._nesting.is_code, not self._tokens)
            self._saved = _Saved(end, self._nesting.copy(), self._base, self._tokens[:], len(self.taken))
            start = end
        self._read(start, len(text))

    def _restore(self) -> None:
        """Go back to the beginning of the last line."""
        saved = self._saved
        self._nesting = saved.nesting.copy()
        self._base = saved.base
        self._tokens = saved.tokens[:]
        del self.taken[saved.taken :]

    @property
    def leaves_open(self) -> bool:
        """Whether the answer ends inside a bracket, string or comment that it opened.

        A comment up to the end of the line needs no closer.
        """
        stack = self._nesting.stack
        return self.depth - bool(stack and stack[-1].closer == NEWLINE) > 0

    def is_code_at(self, start: int) -> bool:
        """Tell whether the line of the answer at `start` begins with code, as far as it was read."""
        state = self.states.get(start)
        return state is not None and state.is_code

    def nesting_at(self, text: str, offset: int) -> Nesting:
        """Return the nesting at an offset of the answer `text`, as if nothing had to be cut."""
        nesting = self.around.nesting.copy()
        for _ in read_tokens(nesting, text, 0, offset):
            pass
        return nesting

    def rest_end(self, length: int) -> int:
        """Return how much of the line's rest the first `length` characters of the answer replace."""
        return max((each.rest_end for each in self.taken if each.end <= length), default=0)

    def without_last_closers(self, length: int) -> int:
        """Return `length` without the taken closers at its end, if they directly follow other text."""
        for each in reversed(self.taken):
            if each.end == length:
                before = self.text[each.start - 1 : each.start] or self.around.line[-1:]
                if before.isspace():
                    break
                length = each.start
        return length

    def held_from(self, length: int) -> int:
        """Return `length` without a tail that more text may turn into a closer right of the cursor."""
        for token in self._tokens:
            for size in range(min(len(token.text) - 1, length), 0, -1):
                if self.text.endswith(token.text[:size], 0, length):
                    return length - size
            if token.depth is not None:
                break
        return length

    def _read(self, at: int, end: int) -> bool:
        """Read `[at, end)` of the text; return False if the answer must end there."""
        for token in read_tokens(self._nesting, self.text, at, end):
            depth, is_code = self._state_before(token)
            self._take_marks(at, token.start, depth, is_code=is_code)
            at = token.end
            if not self._accept(token):
                self.cut = token.start
                return False
        self.depth = len(self._nesting.stack) - self._base
        self._take_marks(at, end, self.depth, is_code=self._nesting.is_code)
        return True

    def _state_before(self, token: BracketToken) -> tuple[int, bool]:
        """Return the depth before a token, and whether code was there."""
        stack = self._nesting.stack
        if token.kind == "open":
            is_code = len(stack) < 2 or stack[-2].is_bracket
            return len(stack) - 1 - self._base, is_code
        if token.kind == "excess":
            return len(stack) - self._base, True
        is_code = token.kind == "close" and self.text[token.start : token.end] in (")", "]", "}")
        return max(token.depth + 1 + token.inner - self._base, 0), is_code

    def _accept(self, token: BracketToken) -> bool:
        """Follow one token; return False if the answer must end before it."""
        if token.kind == "excess":
            return self.around.is_loose
        if token.kind == "open":
            return True
        last = token.depth + token.inner  # the innermost entry that the token closes
        if token.inner and last >= self._base and not self.around.is_loose:
            return False  # a bracket of the answer would stay open
        if token.depth >= self._base:
            return True
        expected = next((each for each in self._tokens if each.depth is not None), None)
        if token.kind == "broken":
            self._base = token.depth
            return expected is None or expected.depth != token.depth
        return self._accept_closer(token, expected)

    def _accept_closer(self, token: BracketToken, expected: RestToken | None) -> bool:
        """Close something that was open at the cursor, and everything inside it."""
        is_expected = expected is not None and expected.depth == token.depth
        if is_expected and self._tokens[0] is not expected:
            return False  # the mark before it would be lost
        if is_expected:
            self._take(token.start, token.end)
        elif self.around.is_loose and self.around.tokens is None and self.around.closed[token.depth]:
            return False  # further right on the line
        elif not self.around.is_loose:
            if self.around.closed[token.depth] or self._has_expected_inside(token.depth):
                return False
            self.outer.add(token.start)
        self._base = token.depth
        return True

    def _has_expected_inside(self, depth: int) -> bool:
        return any(each.depth is not None and each.depth > depth for each in self._tokens)

    def _take(self, start: int, end: int) -> None:
        self.taken.append(Taken(start, end, self._tokens.pop(0).end))

    def _take_marks(self, start: int, end: int, depth: int, *, is_code: bool) -> None:
        """Take the marks right of the cursor that the answer repeats in `[start, end)`."""
        while self._tokens and self._tokens[0].depth is None:
            mark = self._tokens[0].text
            found = self._find_mark(mark, start, end, depth, is_code=is_code)
            if found is None:
                return
            self._take(found - len(mark), found)
            start = found

    def _find_mark(self, mark: str, start: int, end: int, depth: int, *, is_code: bool) -> int | None:
        """Return the end of the next `mark`; a mark after a closer must follow it in the answer, too."""
        last = self.taken[-1].end if self.taken else 0
        if self.taken and mark in _STATEMENT_MARKS:
            blanks = _BLANKS.match(self.text, last, end)
            at = blanks.end() if blanks else last
            return at + len(mark) if at >= start and self.text.startswith(mark, at, end) else None
        if depth > 0 or (mark in _STATEMENT_MARKS and not is_code):
            return None
        found = find_mark(self.text, last, end, mark)
        return found if found is not None and found - len(mark) >= start else None
