"""textDocument/didClose: the editor has closed a document."""

from lsprotocol import types

from spark_lsp.lsp.document_sync import DocumentSync
from spark_lsp.session.documents import Documents


def close_document(
    params: types.DidCloseTextDocumentParams, *, documents: Documents, sync: DocumentSync
) -> None:
    """Forget the document, here and in the gateway."""
    uri = params.text_document.uri
    documents.close(uri)
    sync.lose_history(uri)
    sync.discard(uri)
