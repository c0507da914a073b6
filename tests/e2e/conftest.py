"""The real server in a process of its own, spoken to as each recorded editor would."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Union

import pytest
import pytest_asyncio
from lsprotocol import converters, types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import register_lsp_features

from tests.e2e.pipe import SCARCE, Pipe
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
RECORDED = sorted((ROOT / "tests" / "fixtures" / "client-capabilities").glob("*.json"))
URI = "file:///tmp/sums.py"
TEXT = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n"


def capabilities(name: str) -> types.ClientCapabilities:
    """Return what a recorded editor said of itself."""
    return converters.get_converter().structure(recorded(name)["capabilities"], types.ClientCapabilities)


def recorded(name: str) -> dict[str, Any]:
    """Return the recorded beginning of an editor's first message."""
    file = next(file for file in RECORDED if file.stem.startswith(name))
    return json.loads(file.read_text("utf-8"))


def converter() -> Any:
    """Return pygls' converter, which takes an action that carries a command for a command, mended."""
    made = default_converter()

    def structure(value: Any, _: Any) -> Any:
        plain = isinstance(value.get("command"), str)
        return made.structure(value, types.Command if plain else types.CodeAction)

    made.register_structure_hook(types.Command | types.CodeAction, structure)
    made.register_structure_hook(Union[types.Command, types.CodeAction], structure)  # noqa: UP007
    return made


class Client(LanguageClient):
    """A recorded editor: keeps what it hears, and answers `applyEdit` as `accepts` says."""

    def __init__(self) -> None:
        super().__init__(converter_factory=converter)
        register_lsp_features(self)
        self.statuses: list[Any] = []
        self.edits: list[Any] = []
        self.explanations: list[Any] = []
        self.registered: list[types.Registration] = []
        self.refreshed: list[str] = []
        self.applied: list[types.ApplyWorkspaceEditParams] = []
        self.accepts = True
        self.asked: list[types.ShowMessageRequestParams] = []
        self.answer: str | None = None  # the action chosen in every question
        self.opened: set[str] = set()
        self.result: types.InitializeResult
        self.feature("spark/status")(lambda params: self.statuses.append(params))
        self.feature("spark/edit")(lambda params: self.edits.append(params))
        self.feature("spark/explanation")(lambda params: self.explanations.append(params))
        self.feature(types.CLIENT_REGISTER_CAPABILITY)(
            lambda params: self.registered.extend(params.registrations)
        )
        self.feature(types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH)(
            lambda params: self.refreshed.append(params.uri)
        )
        self.feature(types.WORKSPACE_APPLY_EDIT)(lambda params: self._apply(params))

        self.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(lambda params: self._choose(params))

    def _choose(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.asked.append(params)
        if self.answer == "nonsense":
            raise ValueError("an editor that cannot answer")
        return next((each for each in params.actions or [] if each.title == self.answer), None)

    def _apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.applied.append(params)
        return types.ApplyWorkspaceEditResult(applied=self.accepts)

    async def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait for a condition; whatever it gives is returned."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(
            f"not within {seconds} s; last status {self.statuses[-1:]}, messages {self.messages[-3:]}"
        )

    async def engine(self, name: str = "replay") -> None:
        """Wait until this engine is there."""
        await self.until(lambda: any(status.engine == name for status in self.statuses))

    def open(self, text: str = TEXT, uri: str = URI, version: int = 1, language: str = "python") -> None:
        self.opened.add(uri)
        item = types.TextDocumentItem(uri, language, version, text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))

    async def choose(self, name: str | None) -> None:
        """Have one engine answer everything; with None, those of the configuration."""
        await self.workspace_execute_command_async(
            types.ExecuteCommandParams("spark.selectEngine", [{"engine": name}])
        )
        await self.until(lambda: self.statuses[-1].engine == (name or "replay"))

    async def tidy(self) -> None:
        """Leave the server as a test found it: nothing open, nothing under way, the usual engine."""
        await self.workspace_execute_command_async(types.ExecuteCommandParams("spark.cancel", []))
        for uri in self.opened:
            identifier = types.TextDocumentIdentifier(uri)
            self.text_document_did_close(types.DidCloseTextDocumentParams(identifier))
        await self.choose(None)
        await self.until(lambda: self.statuses[-1].state == "ready")
        self.accepts, self.answer = True, None
        del self.statuses[:-1]
        for heard in (
            self.opened,
            self.edits,
            self.explanations,
            self.applied,
            self.asked,
            self.messages,
            self.progress_reports,
            self.shown_documents,
            self.refreshed,
        ):
            heard.clear()

    def change(self, version: int, text: str, *span: int, uri: str = URI) -> None:
        """Replace lines and characters `span` (start line, start character, end line, end character)."""
        identifier = types.VersionedTextDocumentIdentifier(version, uri)
        range_ = types.Range(types.Position(*span[:2]), types.Position(*span[2:])) if span else None
        event: Any = (
            types.TextDocumentContentChangePartial(range_, text)
            if range_
            else types.TextDocumentContentChangeWholeDocument(text)
        )
        self.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [event]))

    async def ghost(self, line: int, character: int, uri: str = URI) -> list[types.InlineCompletionItem]:
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(uri),
            types.Position(line, character),
        )
        answer = await self.text_document_inline_completion_async(params)
        assert isinstance(answer, types.InlineCompletionList)
        return list(answer.items)

    async def actions(
        self, line: int, *diagnostics: types.Diagnostic, uri: str = URI
    ) -> dict[str, types.CodeAction]:
        here = types.Range(types.Position(line, 0), types.Position(line, 0))
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri), here, types.CodeActionContext(list(diagnostics))
        )
        found = await self.text_document_code_action_async(params)
        return {action.title: action for action in found or [] if isinstance(action, types.CodeAction)}

    async def run(self, action: types.CodeAction, **more: Any) -> Any:
        assert action.command is not None
        assert action.command.arguments is not None
        given: Any = action.command.arguments[0]
        argument = {**given, **more}
        params = types.ExecuteCommandParams(action.command.command, [argument])
        return await self.workspace_execute_command_async(params)


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture(params=[file.stem for file in RECORDED])
def editor_name(request: pytest.FixtureRequest) -> str:
    """Every recorded editor in turn."""
    return request.param


