"""The edits that are certain while an engine's answer is still growing.

`reply.propose_edits` turns the complete answer into edits. `GrowingEdits` gives the same edits as soon as no
later text can change them. It compares each new line once, so a chunk costs the same at the end of a long
answer as at its beginning.

An answer may turn out to be another one than it seemed: a later line is indented less than all others, a
second block holds the code, or the answer begins with lines above the target. Then `is_withdrawn` is true, or
the edits of the complete answer differ; both mean that the edits so far are void.
"""

from typing import Literal

from spark_lsp.prompts import target_text
from spark_lsp.prompts.growing_lines import GrowingLines
from spark_lsp.prompts.indents import blank_lines_around, common_indent
from spark_lsp.prompts.overlap import repeats_line_above
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, GrowingDiff, split_lines
from spark_lsp.text.lines import LINE_END, indent_width, indentation_of

# How the new lines get the old code's indentation: they have it, each gets it in place of its own, only a
# later line decides, or only the complete answer does.
_Shift = Literal["keep", "replace", "undecided", "unclear"]


class GrowingEdits:
    """The edits of `[start, end)` of a document, while the chunks of the answer are fed."""

    def __init__(self, document: Document, start: int, end: int, form: EditFormat) -> None:
        old = document.text[start:end]
        self._document, self._start, self._end = document, start, end
        self._lines = GrowingLines(target_text.target_in_document(document, start, end), form)
        self._diff = GrowingDiff(old, start)
        self._eol = document.eol
        self._before, self._after = blank_lines_around(old)
        self._indent = common_indent(old)
        self._first_indent = next((indentation_of(line) for line in LINE_END.split(old) if line.strip()), "")
        self._shift: _Shift = "undecided"
        self._own_indent = ""  # of the new code, if each line gets another one
        self._waiting: list[str] = []  # lines whose indentation is undecided
        self._has_begun = False
        self._is_line_start = start == document.line_start(document.line_at(start))
        self.is_complete = False  # all edits are known

    @property
    def is_withdrawn(self) -> bool:
        """Whether the edits so far are void."""
        return self._shift == "unclear" or self._lines.has_other_block

    @property
    def certain(self) -> list[Edit]:
        """The edits that are certain so far, in order; later lists begin with them."""
        return [] if self.is_withdrawn else list(self._diff.certain)

    @property
    def growing(self) -> Edit | None:
        """The beginning of the next edit: lines that are certainly new. It only grows at its end."""
        is_hidden = self.is_withdrawn or self.is_complete or not self._is_line_start
        return None if is_hidden else self._diff.growing

    def feed(self, text: str) -> None:
        """Take a chunk of the answer."""
        if self.is_withdrawn:
            return
        for line in self._lines.feed(text):
            if not self.is_withdrawn:
                self._read(line)
        if self._lines.state != "closed" or self.is_complete or self.is_withdrawn:
            return
        last = self._lines.last_line()
        if self._shift == "undecided" and last and not self._waiting:  # the code has one line
            self._decide(last)
        if self._shift in ("keep", "replace"):
            self._close(last)

    def _read(self, line: str) -> None:
        """Give a line the old code's indentation, and compare it; or wait for one that decides about it."""
        if self._shift == "undecided" and line.strip():
            self._decide(line)
        if self._shift == "undecided":
            self._waiting.append(line)
            return
        waiting, self._waiting = self._waiting, []
        for each in (*waiting, line):
            self._add(each)

    def _decide(self, line: str) -> None:
        indent = indentation_of(line)
        is_first = not any(each.strip() for each in self._waiting)
        if is_first and repeats_line_above(self._document, self._start, self._end, line):
            self._shift = "unclear"  # the surroundings may be removed from the complete answer
        elif indent == self._indent:
            self._shift = "keep"
        elif any(each.strip() for each in self._waiting):
            if len(indent) <= len(self._indent):
                self._shift = "unclear"
        elif indent == self._first_indent:
            return  # a later line decides, as in the old code
        else:
            self._shift, self._own_indent = "replace", indent

    def _add(self, line: str) -> None:
        shifted = self._shift_line(line)
        if shifted is None:
            self._shift = "unclear"
        elif not self.is_withdrawn:
            self._compare(shifted + self._eol)

    def _compare(self, line: str) -> None:
        if not self._has_begun:
            self._has_begun = True
            for each in split_lines(LINE_END.sub(self._eol, self._before)):
                self._diff.add(each)
        self._diff.add(line)

    def _shift_line(self, line: str) -> str | None:
        """Return a line with the old code's indentation; None if it shows that the shift is another one."""
        if not line.strip():
            return line if self._shift == "keep" else ""
        if self._shift == "keep":
            return line if indent_width(line) >= len(self._indent) else None
        if not line.startswith(self._own_indent):
            return None
        return self._indent + line[len(self._own_indent) :]

    def _close(self, last: str | None) -> None:
        """Compare the last line, which gets the end of the old code."""
        shifted = self._shift_line(last) if last else None
        if shifted is None:
            self._shift = "unclear"
            return
        for line in split_lines(shifted + LINE_END.sub(self._eol, self._after)):
            self._compare(line)
        self._diff.finish()
        self.is_complete = True
