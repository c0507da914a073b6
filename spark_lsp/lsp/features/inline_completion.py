"""textDocument/inlineCompletion: ghost text."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.lsp.suggesting import suggestion

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


async def handle(ls: "SparkServer", params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """Answer with one item with an explicit range, or with none; the status tells why none."""
    found = await suggestion(ls, params.text_document.uri, params.position, "inlineCompletion")
    if found is None:
        return types.InlineCompletionList([])
    return types.InlineCompletionList([convert.item(found, ls.documents.encoding)])