async def started(
    environment: dict[str, str],
    name: str,
    settings: Any = None,
    options: Any = None,
    answer: str | None = None,
    command: tuple[str, ...] = (sys.executable, "-m", "spark_lsp", "serve"),
    cwd: str = "/",
) -> Client:
    """Start a server and initialize it as the named editor does; `settings` answer its questions."""
    client = Client()
    client.answer = answer
    await client.start_io(*command, env=environment, cwd=cwd)
    client.set_configuration({"spark": settings})
    info = types.ClientInfo(**recorded(name)["clientInfo"])
    params = types.InitializeParams(capabilities(name), client_info=info, initialization_options=options)
    client.result = await client.initialize_session(params)
    return client


async def ended(client: Client) -> None:
    """End a server in good order."""
    await client.shutdown_session()
    await client.stop()


STARTED = ("settings", "options", "answer", "command", "cwd")  # arguments of `started`; others are variables


@pytest_asyncio.fixture
async def connect(home: dict[str, str]) -> AsyncIterator[Connect]:
    """Connect as the named editor to a server and a gateway of the test's own."""
    clients: list[Client] = []

    async def start(name: str, *arguments: Any, **more: Any) -> Client:
        given = {key: more.pop(key) for key in STARTED if key in more}
        clients.append(await started({**home, **more}, name, *arguments, **given))
        return clients[-1]

    yield start
    for client in clients:
        await ended(client)


@pytest.fixture(scope="module")
def shared_home(shared_home: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The module's home, with an engine for each text that the module names in `ENGINES`, at its pace.

    Beside them are `late`, which answers after 0.4 s, and `stuck`, which never does.
    """
    folder = Path(shared_home["XDG_CONFIG_HOME"]) / "spark-lsp"
    texts = 'texts = { complete = "complete.txt", edit = "edit.txt" }'
    lines = [f'[engines.late]\nkind = "replay"\n{texts}\ndelay_ms = 400']
    lines.append('[engines.stuck]\nkind = "replay"\ntext = "complete.txt"\ndelay_ms = 600000')
    for name, said in getattr(request.module, "ENGINES", {}).items():
        text, pace = (said, 1000) if isinstance(said, str) else said
        (folder / f"{name}.txt").write_text(text, "utf-8")
        lines.append(f'[engines.{name}]\nkind = "replay"\ntext = "{name}.txt"\ntokens_per_s = {pace}')
    with (folder / "config.toml").open("a") as file:
        file.write("\n".join([*lines, ""]))
    return shared_home


@pytest_asyncio.fixture(scope="module")
async def shared_clients(shared_home: dict[str, str]) -> AsyncIterator[dict[str, Client]]:
    """The servers of a module by the editor that each serves; `join` starts and lends them."""
    clients: dict[str, Client] = {}
    yield clients
    for client in clients.values():
        await ended(client)


@pytest_asyncio.fixture
async def join(shared_home: dict[str, str], shared_clients: dict[str, Client]) -> AsyncIterator[Connect]:
    """Take the module's server for the named editor, with its engine up; it is tidied after the test.

    With settings or options the test gets a server of its own, at the gateway that the module shares.
    """
    lent: list[Client] = []
    own: list[Client] = []

    async def take(name: str, engine: str = "replay", **first: Any) -> Client:
        if first:
            own.append(await started(shared_home, name, **first))
            return own[-1]
        if name not in shared_clients:
            shared_clients[name] = await started(shared_home, name)
            await shared_clients[name].engine()
        lent.append(shared_clients[name])
        if engine != "replay":
            await lent[-1].choose(engine)
        return lent[-1]

    yield take
    for client in lent:
        await client.tidy()
    for client in own:
        await ended(client)


@pytest.fixture
def pipe(ready_home: dict[str, str], tmp_path: Path) -> Iterator[Pipe]:
    """A server of the test's own on raw pipes; no log may hold a traceback or the user's code."""
    process = Pipe(ready_home, tmp_path / "server.log")
    yield process
    process.close()
    logs = [tmp_path / "server.log", Path(ready_home["SPARK_LSP_RUNTIME_DIR"]) / "gateway.log"]
    for log in logs:
        text = log.read_text("utf-8") if log.exists() else ""
        assert not any(word in text for word in SCARCE), text


@pytest.fixture(scope="module")
def shared_pipe(shared_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    """One server for a module's tests, with its engine up; take it by `shared`."""
    started = Pipe(shared_home, tmp_path_factory.mktemp("log") / "server.log")
    started.initialize()
    started.engine()
    yield started
    started.close()


@pytest.fixture
def shared(shared_pipe: Pipe) -> Iterator[Pipe]:
    """A server that has been through other tests, and must be well after this one."""
    yield shared_pipe
    shared_pipe.alive()
    log = shared_pipe.new_log()
    assert not any(word in log for word in SCARCE), log
