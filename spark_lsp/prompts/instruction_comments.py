"""Comments `spark: …` that contain an instruction, for editors that cannot ask for one."""

import re
from dataclasses import dataclass

from spark_lsp.prompts.action_targets import find_target
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

_INSTRUCTION = re.compile(
    r"^\s*(?:#|//|--|;|%|\"|/\*|<!--|\*)+\s*spark:\s*(.+?)\s*(?:\*/|-->)?\s*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class InstructionComment:
    """A comment on a separate line that holds an instruction: the line `[start, end)`, with its line end."""

    start: int
    end: int
    instruction: str


def find_instruction(
    document: Document, tree: SyntaxTree, start: int, end: int
) -> tuple[InstructionComment | None, int, int]:
    """Return the comment `spark: …` with the instruction for a range, or None, and the range to change.

    The comment may be the first line of the range; the lines below it are then the range. Otherwise it is the
    line above the range, or above the definition around a cursor. `tree` is that of `document`.
    """
    line = document.line_at(start)
    if comment := _parse_instruction(document, line):
        below = _next_nonblank_line(document, line + 1)
        return comment, below, max(below, end)
    target_start, _ = find_target("instruct", document, tree, start, end, ())
    target_line = document.line_at(target_start)
    comment = _parse_instruction(document, line - 1) or _parse_instruction(document, target_line - 1)
    return comment, start, end


def _parse_instruction(document: Document, line: int) -> InstructionComment | None:
    """Return the instruction in a line; `line` is -1 above the first line."""
    match = _INSTRUCTION.match(document.line(line)) if line >= 0 else None
    if match is None:
        return None
    return InstructionComment(document.line_start(line), document.line_start(line + 1), match[1])


def _next_nonblank_line(document: Document, line: int) -> int:
    """Return the offset of the first line at or below `line` that is not blank."""
    while line < document.line_count - 1 and not document.line(line).strip():
        line += 1
    return document.line_start(line)
