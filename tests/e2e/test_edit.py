"""Code actions and what comes of them, as every recorded editor uses them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.lsp import convert
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.positions import Encoding

pytestmark = pytest.mark.asyncio
URI = "file:///tmp/sums.py"
README = "# Demo\n\nTo install it:\n\n```sh\npip install demo\n```\n\nThat is all there is to do.\n"
GERMAN = "# Demo\n\nSo geht es:\n\n```sh\npip install demo\n```\n\nMehr ist nicht zu tun.\n"
TRANSLATIONS = {
    "fenced": f"```markdown\n{GERMAN}```",
    "open": f"```markdown\n{GERMAN}",
    "bare": GERMAN,
}
ENGINES = {
    "swap": "```python\ndef mul(a, b):\n    return b * a\n```",
    "unparsable": "this would never parse (",
    "product": "    return a * b",
    **TRANSLATIONS,
}


def only_edit(client: Any) -> tuple[int | None, list[types.TextEdit]]:
    """The one document edit of the one applied change."""
    (applied,) = client.applied
    (change,) = applied.edit.document_changes
    assert change.text_document.uri == URI
    return change.text_document.version, change.edits


async def ready(client: Any) -> None:
    await client.engine()
    client.open()


async def test_add_documentation(join: Any, editor_name: str) -> None:
    client = await join(editor_name)
    await ready(client)
    action = (await client.actions(4))["Add documentation"]
    started = await client.run(action)
    assert started["state"] == "started"
    done = await client.until(lambda: client.edits)
    assert (done[0].id, done[0].state) == (started["id"], "applied")
    version, edits = only_edit(client)
    assert version == 1
    here = types.Position(5, 4)
    assert [(edit.range, edit.new_text) for edit in edits] == [
        (types.Range(here, here), '"""Add two numbers."""\n    ')
    ]
    shown = [type(each).__name__ for reports in client.progress_reports.values() for each in reports]
    if client.capabilities.window and client.capabilities.window.work_done_progress:
        assert (shown[0], shown[-1]) == ("WorkDoneProgressBegin", "WorkDoneProgressEnd")
    else:
        assert shown == []


async def test_an_instruction_changes_its_lines_only(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "swap")
    await ready(client)
    action = (await client.actions(4))["Edit with an instruction…"]
    await client.run(action, instruction="swap the factors")
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied", client.edits[0].reason
    _, edits = only_edit(client)
    assert all(edit.range.start.line == 5 for edit in edits)


async def test_a_missing_import_is_added_without_asking_a_model(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "unparsable")
    client.open('"""Doc."""\n\nimport sys\n\n\ndef here():\n    return os.getcwd()\n')
    span = types.Range(types.Position(6, 11), types.Position(6, 13))
    undefined = types.Diagnostic(span, "undefined name 'os'", source="pyflakes")
    action = (await client.actions(6, undefined))["Fix: undefined name 'os'"]
    assert action.kind == "quickfix"
    await client.run(action)
    await client.until(lambda: client.edits)
    _, (edit,) = only_edit(client)
    assert (edit.range.start.line, edit.new_text) == (3, "import os\n")


async def test_an_unused_import_is_removed_without_asking_a_model(join: Any) -> None:
    client = await join("neovim", "unparsable")
    client.open("import os\nimport sys\n\nsys.exit()\n")
    span = types.Range(types.Position(0, 7), types.Position(0, 9))
    unused = types.Diagnostic(span, "`os` imported but unused", code="F401", source="Ruff")
    await client.run((await client.actions(0, unused))["Fix: `os` imported but unused"])
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.edits[0].reason) == ("applied", "Made without a model")
    _, (edit,) = only_edit(client)
    assert (edit.range, edit.new_text) == (types.Range(types.Position(0, 0), types.Position(1, 0)), "")


async def test_fixing_a_diagnostic_with_the_engine(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "product")
    client.open("def mul(a, b):\n    return a * c\n")
    span = types.Range(types.Position(1, 15), types.Position(1, 16))
    action = (await client.actions(1, types.Diagnostic(span, 'Name "c" is not known')))[
        'Fix: Name "c" is not known'
    ]
    await client.run(action)
    await client.until(lambda: client.edits)
    _, (edit,) = only_edit(client)
    assert (edit.range, edit.new_text) == (span, "b")


async def test_fault_21_typing_elsewhere_moves_the_edit(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "late")
    await ready(client)
    await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: client.statuses[-1].state == "busy")
    client.change(2, "import os\n\n", 0, 0, 0, 0)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    version, (edit,) = only_edit(client)
    assert (version, edit.range.start) == (2, types.Position(7, 4))


async def test_fault_21_typing_in_the_same_place_refuses_the_edit(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "late")
    await ready(client)
    await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: client.statuses[-1].state == "busy")
    client.change(2, "pass\n    ", 5, 4, 5, 4)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "refused"
    assert "The text changed where the edit was to be made" in client.edits[0].reason
    assert client.applied == []
    await client.until(lambda: any("The text changed" in message.message for message in client.messages))


async def test_an_edit_can_be_stopped(join: Any, editor_name: str) -> None:
    client = await join(editor_name, "stuck")
    await ready(client)
    started = await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: client.statuses[-1].state == "busy")
    await client.workspace_execute_command_async(types.ExecuteCommandParams("spark.cancel", [started["id"]]))
    await client.until(lambda: client.edits)
    assert (client.edits[0].state, client.applied) == ("cancelled", [])


async def test_progress_can_stop_an_edit(join: Any) -> None:
    client = await join("code-server", "stuck")
    await ready(client)
    await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: any(client.progress_reports.values()))
    (token,) = client.progress_reports
    client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "cancelled"


def slower(config: Path, delay_ms: int = 400) -> None:
    config.write_text(config.read_text().replace("delay_ms = 5", f"delay_ms = {delay_ms}"))


async def test_an_editor_that_refuses_is_believed(join: Any) -> None:
    client = await join("neovim")
    await ready(client)
    client.accepts = False
    await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "refused"


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        (None, "needs one argument"),
        ({"action": "explode", "uri": URI}, "no action"),
        ({"action": "document", "uri": "file:///nowhere"}, "cannot be edited"),
        ({"action": "document", "uri": URI, "version": 99}, "earlier text"),
        ({"action": "document", "uri": URI, "range": {"start": 3}}, "not an LSP range"),
        (
            {
                "action": "instruct",
                "uri": URI,
                "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
            },
            "no instruction",
        ),
    ],
)
async def test_an_order_that_cannot_be_done_is_refused_at_once(join: Any, argument: Any, why: str) -> None:
    client = await join("neovim")
    await ready(client)
    arguments = [argument] if argument is not None else []
    with pytest.raises(JsonRpcException, match=why):
        await client.workspace_execute_command_async(types.ExecuteCommandParams("spark.edit", arguments))


@pytest.mark.parametrize("line", [0, 1, 2])
async def test_an_instruction_may_stand_in_a_comment_above(join: Any, line: int) -> None:
    client = await join("helix", "swap")
    text = "# spark: swap the factors\ndef mul(a, b):\n    return a * b\n"
    client.open(text)
    await client.run((await client.actions(line))["Edit with an instruction…"])
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    removal, change = only_edit(client)[1]  # the comment goes with what it asked for, in one step
    assert (removal.range, removal.new_text) == (types.Range(types.Position(0, 0), types.Position(1, 0)), "")
    assert change.range.start.line == 2


async def test_an_editor_that_does_not_show_errors_is_told_why(join: Any) -> None:
    client = await join("helix")
    await ready(client)
    with pytest.raises(JsonRpcException, match="no instruction"):
        await client.run((await client.actions(4))["Edit with an instruction…"])
    assert any("no instruction" in each.message for each in client.messages)


async def test_actions_are_given_back_when_they_are_resolved(join: Any) -> None:
    client = await join("neovim")
    await ready(client)
    action = (await client.actions(4))["Add documentation"]
    assert (await client.code_action_resolve_async(action)).title == action.title


async def test_a_gateway_that_dies_in_mid_edit_restarts_it(
    connect: Any, replay_config: Path, home: dict[str, str]
) -> None:
    import os
    import signal

    slower(replay_config, 60_000)
    client = await connect("neovim")
    await ready(client)
    await client.run((await client.actions(4))["Add documentation"])
    await client.until(lambda: client.statuses[-1].state == "busy")
    await asyncio.sleep(0)
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 60000", "delay_ms = 5"))
    (socket,) = Path(home["SPARK_LSP_RUNTIME_DIR"]).glob("gateway-*.sock")
    os.kill(int(socket.stem.removeprefix("gateway-")), signal.SIGKILL)
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied", client.edits[0].reason
    assert len(client.applied) == 1


@pytest.mark.parametrize("name", TRANSLATIONS)
async def test_a_translated_readme_keeps_what_follows_its_code_block(join: Any, name: str) -> None:
    client = await join("code-server", name)
    client.open(README, URI, language="markdown")
    argument = {
        "action": "instruct",
        "uri": URI,
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}},
        "instruction": "Translate",
    }
    await client.workspace_execute_command_async(types.ExecuteCommandParams("spark.edit", [argument]))
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied", client.edits[0].reason
    _, edits = only_edit(client)
    document = Document(URI, README)
    spans = [(*convert.to_offsets(document, edit.range, Encoding.UTF16), edit.new_text) for edit in edits]
    assert apply_edits(README, [Edit(*each) for each in spans]) == GERMAN
