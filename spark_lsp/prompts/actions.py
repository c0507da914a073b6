"""The code actions that spark-lsp offers: their titles, their conditions, and the text that each changes.

An action's target is the text that the engine may change, always complete lines. A small target is safer,
needs less data on the wire and gets its answer sooner.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.prompts.refactorings import list_refactorings
from spark_lsp.prompts.syntax import SyntaxTree
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
    """One kind of edit. `kind` is LSP's code action kind.

    `instruction` is the request to the model. It is empty if the user gives it (`needs_instruction`), or if
    each prompt format has a separate question for the action (`fix`, `document`).
    """

    name: str
    title: str
    kind: str
    needs_instruction: bool = False
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class InstructionComment:
    """A comment on a separate line that holds an instruction: the line `[start, end)`, with its line end."""

    start: int
    end: int
    instruction: str


@dataclass(frozen=True, slots=True)
class ActionOffer:
    """An action for a selection, with the diagnostics that it would fix.

    `obstacle` is the reason if the action does not apply to this selection.
    """

    action: CodeAction
    title: str
    diagnostics: tuple[Diagnostic, ...] = ()
    obstacle: str = ""


ACTIONS = (
    CodeAction("fix", "Fix this diagnostic", "quickfix"),
    CodeAction("instruct", "Edit with an instruction…", "refactor.rewrite", needs_instruction=True),
    CodeAction("document", "Add documentation", "refactor.rewrite"),
    CodeAction("inline", "Inline variable", "refactor.inline"),
    CodeAction("extract_variable", "Extract into a variable", "refactor.extract"),
    CodeAction("extract_function", "Extract into a function", "refactor.extract"),
)
_BY_NAME = {action.name: action for action in ACTIONS}


def action_names() -> list[str]:
    """Return the names of all actions."""
    return list(_BY_NAME)


def title_of(name: str) -> str:
    """Return an action's title."""
    return _BY_NAME[name].title


def needs_instruction(name: str) -> bool:
    """Tell whether an action needs an instruction."""
    return _BY_NAME[name].needs_instruction


def instruction_of(name: str) -> str:
    """Return an action's request to the model, or an empty text."""
    return _BY_NAME[name].instruction


def list_offers(
    document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> list[ActionOffer]:
    """Return the actions for a selection; those with an obstacle do not apply. This needs no engine."""
    offers = [ActionOffer(_BY_NAME["fix"], _fix_title(each), (each,)) for each in diagnostics if each.message]
    first, last = _whole_lines(document, start, end)
    if document.text[first:last].strip():
        offers.append(ActionOffer(_BY_NAME["instruct"], title_of("instruct")))
    tree = SyntaxTree.of(document)
    if tree.definition_at(start) is not None:
        offers.append(ActionOffer(_BY_NAME["document"], title_of("document")))
    for each in list_refactorings(document, tree, start, end):
        title = f"{title_of(each.action)} `{each.subject}`" if each.subject else title_of(each.action)
        offers.append(ActionOffer(_BY_NAME[each.action], title, obstacle=each.obstacle))
    return offers


def _fix_title(diagnostic: Diagnostic) -> str:
    message = " ".join(diagnostic.message.split())
    if len(message) > _MAX_TITLE_CHARS:
        message = message[: _MAX_TITLE_CHARS - 1] + "…"
    return f"Fix: {message}"


def find_target(
    action: str,
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    diagnostics: Sequence[Diagnostic],
) -> tuple[int, int]:
    """Return the complete lines `[start, end)` that an action changes, without the last line end.

    `tree` is that of `document`.
    """
    if action == "fix" and diagnostics:
        first = min(each.start for each in diagnostics)
        last = max(each.end for each in diagnostics)
        return _whole_lines(document, first, last)
    if action == "document" or (action == "instruct" and not _is_selection(document, start, end)):
        definition = tree.definition_at(start)
        if definition is not None:
            return definition.start, definition.end
    return _whole_lines(document, start, end)


def _is_selection(document: Document, start: int, end: int) -> bool:
    """Tell whether a range is a selection and not a cursor: some editors always select one character."""
    return end - start > 1 and bool(document.text[start:end].strip())


def _whole_lines(document: Document, start: int, end: int) -> tuple[int, int]:
    """Return the lines of a range; a selection that ends at the beginning of a line excludes that line."""
    first = document.line_at(start)
    last = document.line_at(end)
    if last > first and end == document.line_start(last):
        last -= 1
    return document.line_start(first), document.line_end(last)


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
