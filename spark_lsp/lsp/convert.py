"""Converts between lsprotocol's types and ours. A position needs the document that it refers to."""

from collections.abc import Iterable, Sequence

from lsprotocol import types

from spark_lsp.session.documents import Change
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset, to_position

ACCEPT = "spark.accept"


def to_offset_in(document: Document, position: types.Position, encoding: Encoding) -> int:
    """Return the offset of a position."""
    return to_offset(document, position.line, position.character, encoding)


def to_offsets(document: Document, range_: types.Range, encoding: Encoding) -> tuple[int, int]:
    """Return the two offsets of a range, in ascending order."""
    start, end = (to_offset_in(document, position, encoding) for position in (range_.start, range_.end))
    return min(start, end), max(start, end)


def to_position_in(document: Document, at: int, encoding: Encoding) -> types.Position:
    """Return the position of an offset."""
    return types.Position(*to_position(document, at, encoding))


def to_range(document: Document, start: int, end: int, encoding: Encoding) -> types.Range:
    """Return the range of two offsets."""
    return types.Range(to_position_in(document, start, encoding), to_position_in(document, end, encoding))


def to_change(event: types.TextDocumentContentChangeEvent) -> Change:
    """Return one change of a `didChange` notification."""
    if isinstance(event, types.TextDocumentContentChangeWholeDocument):
        return Change(event.text)
    first, last = event.range.start, event.range.end
    return Change(event.text, ((first.line, first.character), (last.line, last.character)))


def to_inline_item(suggestion: Suggestion, encoding: Encoding) -> types.InlineCompletionItem:
    """Return a suggestion as ghost text; the editor runs its command when the user accepts it."""
    range_ = to_range(suggestion.document, suggestion.anchor, suggestion.end, encoding)
    accepted = types.Command("Accepted", ACCEPT, arguments=[{"token": suggestion.token}])
    return types.InlineCompletionItem(suggestion.text, range=range_, command=accepted)


def to_workspace_edit(
    document: Document, version: int | None, edits: Iterable[Edit], encoding: Encoding, *, versioned: bool
) -> types.WorkspaceEdit:
    """Return the edits of one document.

    The editor refuses them for any version except `version`. Without `versioned`, they are in the form of
    `changes`, which has no version.
    """
    text_edits: Sequence[types.TextEdit] = [
        types.TextEdit(to_range(document, edit.start, edit.end, encoding), edit.new) for edit in edits
    ]
    if not versioned:
        return types.WorkspaceEdit(changes={document.uri: list(text_edits)})
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, list(text_edits))])
