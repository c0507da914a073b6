"""What the text around a cursor has open, and which of it the text after the cursor closes.

`rest_tokens` finds the closers right of the cursor; `Surroundings` tells which open brackets, strings and
comments they and the lines below close.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from spark_lsp.prompts.shaping.brackets import Nesting, Opening, read_tokens
from spark_lsp.prompts.shaping.lexical import find_family
from spark_lsp.prompts.shaping.rest_tokens import RestToken, match_inner, match_stack, read_marks
from spark_lsp.text.lines import LINE_END, find_line_end, find_line_start, indent_width

_MAX_CHARS_BEFORE = 10_000  # of the document, to find open brackets; they take 5 ms to read
_MAX_CHARS_AFTER = 4_000  # of the document, to find their closers
_NO_HEADS = ("#", "//", "--", "/*", "*", ";", "%", '"', "'")
_QUOTES = ("'", '"', "`")


@dataclass(frozen=True)
class Surroundings:
    """The text around a cursor at `offset`, and its language (LSP's id)."""

    text: str
    offset: int
    language: str
    line: str = field(init=False)  # left of the cursor
    rest: str = field(init=False)  # right of the cursor, without white space at the end

    def __post_init__(self) -> None:
        start = find_line_start(self.text, self.offset) if self.offset else 0
        object.__setattr__(self, "line", self.text[start : self.offset])
        rest = self.text[self.offset : find_line_end(self.text, self.offset)]
        object.__setattr__(self, "rest", rest.rstrip())

    @cached_property
    def nesting(self) -> Nesting:
        """The nesting at the cursor. It agrees with the closers right of it."""
        return self._match_rest[0]

    @cached_property
    def tokens(self) -> list[RestToken] | None:
        """The closers and marks right of the cursor, or None if there is other text."""
        return self._match_rest[1]

    @cached_property
    def is_loose(self) -> bool:
        """Whether brackets need not be balanced in this text."""
        return self.nesting.family.is_loose

    @property
    def closed(self) -> list[bool]:
        """Whether the text after the cursor closes each open entry, as far as it was read."""
        return self._read_after[0]

    @property
    def surplus(self) -> int:
        """How many brackets the text after the cursor closes that are open nowhere."""
        return self._read_after[1]

    @cached_property
    def _read_after(self) -> tuple[list[bool], int]:
        base = self.nesting.stack
        reader = _CloserReader(self, self.nesting.copy(), [False] * len(base))
        line_end = find_line_end(self.text, self.offset)
        end = min(self.offset + _MAX_CHARS_AFTER, len(self.text))
        reader.read(self.offset, min(line_end, end))
        if self._unterminated is not None:
            reader.drop(self._unterminated)
        elif len(reader.nesting.stack) == reader.open_count:  # the line opens nothing right of the cursor
            while reader.open_count and self._is_left_open(base[reader.open_count - 1]):
                reader.drop(reader.open_count - 1)
        reader.read(min(line_end, end), end)
        if end < len(self.text):
            while reader.open_count and base[reader.open_count - 1].closer == ")":
                reader.open_count -= 1  # parentheses do not span so much text; a user is typing inside them
            reader.closed[: reader.open_count] = [True] * reader.open_count  # further down, for all we know
        return reader.closed, reader.surplus

    def _is_left_open(self, opening: Opening) -> bool:
        """Tell whether a bracket of the cursor's line has no closer yet.

        It has one only if the line below is deeper than the cursor's or begins with a closer.
        """
        if not opening.is_bracket or opening.offset < self.offset - len(self.line):
            return False
        is_inside = indent_width(self._line_below) > indent_width(self.line)
        return not is_inside and self._line_below.lstrip()[:1] not in (*")]}", "")

    def is_line_below_deeper(self, line: str) -> bool:
        """Tell whether the line directly below is indented deeper than `line`, so that it may be its body.

        A comment has no body, nor has a line for C's preprocessor.
        """
        if line.lstrip().startswith(_NO_HEADS):
            return False
        line_end = find_line_end(self.text, self.offset)
        below = LINE_END.split(self.text[line_end : line_end + _MAX_CHARS_AFTER], maxsplit=2)[1:2]
        return bool(below and below[0].strip()) and indent_width(below[0]) > indent_width(line)

    @cached_property
    def _line_below(self) -> str:
        """The next line that is not blank."""
        line_end = find_line_end(self.text, self.offset)
        lines = LINE_END.split(self.text[line_end : line_end + _MAX_CHARS_AFTER])
        return next((line for line in lines if line.strip()), "")

    @cached_property
    def _unterminated(self) -> int | None:
        """The entry of a string or comment of several lines around the cursor that has no end yet, if any.

        The next end in the text then belongs to a later one. A comment has no end if another one begins
        before it. A string has none if the lines below read better as code; if they read as well either way,
        one that began with a single quote in the cursor's line has none, because few strings span lines.
        """
        stack = self.nesting.stack
        depth = next((n for n in range(len(stack) - 1, -1, -1) if not stack[n].is_bracket), None)
        if depth is None or not stack[depth].spans_lines:
            return None
        top = stack[depth]
        line_end = find_line_end(self.text, self.offset)
        end = self.text.find(top.closer, self.offset, self.offset + _MAX_CHARS_AFTER)
        if 0 <= end < line_end:
            return None
        if top.literal.is_comment:
            opener = re.compile(top.literal.opener)
            return depth if end >= 0 and opener.search(self.text, line_end, end) else None
        inside, outside = (self._count_oddities(depth + more, line_end) for more in (1, 0))
        is_here = top.offset >= self.offset - len(self.line) and len(top.closer) == 1
        return depth if outside < inside + is_here else None

    def _count_oddities(self, depth: int, at: int) -> int:
        """Return how often the text from `at` on contradicts that `depth` entries are open there.

        A string or comment that the text does not end does so, too.
        """
        nesting = Nesting(self.nesting.family, self.nesting.stack[:depth])
        end = min(self.offset + _MAX_CHARS_AFTER, len(self.text))
        count = _count_oddities(nesting, self.text, at, end)
        return count + (end == len(self.text) and not nesting.is_code)

    def find_closed(self, depth: int, at: int) -> int:
        """Return the entry that the closer at `at` closes: `depth`, or one further out; -1 for none.

        A closer at the beginning of a line closes no entry whose line is indented deeper.
        """
        indent = self._leading_indent(at)
        stack = self.nesting.stack
        closer = stack[depth].closer
        while (
            indent is not None
            and depth >= 0
            and (stack[depth].closer != closer or self._indent_of(stack[depth]) > indent)
        ):
            depth -= 1
        return depth

    def _leading_indent(self, at: int) -> int | None:
        """Return the indentation of a closer that begins a line below the cursor's, else None."""
        start = find_line_start(self.text, at) if at else 0
        if start <= self.offset:
            return None
        before = self.text[start:at]
        return None if before.strip() else len(before)

    def _indent_of(self, opening: Opening) -> int:
        start = find_line_start(self.text, opening.offset) if opening.offset else 0
        return indent_width(self.text[start : find_line_end(self.text, start)])

    @cached_property
    def _window_start(self) -> int:
        start = self.offset - _MAX_CHARS_BEFORE
        if start <= 0:
            return 0
        # Code at the left margin is outside most brackets and strings; any line is outside most strings.
        for place in (r"^(?=[^\s)\]}])", r"^"):
            if margin := re.compile(place, re.MULTILINE).search(self.text, start, self.offset):
                return margin.start()
        return start

    def _read_before(self) -> Nesting:
        """Return the nesting at the cursor according to the text before it.

        If that is long, the first place that was read may be in a string or comment. The other assumption is
        then right if the text contradicts it less often.
        """
        start = self._window_start
        nesting = Nesting(find_family(self.language))
        oddities = _count_oddities(nesting, self.text, start, self.offset)
        if start and oddities and not nesting.is_code and nesting.stack[-1].spans_lines:
            top = nesting.stack[-1]
            other = Nesting(nesting.family, [Opening(top.closer, top.literal, start)])
            if _count_oddities(other, self.text, start, self.offset) < oddities:
                return other
        return nesting

    @cached_property
    def _match_rest(self) -> tuple[Nesting, list[RestToken] | None]:
        nesting = self._read_before()
        tokens = match_stack(self.rest, nesting.stack)
        if tokens is not None:
            return nesting, tokens
        invented = read_marks(self.rest)
        if invented is None:
            return nesting, None
        stack, tokens = invented
        if nesting.is_code or not tokens or tokens[0].text in _QUOTES:
            return Nesting(nesting.family, stack), tokens
        return nesting, match_inner(self.rest, nesting.stack, tokens)


@dataclass
class _CloserReader:
    """Reads the text after a cursor and records which entries of the stack there it closes.

    The first `open_count` entries are still open. `surplus` counts the brackets that close nothing.
    """

    around: Surroundings
    nesting: Nesting
    closed: list[bool]
    surplus: int = 0

    def __post_init__(self) -> None:
        self._base = self.nesting.stack[:]
        self.open_count = len(self._base)

    def read(self, start: int, end: int) -> None:
        """Read a part of the text."""
        for token in read_tokens(self.nesting, self.around.text, start, end):
            self.surplus += token.kind == "excess"
            if token.depth >= self.open_count or token.kind not in ("close", "broken"):
                continue
            target = self.around.find_closed(token.depth, token.start)
            if target >= 0 and token.kind == "close":
                self.closed[target] = True
            self.drop(max(target, 0))

    def drop(self, depth: int) -> None:
        """Go on outside the entry `depth`, if it is still open."""
        if depth < self.open_count:
            self.open_count = depth
            self.nesting.stack[:] = self._base[:depth]


def _count_oddities(nesting: Nesting, text: str, start: int, end: int) -> int:
    """Read a part of a text. Return how often it contradicts the `nesting` at its beginning.

    A bracket that closes nothing does so, one that closes while an inner one is open, and a string that its
    line does not end.
    """
    base = len(nesting.stack)
    tokens = read_tokens(nesting, text, start, end)
    return sum(
        token.kind in ("excess", "broken") or (token.inner > 0 and token.depth >= base) for token in tokens
    )
