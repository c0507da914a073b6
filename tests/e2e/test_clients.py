"""The server as five real editors see it: their recorded capabilities, over stdio, with a replayed engine."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient, make_test_lsp_client

PATIENCE = 8.0
RECORDED = sorted((Path(__file__).parent.parent / "fixtures" / "client-capabilities").glob("*.json"))
URI = "file:///dir%20with%20space/a.py"
CODE = "def add(a, b):\n    \n"
WIDTH = {"utf-8": 4, "utf-16": 2, "utf-32": 1}  # of an emoji

pytestmark = pytest.mark.asyncio

# Awkward lines, in which a server that counts otherwise than the editor goes wrong.
ODD = "# \f page \u2028 para \u0085 next\r\n# 👍 emoji\r\n"


class Editor:
    """A client with what it has been told and asked; `text` is what the editor shows."""

    def __init__(self, client: LanguageClient, capabilities: types.ClientCapabilities) -> None:
        self.client = client
        self.capabilities = capabilities
        self.result: types.InitializeResult
        self.told: list[tuple[str, Any]] = []
        self.applied: list[types.ApplyWorkspaceEditParams] = []
        self.progress: list[tuple[Any, str]] = []
        self.configuration: Any = None
        self.accept = True
        self.changed = asyncio.Event()
        self.version = 1
        self.text = ""
        self._listen()

    def _listen(self) -> None:
        feature = self.client.feature
        for method in ("spark/status", "spark/edit", "spark/inlineCompletion"):
            feature(method)(lambda params, method=method: self._note(method, params))

        for method in (types.WORKSPACE_CONFIGURATION, types.WORKSPACE_APPLY_EDIT):
            self.client.protocol.fm.features.pop(method, None)

        @feature(types.WORKSPACE_APPLY_EDIT)
        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            self.applied.append(params)
            self.changed.set()
            return types.ApplyWorkspaceEditResult(applied=self.accept)

        @feature(types.WORKSPACE_CONFIGURATION)
        def configuration(params: types.ConfigurationParams) -> list[Any]:
            self._note("configuration", params)
            return [self.configuration for _ in params.items]

    def _note(self, method: str, params: Any) -> None:
        self.told.append((method, params))
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Return what a condition gives once it gives something."""
        async with asyncio.timeout(PATIENCE):
            while not (found := condition()):
                await asyncio.sleep(0.005)
        return found

    def of(self, method: str) -> list[Any]:
        return [params for name, params in self.told if name == method]

    @property
    def encoding(self) -> str:
        return str(getattr(self.result.capabilities.position_encoding, "value", "utf-16"))

    async def initialize(self, options: Any = None) -> None:
        params = types.InitializeParams(capabilities=self.capabilities, initialization_options=options)
        self.result = await self.client.initialize_session(params)
        await self.until(lambda: any(each.engine for each in self.of("spark/status")))

    def open(self, text: str = CODE) -> None:
        self.text = text
        item = types.TextDocumentItem(URI, "python", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, line: int, character: int, new: str, *, removed: int = 0) -> None:
        self.version += 1
        identifier = types.VersionedTextDocumentIdentifier(self.version, URI)
        place = types.Range(types.Position(line, character), types.Position(line, character + removed))
        change = types.TextDocumentContentChangePartial(place, new)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    async def ghost(self, line: int, character: int) -> list[types.InlineCompletionItem]:
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(URI),
            types.Position(line, character),
        )
        found = await self.client.text_document_inline_completion_async(params)
        assert isinstance(found, types.InlineCompletionList)
        return list(found.items)

    async def order(self, action: str, line: int, **more: Any) -> Any:
        """Run `spark.edit` for a line."""
        place = {"line": line, "character": 0}
        argument = {"action": action, "uri": URI, "range": {"start": place, "end": place}, **more}
        return await self.run("spark.edit", argument)

    async def run(self, command: str, *arguments: Any) -> Any:
        params = types.ExecuteCommandParams(command, list(arguments))
        return await self.client.workspace_execute_command_async(params)

    async def outcome(self) -> Any:
        return (await self.until(lambda: self.of("spark/edit")))[-1]

    def edits(self) -> tuple[int, list[types.TextEdit]]:
        """Return the version and the edits of the one applied change."""
        assert len(self.applied) == 1
        changes = self.applied[0].edit.document_changes
        assert changes is not None
        assert self.applied[0].edit.changes is None
        (change,) = changes
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document.uri == URI
        assert change.text_document.version is not None
        edits = list(change.edits)
        assert all(isinstance(each, types.TextEdit) for each in edits)  # no annotation: Neovim would ask
        return change.text_document.version, edits  # type: ignore[return-value]


