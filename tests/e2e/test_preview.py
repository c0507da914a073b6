"""`spark/editPreview`, the commands of the user's decision, and `edit.apply`, by real processes."""

import asyncio
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code

pytestmark = pytest.mark.asyncio
URI = "file:///tmp/values.py"
OLD = "def f():\n" + "".join(f"    value_{n} = {n}\n" for n in range(12)) + "    return value_1\n"
NEW = OLD.replace("_2 = 2\n", "_2 = 22\n").replace("_8 = 8\n", "_8 = 88\n")
ENGINES = {
    "rewrite": f"```python\n{NEW}```",
    "slow": (f"```python\n{NEW}```", 60),
    "broken": f"```python\n{OLD.replace('value_3 = 3', 'value_3 = (3')}```",
}


class Screen:
    """What an editor that shows previews has on its screen."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.messages: list[Any] = []
        self.hunks: list[Any] = []
        client.feature("spark/editPreview")(lambda message: self.show(message))

    def show(self, message: Any) -> None:
        self.messages.append(message)
        self.hunks = [*self.hunks[: message.first], *message.hunks]

    @property
    def state(self) -> str:
        return self.messages[-1].state if self.messages else ""


async def begin(join: Any, engine: str, apply: str, *, previews: bool = True) -> tuple[Any, Screen, str]:
    """Start an edit of the function; return the editor, its screen, and the edit's id."""
    options = {"spark": {"edit": {"apply": apply}, "client": {"previews": previews}}}
    client = await join("neovim", options=options, settings={"edit": {"apply": apply}})
    screen = Screen(client)
    await client.engine()
    await client.choose(engine)
    client.open(OLD, URI)
    action = (await client.actions(1, uri=URI))["Edit with an instruction…"]
    started = await client.run(action, instruction="change two values")
    return client, screen, started["id"]


async def command(client: Any, name: str, **argument: Any) -> Any:
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(name, [argument]))


async def test_final_shows_the_hunks_and_applies_them_at_the_end(join: Any) -> None:
    client, screen, _ = await begin(join, "slow", "final")
    await client.until(lambda: screen.hunks)
    assert screen.state == "growing"
    assert client.applied == []
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, screen.state, screen.hunks) == ("applied", "ended", [])
    assert len(client.applied) == 1


