"""Turns a model's answer at a cursor into ghost text (an inline completion), chunk by chunk.

`feed` takes a chunk and computes the text to show, in a fixed order of steps. `finish` returns the text to
insert, or None. The steps:

1. Cut at special tokens and code fences: models end their answer with a token, or begin to explain after a
   fence. In a text with fences, such as Markdown, fences are text, except a last one that would open a block.
2. Cut where the answer leaves the cursor's position: below the block of the cursor's line, at the line that
   is already below the cursor, at a repeated line, after the requested number of lines, and before a line
   with characters that disguise code.
3. Remove the text that is already right of the cursor, so that no bracket appears twice.
4. Show nothing for white space only, or for a copy of the lines around the cursor.

A growing text passes the same steps, so the shown text is only extended, trimmed or removed: it never shows
an additional bracket, or a line that is already there. If more than closing brackets and quotes is right of
the cursor, ghost text is limited to one line.
"""

import re
from collections.abc import Callable
from difflib import SequenceMatcher

from spark_lsp.prompts import fences, fim
from spark_lsp.text.lines import LINE_END, find_line_end, indent_width

MAX_GHOST_LINES = 64
MAX_GHOST_CHARS = 6_000  # each chunk costs a pass over all text before it
_MAX_CHARS_BEFORE = 2_000  # of the document, to find the lines above the cursor
_MAX_CHARS_AFTER = 4_000  # of the document, to find the lines below the cursor
_MIN_ALIKE_CHARS = 12  # shorter lines are alike only if they are equal
_LINE = r"(?:^|(?<=\r))"  # `^` knows only line feeds
_STOP = re.compile(rf"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>|{_LINE}[ \t]*```", re.MULTILINE)
_TOKEN_STOP = re.compile(r"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>")
_PARTIAL_STOP = re.compile(rf"(?:<\|?[a-zA-Z_]{{0,20}}\|?|{_LINE}[ \t]*(?:`+|~+))\Z", re.MULTILINE)
_FENCE = re.compile("```+|~~~+")
_MAX_INDENT_CHARS = 100  # before a fence
_CLOSING = re.compile(r"[\s)\]}>'\"`;,:]*\Z")
_PAIRS = {")": "(", "]": "[", "}": "{"}
# Bidirectional controls and invisible characters, which make code look like other code (CVE-2021-42574).
DECEPTIVE_CHARACTERS = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


