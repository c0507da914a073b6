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
    if action == "document" or (action == "instruct" and not document.text[start:end].strip()):
        found = syntax.definition_at(document.language, document.text, start)
        if found is not None:
            return found.start, found.end
    return _lines(document, start, end)


def _lines(document: Document, start: int, end: int) -> tuple[int, int]:
    """Return the lines of a range; a selection that ends at a line's beginning does not mean that line."""
    first, last = document.line_at(start), document.line_at(end)
    if last > first and end == document.line_start(last):
        last -= 1
    return document.line_start(first), document.line_end(last)


def instruction_above(document: Document, start: int) -> str:
    """Return the instruction in a comment `spark: …` in the line at `start` or directly above it."""
    line = document.line_at(start)
    for number in (line - 1, line):
        match = _INSTRUCTION.match(document.line(number)) if number >= 0 else None
        if match:
            return match[1]
    return ""
