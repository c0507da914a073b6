"""One document in blocks of lines, prepared for comparison and kept up to date change by change.

Each block has the normal form of its lines and a signature of its words, so a search reads only the blocks
that can contain its text. A block also has the end of the text before it (`lead`), so a text that begins in
one block and ends in the next one is found in the second.

A change replaces the blocks that it touches and the next one, whose lead it may change. A document is indexed
piece by piece, because that takes some 100 ms per megabyte; a large change sets the index back to the change.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from spark_lsp.instant.normal_form import BARRIER, make_signature, normalize_line
from spark_lsp.text.lines import common_prefix_length, common_suffix_length, indentation_of

LEAD_CHARS = 320  # in normal form; also the longest text that a search compares
BLOCK_LINES = 32
BLOCK_CHARS = 2_000
MAX_CHANGE_CHARS = 12_000  # of the blocks that a change replaces at once; takes about 1 ms
_BLOCK_BYTES = 256  # of the objects themselves
_POINTER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Block:
    """Some complete lines of a document.

    `chars` and `lines` count its original text. `text` is `lead` and the normal form of its lines; `indents`
    has the indentation of each line.
    """

    chars: int
    lines: int
    lead: int
    text: str
    indents: tuple[str, ...]
    signature: int

    @property
    def size(self) -> int:
        """Memory in bytes."""
        fixed = _BLOCK_BYTES + _POINTER_BYTES * len(self.indents)
        return fixed + sys.getsizeof(self.text) + sys.getsizeof(self.signature)


class IndexedDocument:
    """See the module's text. `blocks` cover the beginning of `text`, and all of it if `is_complete`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.blocks: list[Block] = []
        self.chars = 0  # of the blocks, in normal form
        self.size = 0
        self._indexed = 0  # characters of `text` that `blocks` cover

    @property
    def is_complete(self) -> bool:
        """Whether all of the text is indexed."""
        return self._indexed == len(self.text)

    def advance(self, max_chars: int) -> int:
        """Index about `max_chars` more characters; return how many."""
        if self.is_complete:
            return 0
        before = self._indexed
        end = _find_cut(self.text, before, max_chars)
        self._replace_blocks(len(self.blocks), len(self.blocks), self.text, before, end)
        self._indexed = end
        return end - before

    def replace_text(self, text: str) -> None:
        """Follow a change of the text; only the changed lines are indexed again."""
        old = self.text
        if text is old:
            return
        head = common_prefix_length(old, text)
        if head == len(old) == len(text):
            return
        tail = common_suffix_length(old[head:], text[head:])
        self.text = text
        starts = list(accumulate((block.chars for block in self.blocks), initial=0))
        first = self._find_touched(starts, head)
        last = self._find_intact(starts, len(old) - tail)
        grown = len(text) - len(old)
        end = starts[last] + grown
        if last == len(self.blocks) and self._indexed < len(old):
            self._truncate(first, starts[first])  # the change reaches the part that is not indexed yet
        elif end - starts[first] > MAX_CHANGE_CHARS:
            self._truncate(first, starts[first])
        else:
            self._replace_blocks(first, last, text, starts[first], end)
            self._indexed += grown

    def _find_touched(self, starts: list[int], head: int) -> int:
        """Return the first block that is not as before, if only the text before `head` is."""
        first = min(bisect_right(starts, head) - 1, len(self.blocks))
        if first == len(self.blocks) and first and not self.blocks[-1].text.endswith("\n"):
            return first - 1  # text was added to its last line
        return first

    def _find_intact(self, starts: list[int], unchanged: int) -> int:
        """Return the first block whose text and lead are as before, if the text from `unchanged` on is.

        Its line must begin in the unchanged text, and `LEAD_CHARS` before it must be unchanged too.
        """
        first = bisect_right(starts, unchanged)
        lead_chars = 0
        while first < len(self.blocks) and lead_chars < LEAD_CHARS:
            lead_chars += len(self.blocks[first].text) - self.blocks[first].lead
            first += 1
        return min(first, len(self.blocks))

    def _truncate(self, count: int, indexed: int) -> None:
        """Keep `count` blocks, which cover `indexed` characters."""
        self._count(self.blocks[count:], -1)
        del self.blocks[count:]
        self._indexed = indexed

    def _replace_blocks(self, first: int, last: int, text: str, start: int, end: int) -> None:
        """Replace blocks `first` to `last` by the blocks of `text[start:end]`."""
        before = self.blocks[first - 1].text if first else ""
        made = list(_make_blocks(text, start, end, before[-LEAD_CHARS:]))
        self._count(self.blocks[first:last], -1)
        self._count(made, 1)
        self.blocks[first:last] = made

    def _count(self, blocks: list[Block], sign: int) -> None:
        self.chars += sign * sum(len(block.text) - block.lead for block in blocks)
        self.size += sign * sum(block.size for block in blocks)

    # Lines, by their block and their number in it.

    def line_number(self, block: int, line: int) -> int:
        """Return the number of a line in the document."""
        return sum(each.lines for each in self.blocks[:block]) + line

    def indent_of(self, block: int, line: int) -> str:
        """Return the indentation of a line."""
        return self.blocks[block].indents[line]

    def indent_above(self, block: int, line: int) -> str:
        """Return the indentation of the last line above that is not blank."""
        for index in range(block, -1, -1):
            each = self.blocks[index]
            normal = each.text[each.lead :].split("\n")
            for number in range((line if index == block else each.lines) - 1, -1, -1):
                if normal[number]:
                    return each.indents[number]
        return ""

    def lines_after(self, block: int, line: int) -> Iterator[tuple[str, str]]:
        """Yield the indentation and the normal form of each line below a line."""
        for index in range(block, len(self.blocks)):
            each = self.blocks[index]
            normal = each.text[each.lead :].split("\n")
            for number in range(line + 1 if index == block else 0, each.lines):
                yield each.indents[number], normal[number]


def _make_blocks(text: str, start: int, end: int, lead: str) -> Iterator[Block]:
    """Yield the blocks of complete lines in `text[start:end]`."""
    while start < end:
        stop = _find_block_end(text, start, end)
        block = _make_block(text[start:stop], lead)
        yield block
        lead = block.text[-LEAD_CHARS:]
        start = stop


def _make_block(original: str, lead: str) -> Block:
    lines = original.split("\n")
    normal = [normalize_line(line) for line in lines]
    own = "\n".join(normal)
    text = lead + own
    counted = len(lines) - (not lines[-1])
    indents = tuple(
        sys.intern(indentation_of(line)) if form and form is not BARRIER else ""
        for line, form in zip(lines[:counted], normal, strict=False)
    )
    return Block(len(original), counted, len(lead), text, indents, make_signature(text))


def _find_block_end(text: str, start: int, end: int) -> int:
    """Return the end of the block of lines that begins at `start`."""
    position = start
    for _ in range(BLOCK_LINES):
        position = text.find("\n", position, end) + 1
        if not position:
            return end
        if position - start >= BLOCK_CHARS:
            break
    return position


def _find_cut(text: str, start: int, max_chars: int) -> int:
    """Return the end of the line that is `max_chars` after `start`."""
    line_end = text.find("\n", min(start + max_chars, len(text)))
    return len(text) if line_end < 0 else line_end + 1
