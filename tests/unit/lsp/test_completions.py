"""The suggestions of documents: a closed document ends its requests, and no other."""

import asyncio
from contextvars import Context
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pygls.exceptions import JsonRpcException

from tests.unit.lsp.editors import MirrorLink, attached_parts, recording_parts

pytestmark = pytest.mark.anyio
URI, OTHER = "file:///a.py", "file:///b.py"


async def test_closing_a_document_ends_its_requests_and_forgets_them() -> None:
    parts, _ = recording_parts()
    parts.settings.apply({"completion": {"delayMs": 60_000}})
    completions: Any = parts.completions
    documents = [parts.workspace.documents.open(uri, "python", 1, "x = \n") for uri in (URI, OTHER)]
    closed, open_ = [
        asyncio.ensure_future(completions.suggest(document, 4, "inlineCompletion")) for document in documents
    ]
    await asyncio.sleep(0)
    completions.forget_document(URI)
    with pytest.raises(JsonRpcException) as raised:
        await closed
    assert raised.value.code == -32801
    assert set(completions._lives) == {OTHER}
    assert {each.document.uri for each in completions._waiting} == {OTHER}
    assert not open_.done()
    open_.cancel()
    await asyncio.wait([open_])
    assert not completions._waiting


@pytest.mark.parametrize("instant", [True, False])
async def test_the_gateway_learns_whether_the_user_wants_drafts(instant: bool) -> None:
    sent: list[bool] = []
    parts, _ = recording_parts()
    link = SimpleNamespace(configure=lambda *_, drafts: sent.append(drafts))
    parts.gateway.attach(cast(Any, link))
    parts.settings.apply({"completion": {"instant": instant}})
    parts.gateway.configure()
    assert sent[-1] is instant


async def test_a_stream_starts_from_a_timer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer's callback belongs to no task, so it must not use what only a task has."""
    parts = attached_parts(MirrorLink())
    parts.settings.apply({"completion": {"delayMs": 1}})
    started = asyncio.Event()
    monkeypatch.setattr(parts.engine_side, "spawn", lambda *_, **__: started.set())
    document = parts.workspace.documents.open("file:///home/me/a.py", "python", 1, "x = \n")
    assert document is not None
    parts.outgoing.open(document)
    # An empty context, as in the server: the one of this test names the event loop's library.
    waiting = asyncio.get_running_loop().create_task(
        cast(Any, parts.completions).suggest(document, 4, "inlineCompletion"), context=Context()
    )
    await asyncio.wait([waiting, asyncio.ensure_future(started.wait())], return_when="FIRST_COMPLETED")
    assert started.is_set()
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