class GhostText:
    """Ghost text for `offset` of a document's `text`; see the module docstring.

    `max_lines` 0 allows a complete block.
    """

    def __init__(self, text: str, offset: int, language: str = "", *, max_lines: int = 0) -> None:
        before = LINE_END.split(text[max(0, offset - _MAX_CHARS_BEFORE) : offset])
        after = LINE_END.split(text[offset : offset + _MAX_CHARS_AFTER])
        # The text around the cursor:
        self._line = before[-1]  # left of the cursor
        self._rest = after[0]  # right of the cursor
        self._below = next((line for line in after[1:] if line.strip()), None)
        self._above = [line for line in before[:-1] if line.strip()][-2:]
        self._eol = "\r\n" if "\r\n" in text[:_MAX_CHARS_AFTER] else "\n"
        self._is_in_block = fences.ends_inside_block(fences.find_fences(_find_fence_lines(text[:offset])))
        self._fences_are_text = self._is_in_block or fences.uses_fences(language)
        if _CLOSING.fullmatch(self._rest):
            self._max_lines = max_lines or MAX_GHOST_LINES
        else:
            self._max_lines = 1
        self.end = offset  # of the text that ghost text replaces
        self.reset()

    def reset(self) -> None:
        """Forget the answer so far: another one follows."""
        self._raw = ""
        self._kept = ""  # `_raw` after steps 1 and 2
        self._is_complete = False
        self._text = ""
        self._whole_lines = ""

    def feed(self, chunk: str) -> bool:
        """Take a chunk of the answer. Return True if the ghost text is complete; later chunks are ignored."""
        if self._is_complete:
            return True
        self._raw += chunk
        cut = self._find_cut(self._raw)
        self._is_complete = cut is not None
        self._kept = self._raw[:cut]
        self._text = self._shape_shown_text()
        self._whole_lines = self._shape_whole_lines()
        return self._is_complete

    @property
    def text(self) -> str:
        """The text to show so far."""
        return self._text

    @property
    def whole_lines(self) -> str:
        """The complete lines so far, without a last line that may still change."""
        return self._whole_lines

    @property
    def is_useful(self) -> bool:
        """Whether the complete lines help alone: not a mere comment, nor a block's head without its body."""
        lines = self._whole_lines
        _, newline, last = lines.rpartition("\n")
        if not newline:
            last = self._line + lines
        return fim.has_code_line(lines) and not fim.is_header_without_body(last, self._below or "")

    def finish(self) -> str | None:
        """Return the text to insert, or None."""
        return self._shape_text(self._kept, self._without_rest) or None

    def _shape_shown_text(self) -> str:
        if self._is_complete:
            text = self._shape_text(self._kept, self._without_rest)
        else:
            partial = _PARTIAL_STOP.search(self._kept)
            certain = self._kept[: partial.start()] if partial else self._kept
            text = self._shape_text(certain, self._before_rest)
        return "" if self._may_repeat(text) else text

    def _shape_whole_lines(self) -> str:
        ends = [match.start() for match in LINE_END.finditer(self._kept)]
        return self._shape_text(self._kept[: ends[-1]], self._without_rest) if ends else ""

    def _shape_text(self, text: str, remove_rest: Callable[[str], str]) -> str:
        """Apply steps 3 and 4; `remove_rest` is the third."""
        text = remove_rest(self._without_wrapper(text.rstrip()).rstrip())
        if not text.strip() or self._is_repetition(text):
            return ""
        return LINE_END.sub(self._eol, self._without_double_space(text))

    def _without_wrapper(self, text: str) -> str:
        """Remove a last line that is a bare fence and would open a block: it closes the model's own fence."""
        if not self._fences_are_text or self._is_in_block or not text.endswith(("`", "~")):
            return text
        lines = LINE_END.split(text)
        found = fences.find_fences(lines)
        if not found or not fences.ends_inside_block(found):
            return text
        last = found[-1]
        if last.info or last.line != len(lines) - 1:
            return text
        return text[: -len(lines[-1])]

    def _find_cut(self, raw: str) -> int | None:
        """Return the offset at which steps 1 and 2 end the text, or None if it may continue."""
        stop = (_TOKEN_STOP if self._fences_are_text else _STOP).search(raw, 0, MAX_GHOST_CHARS)
        limit = stop.start() if stop else _limit_length(raw)
        count = 0
        seen: list[str] = []
        for start, end, is_closed in _split_lines(raw[:limit]):
            line = raw[start:end]
            if DECEPTIVE_CHARACTERS.search(line):
                return start  # the lines above it are safe
            if start and line.strip() and self._ends_before(line, seen, is_closed=is_closed):
                return start
            if line.strip():
                count += 1
                seen.append(line.strip())
            if is_closed and count >= self._max_lines:
                return end
        return limit

    def _ends_before(self, line: str, seen: list[str], *, is_closed: bool) -> bool:
        """Tell whether the text must end before this line, which is not its first.

        Only the indentation of a growing line is certain. Without this rule, the result would depend on the
        chunks.
        """
        if seen and indent_width(line) < indent_width(self._line):
            return True
        if not is_closed:
            return False
        if self._below is not None and line.strip() == self._below.strip():
            return True
        return seen[-2:] == [line.strip()] * 2

    def _without_rest(self, text: str) -> str:
        """Remove text at the end that is already right of the cursor."""
        rest = self._rest.strip()
        if not rest:
            return text
        text = _first_line_if_it_ends_with(rest, text)
        brackets = len(rest) - len(rest.lstrip(")]}"))
        if brackets < len(rest) and text.endswith(rest):
            return text[: -len(rest)]
        for size in range(brackets, 0, -1):
            if text.endswith(rest[:size]) and _closes_too_much(rest[:size], text):
                return text[:-size]
        return text

    def _before_rest(self, text: str) -> str:
        """Return a growing text up to where it starts to repeat the text right of the cursor.

        More text decides whether `_without_rest` removes the repetition. Text that was shown before that
        would vanish and, if the model continues, come back.
        """
        rest = self._rest.strip()
        if rest:
            text = _first_line_if_it_ends_with(rest, text)
        for size in range(min(len(rest), len(text)), 0, -1):
            if text.endswith(rest[:size]):
                return text[:-size]
        return text

    def _is_repetition(self, text: str) -> bool:
        """Tell whether one line only repeats the line below, or the two equal lines above."""
        line = (self._line + text.strip()).strip()
        if self._below is not None and _are_alike(line, self._below.strip()) and not self._rest.strip():
            return True
        return len(self._above) == 2 and all(line == above.strip() for above in self._above)

    def _may_repeat(self, text: str) -> bool:
        """Tell whether a growing line may still become a repetition."""
        if "\n" in text or "\r" in text or self._rest.strip():
            return False
        line = (self._line + text).strip()
        above = [each.strip() for each in self._above]
        if len(above) == 2 and above[0] == above[1] and above[0].startswith(line):
            return True
        # An empty line begins every line.
        return not line or _may_become_alike(line, (self._below or "").strip())

    def _without_double_space(self, text: str) -> str:
        """Remove a space at the beginning if there is one before the cursor, after other text."""
        if self._line.endswith((" ", "\t")) and self._line.strip() and text.startswith(" "):
            return text.lstrip(" ")
        return text


