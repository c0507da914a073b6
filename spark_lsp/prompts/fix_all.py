"""Fixes all diagnostics that need no model: unused imports, and missing imports of known modules."""

from collections.abc import Sequence
from dataclasses import replace

from spark_lsp.prompts import gate
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits, diff_texts

MAX_DIAGNOSTICS = 100  # of one request: each takes a look at the file's syntax tree


def list_fixable(document: Document, tree: SyntaxTree, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics that need no model. `tree` is that of `document`."""
    return [each for each in diagnostics[:MAX_DIAGNOSTICS] if _fix(document, tree, each) is not None]


def fix_all_edits(document: Document, tree: SyntaxTree, diagnostics: Sequence[Diagnostic]) -> list[Edit]:
    """Return the edits that fix all diagnostics that need no model, as one change; possibly none.

    Raises `EditRefused` if the result does not parse. `tree` is that of `document`.
    """
    current, current_tree = document, tree
    waiting = sorted(set(diagnostics[:MAX_DIAGNOSTICS]), key=lambda each: each.start)
    added: set[str] = set()
    while waiting:
        edits = _fix(current, current_tree, waiting.pop())
        if not edits or edits[0].new.strip() in added:
            continue
        (edit,) = edits
        if edit.new.strip():
            added.add(edit.new.strip())
        waiting = [moved for each in waiting if (moved := _move(each, edit)) is not None]
        current = Document(
            document.uri, apply_edits(current.text, edits), document.version, document.language
        )
        current_tree = SyntaxTree.of(current)
    edits = diff_texts(document.text, current.text, 0)
    gate.check_parses(document, tree, edits)
    return edits


def _fix(document: Document, tree: SyntaxTree, diagnostic: Diagnostic) -> list[Edit] | None:
    span = diagnostic.start, diagnostic.end
    return gate.edits_without_model("fix", document, tree, *span, [diagnostic], "")


def _move(diagnostic: Diagnostic, edit: Edit) -> Diagnostic | None:
    """Return a diagnostic after an edit, or None if its text is gone."""
    if diagnostic.end <= edit.start:
        return diagnostic
    if diagnostic.start >= edit.end:
        start, end = diagnostic.start + edit.growth, diagnostic.end + edit.growth
        return replace(diagnostic, start=start, end=end)
    if diagnostic.start <= edit.start and edit.end <= diagnostic.end:
        return replace(diagnostic, end=diagnostic.end + edit.growth)
    return None
