"""Going on after an edit: again, undone, steered, and the instructions of earlier edits."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.lsp import convert
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.positions import Encoding
from tests.e2e.conftest import TEXT, URI, Client, Connect

pytestmark = pytest.mark.asyncio
SWAPPED = TEXT.replace("a * b", "b * a")
DOUBLED = TEXT.replace("a * b", "2 * a * b")
ENGINES = {
    "swap": "```python\ndef mul(a, b):\n    return b * a\n```",
    "double": "```python\ndef mul(a, b):\n    return 2 * a * b\n```",
    "unparsable": "this would never parse (",
    "slow": ("```python\ndef mul(a, b):\n    return b * a\n```" + " " * 200, 4),
}


FROM_THE_ENGINE = ("applied", "no_change", "proposal_rejected", "proposal_does_not_parse")


class Buffer:
    """The editor's side of one document: applies what the server sends, and reports it."""

    def __init__(self, client: Client, uri: str = URI) -> None:
        self.client = client
        self.uri = uri
        self.text = TEXT
        self.version = 1
        self.landed = 0
        client.open(TEXT, uri)

    def type(self, text: str, at: int, end: int | None = None) -> None:
        """Replace a range of the text, and report it."""
        document = Document(self.uri, self.text)
        range_ = convert.to_range(document, at, at if end is None else end, Encoding.UTF16)
        self.text = apply_edits(self.text, [Edit(at, at if end is None else end, text)])
        self.version += 1
        span = range_.start.line, range_.start.character, range_.end.line, range_.end.character
        self.client.change(self.version, text, *span, uri=self.uri)

    async def land(self) -> None:
        """Apply the next edit of the server."""
        await self.client.until(lambda: len(self.client.applied) > self.landed)
        changes = self.client.applied[self.landed].edit.document_changes
        assert changes
        self.landed += 1
        change: Any = changes[0]
        assert change.text_document.version == self.version
        document = Document(self.uri, self.text)
        edits = [
            Edit(*convert.to_offsets(document, each.range, Encoding.UTF16), each.new_text)
            for each in change.edits
        ]
        for edit in sorted(edits, reverse=True):
            self.type(edit.new, edit.start, edit.end)

    async def edit(self, instruction: str, command: str = "spark.edit", **more: Any) -> Any:
        """Have an edit made; return the answer of the command."""
        place = {"start": {"line": 4, "character": 0}, "end": {"line": 5, "character": 16}}
        argument = {"uri": self.uri, "instruction": instruction, **more}
        if command == "spark.edit":
            argument |= {"action": "instruct", "range": place}
        return await run(self.client, command, argument)

    async def finish(self, started: Any) -> Any:
        """Wait for the end of an edit, and apply it."""
        ended = await self.client.until(
            lambda: [each for each in self.client.edits if each.id == started["id"]]
        )
        if ended[0].state == "applied":
            await self.land()
        return ended[0]


async def ended_edit(client: Client, started: Any) -> Any:
    """The end of an edit."""
    found = await client.until(lambda: [each for each in client.edits if each.id == started["id"]])
    return found[0]


async def run(client: Client, command: str, *arguments: Any) -> Any:
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(command, list(arguments)))


async def code_of(client: Client, command: str, *arguments: Any) -> str:
    """The code with which the server refuses a command."""
    with pytest.raises(JsonRpcException) as caught:
        await run(client, command, *arguments)
    data: Any = caught.value.data
    return data["code"] if isinstance(data, dict) else data.code


async def swapped(client: Client) -> Buffer:
    """A document with one edit made."""
    await client.choose("swap")
    buffer = Buffer(client)
    assert (await buffer.finish(await buffer.edit("swap the factors"))).state == "applied"
    assert buffer.text == SWAPPED
    return buffer


