"""Finds the line at which an answer leaves the cursor's position, or no longer is one of use."""

import re
from dataclasses import dataclass

from spark_lsp.prompts.shaping.closers import ClosedAnswer
from spark_lsp.prompts.shaping.deception import DECEPTIVE_CHARACTERS
from spark_lsp.prompts.shaping.surroundings import Surroundings
from spark_lsp.text.lines import LINE_END, indent_width

_MIN_BEGINNING = 4  # characters of an unfinished line that are enough to recognize the line below
_CLOSER = re.compile(r"\s*[)\]}]")


@dataclass(frozen=True)
class LineCut:
    """The limits of answers at one cursor: the line `below` the cursor's, if any, and the number of lines."""

    around: Surroundings
    below: str | None
    max_lines: int

    def find(self, answer: ClosedAnswer, text: str, *, is_final: bool) -> int | None:
        """Return the offset at which `text`, the beginning of `answer`, must end, or None if it may go on."""
        seen: list[str] = []
        margin = indent_width(self.around.line)
        body = self._find_body_indent(text)
        for start, end, is_closed in _split_lines(text):
            cut = answer.cut
            is_cut = cut is not None and cut <= end
            if is_cut:
                is_closed = False  # so that the result does not depend on the text behind the cut
            line = text[start:cut] if is_cut else text[start:end]
            if self._is_deceptive(line, start):
                return start  # the lines above it are safe
            if start and line.strip():
                if is_final and not is_cut and not is_closed and self._is_begun_below(line, answer, start):
                    return start
                if body is not None and seen and indent_width(line) >= body and answer.is_code_at(start):
                    return start  # the head of a block whose body is below the cursor already
                if start + indent_width(line) in answer.outer:
                    margin = min(margin, indent_width(line))
                if self._ends_before(
                    answer, start, line, seen, margin, is_closed=is_closed or (is_final and not is_cut)
                ):
                    return start
            if is_cut:
                closer = text[cut : cut + 1] if cut is not None else ""
                return start if start and self._is_below(line, closer) else cut
            if line.strip():
                seen.append(line.strip())
            if is_closed and (len(seen) >= self.max_lines or self.around.tokens is None):
                return end
        return None

    def _is_begun_below(self, line: str, answer: ClosedAnswer, start: int) -> bool:
        """Tell whether an unfinished last line is only the beginning of the line below."""
        state = answer.states.get(start)
        if state is None or state.depth > self.around.surplus:
            return False
        return len(line.strip()) >= _MIN_BEGINNING and (self.below or "").startswith(line.rstrip())

    def _is_below(self, line: str, closer: str) -> bool:
        """Tell whether a line that was cut before `closer` is the beginning of the line below."""
        return bool(line.strip()) and (self.below or "").startswith(line + closer)

    def _find_body_indent(self, text: str) -> int | None:
        """Return the indentation of the line below, if it is deeper than the cursor's line with the answer.

        It is then the body of a block, or the rest of a statement, whose head the answer completes. Lines of
        the answer that are as deep would be a second body.
        """
        first = self.around.line + text.split("\n", 1)[0]
        is_head = bool(first.strip()) and self.around.tokens is not None
        return indent_width(self.below or "") if is_head and self.around.is_line_below_deeper(first) else None

    def _is_deceptive(self, line: str, start: int) -> bool:
        before = "" if start else self.around.line[-1:]
        return bool(DECEPTIVE_CHARACTERS.search(before + line, len(before)))

    def _ends_before(
        self, answer: ClosedAnswer, start: int, line: str, seen: list[str], margin: int, *, is_closed: bool
    ) -> bool:
        """Tell whether the text must end before this line, which is not its first.

        Only the indentation of a growing line is certain. Without this rule, the result would depend on the
        chunks.
        """
        state = answer.states.get(start)
        if state is None or (state.depth > 0 and not state.is_code):
            return False  # in a string or comment of the answer
        indent = indent_width(line)
        if seen and indent < margin:
            return True
        if self.around.tokens and state.is_code and state.depth <= 0 and seen:
            is_closer = not state.has_all and _CLOSER.match(line)
            if not is_closer and indent <= indent_width(self.around.line):
                return True  # another statement than that of the cursor's line
        if not is_closed or state.depth > self.around.surplus:
            return False  # inside a bracket of the answer, unless the lines below close that bracket
        if self.below is not None and line.rstrip() == self.below.rstrip():
            return True
        return seen[-2:] == [line.strip()] * 2


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
