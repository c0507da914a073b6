"""What the shape of new code is compared with: the indentation and the blank lines of the old code."""

import re

from spark_lsp.text.lines import LINE_END, indent_width, indentation_of

BLANK_LINES = re.compile(r"(?:[^\S\r\n]*(?:\r\n|\n|\r))*")


def common_indent(text: str) -> str:
    """Return the indentation of the line that is indented least; blank lines do not count."""
    lines = [line for line in LINE_END.split(text) if line.strip()]
    return indentation_of(min(lines, key=indent_width)) if lines else ""


def blank_lines_around(text: str) -> tuple[str, str]:
    """Return the blank lines at the beginning of a text, and the white space at its end."""
    leading = BLANK_LINES.match(text) if text.strip() else None
    return leading[0] if leading else "", text[len(text.rstrip()) :]
