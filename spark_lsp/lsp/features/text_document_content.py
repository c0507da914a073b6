"""workspace/textDocumentContent: the text of a read-only document of the server."""

from lsprotocol import types

from spark_lsp.lsp.server_documents import ServerDocuments


def read_content(
    params: types.TextDocumentContentParams, *, documents: ServerDocuments
) -> types.TextDocumentContentResult:
    """Return the text of a document. Raises `ArgumentError` for an unknown URI."""
    return types.TextDocumentContentResult(documents.read(params.uri))