async def test_again_continues_the_last_edit(join: Connect) -> None:
    client = await join("neovim")
    buffer = await swapped(client)
    buffer.type("import os\n\n", 0)
    await client.choose("double")
    started = await buffer.edit("and double it", "spark.editAgain")
    assert started["state"] == "started"
    assert (await buffer.finish(started)).state == "applied"
    assert buffer.text == "import os\n\n" + DOUBLED


async def test_again_by_the_id_of_an_edit_needs_no_document(join: Connect) -> None:
    client = await join("code-server")
    buffer = await swapped(client)
    await client.choose("double")
    started = await run(client, "spark.editAgain", {"id": client.edits[0].id, "instruction": "double"})
    await buffer.finish(started)
    assert buffer.text == DOUBLED


async def test_again_after_a_refusal(join: Connect) -> None:
    client = await join("neovim")
    buffer = Buffer(client)
    await client.choose("unparsable")
    assert (await buffer.finish(await buffer.edit("say something"))).state == "refused"
    await client.choose("swap")
    await buffer.finish(await buffer.edit("swap the factors", "spark.editAgain"))
    assert buffer.text == SWAPPED


async def test_again_without_an_edit_or_an_instruction_is_refused(join: Connect) -> None:
    client = await join("neovim")
    Buffer(client)
    missing = {"uri": "file:///tmp/other.py", "instruction": "shorter"}
    assert await code_of(client, "spark.editAgain", missing) == "no_earlier_edit"
    assert await code_of(client, "spark.editAgain", {"uri": URI}) == "invalid_argument"
    assert await code_of(client, "spark.editAgain", 7) == "invalid_argument"


async def test_again_where_the_lines_are_gone(join: Connect) -> None:
    buffer = await swapped(await join("neovim"))
    buffer.type("", buffer.text.index("def mul"), len(buffer.text))
    again = {"uri": URI, "instruction": "shorter"}
    assert await code_of(buffer.client, "spark.editAgain", again) == "text_changed"


async def test_undo_leaves_what_was_typed_since(join: Connect, editor_name: str) -> None:
    client = await join(editor_name)
    await client.choose("swap")
    buffer = Buffer(client)
    started = await buffer.edit("swap the factors")
    await client.until(lambda: client.applied)
    if not client.applied[0].edit.document_changes:
        return  # an editor without versions; `land` cannot check them
    await buffer.finish(started)
    buffer.type("import os\n", 0)
    buffer.type("  # typed", len(buffer.text) - 1)
    undone = await run(client, "spark.undoEdit", {"uri": URI})
    assert (undone["undone"], undone["state"]) == (client.edits[0].id, "started")
    assert (await buffer.finish(undone)).state == "applied"
    assert buffer.text == "import os\n" + TEXT[:-1] + "  # typed\n"
    assert await code_of(client, "spark.undoEdit", {"uri": URI}) == "no_earlier_edit"


async def test_undo_after_undo_takes_the_edit_before(join: Connect) -> None:
    client = await join("neovim")
    buffer = await swapped(client)
    await client.choose("double")
    await buffer.finish(await buffer.edit("double", "spark.editAgain"))
    for expected in (SWAPPED, TEXT):
        await buffer.finish(await run(client, "spark.undoEdit"))
        assert buffer.text == expected


async def test_undo_is_refused_where_text_was_typed_over_the_edit(join: Connect) -> None:
    buffer = await swapped(await join("neovim"))
    buffer.type("x", buffer.text.index("b * a") + 1)
    assert await code_of(buffer.client, "spark.undoEdit", {"uri": URI}) == "text_changed"


async def test_an_undo_that_the_editor_refuses_can_be_repeated(join: Connect) -> None:
    client = await join("neovim")
    buffer = await swapped(client)
    client.accepts = False
    refused = await run(client, "spark.undoEdit", {"uri": URI})
    ended = await ended_edit(client, refused)
    assert (ended.state, ended.code) == ("refused", "editor_refused")
    buffer.landed, client.accepts = len(client.applied), True
    await buffer.finish(await run(client, "spark.undoEdit", {"uri": URI}))
    assert buffer.text == TEXT


