"""Finds the lines of new code in an answer that is still growing.

The complete answer alone decides about some answers: text that may contain fences itself, prose before the
code, several blocks. `GrowingLines` then gives no line. It gives a line when the next one that is not blank
has begun, because the white space at the end of an answer is not part of the new code.
"""

import re
from typing import TYPE_CHECKING, Literal

from spark_lsp.prompts import fences, target_text
from spark_lsp.prompts.thinking import ThinkingFilter, starts_with_thinking
from spark_lsp.request import EditFormat
from spark_lsp.text.lines import LINE_END

if TYPE_CHECKING:
    from spark_lsp.prompts.fences import Fence

_SUSPECT = re.compile(r"<[|\u00a6]|</?think|◁/?think|\[/?THINK|```|~~~", re.IGNORECASE)
_MAY_BECOME_MARK = ("`", "~", "<", "◁", "[")
_FORMATS = (EditFormat.FENCED, EditFormat.REPLACE)

# "start" is before the code, "code" inside it, "closed" after its closing fence, "unclear" for the answers
# about which only their end decides.
State = Literal["start", "code", "closed", "unclear"]


class GrowingLines:
    """The lines of the new text in an answer, without line ends."""

    def __init__(self, target: target_text.TargetText, form: EditFormat) -> None:
        self.state: State = "start" if form in _FORMATS and not target.may_nest else "unclear"
        self.has_other_block = False  # after the first one; either may hold the new text
        self._form = form
        self._first_old = next((line.strip() for line in target.lines if line.strip()), "")
        is_thinking_own = form is not EditFormat.FENCED and starts_with_thinking(target.old)
        self._thinking = None if is_thinking_own else ThinkingFilter()
        self._partial = ""  # the text after the last line end
        self._fence: Fence | None = None
        self._has_code = False
        self._has_prose = False  # before the code, or white space that belongs to it
        self._held: list[str] = []  # the last line of code, and the blank lines after it

    def feed(self, text: str) -> list[str]:
        """Take a chunk of the answer; return the lines that are certain now."""
        if self.state == "unclear":
            return []
        self._partial += text if self._thinking is None else self._thinking.feed(text)
        kept = self._partial.endswith("\r")  # it may be half of a line end
        *lines, self._partial = LINE_END.split(self._partial[:-1] if kept else self._partial)
        self._partial += "\r" * kept
        certain = [found for line in lines for found in self._read(line)]
        begun = self._partial.lstrip()
        if begun and self.state == "code" and not begun.startswith(_MAY_BECOME_MARK):
            certain += self._release()
        return certain

    def last_line(self) -> str | None:
        """Return the last line of the new text, after the answer's fence has closed; None without code."""
        return self._held[0].rstrip() if self.state == "closed" and self._held else None

    def _read(self, line: str) -> list[str]:
        if self.state == "start" and not self._begins_code(line):
            return []
        if self.state == "closed" and fences.find_fences([line]):
            self.has_other_block = True
        if self.state != "code":
            return []
        if self._is_closing(line):
            self.state = "closed"
            return []
        if _SUSPECT.search(line):
            self.state = "unclear"
            return []
        return self._take(line)

    def _begins_code(self, line: str) -> bool:
        """Tell whether the code begins with this line; prose before a fence does not."""
        found = fences.find_fences([line])
        if found:
            self.state, self._fence = "code", found[0]
            return False
        starts_alike = self._form is EditFormat.REPLACE or line.strip() == self._first_old
        if line.strip() and starts_alike and not self._has_prose:
            self.state = "code"
        self._has_prose = self._has_prose or bool(line)
        return self.state == "code"

    def _is_closing(self, line: str) -> bool:
        found = fences.find_fences([line])
        return bool(found) and self._fence is not None and found[0].closes(self._fence)

    def _take(self, line: str) -> list[str]:
        """Hold a line until the next one that is not blank begins; return the lines before it."""
        if not line.strip():
            if self._has_code or self._held or line:
                self._held.append(line)
            return []
        self._has_code = True
        certain = self._release()
        self._held = [line]
        return certain

    def _release(self) -> list[str]:
        held, self._held = self._held, []
        return held
