"""textDocument/didChange: the text of a document has changed."""

from collections.abc import Sequence

from lsprotocol import types

from spark_lsp.errors import TextError
from spark_lsp.lsp import convert, lenient
from spark_lsp.lsp.document_sync import DocumentSync
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.session.documents import Change, Documents


def change_document(
    params: types.DidChangeTextDocumentParams,
    *,
    documents: Documents,
    sync: DocumentSync,
    messages: UserMessages,
) -> None:
    """Change the document and its mirror; after an invalid change, stop using the document."""
    changes = [convert.to_change(event) for event in params.content_changes]
    identifier = params.text_document
    apply_changes(
        identifier.uri, identifier.version, changes, documents=documents, sync=sync, messages=messages
    )


def apply_changes(
    uri: str,
    version: int,
    changes: Sequence[Change],
    *,
    documents: Documents,
    sync: DocumentSync,
    messages: UserMessages,
) -> None:
    """Change a document; `version` may be a special value of `lenient`."""
    try:
        if version == lenient.UNREADABLE:
            documents.reject_change(uri)
        document, edits = documents.change(uri, None if version == lenient.NEXT else version, changes)
    except TextError as error:
        sync.lose_history(uri)
        sync.discard(uri)
        text = f"No suggestions in this file: {error} ({documents.find_problem(uri)})."
        messages.show_once(types.MessageType.Warning, uri, text)
        return
    sync.change(document, edits)
