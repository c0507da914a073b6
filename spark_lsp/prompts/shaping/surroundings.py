"""What the text around a cursor has open, and which of it the text after the cursor closes.

Editors insert closing brackets and quotes: at `print(|)` the bracket right of the cursor is the editor's. An
answer of a model often contains it too. `Surroundings` finds the closers right of the cursor, in their
order, and the entry of the stack that each of them closes.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from spark_lsp.prompts.shaping.brackets import Nesting, Opening, read_nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import Literal, find_family
from spark_lsp.text.lines import find_line_end, find_line_start, indent_width

_MAX_CHARS_BEFORE = 10_000  # of the document, to find open brackets; they take 5 ms to read
_MAX_CHARS_AFTER = 4_000  # of the document, to find their closers
_BLANK = re.compile(r"\s+")
_MARK = re.compile(r"\"\"\"|'''|\*/|-->|</[\w.:-]*>|/>|[)\]}>'\"`;,:]")
_OPENERS = {")": "(", "]": "[", "}": "{", ">": "<"}
_QUOTES = ("'", '"', "`")
_ARROW_ENDS = ("-", "=")  # before `>`: an arrow, not a closer


@dataclass(frozen=True, slots=True)
class RestToken:
    """A closer or mark right of the cursor, at `[start, end)` of the rest of the line.

    `depth` is the index of the entry that it closes in the stack at the cursor; None for a mark such as `;`.
    """

    text: str
    start: int
    end: int
    depth: int | None


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

    @cached_property
    def closed(self) -> list[bool]:
        """Whether the text after the cursor closes each open entry, as far as it was read."""
        base = self.nesting.stack
        nesting = self.nesting.copy()
        closed = [False] * len(base)
        open_count = len(base)
        end = min(self.offset + _MAX_CHARS_AFTER, len(self.text))
        for token in read_tokens(nesting, self.text, self.offset, end):
            if token.depth < open_count and token.kind in ("close", "broken"):
                target = self._find_closed(token.depth, token.start)
                if target >= 0 and token.kind == "close":
                    closed[target] = True
                open_count = max(target, 0)
                nesting.stack[:] = base[:open_count]
            if not open_count:
                return closed
        if end < len(self.text):
            while open_count and base[open_count - 1].closer == ")":
                open_count -= 1  # parentheses do not span so much text; a user is typing inside them
            closed[:open_count] = [True] * open_count  # further down, for all that is known
        return closed

    def _find_closed(self, depth: int, at: int) -> int:
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
        # Code at the left margin is outside most brackets and strings.
        margin = re.compile(r"^(?=[^\s)\]}])", re.MULTILINE).search(self.text, start, self.offset)
        return margin.start() if margin else start

    @cached_property
    def _match_rest(self) -> tuple[Nesting, list[RestToken] | None]:
        nesting = read_nesting(find_family(self.language), self.text, self._window_start, self.offset)
        tokens = _match_stack(self.rest, nesting.stack)
        if tokens is not None:
            return nesting, tokens
        invented = _read_marks(self.rest)
        if invented is None:
            return nesting, None
        stack, tokens = invented
        if nesting.is_code or not tokens or tokens[0].text in _QUOTES:
            return Nesting(nesting.family, stack), tokens
        return nesting, _match_inner(self.rest, nesting.stack, tokens)


def _match_stack(rest: str, stack: list[Opening]) -> list[RestToken] | None:
    """Return the tokens of `rest` if each of its brackets and quotes closes an entry of the stack."""
    tokens: list[RestToken] = []
    depth = len(stack) - 1
    at = 0
    while at < len(rest):
        if blank := _BLANK.match(rest, at):
            at = blank.end()
            continue
        found = _find_entry(rest, at, stack, depth)
        if found is not None:
            closer = stack[found].closer
            tokens.append(RestToken(closer, at, at + len(closer), found))
            depth = found - 1
        elif (mark := _MARK.match(rest, at)) and mark[0][0] not in ")]}'\"`":
            tokens.append(RestToken(mark[0], at, mark.end(), None))
        else:
            return None
        at = tokens[-1].end
    return tokens


def _match_inner(rest: str, stack: list[Opening], tokens: list[RestToken]) -> list[RestToken]:
    """Return the tokens right of a cursor in a string or comment: closers before its end are text there."""
    end = rest.find(stack[-1].closer)
    outer = _match_stack(rest[end:], stack) if end >= 0 else None
    if outer is None:
        return [RestToken(each.text, each.start, each.end, None) for each in tokens]
    inner = [RestToken(each.text, each.start, each.end, None) for each in tokens if each.end <= end]
    return [*inner, *(RestToken(each.text, end + each.start, end + each.end, each.depth) for each in outer)]


def _find_entry(rest: str, at: int, stack: list[Opening], depth: int) -> int | None:
    """Return the innermost entry that the text at `at` closes; entries inside it must not be closed later."""
    for index in range(depth, -1, -1):
        if rest.startswith(stack[index].closer, at):
            return index
        if not stack[index].is_bracket and stack[index].closer in rest[at:]:
            return None
    return None


def _read_marks(rest: str) -> tuple[list[Opening], list[RestToken]] | None:
    """Return a stack that agrees with `rest`, and the tokens of `rest`; None if it has other text.

    It replaces a stack that does not agree, because the beginning of the text is unknown or broken.
    """
    found: list[re.Match[str]] = []
    at = 0
    while at < len(rest):
        if blank := _BLANK.match(rest, at):
            at = blank.end()
            continue
        mark = _MARK.match(rest, at)
        if mark is None:
            return None
        found.append(mark)
        at = mark.end()
    structural = [mark for mark in found if mark[0][0] in ")]}'\"`"]
    stack = [_invent_opening(mark[0]) for mark in reversed(structural)]
    tokens: list[RestToken] = []
    depth = len(stack)
    for mark in found:
        is_structural = mark in structural
        depth -= is_structural
        tokens.append(RestToken(mark[0], mark.start(), mark.end(), depth if is_structural else None))
    return stack, tokens


def _invent_opening(closer: str) -> Opening:
    if closer in _OPENERS:
        return Opening(closer)
    return Opening(closer, Literal(re.escape(closer), closer, spans_lines=len(closer) == 3))


def find_mark(text: str, start: int, end: int, mark: str) -> int | None:
    """Return the end of the first `mark` in `text[start:end]` that closes or ends nothing begun there."""
    if mark.startswith("</"):
        return _find_tag(text, end, mark, start)
    opener = _OPENERS.get(mark)
    depth = 0
    at = start
    while (at := _find_either(text, at, end, mark, opener)) >= 0:
        if opener is not None and text[at] == opener:
            depth += 1
        elif mark == ">" and text[at - 1 : at] in _ARROW_ENDS:
            pass
        elif depth:
            depth -= 1
        else:
            return at + len(mark)
        at += 1
    return None


def _find_either(text: str, start: int, end: int, mark: str, opener: str | None) -> int:
    found = [at for at in (text.find(mark, start, end), text.find(opener or mark, start, end)) if at >= 0]
    return min(found, default=-1)


def _find_tag(text: str, end: int, tag: str, start: int) -> int | None:
    """Return the end of the first closing `tag` whose opening tag is not in the text."""
    name = re.escape(tag[2:-1])
    depth = 0
    for match in re.compile(rf"<(/?){name}(?=[\s/>])[^>]*>").finditer(text, start, end):
        if not match[1]:
            depth += not match[0].endswith("/>")
        elif depth:
            depth -= 1
        else:
            return match.end()
    return None
