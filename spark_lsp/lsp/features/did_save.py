"""textDocument/didSave: the saved text repairs a document that is out of sync."""

from lsprotocol import types

from spark_lsp.lsp import lenient
from spark_lsp.lsp.document_sync import DocumentSync
from spark_lsp.lsp.features.did_change import apply_changes
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.session.documents import Change, Documents, Unusable


def save_document(
    params: types.DidSaveTextDocumentParams,
    *,
    documents: Documents,
    sync: DocumentSync,
    messages: UserMessages,
) -> None:
    """Use the saved text of a document that is out of sync; for other documents it contains nothing new."""
    uri = params.text_document.uri
    if params.text is None or documents.get(uri) is not None:
        return
    if documents.find_problem(uri) is Unusable.OUT_OF_SYNC:
        changes = [Change(params.text)]
        apply_changes(uri, lenient.NEXT, changes, documents=documents, sync=sync, messages=messages)
