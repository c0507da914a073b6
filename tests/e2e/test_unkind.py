"""Edits of a user who does not wait: several at once, the document closed or changed under them."""

import asyncio
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.codes import Code
from tests.e2e.conftest import Client
from tests.e2e.test_preview import NEW, OLD, URI, Screen, command

pytestmark = pytest.mark.asyncio
ENGINES = {"rewrite": f"```python\n{NEW}```", "slow": (f"```python\n{NEW}```", 60)}
FUNCTION = {"start": {"line": 0, "character": 0}, "end": {"line": 14, "character": 0}}


async def ready(join: Any, engine: str, apply: str) -> tuple[Client, Screen]:
    options = {"spark": {"edit": {"apply": apply}, "client": {"previews": True}}}
    client = await join("neovim", options=options, settings={"edit": {"apply": apply}})
    screen = Screen(client)
    await client.engine()
    await client.choose(engine)
    client.open(OLD, URI)
    return client, screen


async def begin(client: Client) -> str:
    argument = {"action": "instruct", "uri": URI, "range": FUNCTION, "instruction": "change two values"}
    return (await command(client, "spark.edit", **argument))["id"]


def end_of(client: Client, edit_id: str) -> Any:
    return next((each for each in client.edits if each.id == edit_id), None)


def versions(client: Client) -> list[int]:
    """The document's versions that the server's edits name."""
    changes: list[Any] = [(each.edit.document_changes or [None])[0] for each in client.applied]
    return [each.text_document.version for each in changes]


def close(client: Client) -> None:
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))


async def test_two_edits_of_the_same_lines_name_the_version_that_they_fit(join: Any) -> None:
    client, _ = await ready(join, "slow", "final")
    one, two = await begin(client), await begin(client)
    await client.until(lambda: client.applied)
    first = await client.until(lambda: end_of(client, one) or end_of(client, two))
    assert first.state == "applied"
    await client.until(lambda: end_of(client, one) and end_of(client, two))
    # Before the editor reports the first change, it would refuse the second one, which has the same version.
    assert {*versions(client)} == {1}


async def test_accepting_one_preview_ends_another_of_the_same_lines(join: Any) -> None:
    client, screen = await ready(join, "rewrite", "preview")
    one, two = await begin(client), await begin(client)

    def are_ready() -> bool:
        return {one, two} <= {each.id for each in screen.messages if each.state == "ready"}

    await client.until(are_ready)
    accepting = asyncio.create_task(command(client, "spark.applyEdit", id=one))
    await client.until(lambda: client.applied)
    client.change(2, "22", 3, 14, 3, 15, uri=URI)
    client.change(3, "88", 9, 14, 9, 15, uri=URI)
    await accepting
    assert (await client.until(lambda: end_of(client, one))).state == "applied"
    ended = await client.until(lambda: end_of(client, two))
    assert (ended.state, ended.code) == ("refused", Code.TEXT_CHANGED)
    assert len(client.applied) == 1


@pytest.mark.parametrize("apply", ["final", "preview", "live"])
async def test_closing_the_document_during_an_edit(join: Any, apply: str) -> None:
    client, screen = await ready(join, "slow", apply)
    edit_id = await begin(client)
    await client.until(lambda: screen.hunks or client.applied)
    close(client)
    client.open("other = 1\n", URI, version=9)
    ended = await client.until(lambda: end_of(client, edit_id))
    assert ended.state in ("refused", "failed"), ended
    assert 9 not in versions(client)  # nothing for another text
    assert screen.state in ("", "ended")


@pytest.mark.parametrize("apply", ["preview", "live"])
async def test_cancelling_while_it_grows_leaves_the_text(join: Any, apply: str) -> None:
    client, screen = await ready(join, "slow", apply)
    edit_id = await begin(client)
    await client.until(lambda: screen.hunks or client.applied)
    await command(client, "spark.cancel", id=edit_id)
    if client.applied:
        client.change(2, "22", 3, 14, 3, 15, uri=URI)
    ended = await client.until(lambda: end_of(client, edit_id))
    assert ended.state == "cancelled"
    assert len(client.applied) in (0, 2)  # a change and its undo
    assert screen.state == "ended"