async def test_a_document_that_was_closed_and_opened_again(join: Connect) -> None:
    client = await join("neovim")
    buffer = await swapped(client)
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    assert await code_of(client, "spark.undoEdit", {"uri": URI}) == "document_unusable"
    buffer.text = "import os\n" + buffer.text  # changed in the meantime, elsewhere
    buffer.version = 7
    client.open(buffer.text, version=7)
    await buffer.finish(await run(client, "spark.undoEdit", {"uri": URI}))
    assert buffer.text == "import os\n" + TEXT
    await client.choose("double")
    await buffer.finish(await buffer.edit("double", "spark.editAgain"))
    assert buffer.text == "import os\n" + DOUBLED


async def test_steering_starts_again_with_both_instructions(join: Connect) -> None:
    client = await join("code-server", "slow")
    buffer = Buffer(client)
    started = await buffer.edit("swap")

    def reported(text: str) -> bool:
        reports = [each for values in client.progress_reports.values() for each in values]
        return any(text in (getattr(each, "message", "") or "") for each in reports)

    await client.until(lambda: reported(" tokens, "))
    await client.choose("double")
    steered = await run(client, "spark.steer", {"id": started["id"], "instruction": "and double it"})
    assert steered == {"id": started["id"], "state": "steered"}
    await buffer.finish(started)
    assert buffer.text == DOUBLED
    assert reported("starting again with your further instruction")
    assert await code_of(client, "spark.steer", {"id": started["id"], "instruction": "x"}) == "no_such_job"
    assert await code_of(client, "spark.steer", {"instruction": ""}) == "invalid_argument"


@pytest.mark.usefixtures("replay_config")
async def test_the_instructions_are_kept_for_both_windows_and_without_secrets(
    home: dict[str, str], connect: Connect
) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    one, other = await connect("code-server"), await connect("neovim")
    for client in (one, other):
        await client.engine()
    buffer = Buffer(one)
    for instruction in ("first", f"use {secret}", "first"):
        await buffer.edit(instruction)

    async def listed(client: Client) -> list[str]:
        answer: Any = await run(client, "spark.instructions")
        return answer["instructions"] if isinstance(answer, dict) else answer.instructions

    for client in (one, other):
        while (found := await listed(client))[:1] != ["first"] or len(found) < 2:
            await asyncio.sleep(0.02)
        assert found == ["first", "use " + "*" * len(secret)]
    files = [file for file in Path(home["XDG_STATE_HOME"]).rglob("*") if file.is_file()]
    assert [file for file in files if file.name.startswith("instructions")]
    assert not any(secret.encode() in file.read_bytes() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files if file.name.startswith("instructions"))
    # The edits of one window are not those of the other.
    other.open()
    assert await code_of(other, "spark.undoEdit", {"uri": URI}) == "no_earlier_edit"


@pytest.mark.usefixtures("replay_config")
async def test_no_instruction_is_kept_if_the_history_is_off(home: dict[str, str], connect: Connect) -> None:
    client = await connect("neovim", settings={"edit": {"history": False}})
    await client.engine()
    buffer = Buffer(client)
    await buffer.finish(await buffer.edit("swap"))
    assert (await run(client, "spark.instructions")) in ({"instructions": []},)
    assert not list(Path(home["XDG_STATE_HOME"]).rglob("instructions*"))


@pytest.mark.usefixtures("replay_config")
async def test_the_gateway_dies_between_an_edit_and_the_next_one(
    home: dict[str, str], connect: Connect
) -> None:
    client = await connect("neovim")
    await client.engine()
    buffer = Buffer(client)
    await buffer.finish(await buffer.edit("say something"))
    (state,) = Path(home["SPARK_LSP_RUNTIME_DIR"]).rglob("gateway.json")
    os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
    ended = await ended_edit(client, await buffer.edit("something else", "spark.editAgain"))
    assert ended.code in FROM_THE_ENGINE, ended  # the same answer as before: from the next gateway
