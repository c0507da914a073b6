"""Edits as whole lines, the form in which an editor shows a difference."""

from dataclasses import dataclass

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import LINE_END


@dataclass(frozen=True, slots=True)
class LineHunk:
    """The document's lines `[first, last)` become `lines`, which have no line ends."""

    first: int
    last: int
    lines: tuple[str, ...]


def to_line_hunk(document: Document, edit: Edit) -> LineHunk:
    """Return the smallest range of complete lines that an edit changes, with its new lines."""
    text = document.text
    first = document.line_at(edit.start)
    last = document.line_at(edit.end)
    new = text[document.line_start(first) : edit.start] + edit.new
    is_at_line_start = edit.end == document.line_start(last)
    if is_at_line_start and (not new or new.endswith(("\n", "\r"))):
        return LineHunk(first, last, tuple(LINE_END.split(new)[:-1]))
    new += text[edit.end : document.line_end(last)]
    return LineHunk(first, last + 1, tuple(LINE_END.split(new)))
