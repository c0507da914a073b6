"""textDocument/completion: the same suggestion for editors without ghost text."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.lsp.suggesting import suggestion
from spark_lsp.session.suggestions import Suggestion

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

LABEL_WIDTH = 48


async def handle(ls: "SparkServer", params: types.CompletionParams) -> types.CompletionList:
    """Answer with one item that replaces the line's word, so that no client filters it away."""
    found = await suggestion(ls, params.text_document.uri, params.position, "completion")
    items = [] if found is None else [_item(ls, found)]
    return types.CompletionList(is_incomplete=True, items=items)


def _item(ls: "SparkServer", found: Suggestion) -> types.CompletionItem:
    word = _word_before(found)
    start = found.anchor - len(word)
    full = word + found.text
    edit = types.TextEdit(convert.range_of(found.document, start, found.end, ls.documents.encoding), full)
    return types.CompletionItem(
        label=_label(full),
        kind=types.CompletionItemKind.Snippet,
        detail=f"spark-lsp: {ls.status.model or 'suggestion'}",
        documentation=_documentation(ls, found.document.language, full),
        filter_text=word or full,
        sort_text="~",
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=edit,
    )


def _documentation(ls: "SparkServer", language: str, text: str) -> types.MarkupContent | str:
    """Return the whole text for the menu's side window, as code where the editor can show that."""
    text_document = ls.client_capabilities.text_document
    completion = text_document.completion if text_document else None
    item = completion.completion_item if completion else None
    if item is None or types.MarkupKind.Markdown not in (item.documentation_format or ()):
        return text
    return types.MarkupContent(types.MarkupKind.Markdown, f"```{language}\n{text}\n```")


def _word_before(found: Suggestion) -> str:
    """Return the letters of a word directly before the cursor: clients filter items by them."""
    start = found.anchor
    text = found.document.text
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return text[start : found.anchor]


def _label(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), text).strip()
    return line if len(line) <= LABEL_WIDTH and "\n" not in text else f"{line[: LABEL_WIDTH - 1]}…"
