"""textDocument/inlineCompletion: the suggestion as ghost text."""

from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.lsp.suggester import Suggester
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding


async def complete_inline(
    params: types.InlineCompletionParams,
    document: Document | None,
    *,
    suggester: Suggester,
    encoding: Encoding,
) -> types.InlineCompletionList:
    """Return one item with an explicit range. Without a suggestion, the status has the reason."""
    uri = params.text_document.uri
    found = await suggester.suggest(uri, document, params.position, "inlineCompletion")
    items = [] if found is None else [convert.to_inline_item(found, encoding)]
    return types.InlineCompletionList(items)
