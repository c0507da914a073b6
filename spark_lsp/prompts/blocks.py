"""Blocks that indentation marks: what an answer between the lines above and below makes of them.

The grammars of tree-sitter accept a line that is indented without reason, so indentation is compared here.
"""

import re

from spark_lsp.text.lines import LINE_END, find_line_end, find_line_start, indent_width, indentation_of

INDENTED_LANGUAGES = frozenset({"python"})
_MAX_LINES_ABOVE = 200
_MAX_CHARS_BELOW = 2_000
_CONTINUED = (":", "\\", ",", "(", "[", "{")
_LEAVES = re.compile(r"\s*(?:return|raise|break|continue|throw)\b")
_REACHED = re.compile(
    r"\s*(?:elif|else|except|finally|catch|case|default|end|def|class|async def|function|@|//|[)\]}])"
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def has_line_below_too_deep(before: str, answer: str, after: str) -> bool:
    """Tell whether the line below is indented deeper than the last line above it, which opens no block.

    The answer must end outside of brackets and strings. `after` begins right of the cursor.
    """
    last = _find_last_line(before + answer)
    below = find_line_below(after)
    if not last or not below:
        return False
    return indent_width(below) > indent_width(last) and not _COMMENT.sub("", last).rstrip().endswith(
        _CONTINUED
    )


def makes_lines_unreachable(before: str, answer: str, after: str) -> bool:
    """Tell whether the answer leaves its block although lines of the same block follow."""
    last = _find_last_line(before + answer)
    below = find_line_below(after)
    if not below or not _LEAVES.match(last) or last.rstrip().endswith(_CONTINUED):
        return False
    return indent_width(below) == indent_width(last) and not _REACHED.match(below)


def closes_bracket_above(after: str) -> bool:
    """Tell whether the lines below close a bracket that they do not open: they end another statement."""
    depth = 0
    for char in after[find_line_end(after, 0) :][:_MAX_CHARS_BELOW]:
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            return True
    return False


def find_outer_indentation(before: str, below: str) -> str | None:
    """Return the indentation of the innermost block above that is less deep than the line `below`."""
    for line in reversed(LINE_END.split(before)[-_MAX_LINES_ABOVE:]):
        if line.strip() and indent_width(line) < indent_width(below):
            return indentation_of(line)
    return None


def find_line_below(after: str) -> str:
    """Return the first line below the cursor's that is neither blank nor a comment."""
    lines = LINE_END.split(after)[1:]
    return next((each for each in lines if each.strip() and not each.lstrip().startswith("#")), "")


def _find_last_line(text: str) -> str:
    text = text.rstrip()
    return text[find_line_start(text, len(text)) :] if text else ""
