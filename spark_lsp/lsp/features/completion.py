"""textDocument/completion: the same suggestion for editors without ghost text."""

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import abilities, convert
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
    if abilities.adjusts_indentation(ls):
        full = _unindented(full, found)
    edit = types.TextEdit(convert.range_of(found.document, start, found.end, ls.documents.encoding), full)
    return types.CompletionItem(
        label=_label(full),
        kind=types.CompletionItemKind.Text,  # as "snippet" Helix would parse it: `$` and `}` get lost
        detail=f"spark-lsp: {ls.status.model or 'suggestion'}",
        documentation=_documentation(ls, found.document.language, full),
        filter_text=_filter_text(word, found.text),
        sort_text="!",
        preselect=not _has_ghost_text(ls) or None,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs if abilities.keeps_indentation(ls) else None,
        text_edit=edit,
    )


def _unindented(text: str, found: Suggestion) -> str:
    """Take from later lines the indentation of the cursor's line, which the editor will add to them."""
    line = found.document.line(found.document.line_at(found.anchor))
    indent = line[: len(line) - len(line.lstrip())]
    return re.sub(f"(\\r\\n|\\n|\\r){re.escape(indent)}", r"\1", text) if indent else text


def _has_ghost_text(ls: "SparkServer") -> bool:
    """Tell whether the menu is a second place for suggestions: there it is not put before all others."""
    text_document = ls.client_capabilities.text_document
    return text_document is not None and text_document.inline_completion is not None


def _documentation(ls: "SparkServer", language: str, text: str) -> types.MarkupContent | str:
    """Return the whole text for the menu's side window, as code where the editor can show that.

    Editors that name no format (Helix, eglot) read a plain text as Markdown.
    """
    text_document = ls.client_capabilities.text_document
    completion = text_document.completion if text_document else None
    item = completion.completion_item if completion else None
    formats = item.documentation_format if item else None
    if formats and types.MarkupKind.Markdown not in formats:
        return text
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    code = f"{fence}{language}\n{text}\n{fence}"
    return types.MarkupContent(types.MarkupKind.Markdown, code) if formats else code


def _filter_text(word: str, text: str) -> str:
    """Return what an editor compares with the letters before the cursor, then with those typed next.

    No more than belongs to the word: editors look for typed letters anywhere in this, in order, and would
    keep an item that they contradict.
    """
    return word + "".join(takewhile(_in_word, text)) or "".join(takewhile(_between_words, text))


def _word_before(found: Suggestion) -> str:
    """Return the letters of a word directly before the cursor: clients filter items by them."""
    start = found.anchor
    text = found.document.text
    while start > 0 and _in_word(text[start - 1]):
        start -= 1
    return text[start : found.anchor]


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _between_words(letter: str) -> bool:
    return not _in_word(letter)


def _label(text: str) -> str:
    """Return the first line, shortened, and how many more there are."""
    first, *more = [line.strip() for line in text.splitlines() if line.strip()] or [text]
    if len(first) > LABEL_WIDTH:
        first = f"{first[: LABEL_WIDTH - 1]}…"
    return f"{first.rstrip('…')}… (+{len(more)} line{'s' * (len(more) > 1)})" if more else first
