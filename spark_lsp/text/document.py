r"""An immutable document with the line ends of LSP.

Only ``\n``, ``\r\n`` and ``\r`` end a line. Python's `str.splitlines` also ends lines at form feeds, at
U+0085, U+2028 and others; a server that uses it and an editor that does not silently drift apart.

Offsets count code points, as Python indexes strings. A document is immutable: `splice` returns a new one.
The starts of lines are in an array that is copied as a block of memory, so an edit costs a few microseconds
for thousands of lines. Shifting every later line start by the edit's growth would cost more than all the
rest. Instead each index keeps *one* pending shift: the true value of each entry from `_from` on is the entry
plus `_shift`. The user types at one place, so the next edit only updates the few entries between the two
places.

A carriage return and a line feed are one line end only when adjacent, so an edit can join or separate them at
its borders. A splice therefore re-scans from the line before the edit to the line after it.
"""

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import accumulate

from spark_lsp.errors import TextError
from spark_lsp.text.lines import LINE_END


def line_starts(text: str) -> "array[int]":
    """Return the offset of the first character of every line; the first is always 0."""
    eol = "\r\n" if "\r" in text else "\n"
    is_mixture = eol == "\r\n" and not text.count("\r") == text.count("\n") == text.count(eol)
    if is_mixture:
        return array("q", [0, *(match.end() for match in LINE_END.finditer(text))])
    # For a text of megabytes, `split` is several times as fast as the regular expression.
    lengths = map(len, text.split(eol))
    starts = array("q", accumulate(map(len(eol).__add__, lengths), initial=0))
    starts.pop()  # the last line has no line end
    return starts


@dataclass(frozen=True, slots=True)
class LineIndex:
    """The starts of lines; the module docstring explains the pending shift."""

    _starts: "array[int]"
    _from: int = 0
    _shift: int = 0

    def __len__(self) -> int:
        return len(self._starts)

    def start_of(self, line: int) -> int:
        """Return the offset at which `line` begins."""
        start = self._starts[line]
        return start + self._shift if line >= self._from else start

    def line_at(self, offset: int) -> int:
        """Return the line that contains `offset`."""
        if self._from < len(self._starts) and offset >= self._starts[self._from] + self._shift:
            return bisect_right(self._starts, offset - self._shift, lo=self._from) - 1
        return bisect_right(self._starts, offset, hi=self._from) - 1

    def with_lines_replaced(self, first: int, last: int, inner: list[int], growth: int) -> "LineIndex":
        """Return an index in which the starts of lines `first+1` to `last` are replaced by `inner`.

        `growth` is added to every later start, as the new pending shift.
        """
        starts = self._starts[:]
        tail = last + 1
        self._move_shift(starts, tail)
        starts[first + 1 : tail] = array("q", inner)
        return LineIndex(starts, first + 1 + len(inner), self._shift + growth)

    def _move_shift(self, starts: "array[int]", tail: int) -> None:
        """Make the old pending shift begin at `tail`, in the copy `starts`.

        Only the entries between the old and the new border change: the earlier border is usually near.
        """
        for line in range(self._from, tail):
            starts[line] += self._shift
        for line in range(tail, min(self._from, len(starts))):
            starts[line] -= self._shift


@dataclass(frozen=True, slots=True)
class Document:
    """One version of one open text.

    `version` is the editor's own number. `language` is LSP's language id.
    """

    uri: str
    text: str
    version: int = 0
    language: str = ""
    _index: LineIndex = field(default=LineIndex(array("q")), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not len(self._index):
            object.__setattr__(self, "_index", LineIndex(line_starts(self.text)))

    def __len__(self) -> int:
        return len(self.text)

    @property
    def line_count(self) -> int:
        """Number of lines; a text that ends with a line end has an empty last line."""
        return len(self._index)

    def line_start(self, line: int) -> int:
        """Return the offset of the first character of `line`; past the end, the end of the text."""
        return self._index.start_of(line) if line < len(self._index) else len(self.text)

    def line_end(self, line: int) -> int:
        """Return the offset after the last character of `line`, without its line end."""
        end = self.line_start(line + 1)
        if line + 1 >= len(self._index):
            return end
        if self.text[end - 2 : end] == "\r\n" and end - 2 >= self.line_start(line):
            return end - 2
        return end - 1

    def line(self, line: int) -> str:
        """Return the text of `line` without its line end."""
        return self.text[self.line_start(line) : self.line_end(line)]

    def line_at(self, offset: int) -> int:
        """Return the line that contains `offset`; the end of the text is in the last line."""
        return self._index.line_at(offset)

    @property
    def eol(self) -> str:
        r"""The line end of this text (that of its first line), or ``\n``."""
        match = LINE_END.search(self.text)
        return match[0] if match else "\n"

    def splice(self, start: int, end: int, new: str, version: int | None = None) -> "Document":
        """Return the document with `[start, end)` replaced by `new`.

        Raises `TextError` if the range is reversed or outside the text.
        """
        if not 0 <= start <= end <= len(self.text):
            raise TextError(f"The range {start}–{end} does not fit a text of {len(self.text)} characters")
        text = self.text[:start] + new + self.text[end:]
        index = self._update_index(text, start, end, len(new) - (end - start))
        if version is None:
            version = self.version
        return replace(self, text=text, version=version, _index=index)

    def _update_index(self, text: str, start: int, end: int, growth: int) -> LineIndex:
        """Return the index of `text`, in which `[start, end)` of this text changed and grew by `growth`."""
        first = max(self._index.line_at(start) - 1, 0)
        last = min(self._index.line_at(end) + 1, len(self._index) - 1)
        scan_from = self._index.start_of(first)
        scan_to = self.line_start(last + 1) + growth
        inner = [match.end() for match in LINE_END.finditer(text, scan_from, scan_to)]
        if last + 1 < len(self._index):
            inner.pop()  # the end of the scan is the start of the next line, which stays in the index
        return self._index.with_lines_replaced(first, last, inner, growth)
