"""From what a model says at a cursor to ghost text, piece by piece, in a fixed order of steps.

While text comes in, `feed` keeps what may be shown and says when enough is there; `finish` gives the
text as it may be inserted, or None. The steps, and what each is for:

1. cut at special tokens and code fences: a model's way of saying "end" or of talking instead; where the
   text has fences of its own, as in Markdown, they are text, except a last one that would open a block;
2. cut where the model leaves the place: below the block of the cursor's line, at the line that stands
   below the cursor anyway, at a line it repeats, after the lines that were asked for, at a line with
   characters that make text look other than it is;
3. take off what stands right of the cursor already, so that no bracket comes twice;
4. nothing but white space, or a copy of the lines around it: nothing.

Text that is still growing passes the same steps, so that what is shown is only extended, trimmed or
removed: never a bracket too many for a moment, never a line that is there already.
Text right of the cursor, other than closing brackets and quotes, allows one line only.
"""

import re
from collections.abc import Callable
from difflib import SequenceMatcher

from spark_lsp.prompts import fences, fim

MAX_GHOST_LINES = 64
MAX_GHOST_CHARS = 6_000  # nobody reads more, and each piece is looked at with all before it
_LINE = r"(?:^|(?<=\r))"  # `^` knows only line feeds
_STOP = re.compile(rf"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>|{_LINE}[ \t]*```", re.MULTILINE)
_TOKEN_STOP = re.compile(r"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>")
_PARTIAL_STOP = re.compile(rf"(?:<\|?[a-zA-Z_]{{0,20}}\|?|{_LINE}[ \t]*(?:`+|~+))\Z", re.MULTILINE)
_FENCE = re.compile("```+|~~~+")
_MAX_INDENT_CHARS = 100  # columns before a fence that are looked at
_CLOSING = re.compile(r"[\s)\]}>'\"`;,:]*\Z")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_LINE_END = re.compile(r"\r\n|\n|\r")
# Bidirectional controls and invisible characters: they make text look other than it is (CVE-2021-42574).
DECEPTIVE_CHARACTERS = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


class GhostText:
    """Ghost text for `offset` of `text`; see the module's text. `max_lines` 0 means a whole block."""

    def __init__(self, text: str, offset: int, language: str = "", *, max_lines: int = 0) -> None:
        before = _LINE_END.split(text[max(0, offset - 2_000) : offset])
        after = _LINE_END.split(text[offset : offset + 4_000])
        self._line = before[-1]
        self._rest = after[0]
        self._below = next((line for line in after[1:] if line.strip()), None)
        self._above = [line for line in before[:-1] if line.strip()][-2:]
        one_line = not _CLOSING.fullmatch(self._rest)
        self._max_lines = 1 if one_line else max_lines or MAX_GHOST_LINES
        self._eol = "\r\n" if "\r\n" in text[:4_000] else "\n"
        around = _find_fence_lines(text[:offset])
        self._inside = fences.ends_inside_block(fences.find_fences(around))
        self._fenced = self._inside or fences.uses_fences(language)  # fences are text here
        self._raw = ""
        self._complete = False
        self.end = offset

    def feed(self, chunk: str) -> bool:
        """Take more text; True once enough is there, and nothing more need be read."""
        if not self._complete:
            self._raw += chunk
            cut = self._find_cut(self._raw)
            self._complete = cut is not None
        return self._complete

    def reset(self) -> None:
        """Begin again, with other text to come."""
        self._raw, self._complete = "", False

    @property
    def text(self) -> str:
        """What may be shown so far."""
        shown = self._kept()
        if not self._complete and (partial := _PARTIAL_STOP.search(shown)):
            shown = shown[: partial.start()]
        shown = self._shape_text(shown, self._without_rest if self._complete else self._before_rest)
        return "" if self._may_repeat(shown) else shown

    @property
    def whole_lines(self) -> str:
        """The whole lines so far; nothing of a line that may still change."""
        shown = self._kept()
        ends = [match.start() for match in _LINE_END.finditer(shown)]
        return self._shape_text(shown[: ends[-1]], self._without_rest) if ends else ""

    @property
    def is_useful(self) -> bool:
        """Whether the whole lines so far help by themselves: no comment alone, no head without its block."""
        lines = self.whole_lines
        last = lines.rsplit("\n", 1)[-1] if "\n" in lines else self._line + lines
        return fim.has_code_line(lines) and not fim.is_header_without_body(last, self._below or "")

    def finish(self) -> str | None:
        """Return the text to insert, or None."""
        return self._shape_text(self._kept(), self._without_rest) or None

    def _shape_text(self, text: str, take_off: Callable[[str], str]) -> str:
        """Take steps 3 and 4; `take_off` does the third."""
        text = take_off(self._without_wrapper(text.rstrip()).rstrip())
        if not text.strip() or self._is_repetition(text):
            return ""
        return _LINE_END.sub(self._eol, self._without_double_space(text))

    def _without_wrapper(self, text: str) -> str:
        """Take off a last line that is a bare fence and would open a block: the end of a wrapper."""
        if not self._fenced or self._inside or not text.endswith(("`", "~")):
            return text
        lines = _LINE_END.split(text)
        found = fences.find_fences(lines)
        last = found[-1] if found else None
        if last is None or last.info or last.line != len(lines) - 1 or not fences.ends_inside_block(found):
            return text
        return text[: -len(lines[-1])]

    def _kept(self) -> str:
        cut = self._find_cut(self._raw)
        return self._raw if cut is None else self._raw[:cut]

    def _find_cut(self, raw: str) -> int | None:
        """Return where the text must end, or None while it may go on."""
        stop = (_TOKEN_STOP if self._fenced else _STOP).search(raw, 0, MAX_GHOST_CHARS)
        limit = stop.start() if stop else _limit_length(raw)
        lines, seen = 0, list[str]()
        for start, end, closed in _split_lines(raw[:limit]):
            line = raw[start:end]
            if DECEPTIVE_CHARACTERS.search(line):
                return start  # the lines above it are sound
            if start and line.strip() and self._ends_before(line, seen, closed=closed):
                return start
            if line.strip():
                lines += 1
                seen.append(line.strip())
            if closed and lines >= self._max_lines:
                return end
        return limit

    def _ends_before(self, line: str, seen: list[str], *, closed: bool) -> bool:
        """Tell whether the text must end before this line, which is not its first.

        Of a line that is still growing only the indentation is known: so the pieces do not matter.
        """
        if seen and _indent(line) < _indent(self._line):
            return True
        if not closed:
            return False
        if self._below is not None and line.strip() == self._below.strip():
            return True
        return seen[-2:] == [line.strip()] * 2

    def _without_rest(self, text: str) -> str:
        """Take off the end what stands right of the cursor."""
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
        would vanish and, when the model goes on, come back.
        """
        rest = self._rest.strip()
        text = _first_line_if_it_ends_with(rest, text) if rest else text
        for size in range(min(len(rest), len(text)), 0, -1):
            if text.endswith(rest[:size]):
                return text[:-size]
        return text

    def _is_repetition(self, text: str) -> bool:
        """Tell whether one line only says again what stands around it."""
        said = text.strip()
        line = (self._line + said).strip()
        if self._below is not None and _are_alike(line, self._below.strip()) and not self._rest.strip():
            return True
        return len(self._above) == 2 and all(line == above.strip() for above in self._above)

    def _may_repeat(self, text: str) -> bool:
        """Tell whether a growing text is as yet the beginning of a line that stands around it."""
        if "\n" in text or "\r" in text or self._rest.strip():
            return False
        line = (self._line + text).strip()
        first, *second = [each.strip() for each in self._above] or [""]
        twice = first if second == [first] else ""
        return twice.startswith(line) or _may_become_alike(line, (self._below or "").strip())

    def _without_double_space(self, text: str) -> str:
        """Do not let a space before the cursor and one behind it become two."""
        if self._line.endswith((" ", "\t")) and self._line.strip() and text.startswith(" "):
            return text.lstrip(" ")
        return text


def _find_fence_lines(text: str) -> list[str]:
    """Return the lines of a text that may be fences, without a look at each line: a text may be large."""
    found: list[str] = []
    for match in _FENCE.finditer(text):
        before = text[max(0, match.start() - _MAX_INDENT_CHARS) : match.start()]
        indent = before[len(before.rstrip(" \t")) :]
        if len(indent) == len(before) < _MAX_INDENT_CHARS or before[: -len(indent) or None].endswith(
            ("\n", "\r")
        ):
            end = _LINE_END.search(text, match.end())
            found.append(indent + text[match.start() : end.start() if end else None])
    return found


def _first_line_if_it_ends_with(rest: str, text: str) -> str:
    """Return the first line if it completes the cursor's line: the lines after it are another statement."""
    first = text.split("\n", 1)[0].rstrip()
    return first if first.endswith(rest) else text