async def test_preview_applies_nothing_until_the_user_accepts(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    assert [(hunk.range.start.line, hunk.newText) for hunk in screen.hunks] == [(3, "22"), (9, "88")]
    assert [(list(hunk.newLines), hunk.lines.start, hunk.lines.end) for hunk in screen.hunks] == [
        (["    value_2 = 22"], 3, 4),
        (["    value_8 = 88"], 9, 10),
    ]
    assert screen.messages[-1].tokens > 0
    assert (client.applied, client.edits) == ([], [])
    answer = await command(client, "spark.applyEdit", id=edit_id)
    assert (list(answer["applied"]), list(answer["left"])) == ([0, 1], [])
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    (applied,) = client.applied
    assert [edit.new_text for edit in applied.edit.document_changes[0].edits] == ["22", "88"]
    assert screen.state == "ended"


async def test_accepting_one_hunk_leaves_the_rest(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    accepting = asyncio.create_task(command(client, "spark.applyEdit", id=edit_id, hunks=[0]))
    await client.until(lambda: client.applied)
    client.change(2, "22", 3, 14, 3, 15, uri=URI)  # the editor applies it
    answer = await accepting
    assert (list(answer["applied"]), list(answer["left"])) == ([0], [1])
    await client.until(lambda: [hunk.index for hunk in screen.hunks] == [1])
    assert (screen.state, client.edits) == ("ready", [])
    await command(client, "spark.discardEdit", id=edit_id)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    assert screen.state == "ended"


async def test_rejecting_all_changes_nothing(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    await command(client, "spark.discardEdit", id=edit_id)
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.edits[0].code) == ("cancelled", Code.CANCELLED_BY_USER)
    assert client.applied == []
    with pytest.raises(JsonRpcException):
        await command(client, "spark.applyEdit", id=edit_id)


async def test_typing_elsewhere_moves_the_hunks(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    client.change(2, "import os\n\n\n", 0, 0, 0, 0, uri=URI)
    await client.until(lambda: [hunk.range.start.line for hunk in screen.hunks] == [6, 12])
    assert screen.messages[-1].version == 2
    client.change(3, "!", 6, 14, 6, 14, uri=URI)
    await client.until(lambda: [hunk.index for hunk in screen.hunks] == [1])
    assert [each.index for each in screen.messages[-1].dropped] == [0]
    await command(client, "spark.discardEdit", id=edit_id)


async def test_closing_the_document_ends_the_preview(join: Any) -> None:
    client, screen, _ = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.edits[0].code) == ("refused", Code.TEXT_CHANGED)
    assert screen.state == "ended"


async def test_a_refused_proposal_stays_on_the_screen(join: Any) -> None:
    client, screen, edit_id = await begin(join, "broken", "preview")
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "refused"
    assert (screen.state, screen.messages[-1].code) == ("refused", client.edits[0].code)
    assert [list(hunk.newLines) for hunk in screen.hunks] == [["    value_3 = (3"]]
    with pytest.raises(JsonRpcException):
        await command(client, "spark.applyEdit", id=edit_id)
    await command(client, "spark.discardEdit", id=edit_id)
    await client.until(lambda: screen.state == "ended")


async def test_live_applies_each_hunk_and_a_cancel_undoes_it(join: Any) -> None:
    client, _, edit_id = await begin(join, "slow", "live")
    await client.until(lambda: client.applied)
    client.change(2, "22", 3, 14, 3, 15, uri=URI)
    cancelling = asyncio.create_task(command(client, "spark.cancel", id=edit_id))
    await client.until(lambda: len(client.applied) == 2)
    client.change(3, "2", 3, 14, 3, 16, uri=URI)
    await cancelling
    await client.until(lambda: client.edits)
    changes = [params.edit.document_changes[0] for params in client.applied]
    assert [(change.text_document.version, change.edits[0].new_text) for change in changes] == [
        (1, "22"),
        (2, "2"),
    ]
    assert client.edits[0].state == "cancelled"
    assert "undone" in client.edits[0].reason


async def test_an_editor_without_previews_applies_at_the_end(join: Any) -> None:
    client, screen, _ = await begin(join, "rewrite", "preview", previews=False)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    assert screen.messages == []


@pytest.mark.parametrize(
    "argument", [{}, {"id": 3}, {"id": "edit-1", "hunks": ["a"]}, {"id": "edit-1", "hunks": []}]
)
async def test_unreadable_arguments(join: Any, argument: dict[str, Any]) -> None:
    client = await join("neovim")
    with pytest.raises(JsonRpcException) as failed:
        await command(client, "spark.applyEdit", **argument)
    assert failed.value.code == -32602


async def test_undo_takes_all_accepted_hunks_back_as_one(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    for version, (index, line) in enumerate([(1, 9), (0, 3)], start=2):
        accepting = asyncio.create_task(command(client, "spark.applyEdit", id=edit_id, hunks=[index]))
        await client.until(lambda sent=version - 1: len(client.applied) == sent)
        new = "88" if line == 9 else "22"
        client.change(version, new, line, 14, line, 15, uri=URI)  # the editor applies it
        await accepting
    await client.until(lambda: client.edits)
    client.change(4, "import os\n", 0, 0, 0, 0, uri=URI)
    undone = await command(client, "spark.undoEdit", uri=URI)
    assert (undone["undone"], undone["state"]) == (edit_id, "started")
    await client.until(lambda: len(client.edits) == 2)
    change = client.applied[-1].edit.document_changes[0]
    found = [(edit.range.start.line, edit.new_text) for edit in change.edits]
    assert (change.text_document.version, sorted(found)) == (4, [(4, "2"), (10, "8")])


async def test_undo_between_two_hunks_leaves_the_rest_in_preview(join: Any) -> None:
    client, screen, edit_id = await begin(join, "rewrite", "preview")
    await client.until(lambda: screen.state == "ready")
    accepting = asyncio.create_task(command(client, "spark.applyEdit", id=edit_id, hunks=[0]))
    await client.until(lambda: client.applied)
    client.change(2, "22", 3, 14, 3, 15, uri=URI)
    await accepting
    await command(client, "spark.undoEdit", uri=URI)
    await client.until(lambda: len(client.applied) == 2)
    client.change(3, "2", 3, 14, 3, 16, uri=URI)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"  # the undo
    assert ([hunk.index for hunk in screen.hunks], screen.state) == ([1], "ready")
    await command(client, "spark.discardEdit", id=edit_id)
    await client.until(lambda: len(client.edits) == 2)
    assert (client.edits[1].state, client.edits[1].code) == ("cancelled", Code.CANCELLED_BY_USER)
    with pytest.raises(JsonRpcException):
        await command(client, "spark.undoEdit", uri=URI)


async def test_undo_of_a_live_edit(join: Any) -> None:
    client, _, edit_id = await begin(join, "slow", "live")
    await client.until(lambda: client.applied)
    with pytest.raises(JsonRpcException) as growing:
        await command(client, "spark.undoEdit", id=edit_id)
    assert growing.value.code == -32803
    client.change(2, "22", 3, 14, 3, 15, uri=URI)
    await client.until(lambda: len(client.applied) == 2)
    client.change(3, "88", 9, 14, 9, 15, uri=URI)
    await client.until(lambda: client.edits)
    await command(client, "spark.undoEdit", uri=URI)
    await client.until(lambda: len(client.edits) == 2)
    change = client.applied[-1].edit.document_changes[0]
    found = sorted((edit.range.start.line, edit.new_text) for edit in change.edits)
    assert (change.text_document.version, found) == (3, [(3, "2"), (9, "8")])
