"""The gateway learns where the cursor rests: from an opened document, from changes, and from moves."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from lsprotocol import types

from spark_lsp.lsp import cursor_rest, routes
from spark_lsp.lsp.parts import Parts
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
URI = "file:///home/me/a.py"
TEXT = "first = 1\nsecond = 2\n"


@pytest.fixture
def link() -> MirrorLink:
    return MirrorLink()


@pytest.fixture
async def parts(link: MirrorLink, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setattr(cursor_rest, "REST_SECONDS", 0.0)
    return attached_parts(link)


def open_document(parts: Parts, uri: str = URI) -> Document:
    document = parts.workspace.documents.open(uri, "python", 1, TEXT)
    assert document is not None
    parts.sync.open(document)
    return document


async def rests(link: MirrorLink, count: int = 1) -> list[tuple[str, int]]:
    with anyio.fail_after(10):
        while len(link.rests) < count:
            await anyio.lowlevel.checkpoint()
    return link.rests


async def test_an_opened_document_makes_the_engine_ready(parts: Parts, link: MirrorLink) -> None:
    open_document(parts)
    assert await rests(link) == [(URI, 0)]


async def test_the_cursor_is_after_the_last_edit(parts: Parts, link: MirrorLink) -> None:
    document = open_document(parts)
    await rests(link)
    changed = document.splice(9, 9, "23", 2)
    parts.sync.change(changed, [Edit(9, 9, "23")])
    assert (await rests(link, 2))[-1] == (URI, 11)


async def test_a_move_that_a_client_reports(parts: Parts, link: MirrorLink) -> None:
    open_document(parts)
    await rests(link)
    argument = {"uri": URI, "position": {"line": 1, "character": 3}}
    await routes.COMMANDS["spark.cursor"](parts, (argument,))
    assert (await rests(link, 2))[-1] == (URI, 13)


async def test_a_request_for_code_actions_tells_the_position(parts: Parts, link: MirrorLink) -> None:
    document = open_document(parts)
    await rests(link)
    here = types.Range(types.Position(1, 2), types.Position(1, 6))
    params = types.CodeActionParams(types.TextDocumentIdentifier(URI), here, types.CodeActionContext([]))
    await routes.REQUESTS[types.TEXT_DOCUMENT_CODE_ACTION](parts, params, document)
    assert (await rests(link, 2))[-1] == (URI, 16)


@pytest.mark.parametrize(
    "argument",
    [
        None,
        7,
        {},
        {"uri": URI},
        {"uri": URI, "position": 3},
        {"uri": URI, "position": {"line": "1", "character": 0}},
        {"uri": URI, "position": {"line": -1, "character": 0}},
        {"uri": "file:///other.py", "position": {"line": 0, "character": 0}},
    ],
)
async def test_an_unreadable_position_is_ignored(parts: Parts, link: MirrorLink, argument: Any) -> None:
    open_document(parts)
    await rests(link)
    await routes.COMMANDS["spark.cursor"](parts, (argument,))
    await anyio.lowlevel.checkpoint()
    assert len(link.rests) == 1


async def test_a_withheld_document_tells_nothing(parts: Parts, link: MirrorLink) -> None:
    open_document(parts, "file:///home/me/.env")
    open_document(parts)
    assert await rests(link) == [(URI, 0)]


async def test_nothing_is_read_ahead_while_completions_are_off(parts: Parts, link: MirrorLink) -> None:
    parts.settings.push({"spark": {"completion": {"enabled": False}}})
    document = open_document(parts)
    parts.cursor_rest.move(document, 3)
    for _ in range(5):
        await anyio.lowlevel.checkpoint()
    assert link.rests == []
