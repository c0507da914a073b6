"""textDocument/didChange: the person has typed."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.errors import TextError
from spark_lsp.lsp import convert

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidChangeTextDocumentParams) -> None:
    """Change the document and its mirror; one that does not fit is not used until it is sent whole."""
    uri = params.text_document.uri
    changes = [convert.change(event) for event in params.content_changes]
    try:
        document, edits = ls.documents.change(uri, params.text_document.version, changes)
    except TextError as error:
        ls.edits_lost(uri)
        ls.mirror_close(uri)
        reason = ls.documents.why_not(uri)
        ls.say_once(types.MessageType.Warning, uri, f"No suggestions in this file: {error} ({reason}).")
        return
    ls.mirror_edit(document, edits)
