"""Cuts an answer back to the last point at which the document still parses.

Where a grammar exists, the check is the number of places that do not parse, in a part of the document around
the cursor. A document that did not parse before the answer may keep as many. In other languages, the check is
whether the answer closes the brackets that it opens.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from spark_lsp.prompts.blocks import INDENTED_LANGUAGES, has_line_below_too_deep
from spark_lsp.prompts.shaping.closers import ClosedAnswer
from spark_lsp.prompts.shaping.error_count import InsertionParser
from spark_lsp.prompts.shaping.surroundings import Surroundings
from spark_lsp.text.lines import LINE_END

_MAX_CHARS_BEFORE = 8_000  # parsing takes 3 ms for 12,000
_MAX_CHARS_AFTER = 4_000
_MAX_CUTS = 12  # to try
_CUT = re.compile(r"(?=\r\n|\n|(?<!\n)\r)|(?<=;)(?=[ \t])")
_MARGIN = re.compile(r"^(?=[^\s)\]}#])", re.MULTILINE)


@dataclass(frozen=True)
class ParseCheck:
    """The check for answers at one cursor."""

    around: Surroundings

    def trim(self, text: str) -> int:
        """Return the length of the beginning of `text`, an answer without closers too many, to keep."""
        answer = ClosedAnswer(self.around)
        answer.extend(text)
        errors = self._count_errors(text, answer.rest_end(len(text)))
        if errors is None:
            return self._trim_unbalanced(answer)
        if self._is_in_open_literal:
            return len(text)
        # By its indentation, an outer closer ends a block that only the count of brackets says is closed.
        allowed = self._errors_before + bool(answer.outer) if errors else 0
        if errors <= allowed:
            return len(text)
        cuts = [match.start() for match in _CUT.finditer(text)]
        for cut in reversed(cuts[-_MAX_CUTS:] + cuts[:1] * (len(cuts) > _MAX_CUTS)):
            left = self._count_errors(text[:cut], answer.rest_end(cut))
            if text[:cut].strip() and left is not None and left <= allowed:
                return cut
        return _first_line_length(text) if allowed else 0

    def _trim_unbalanced(self, answer: ClosedAnswer) -> int:
        if not answer.leaves_open or self.around.is_loose or not all(self.around.closed):
            return len(answer.text)
        if answer.depth <= self.around.surplus:
            return len(answer.text)  # the lines below close its brackets
        last = max((at for at, state in answer.states.items() if state.depth <= 0), default=0)
        line = answer.text[last:] if last else self.around.line + answer.text
        is_head = LINE_END.search(line) is None and self.around.is_line_below_deeper(line)
        return len(answer.text) if is_head else last

    @cached_property
    def _is_in_open_literal(self) -> bool:
        """Whether the cursor is in a string or comment without an end: nothing after it can be parsed."""
        return not self.around.nesting.is_code and not self.around.closed[-1]

    @cached_property
    def _errors_before(self) -> int:
        return self._count_errors("", 0) or 0

    def _count_errors(self, inserted: str, rest_end: int) -> int | None:
        errors = self._parser.count_errors(inserted, rest_end)
        if errors is None or self.around.language not in INDENTED_LANGUAGES or self._was_line_below_too_deep:
            return errors
        return errors + self._is_line_below_too_deep(inserted, rest_end)

    @cached_property
    def _was_line_below_too_deep(self) -> bool:
        return self._is_line_below_too_deep("", 0)

    def _is_line_below_too_deep(self, inserted: str, rest_end: int) -> bool:
        answer = ClosedAnswer(self.around)
        answer.extend(inserted)
        if self.around.nesting.stack or answer.leaves_open:
            return False  # inside brackets, lines are indented freely
        before, after = self._window
        return has_line_below_too_deep(before, inserted, after[rest_end:])

    @cached_property
    def _parser(self) -> InsertionParser:
        return InsertionParser(self.around.language, *self._window)

    @cached_property
    def _window(self) -> tuple[str, str]:
        """The text before and after the cursor, from a line at the left margin to another."""
        text, offset = self.around.text, self.around.offset
        start = max(0, offset - _MAX_CHARS_BEFORE)
        if start and (margin := _MARGIN.search(text, start, offset)):
            start = margin.start()
        end = offset + _MAX_CHARS_AFTER
        if end < len(text):
            margins = [match.start() for match in _MARGIN.finditer(text, offset, end)]
            end = margins[-1] if margins else end
        return text[start:offset], text[offset:end]


def _first_line_length(text: str) -> int:
    start = len(text) - len(text.lstrip())
    match = _CUT.search(text, start)
    return match.start() if match else len(text)