def _find_fence_lines(text: str) -> list[str]:
    """Return the lines of a text that may be fences. A text may be large, so not every line is checked."""
    found: list[str] = []
    for match in _FENCE.finditer(text):
        before = text[max(0, match.start() - _MAX_INDENT_CHARS) : match.start()]
        line_start = before.rstrip(" \t")
        indent = before[len(line_start) :]
        is_first_line = not line_start and len(before) < _MAX_INDENT_CHARS
        if is_first_line or line_start.endswith(("\n", "\r")):
            found.append(indent + text[match.start() : find_line_end(text, match.end())])
    return found


def _first_line_if_it_ends_with(rest: str, text: str) -> str:
    """Return the first line if it completes the cursor's line: the lines after it are another statement."""
    first = text.split("\n", 1)[0].rstrip()
    return first if first.endswith(rest) else text


def _limit_length(raw: str) -> int | None:
    """Return the end of the last line that ends within `MAX_GHOST_CHARS`, or None for a shorter text."""
    if len(raw) <= MAX_GHOST_CHARS:
        return None
    return max((match.start() for match in LINE_END.finditer(raw, 0, MAX_GHOST_CHARS)), default=0)


def _split_lines(text: str) -> list[tuple[int, int, bool]]:
    """Return `(start, end, is_closed)` of each line; `is_closed` if a line end follows."""
    found: list[tuple[int, int, bool]] = []
    start = 0
    for match in LINE_END.finditer(text):
        found.append((start, match.start(), True))
        start = match.end()
    if start < len(text):
        found.append((start, len(text), False))
    return found


def _closes_too_much(tail: str, text: str) -> bool:
    """Tell whether `text` closes more brackets than it opens, for each bracket of `tail`."""
    return all(text.count(bracket) > text.count(_PAIRS[bracket]) for bracket in tail)


def _are_alike(one: str, other: str) -> bool:
    """Tell whether two lines differ by at most one character or 5 %, the limits of other completion tools."""
    if one == other:
        return True
    allowed = max(1, len(one) // 20)
    if min(len(one), len(other)) < _MIN_ALIKE_CHARS or abs(len(one) - len(other)) > allowed:
        return False
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    matched = sum(block.size for block in blocks)
    return max(len(one), len(other)) - matched <= allowed


def _may_become_alike(beginning: str, line: str) -> bool:
    """Tell whether a line that starts with `beginning` may still become alike to `line` (`_are_alike`).

    Alike lines differ by a few characters on either side, so each beginning of an alike line lacks no more
    than that. A text that is shown before this is certain would vanish when its last characters arrive.
    """
    if line.startswith(beginning):
        return True
    # The growing line may be longer than `line`, and 5 % of it more characters: hence 19 and not 20.
    allowed = max(1, len(line) // 19)
    if len(line) < _MIN_ALIKE_CHARS - allowed or len(beginning) > len(line) + allowed:
        return False
    return _count_missing(beginning, line, allowed) <= allowed


def _count_missing(beginning: str, line: str, allowed: int) -> int:
    """Return how many characters of `beginning` are not in `line`, in order, near the same position.

    The result is exact up to `allowed`; beyond that it is only larger than `allowed`.
    """
    width = 2 * allowed + 1
    unreachable = len(beginning) + 1
    # `missing[shift]` is the result for two texts that are shifted by `shift - allowed` characters.
    missing = [0] * (width + 1)
    missing[width] = unreachable
    for at, char in enumerate(beginning):
        row = [unreachable] * (width + 1)
        for shift in range(width):
            other = at + shift - allowed
            if 0 <= other < len(line) and line[other] == char:
                row[shift] = missing[shift]
            row[shift] = min(row[shift], missing[shift + 1] + 1)
        for shift in range(1, width):  # a character of `line` that `beginning` lacks
            row[shift] = min(row[shift], row[shift - 1])
        missing = row
        if min(missing) > allowed:
            return unreachable  # most texts differ early
    return min(missing[:width])
