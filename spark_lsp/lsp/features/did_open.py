"""textDocument/didOpen: a document is there."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidOpenTextDocumentParams) -> None:
    """Take the document and mirror it."""
    item = params.text_document
    ls.edits_lost(item.uri)
    document = ls.documents.open(item.uri, item.language_id, item.version, item.text)
    if document is None:
        ls.say_once(
            types.MessageType.Info, item.uri, f"No suggestions here: {ls.documents.why_not(item.uri)}."
        )
        return
    ls.outgoing.open(document)
