"""The table of code actions: what each is called, when it applies, which text it is about.

An action's target is the text that the engine is asked to change, always whole lines: the smaller it
is, the less can go wrong, the less is sent and the sooner the answer is there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.prompts import syntax
from spark_lsp.text.document import Document

_INSTRUCTION = re.compile(
    r"^\s*(?:#|//|--|;|%|\"|/\*|<!--|\*)+\s*spark:\s*(.+?)\s*(?:\*/|-->)?\s*$", re.IGNORECASE
)
_TITLE_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message of a compiler or linter about `[start, end)`."""

    start: int
    end: int
    message: str
    code: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of edit. `kind` is LSP's code action kind."""

    name: str
    title: str
    kind: str
    needs_instruction: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """An instruction that stands in a comment of its own: the line `[start, end)`, its line end included."""

    start: int
    end: int
    instruction: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that applies somewhere, with the diagnostics it is about."""

    action: Action
    title: str
    diagnostics: tuple[Diagnostic, ...] = ()


ACTIONS = (
    Action("fix", "Fix this diagnostic", "quickfix"),
    Action("instruct", "Edit with an instruction…", "refactor.rewrite", needs_instruction=True),
    Action("document", "Add documentation", "refactor.rewrite"),
)
_BY_NAME = {action.name: action for action in ACTIONS}


def names() -> list[str]:
    """Return the names of all actions."""
    return list(_BY_NAME)


def title(name: str) -> str:
    """Return an action's title."""
    return _BY_NAME[name].title


def needs_instruction(name: str) -> bool:
    """Tell whether an action cannot be done without an instruction."""
    return _BY_NAME[name].needs_instruction


def applicable(document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]) -> list[Offer]:
    """Return what can be done for a selection; nothing here asks an engine."""
    offers = [Offer(_BY_NAME["fix"], _fix_title(each), (each,)) for each in diagnostics if each.message]
    if document.text[slice(*_lines(document, start, end))].strip():
        offers.append(Offer(_BY_NAME["instruct"], title("instruct")))
    if syntax.definition_at(document.language, document.text, start) is not None:
        offers.append(Offer(_BY_NAME["document"], title("document")))
    return offers


def _fix_title(diagnostic: Diagnostic) -> str:
    message = " ".join(diagnostic.message.split())
    return f"Fix: {message if len(message) <= _TITLE_WIDTH else message[: _TITLE_WIDTH - 1] + '…'}"


def target(
    action: str, document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> tuple[int, int]:
    """Return the whole lines `[start, end)`, without the last line end, that an action is about."""
    if action == "fix" and diagnostics:
        first = min(each.start for each in diagnostics)
        return _lines(document, first, max(each.end for each in diagnostics))
    if action == "document" or (action == "instruct" and not _selects(document, start, end)):
        found = syntax.definition_at(document.language, document.text, start)
        if found is not None:
            return found.start, found.end
    return _lines(document, start, end)


def _selects(document: Document, start: int, end: int) -> bool:
    """Tell whether a range is a selection, not a cursor: some editors always have one character selected."""
    return end - start > 1 and bool(document.text[start:end].strip())


def _lines(document: Document, start: int, end: int) -> tuple[int, int]:
    """Return the lines of a range; a selection that ends at a line's beginning does not mean that line."""
    first, last = document.line_at(start), document.line_at(end)
    if last > first and end == document.line_start(last):
        last -= 1
    return document.line_start(first), document.line_end(last)


def note_for(document: Document, start: int, end: int) -> tuple[Note | None, int, int]:
    """Return the comment `spark: …` that says what to do with a range, and the range that it is about.

    It may be the range's first line, then what stands below is meant; else it stands directly above the
    range, or above the definition around a cursor.
    """
    line = document.line_at(start)
    if note := _note(document, line):
        below = _next_written(document, line + 1)
        return note, below, max(below, end)
    first = document.line_at(target("instruct", document, start, end, ())[0])
    return _note(document, line - 1) or _note(document, first - 1), start, end


def _note(document: Document, line: int) -> Note | None:
    match = _INSTRUCTION.match(document.line(line)) if line >= 0 else None
    return Note(document.line_start(line), document.line_start(line + 1), match[1]) if match else None


def _next_written(document: Document, line: int) -> int:
    """Return where the next line that is not blank begins."""
    while line < document.line_count - 1 and not document.line(line).strip():
        line += 1
    return document.line_start(line)
