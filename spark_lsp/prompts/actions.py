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
_MAX_TITLE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message of a compiler or linter about `[start, end)`."""

    start: int
    end: int
    message: str
    code: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class CodeAction:
    """One kind of edit. `kind` is LSP's code action kind."""

    name: str
    title: str
    kind: str
    needs_instruction: bool = False


@dataclass(frozen=True, slots=True)
class InstructionComment:
    """An instruction that stands in a comment of its own: the line `[start, end)`, its line end included."""

    start: int
    end: int
    instruction: str


@dataclass(frozen=True, slots=True)
class ActionOffer:
    """An action that applies somewhere, with the diagnostics it is about."""

    action: CodeAction
    title: str
    diagnostics: tuple[Diagnostic, ...] = ()


ACTIONS = (
    CodeAction("fix", "Fix this diagnostic", "quickfix"),
    CodeAction("instruct", "Edit with an instruction…", "refactor.rewrite", needs_instruction=True),
    CodeAction("document", "Add documentation", "refactor.rewrite"),
)
_BY_NAME = {action.name: action for action in ACTIONS}


def action_names() -> list[str]:
    """Return the names of all actions."""
    return list(_BY_NAME)


def title_of(name: str) -> str:
    """Return an action's title."""
    return _BY_NAME[name].title


def needs_instruction(name: str) -> bool:
    """Tell whether an action cannot be done without an instruction."""
    return _BY_NAME[name].needs_instruction


def list_offers(
    document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> list[ActionOffer]:
    """Return what can be done for a selection; nothing here asks an engine."""
    offers = [ActionOffer(_BY_NAME["fix"], _fix_title(each), (each,)) for each in diagnostics if each.message]
    if document.text[slice(*_whole_lines(document, start, end))].strip():
        offers.append(ActionOffer(_BY_NAME["instruct"], title_of("instruct")))
    if syntax.definition_at(document.language, document.text, start) is not None:
        offers.append(ActionOffer(_BY_NAME["document"], title_of("document")))
    return offers


def _fix_title(diagnostic: Diagnostic) -> str:
    message = " ".join(diagnostic.message.split())
    return f"Fix: {message if len(message) <= _MAX_TITLE_CHARS else message[: _MAX_TITLE_CHARS - 1] + '…'}"


def find_target(
    action: str, document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> tuple[int, int]:
    """Return the whole lines `[start, end)`, without the last line end, that an action is about."""
    if action == "fix" and diagnostics:
        first = min(each.start for each in diagnostics)
        return _whole_lines(document, first, max(each.end for each in diagnostics))
    if action == "document" or (action == "instruct" and not _is_selection(document, start, end)):
        found = syntax.definition_at(document.language, document.text, start)
        if found is not None:
            return found.start, found.end
    return _whole_lines(document, start, end)


def _is_selection(document: Document, start: int, end: int) -> bool:
    """Tell whether a range is a selection, not a cursor: some editors always have one character selected."""
    return end - start > 1 and bool(document.text[start:end].strip())


def _whole_lines(document: Document, start: int, end: int) -> tuple[int, int]:
    """Return the lines of a range; a selection that ends at a line's beginning does not mean that line."""
    first, last = document.line_at(start), document.line_at(end)
    if last > first and end == document.line_start(last):
        last -= 1
    return document.line_start(first), document.line_end(last)


def find_instruction(document: Document, start: int, end: int) -> tuple[InstructionComment | None, int, int]:
    """Return the comment `spark: …` that says what to do with a range, and the range that it is about.

    It may be the range's first line, then what stands below is meant; else it stands directly above the
    range, or above the definition around a cursor.
    """
    line = document.line_at(start)
    if note := _parse_instruction(document, line):
        below = _next_nonblank_line(document, line + 1)
        return note, below, max(below, end)
    first = document.line_at(find_target("instruct", document, start, end, ())[0])
    return _parse_instruction(document, line - 1) or _parse_instruction(document, first - 1), start, end


def _parse_instruction(document: Document, line: int) -> InstructionComment | None:
    match = _INSTRUCTION.match(document.line(line)) if line >= 0 else None
    return (
        InstructionComment(document.line_start(line), document.line_start(line + 1), match[1])
        if match
        else None
    )


def _next_nonblank_line(document: Document, line: int) -> int:
    """Return where the next line that is not blank begins."""
    while line < document.line_count - 1 and not document.line(line).strip():
        line += 1
    return document.line_start(line)
