r"""A change as a unified diff, by LSP's line ends, as `git apply` and `patch` read it. Pure."""

import re
from collections.abc import Iterator
from difflib import unified_diff

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def unified(before: str, after: str, name: str) -> str:
    """Return the diff of two texts of the file `name`; empty if they are equal."""
    lines = unified_diff(_LINE.findall(before), _LINE.findall(after), f"a/{name}", f"b/{name}")
    return "".join(_take_line_end(lines))


def _take_line_end(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"
