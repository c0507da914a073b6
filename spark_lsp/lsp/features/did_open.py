"""textDocument/didOpen: the editor has opened a document."""

from contextlib import suppress

from lsprotocol import types

from spark_lsp.errors import TextError
from spark_lsp.lsp import lenient
from spark_lsp.lsp.document_sync import DocumentSync
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.session.documents import Documents


def open_document(
    params: types.DidOpenTextDocumentParams,
    *,
    documents: Documents,
    sync: DocumentSync,
    messages: UserMessages,
) -> None:
    """Store the document and mirror it, or show why it gets no suggestions."""
    item = params.text_document
    sync.lose_history(item.uri)
    version = None if item.version == lenient.NEXT else item.version
    document = documents.open(item.uri, item.language_id, version, item.text)
    if item.version == lenient.UNREADABLE:
        with suppress(TextError):
            documents.reject_change(item.uri)
        sync.discard(item.uri)
        document = None
    if document is None:
        text = f"No suggestions here: {documents.find_problem(item.uri)}."
        messages.show_once(types.MessageType.Info, item.uri, text)
        return
    sync.open(document)
