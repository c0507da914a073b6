r"""Lines of a text: their ends, their indentation, and what two texts share at their beginning or end.

A line ends at ``\n``, ``\r\n`` or ``\r``, as in LSP. `str.splitlines` ends lines at other characters too, so
it is not used for the text of a document.
"""

import re

LINE_END = re.compile(r"\r\n|\n|\r")


def find_line_start(text: str, offset: int) -> int:
    """Return the offset at which the line that contains `offset` begins.

    `offset` must not be inside a line end.
    """
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def find_line_end(text: str, offset: int) -> int:
    """Return the offset of the first line end at or after `offset`, or of the end of the text."""
    match = LINE_END.search(text, offset)
    return match.start() if match else len(text)


def indentation_of(line: str) -> str:
    """Return the white space at the beginning of a line."""
    return line[: indent_width(line)]


def indent_width(line: str) -> int:
    """Return the number of white-space characters at the beginning of a line."""
    return len(line) - len(line.lstrip())


def nonblank_lines(text: str) -> list[str]:
    """Return the lines that are not blank, without the white space around them."""
    return [stripped for line in LINE_END.split(text) if (stripped := line.strip())]


def common_prefix_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning.

    A binary search over slices: comparing slices is much faster than a loop over characters.
    """
    low = 0
    high = min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_suffix_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their end."""
    low = 0
    high = min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