def recorded(path: Path) -> types.ClientCapabilities:
    """Return what a real client said of itself."""
    return get_converter().structure(json.loads(path.read_text())["capabilities"], types.ClientCapabilities)


async def started(path: Path, environment: dict[str, str]) -> Editor:
    capabilities = recorded(path)
    config = ClientServerConfig(
        [sys.executable, "-m", "spark_lsp", "serve"],
        client_factory=make_test_lsp_client,
        server_env=environment,
    )
    client = await config.start()
    assert isinstance(client, LanguageClient)
    return Editor(client, capabilities)


async def ended(editor: Editor) -> None:
    await editor.client.shutdown_session()
    await editor.client.stop()


@pytest_asyncio.fixture(params=RECORDED, ids=lambda path: path.stem.split("_")[-1])
async def editor(
    request: pytest.FixtureRequest, home: dict[str, str], replay_config: Path
) -> AsyncIterator[Editor]:
    """Each of the five editors."""
    editor = await started(request.param, home)
    await editor.initialize()
    yield editor
    await ended(editor)


@pytest_asyncio.fixture
async def one(home: dict[str, str], replay_config: Path) -> AsyncIterator[Editor]:
    """One editor, not initialized: for what does not depend on the editor."""
    editor = await started(next(path for path in RECORDED if path.stem.startswith("neovim")), home)
    yield editor
    await ended(editor)


def slower(replay_config: Path, *, edit_ms: int) -> None:
    """Let answers take their time."""
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 5\n", f"delay_ms = {edit_ms}\n"))


async def test_each_editor_gets_what_it_can_use(editor: Editor) -> None:
    offered = editor.result.capabilities
    general, text = editor.capabilities.general, editor.capabilities.text_document
    assert general is not None
    assert general.position_encodings is not None
    assert text is not None
    assert editor.encoding in [getattr(each, "value", each) for each in general.position_encodings]
    assert offered.inline_completion_provider
    assert bool(offered.completion_provider) == (text.inline_completion is None)
    assert offered.code_action_provider
    assert offered.text_document_sync.change == types.TextDocumentSyncKind.Incremental  # type: ignore[union-attr]


async def test_ghost_text_is_one_item_with_its_range_in_the_text_as_the_editor_has_it(editor: Editor) -> None:
    wide = WIDTH[editor.encoding]
    editor.open(ODD + CODE)
    editor.type(1, 2 + wide, "!")  # behind the emoji
    editor.type(1, 2, "", removed=wide)  # and now without it
    editor.type(3, 4, "retu")  # a line further down: it is counted right only if the odd line is one
    (item,) = await editor.ghost(3, 8)
    assert item.insert_text == "return a + b"
    assert item.range is not None
    assert item.range.start == types.Position(3, 8)
    answer = await editor.order("document", 2)
    assert answer["state"] == "started"
    assert (await editor.outcome()).state == "applied"
    version, edits = editor.edits()
    assert version == editor.version
    assert [each.range.start.line for each in edits] == [3]
    assert "Add two numbers." in edits[0].new_text


async def test_the_completion_menu_gives_the_same_to_editors_without_ghost_text(editor: Editor) -> None:
    if editor.result.capabilities.completion_provider is None:
        params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 4))
        with pytest.raises(JsonRpcException) as raised:
            await editor.client.text_document_completion_async(params)
        assert raised.value.code == -32601
        return
    editor.open()
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 4))
    found = await editor.client.text_document_completion_async(params)
    assert isinstance(found, types.CompletionList)
    (item,) = found.items
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.new_text == "return a + b"
    assert item.text_edit.range.start == types.Position(1, 4)


async def test_an_action_runs_to_one_versioned_change_with_progress(editor: Editor) -> None:
    editor.open("def add(a, b):\n    return a + b\n")
    place = types.Range(types.Position(0, 4), types.Position(0, 7))
    diagnostic = types.Diagnostic(place, "wrong name", source="lint")
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(URI), place, types.CodeActionContext([diagnostic])
    )
    found = await editor.client.text_document_code_action_async(params)
    assert found is not None
    assert [each.title for each in found] == [
        "Fix: wrong name",
        "Edit with an instruction…",
        "Add documentation",
    ]
    answer = await editor.order("document", 0, version=editor.version)
    assert answer["state"] == "started"
    outcome = await editor.outcome()
    assert (outcome.id, outcome.state) == (answer["id"], "applied")
    editor.edits()
    reports = editor.client.progress_reports
    await editor.until(lambda: reports and next(iter(reports.values()))[-1].kind == "end")
    (report,) = reports.values()
    assert report[0].kind == "begin"
    assert report[0].cancellable


