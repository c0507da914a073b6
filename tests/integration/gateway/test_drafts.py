"""Drafts through a real gateway: from the language server's documents to the events of an answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest

from spark_lsp.answer_events import Draft, Finished
from spark_lsp.engine.gateway_client.remote import Endpoint, Remote
from spark_lsp.lsp.parts import Parts
from spark_lsp.session.context import build_completion
from spark_lsp.text.document import Document
from tests.patience import PATIENCE
from tests.unit.lsp.editors import attached_parts

pytestmark = pytest.mark.anyio

SOURCE = """\
def load(path: Path, strict: bool) -> Config:
    with path.open("r", encoding="utf-8") as stream:
        return parse_config(stream.read(), strict=strict)
"""
BEGUN = "def load(path: Path, strict: bool) -> Config:\n    "
LINE = 'with path.open("r", encoding="utf-8") as stream:'
FOLDER = "file:///home/nobody/"


@asynccontextmanager
async def server(running: Any) -> AsyncIterator[tuple[Parts, Remote]]:
    """Give the document side of a language server, and its connection to the gateway."""

    async def locate() -> Endpoint:
        return Endpoint(running.ready["url"], running.token)

    remote = Remote(locate, lambda _: None)
    async with anyio.create_task_group() as group:
        group.start_soon(remote.run)
        yield attached_parts(cast(Any, remote)), remote
        group.cancel_scope.cancel()


def open_document(parts: Parts, name: str, text: str) -> Document:
    document = parts.workspace.documents.open(FOLDER + name, "python", 1, text)
    assert document is not None
    parts.outgoing.open(document)
    return document


async def first_draft(parts: Parts, remote: Remote, document: Document) -> Draft | None:
    """Return the draft at the end of a document; None if the answer's first text comes without one."""
    shown = parts.outgoing.redact(document).document
    request = replace(build_completion(shown, len(shown)), model="late")
    with anyio.fail_after(PATIENCE):
        async with remote.open(request) as events:
            async for event in events:
                if isinstance(event, Draft):
                    return event
                if isinstance(event, Finished):
                    return None
    return None


async def test_a_draft_comes_from_another_open_document(running: Any) -> None:
    async with server(running) as (parts, remote):
        document = open_document(parts, "b.py", BEGUN)
        open_document(parts, "a.py", SOURCE)
        draft = await first_draft(parts, remote, document)
        assert draft is not None
        assert (draft.text, draft.count) == (LINE, 1)


async def test_a_closed_document_gives_no_draft(running: Any) -> None:
    async with server(running) as (parts, remote):
        document = open_document(parts, "b.py", BEGUN)
        open_document(parts, "a.py", SOURCE)
        assert await first_draft(parts, remote, document) is not None
        parts.outgoing.close(FOLDER + "a.py")
        assert await first_draft(parts, remote, document) is None


async def test_an_excluded_document_gives_no_draft(running: Any) -> None:
    async with server(running) as (parts, remote):
        document = open_document(parts, "b.py", BEGUN)
        open_document(parts, ".env", SOURCE)
        assert await first_draft(parts, remote, document) is None


async def test_a_secret_is_not_copied(running: Any) -> None:
    async with server(running) as (parts, remote):
        document = open_document(parts, "b.py", BEGUN)
        open_document(
            parts, "a.py", SOURCE.replace('with path.open("r"', 'password = "hunter2secret" + f("r"')
        )
        assert await first_draft(parts, remote, document) is None
