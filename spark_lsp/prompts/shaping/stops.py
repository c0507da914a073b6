"""Special tokens and code fences in an answer: where it ends, or where a commentary begins."""

import re

from spark_lsp.prompts.shaping.closers import ClosedAnswer
from spark_lsp.text.lines import find_line_end

_LINE = r"(?:^|(?<=\r))"  # `^` knows only line feeds
_TOKEN = re.compile(
    r"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>|<fim_(?:prefix|suffix|middle|pad)>|<｜[^｜\n]{1,30}｜>"
)
_FENCE_LINE = re.compile(rf"{_LINE}[ \t]*(?:```|~~~)", re.MULTILINE)
_PARTIAL_STOP = re.compile(rf"(?:<[|｜]?[^\s|｜<>]{{0,30}}[|｜]?|{_LINE}[ \t]*(?:`+|~+))\Z", re.MULTILINE)
_FENCE = re.compile("```+|~~~+")
_MAX_INDENT_CHARS = 100  # before a fence


def find_stop(
    answer: ClosedAnswer, text: str, max_chars: int, *, fences_are_text: bool
) -> tuple[int, bool] | None:
    """Return the offset of the first stop in `text[:max_chars]`, and whether it is certain; None without one.

    A token in a string is text if the string goes on to its closing quote after it, on the same line. A fence
    in a string or comment is text.
    """
    token = _find_token(answer, text, max_chars)
    if fences_are_text:
        return token
    for match in _FENCE_LINE.finditer(text, 0, token[0] if token else max_chars):
        state = answer.states.get(match.start())
        is_code = state.is_code if state else answer.around.nesting.is_code
        if is_code:
            return match.start(), True
    return token


def _find_token(answer: ClosedAnswer, text: str, max_chars: int) -> tuple[int, bool] | None:
    for match in _TOKEN.finditer(text, 0, max_chars):
        nesting = answer.nesting_at(text, match.start())
        if nesting.is_code or nesting.stack[-1].literal.is_comment:
            return match.start(), True
        line_end = find_line_end(text, match.end())
        if nesting.stack[-1].closer not in text[match.end() : line_end]:
            return match.start(), line_end < len(text)
    return None


def find_partial_stop(text: str) -> int:
    """Return the offset of a tail that may become a stop, or the length of the text."""
    match = _PARTIAL_STOP.search(text)
    return match.start() if match else len(text)


def find_fence_lines(text: str) -> list[str]:
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