@pytest.mark.parametrize("action", ["instruct", "fix"])
async def test_an_instruction_and_a_fix_change_just_their_line(
    one: Editor, replay_config: Path, action: str
) -> None:
    (replay_config.parent / "edit.txt").write_text("y = 3")
    await one.initialize()
    one.open("x = 1\ny = undefined\nz = 3\n")
    place = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 13}}
    more = {"instruction": "use 3"} if action == "instruct" else {}
    told = [{"range": place, "message": "undefined name"}] if action == "fix" else []
    await one.order(action, 1, diagnostics=told, **more)
    outcome = await one.outcome()
    assert (outcome.state, outcome.reason) == ("applied", "")
    _, (edit,) = one.edits()
    assert (edit.new_text, edit.range.start.line, edit.range.end.line) == ("3", 1, 1)


@pytest.mark.parametrize("where", ["above", "inside"])
async def test_typing_meanwhile_moves_the_edit_or_refuses_it(
    one: Editor, replay_config: Path, where: str
) -> None:
    slower(replay_config, edit_ms=600)
    await one.initialize()
    one.open("import os\n\ndef add(a, b):\n    return a + b\n")
    await one.order("document", 2)
    if where == "above":
        one.type(0, 0, "import re\n")
    else:
        one.type(3, 4, "here = 1\n    ")
    outcome = await one.outcome()
    if where == "above":
        assert outcome.state == "applied"
        version, edits = one.edits()
        assert version == 2
        assert edits[0].range.start.line == 4
    else:
        assert outcome.state == "refused"
        assert one.applied == []
        assert len(one.client.messages) == 1


async def test_an_editor_that_rejects_the_change_is_believed(one: Editor) -> None:
    one.accept = False
    await one.initialize()
    one.open("def add(a, b):\n    return a + b\n")
    await one.order("document", 0)
    assert (await one.outcome()).state == "refused"
    one.edits()


@pytest.mark.parametrize("how", ["command", "progress"])
async def test_an_edit_that_is_stopped_changes_nothing(one: Editor, replay_config: Path, how: str) -> None:
    slower(replay_config, edit_ms=20_000)
    await one.initialize()
    one.open("def add(a, b):\n    return a + b\n")
    answer = await one.order("document", 0)
    reports = one.client.progress_reports
    await one.until(lambda: reports)
    if how == "command":
        assert (await one.run("spark.cancel", {"id": answer["id"]}))["state"] == "cancelled"
    else:
        (token,) = reports
        one.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    assert (await one.outcome()).state == "cancelled"
    assert one.applied == []
    await one.until(lambda: next(iter(reports.values()))[-1].kind == "end")


async def test_a_cancelled_request_and_an_overtaken_one_are_told_apart(
    one: Editor, replay_config: Path
) -> None:
    slower(replay_config, edit_ms=1_000)
    await one.initialize()
    one.open()
    first = asyncio.ensure_future(one.ghost(1, 4))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(one.ghost(1, 4))
    with pytest.raises(JsonRpcException) as overtaken:
        await first
    assert overtaken.value.code == -32801
    identity = "to be cancelled"
    params = types.InlineCompletionParams(
        types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
        types.TextDocumentIdentifier(URI),
        types.Position(1, 4),
    )
    third = one.client.protocol.send_request_async(
        types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=identity
    )
    third = asyncio.ensure_future(third)
    with pytest.raises(JsonRpcException) as overtaken:
        await second
    assert overtaken.value.code == -32801
    one.client.cancel_request(types.CancelParams(identity))
    with pytest.raises(JsonRpcException) as cancelled:
        await third
    assert cancelled.value.code == -32800
    (item,) = await one.ghost(1, 4)
    assert item.insert_text == "return a + b"


async def test_settings_are_pulled_and_pushed_and_a_bad_one_is_told_once(one: Editor) -> None:
    one.configuration = {"completion": {"enabled": False, "delayMs": "soon"}}
    await one.initialize()
    one.open()
    assert one.of("configuration")[0].items[0].section == "spark"
    await one.until(lambda: one.client.messages)
    assert await one.ghost(1, 4) == []
    push = types.DidChangeConfigurationParams({"spark": {"completion": {"enabled": True}}})
    one.client.workspace_did_change_configuration(push)
    (item,) = await one.ghost(1, 4)
    assert item.insert_text == "return a + b"
    assert len(one.client.messages) == 1
    assert "completion.delayMs" in one.client.messages[0].message
    one.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    await one.until(lambda: len(one.of("configuration")) == 2)


async def test_typing_into_an_empty_new_file_works(one: Editor) -> None:
    await one.initialize()
    one.open("")
    one.type(0, 0, "def add(a, b):\n    ")
    (item,) = await one.ghost(1, 4)
    assert item.insert_text == "return a + b"
    assert one.client.messages == []
