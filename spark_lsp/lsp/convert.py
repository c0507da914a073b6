"""Between lsprotocol's types and ours. Positions always need the document they are in."""

from collections.abc import Iterable, Sequence

from lsprotocol import types

from spark_lsp.session.documents import Change
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.positions import Encoding, to_offset, to_position

ACCEPT = "spark.accept"


def offset(document: Document, position: types.Position, encoding: Encoding) -> int:
    """Return the offset of a position."""
    return to_offset(document, position.line, position.character, encoding)


def offsets(document: Document, range_: types.Range, encoding: Encoding) -> tuple[int, int]:
    """Return the offsets of a range; a reversed one is turned round."""
    start, end = offset(document, range_.start, encoding), offset(document, range_.end, encoding)
    return min(start, end), max(start, end)


def position(document: Document, at: int, encoding: Encoding) -> types.Position:
    """Return the position of an offset."""
    return types.Position(*to_position(document, at, encoding))


def range_of(document: Document, start: int, end: int, encoding: Encoding) -> types.Range:
    """Return the range of two offsets."""
    return types.Range(position(document, start, encoding), position(document, end, encoding))


def change(event: types.TextDocumentContentChangeEvent) -> Change:
    """Return one change of a `didChange` notification."""
    if isinstance(event, types.TextDocumentContentChangeWholeDocument):
        return Change(event.text)
    first, last = event.range.start, event.range.end
    return Change(event.text, ((first.line, first.character), (last.line, last.character)))


def item(suggestion: Suggestion, encoding: Encoding) -> types.InlineCompletionItem:
    """Return a suggestion as ghost text; its command tells us that it was accepted."""
    range_ = range_of(suggestion.document, suggestion.anchor, suggestion.end, encoding)
    accepted = types.Command("Accepted", ACCEPT, arguments=[{"token": suggestion.token}])
    return types.InlineCompletionItem(suggestion.text, range=range_, command=accepted)


def workspace_edit(
    document: Document, version: int | None, edits: Iterable[Edit], encoding: Encoding, *, versioned: bool
) -> types.WorkspaceEdit:
    """Return the edits of one document.

    The editor refuses them for another version than `version`, unless it knows only `changes`, which have
    no version (`versioned` is false).
    """
    text_edits: Sequence[types.TextEdit] = [
        types.TextEdit(range_of(document, edit.start, edit.end, encoding), edit.new) for edit in edits
    ]
    if not versioned:
        return types.WorkspaceEdit(changes={document.uri: list(text_edits)})
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, list(text_edits))])
