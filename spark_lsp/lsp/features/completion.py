"""textDocument/completion: the suggestion as an item of the completion menu."""

import re
from itertools import takewhile

from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.lsp.suggester import Suggester
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding

LABEL_CHARACTERS = 48


async def complete(
    params: types.CompletionParams,
    document: Document | None,
    *,
    suggester: Suggester,
    abilities: Abilities,
    encoding: Encoding,
    status: StatusPublisher,
) -> types.CompletionList:
    """Return one item that replaces the word before the cursor, so that no client filters it out."""
    found = await suggester.suggest(params.text_document.uri, document, params.position, "completion")
    items = [] if found is None else [_to_item(found, abilities, encoding, status.current.model)]
    return types.CompletionList(is_incomplete=True, items=items)


def _to_item(found: Suggestion, abilities: Abilities, encoding: Encoding, model: str) -> types.CompletionItem:
    word = _word_before(found)
    start = found.anchor - len(word)
    full = word + found.text
    if abilities.adjusts_indentation:
        full = _remove_indentation(full, found)
    edit = types.TextEdit(convert.to_range(found.document, start, found.end, encoding), full)
    return types.CompletionItem(
        label=_label(full),
        kind=types.CompletionItemKind.Text,  # Helix parses "snippet" items and loses `$` and `}`
        detail=f"spark-lsp: {model or 'suggestion'}",
        documentation=_documentation(abilities, found.document.language, full),
        filter_text=_filter_text(word, found.text),
        sort_text="!",
        preselect=not abilities.shows_ghost_text or None,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs if abilities.keeps_indentation else None,
        text_edit=edit,
    )


def _remove_indentation(text: str, found: Suggestion) -> str:
    """Remove the indentation of the cursor's line from later lines, because the editor will add it."""
    line = found.document.line(found.document.line_at(found.anchor))
    indent = line[: len(line) - len(line.lstrip())]
    return re.sub(f"(\\r\\n|\\n|\\r){re.escape(indent)}", r"\1", text) if indent else text


def _documentation(abilities: Abilities, language: str, text: str) -> types.MarkupContent | str:
    """Return the complete text for the menu's side window, as Markdown code if the editor can show that.

    Editors that list no format (Helix, eglot) read a plain text as Markdown.
    """
    formats = abilities.documentation_formats
    if formats and types.MarkupKind.Markdown not in formats:
        return text
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    code = f"{fence}{language}\n{text}\n{fence}"
    return types.MarkupContent(types.MarkupKind.Markdown, code) if formats else code


def _filter_text(word: str, text: str) -> str:
    """Return the text that an editor compares with the letters before the cursor and those typed next.

    It ends with the word. Editors match typed letters anywhere in this text, in order; with a longer text
    they would keep an item that the letters contradict.
    """
    return word + "".join(takewhile(_is_word_character, text)) or "".join(
        takewhile(_is_no_word_character, text)
    )


def _word_before(found: Suggestion) -> str:
    """Return the part of a word directly before the cursor; clients filter items by it."""
    start = found.anchor
    text = found.document.text
    while start > 0 and _is_word_character(text[start - 1]):
        start -= 1
    return text[start : found.anchor]


def _is_word_character(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _is_no_word_character(letter: str) -> bool:
    return not _is_word_character(letter)


def _label(text: str) -> str:
    """Return the first line, shortened, and the number of further lines."""
    first, *more = [line.strip() for line in text.splitlines() if line.strip()] or [text]
    if len(first) > LABEL_CHARACTERS:
        first = f"{first[: LABEL_CHARACTERS - 1]}…"
    return f"{first.rstrip('…')}… (+{len(more)} line{'s' * (len(more) > 1)})" if more else first
