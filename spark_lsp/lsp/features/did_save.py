"""textDocument/didSave: a text that comes along mends a document that is out of sync."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import lenient
from spark_lsp.lsp.features import did_change
from spark_lsp.session.documents import Change, Unusable

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def handle(ls: "SparkServer", params: types.DidSaveTextDocumentParams) -> None:
    """Take the saved text for a document whose text is not known; for others it brings nothing new."""
    uri = params.text_document.uri
    if params.text is None or ls.documents.get(uri) is not None:
        return
    if ls.documents.why_not(uri) is Unusable.OUT_OF_SYNC:
        did_change.take(ls, uri, lenient.NEXT, [Change(params.text)])
