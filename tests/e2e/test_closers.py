"""Completions where the editor has inserted closing brackets and quotes: what stands there when accepted."""

from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding, to_offset, to_position
from tests.e2e.conftest import recorded

pytestmark = pytest.mark.asyncio
URI = "file:///tmp/closers.js"
ENGINES = {"statement": '"😀");', "function": "a, b) {\n  return a + b;\n}", "slow": ('"hello");', 12)}
BEFORE, AFTER = "/* 😀 */ console.log(", ")\n// 😀\n"


def place(client: Any, text: str, offset: int) -> types.Position:
    return types.Position(*to_position(Document(URI, text, 1), offset, encoding(client)))


def encoding(client: Any) -> Encoding:
    return Encoding(client.result.capabilities.position_encoding or "utf-16")


def accept(client: Any, text: str, range_: types.Range, new: str) -> str:
    document = Document(URI, text, 1)
    ends = (range_.start, range_.end)
    start, end = (to_offset(document, each.line, each.character, encoding(client)) for each in ends)
    return text[:start] + new + text[end:]


@pytest.mark.parametrize("engine", ["statement", "slow"])
async def test_ghost_text_replaces_the_editors_closer(join: Any, editor_name: str, engine: str) -> None:
    client = await join(editor_name, engine)
    text = BEFORE + AFTER
    client.open(text, URI, language="javascript")
    at = place(client, text, len(BEFORE))
    (item,) = await client.ghost(at.line, at.character, URI)
    assert item.range.start == at
    assert item.range.end.line == at.line  # VS Code shows no other
    assert accept(client, text, item.range, item.insert_text) == BEFORE + ENGINES_TEXT[engine] + AFTER[1:]


ENGINES_TEXT = {"statement": '"😀");', "slow": '"hello");'}


async def test_the_closer_stays_replaced_while_the_user_types_along(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "statement")
    text = BEFORE + AFTER
    client.open(text, URI, language="javascript")
    at = place(client, text, len(BEFORE))
    await client.ghost(at.line, at.character, URI)
    client.change(2, '"', at.line, at.character, at.line, at.character, uri=URI)
    typed = f'{BEFORE}"{AFTER}'
    (item,) = await client.ghost(at.line, at.character + 1, URI)
    assert accept(client, typed, item.range, item.insert_text) == f'{BEFORE}"😀");{AFTER[1:]}'


@pytest.mark.parametrize(
    "name", ["helix", "emacs-30.1_eglot", "emacs-30.1_lsp-mode", "neovim", "code-server"]
)
async def test_an_item_of_the_menu_replaces_it_too(join: Any, name: str) -> None:
    always = {"options": {"spark": {"completion": {"menu": "always"}}}}
    has_ghost_text = name in ("neovim", "code-server")
    client = await join(name, "replay", **(always if has_ghost_text else {}))
    await client.engine()
    await client.choose("function")
    before, after = "/* 😀 */ function add(", ")\n"
    client.open(before + after, URI, language="javascript")
    at = place(client, before + after, len(before))
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), at)
    (item,) = (await client.text_document_completion_async(params)).items
    edit = item.text_edit
    assert edit.range.start.line == edit.range.end.line == at.line
    assert accept(client, before + after, edit.range, edit.new_text) == f"{before}{ENGINES['function']}\n"
    modes = recorded(name)["capabilities"]["textDocument"]["completion"]["completionItem"]
    knows = types.InsertTextMode.AsIs in modes.get("insertTextModeSupport", {}).get("valueSet", [])
    assert item.insert_text_mode == (types.InsertTextMode.AsIs if knows else None)
