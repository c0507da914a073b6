"""The text that each action may change: always complete lines, without the last line end.

A small target is safer, needs less data on the wire and gets its answer sooner.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spark_lsp.prompts import actions
from spark_lsp.prompts.actions import Target
from spark_lsp.prompts.comments import find_comment_lines
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.documentation import find_documentation_target
from spark_lsp.prompts.stubs import find_stub
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The selection `[start, end)` of an action, and its diagnostics; `tree` is that of `document`."""

    document: Document
    tree: SyntaxTree
    start: int
    end: int
    diagnostics: Sequence[Diagnostic] = ()

    @property
    def is_selection(self) -> bool:
        """Whether this is a selection and not a cursor: some editors always select one character."""
        return self.end - self.start > 1 and bool(self.document.text[self.start : self.end].strip())

    @property
    def lines(self) -> Range:
        """The complete lines; a selection that ends at the beginning of a line excludes that line."""
        document = self.document
        first = document.line_at(self.start)
        last = document.line_at(self.end)
        if last > first and self.end == document.line_start(last):
            last -= 1
        return document.line_start(first), document.line_end(last)


def find_target(
    action: str,
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    diagnostics: Sequence[Diagnostic],
) -> Range:
    """Return the complete lines `[start, end)` that an action changes, without the last line end.

    `tree` is that of `document`.
    """
    place = Place(document, tree, start, end, diagnostics)
    first, last = _RULES[actions.find_action(action).target](place)
    return first, document.line_end(document.line_at(last))  # a definition may end within its last line


def _find_lines(place: Place) -> Range:
    return place.lines


def _find_code(place: Place) -> Range:
    definition = None if place.is_selection else place.tree.definition_at(place.start)
    return place.lines if definition is None else (definition.start, definition.end)


def _find_diagnostics(place: Place) -> Range:
    if not place.diagnostics:
        return place.lines
    first = min(each.start for each in place.diagnostics)
    last = max(each.end for each in place.diagnostics)
    return Place(place.document, place.tree, first, last).lines


def _find_documented(place: Place) -> Range:
    return find_documentation_target(place.document, place.tree, place.start) or place.lines


def _find_body(place: Place) -> Range:
    stub = find_stub(place.document, place.tree, place.start)
    return _find_code(place) if stub is None else (stub.start, stub.end)


def _find_comments(place: Place) -> Range:
    """Return the lines from the first comment to the last one in the code, or around the cursor."""
    document = place.document
    start, end = _find_code(place)
    if not place.is_selection:  # comments above a definition belong to it
        start, _ = find_comment_lines(document, start, end, above=True) or (start, end)
    return find_comment_lines(document, start, end) or (start, end)


def _find_file(place: Place) -> Range:
    return 0, len(place.document)


_RULES: dict[Target, Callable[[Place], Range]] = {
    Target.LINES: _find_lines,
    Target.CODE: _find_code,
    Target.DIAGNOSTICS: _find_diagnostics,
    Target.DOCUMENTED: _find_documented,
    Target.BODY: _find_body,
    Target.COMMENTS: _find_comments,
    Target.FILE: _find_file,
}
