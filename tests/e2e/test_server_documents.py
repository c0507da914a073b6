"""Refused proposals and explanations as read-only documents, in an editor that requests their text."""

from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.e2e.conftest import TEXT, URI, Client, Connect

pytestmark = pytest.mark.asyncio
ENGINES = {"broken": "```python\ndef mul(a, b):\n    return (a * b\n```", "prose": "It multiplies.\n"}
METHOD = types.WORKSPACE_TEXT_DOCUMENT_CONTENT


async def content(client: Client, uri: str) -> str:
    params = types.TextDocumentContentParams(uri)
    answer = await client.workspace_text_document_content_async(params)
    return answer.text


async def start(client: Client, title: str, **more: Any) -> None:
    client.open()
    client.answer = "Show it"
    await client.run((await client.actions(4))[title], **more)


async def test_a_refused_proposal_is_a_document(join: Connect) -> None:
    client = await join("code-server", "broken")
    await start(client, "Edit with an instruction…", instruction="put it into brackets")
    (shown,) = await client.until(lambda: client.shown_documents)
    assert [each.method for each in client.registered] == [METHOD]
    assert shown.uri.startswith("spark-lsp:/")
    text = await content(client, shown.uri)
    assert text.startswith(f"# {client.edits[-1].reason}\n--- ")
    assert "-    return a * b\n+    return (a * b\n" in text
    assert client.applied == []


async def test_an_explanation_is_a_document_and_no_message(join: Connect) -> None:
    client = await join("code-server", "prose")
    await start(client, "Explain")
    (shown,) = await client.until(lambda: client.shown_documents)
    await client.until(lambda: client.refreshed == [shown.uri])
    assert shown.uri.endswith("/Explanation.md")
    assert await content(client, shown.uri) == "It multiplies.\n"
    assert client.messages == []


async def test_another_editor_gets_a_message(join: Connect) -> None:
    client = await join("helix", "prose")
    await start(client, "Explain")
    await client.until(lambda: [each for each in client.messages if each.message == "It multiplies."])
    assert (client.shown_documents, client.registered) == ([], [])


async def test_an_unknown_document_is_refused(join: Connect) -> None:
    client = await join("code-server")
    client.open(TEXT, URI)
    for uri in ("spark-lsp:/0/edit-1/mul.py.diff", URI):
        with pytest.raises(JsonRpcException) as failed:
            await content(client, uri)
        assert failed.value.code == -32602
        assert "ask again" in failed.value.message