def _limit_length(raw: str) -> int | None:
    """Return where the last whole line ends that may be taken, or None if all may."""
    if len(raw) <= MAX_GHOST_CHARS:
        return None
    return max((match.start() for match in _LINE_END.finditer(raw, 0, MAX_GHOST_CHARS)), default=0)


def _split_lines(text: str) -> list[tuple[int, int, bool]]:
    """Return `(start, end, closed)` of each line; `closed` if a line end follows."""
    found: list[tuple[int, int, bool]] = []
    start = 0
    for match in _LINE_END.finditer(text):
        found.append((start, match.start(), True))
        start = match.end()
    return [*found, (start, len(text), False)] if start < len(text) else found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _closes_too_much(tail: str, text: str) -> bool:
    """Tell whether a tail of closing brackets would leave `text` with more closed than opened."""
    return all(text.count(char) > text.count(_PAIRS[char]) for char in tail)


def _are_alike(one: str, other: str) -> bool:
    """Tell whether two lines differ by one character or 5 %, as peers measure it."""
    if one == other:
        return True
    allowed = max(1, len(one) // 20)
    if min(len(one), len(other)) < 12 or abs(len(one) - len(other)) > allowed:
        return False
    matched = sum(
        block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    )
    return max(len(one), len(other)) - matched <= allowed


def _may_become_alike(beginning: str, line: str) -> bool:
    """Return whether a line that starts with `beginning` may yet be `_alike` to `line`.

    `_alike` allows a few characters on either side that the other line lacks, so each beginning of an
    alike line lacks no more than that either. A text that is shown before this is certain would vanish
    when its last characters arrive.
    """
    if line.startswith(beginning):
        return True
    allowed = max(1, len(line) // 19)  # the growing line may be longer than `line`, and 5 % of it more
    if len(line) < 12 - allowed or len(beginning) > len(line) + allowed:
        return False
    return _count_missing(beginning, line, allowed) <= allowed


def _count_missing(beginning: str, line: str, allowed: int) -> int:
    """Return how many characters of `beginning` are not in `line`, in order, near their own place."""
    width = 2 * allowed + 1
    unreachable = len(beginning) + 1
    missing = [0] * (width + 1)  # for each shift of -allowed … allowed between the two
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
            return unreachable  # most texts differ at once
    return min(missing[:width])
