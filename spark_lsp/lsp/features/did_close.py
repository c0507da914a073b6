"""textDocument/didClose: a document is gone."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidCloseTextDocumentParams) -> None:
    """Forget the document here and at the gateway."""
    uri = params.text_document.uri
    ls.documents.close(uri)
    ls.edits_lost(uri)
    ls.mirror_close(uri)
