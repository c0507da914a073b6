"""Indentation as the file has it: an answer in spaces for a file with tabs, and the reverse.

The style is that of the indented lines nearest to the cursor. The unit of the answer (how many of its spaces
are one level) follows from its first indented line alone, so it never changes while the answer grows.
"""

import re
from collections import Counter
from dataclasses import dataclass

from spark_lsp.text.lines import LINE_END

_KEPT_LINES = 8  # on each side of the cursor, whose indentations an answer may have
_NEAR_LINES = 200  # on each side of the cursor, to find the style
_USUAL_UNITS = (4, 2, 8, 3)
_DEFAULT_UNIT = 4
_TAB_LANGUAGES = {"go", "makefile", "make"}
_BLOCK_OPENERS = (":", "{", "(", "[", "then", "do", "else", "=>", "->")
_INDENT = re.compile(r"[ \t]*")
_RULE = re.compile(r"[^\s=:#][^=:#]*::?(?!=)")  # a Makefile's target


@dataclass(frozen=True, slots=True)
class IndentStyle:
    """The indentation of a file. `unit` is the number of spaces of one level; None if the file uses tabs."""

    unit: int | None
    is_known: bool

    def convert(self, indent: str, unit: int) -> str:
        """Return an answer's `indent` in this style; `unit` spaces of the answer are one level."""
        if not self.is_known:
            return indent
        if self.unit is not None:
            return indent.replace("\t", " " * self.unit)
        tabs = indent.count("\t")
        levels, rest = divmod(len(indent) - tabs, unit)
        return "\t" * (tabs + levels) + " " * rest


def find_style(before: str, after: str, language: str) -> IndentStyle:
    """Return the style of the text around a cursor. The nearest indented line decides.

    Without indented lines, languages in which tabs are the rule have tabs.
    """
    above = LINE_END.split(before)[-_NEAR_LINES:]
    below = LINE_END.split(after)[1:_NEAR_LINES]
    if language.lower() in ("makefile", "make"):
        return IndentStyle(None, is_known=True)
    for line in [*reversed(above), *below]:
        if line.startswith("\t"):
            return IndentStyle(None, is_known=True)
        if line.startswith("  ") and line.strip(" *"):
            return IndentStyle(_find_unit([*above, *below]), is_known=True)
    if language.lower() in _TAB_LANGUAGES:
        return IndentStyle(None, is_known=True)
    return IndentStyle(_DEFAULT_UNIT, is_known=False)


def _find_unit(lines: list[str]) -> int:
    """Return the most frequent step between the indentations of two lines."""
    steps: Counter[int] = Counter()
    previous = 0
    for line in lines:
        if line.strip():
            indent = len(line) - len(line.lstrip(" "))
            if indent > previous:
                steps[indent - previous] += 1
            previous = indent
    usual = [(count, step) for step, count in steps.items() if step in _USUAL_UNITS]
    return max(usual)[1] if usual else _DEFAULT_UNIT


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def is_recipe(above: str) -> bool:
    """Tell whether a line below `above`, which is not blank, belongs to a Makefile's rule."""
    return above.startswith("\t") or bool(_RULE.match(above))


class IndentConverter:
    """Converts the indentation of an answer at the cursor of `before`."""

    def __init__(self, before: str, after: str, language: str) -> None:
        lines = LINE_END.split(before)
        near = [*lines[-_KEPT_LINES:-1], *LINE_END.split(after)[1:_KEPT_LINES]]
        self._kept = frozenset(_indent_of(line) for line in near if line.strip())
        self._line = lines[-1]
        self._above = next((line for line in reversed(lines[:-1]) if line.strip()), "")
        self._is_make = language.lower() in ("makefile", "make")
        self._style = find_style(before, after, language)

    def convert(self, text: str) -> str:
        """Return `text` with the indentation of the file. Converting more text only extends the result."""
        if not self._style.is_known or ("  " not in text and "\t" not in text):
            return text
        unit: int | None = None
        parts: list[str] = []
        at = 0
        starts = [0, *(match.end() for match in LINE_END.finditer(text))]
        for number, start in enumerate(starts):
            if number == 0 and self._line.strip():
                continue
            indent = _INDENT.match(text, start)
            end = indent.end() if indent else start
            if end == len(text):
                end = start  # more indentation may follow
                parts.append(text[at:end])
                return "".join(parts)
            found = text[start:end]
            margin = found[-1:] if text[end] == "*" and found.count(" ") % 2 else ""  # of a comment's text
            found = found.removesuffix(margin)
            if unit is None and found:
                unit = self._find_answer_unit(text, start, found)
            parts += (text[at:start], self._convert_indent(found, margin, unit or _DEFAULT_UNIT))
            at = end
        return "".join(parts) + text[at:]

    def _convert_indent(self, indent: str, margin: str, unit: int) -> str:
        if self._is_make and indent and not indent.startswith("\t"):
            return "\t" if self._line.startswith("\t") or is_recipe(self._above) else indent
        if indent + margin in self._kept and not self._is_make:
            return indent + margin  # the lines around the cursor have it, in a file that mixes styles
        return self._style.convert(indent, unit) + margin

    def _find_answer_unit(self, text: str, start: int, indent: str) -> int:
        """Return how many spaces of the answer are one level, from its first indented line."""
        spaces = indent.count(" ")
        if start == 0:
            known = self._line
            opener = self._above
        else:
            head = LINE_END.split(text[:start])
            known = self._line if len(head) == 2 or self._line.strip() else ""
            opener = next((line for line in reversed(head) if line.strip()), self._line)
        base = self._line if self._line.strip() or start else self._above
        level = len(base) - len(base.lstrip("\t")) - known.count("\t") * (start == 0)
        level += opener.rstrip().endswith(_BLOCK_OPENERS)
        if level > 0 and spaces % level == 0 and spaces // level in (*_USUAL_UNITS, 1):
            return spaces // level
        return next((unit for unit in _USUAL_UNITS if spaces % unit == 0), max(spaces, 1))
