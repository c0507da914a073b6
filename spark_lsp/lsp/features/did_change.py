"""textDocument/didChange: the person has typed."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.errors import TextError
from spark_lsp.lsp import convert, lenient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spark_lsp.lsp.server import SparkServer
    from spark_lsp.session.documents import Change


def handle(ls: "SparkServer", params: types.DidChangeTextDocumentParams) -> None:
    """Change the document and its mirror; one that does not fit is not used until it is sent whole."""
    changes = [convert.change(event) for event in params.content_changes]
    take(ls, params.text_document.uri, params.text_document.version, changes)


def take(ls: "SparkServer", uri: str, version: int, changes: "Sequence[Change]") -> None:
    """Change a document; `version` may be one of the stand-ins of `lenient`."""
    try:
        if version == lenient.UNREADABLE:
            ls.documents.lose(uri)
        document, edits = ls.documents.change(uri, None if version == lenient.NEXT else version, changes)
    except TextError as error:
        ls.edits_lost(uri)
        ls.mirror_close(uri)
        reason = ls.documents.why_not(uri)
        ls.say_once(types.MessageType.Warning, uri, f"No suggestions in this file: {error} ({reason}).")
        return
    ls.mirror_edit(document, edits)
