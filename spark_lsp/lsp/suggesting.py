"""From a request at a position to the suggestion there, or to the reason why there is none."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.codes import Code, Reason
from spark_lsp.lsp import convert
from spark_lsp.lsp.completing import content_modified
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def suggestion(ls: "SparkServer", uri: str, at: types.Position, method: str) -> Suggestion | None:
    """Return the suggestion at a position; None with the reason in the status."""
    document = ls.document_then
    if document is None:
        ls.explain(Code.DOCUMENT_UNUSABLE, str(ls.documents.why_not(uri)))
        return None
    await ls.outgoing.decided(uri)
    if why := why_not(ls, uri):
        ls.explain(*why)
        return None
    offset = convert.offset(document, at, ls.documents.encoding)
    await ls.wait_until_up()
    if ls.outgoing.looking(uri):
        await _looked(ls, document)
    found = await ls.completer.suggest(document, offset, method)
    if found is not None and _contradicted(ls, found):
        raise content_modified()
    return found


def _contradicted(ls: "SparkServer", found: Suggestion) -> bool:
    """Tell whether what was typed since the request speaks against its answer.

    Editors that do not ask again at every letter (Helix does at a word's letters only) would offer it still.
    """
    now = ls.documents.get(found.document.uri)
    if now is None or now is found.document:
        return now is None
    return found.at(now, found.anchor + len(now) - len(found.document)) is None


async def _looked(ls: "SparkServer", document: Document) -> None:
    """Wait until a large document has been looked through; it may be another by then."""
    await ls.outgoing.looked(document.uri)
    if ls.documents.get(document.uri) is not document:
        raise content_modified()


def why_not(ls: "SparkServer", uri: str) -> tuple[Reason, str] | None:
    """Return why there is no ghost text in a document, with a detail; None if there may be."""
    completion = ls.settings.completion
    if not completion.enabled:
        return Code.COMPLETIONS_DISABLED, ""
    if ls.outgoing.kept(uri):
        return ls.outgoing.fence.verdict(uri)
    if not ls.outgoing.fence.narrowing(uri).ghost_text:
        return Code.EXCLUDED_BY_PROJECT, ""
    if glob := ls.outgoing.fence.disabled(uri):
        return Code.DISABLED_FOR_FILE, glob
    return None
