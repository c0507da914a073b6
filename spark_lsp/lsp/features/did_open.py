"""textDocument/didOpen: a document is there."""

from contextlib import suppress
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.errors import TextError
from spark_lsp.lsp import lenient

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidOpenTextDocumentParams) -> None:
    """Take the document and mirror it."""
    item = params.text_document
    ls.edits_lost(item.uri)
    version = None if item.version == lenient.NEXT else item.version
    document = ls.documents.open(item.uri, item.language_id, version, item.text)
    if item.version == lenient.UNREADABLE:
        with suppress(TextError):
            ls.documents.lose(item.uri)
        ls.mirror_close(item.uri)
        document = None
    if document is None:
        ls.say_once(
            types.MessageType.Info, item.uri, f"No suggestions here: {ls.documents.why_not(item.uri)}."
        )
        return
    ls.outgoing.open(document)
