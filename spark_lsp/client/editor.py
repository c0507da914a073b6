"""An editor without a screen: open documents, typing, ghost text, code actions.

It works like real editors, in their order: it sends a change before any request about it. It checks an edit
from the server against the document's version, applies it, sends it to the server as a change, and then
confirms it.
"""

import math
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import anyio

from spark_lsp.client.answers import (
    EditOutcome,
    Status,
    Suggestion,
    command_argument,
    lsp_position,
    lsp_range,
    read_edits,
    read_item,
    read_range,
    read_status,
    setting,
    workspace_changes,
)
from spark_lsp.client.capabilities import initialize_params
from spark_lsp.client.connection import Connection, UnknownMethod, connect
from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError, SparkError, TextError
from spark_lsp.session.reasons import is_lasting
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.positions import Encoding

HELLO_S, ANSWER_S, EDIT_S = 30.0, 60.0, 300.0
START_S = 5.0  # an engine that starts on demand may report "starting" until the first request
SETTLE_S = 1.0
INSTRUCT = "instruct"


@dataclass(slots=True)
class _Growth:
    """The growing answer for a version of a document: its last text if the server sent one, and its end."""

    uri: str
    version: int
    text: str | None = None
    done: bool = True


class Editor:
    """Documents open with one language server."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)  # the section `spark`, as a user would write it
        self.documents: dict[str, Document] = {}
        self.encoding = Encoding.UTF16
        self.status = Status()  # the last status from the server
        self.messages: list[str] = []  # the messages that a user would have seen
        self.on_growth: Callable[[str, bool], None] = lambda text, done: None
        self.on_preview: Callable[[dict[str, Any]], None] = lambda message: None
        self._growth = _Growth("", -1)
        self._edits: dict[str, dict[str, Any]] = {}  # spark/edit by id
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection to the server; there is one between `initialize` and the end."""
        assert self._connection is not None
        return self._connection

    async def initialize(
        self, connection: Connection, root: Path, growing: bool, previews: bool = False
    ) -> None:
        """Initialize the server."""
        self._connection = connection
        params = initialize_params(root.as_uri(), self.settings, os.getpid(), growing, previews)
        result = await connection.request("initialize", params, HELLO_S)
        chosen = result.get("capabilities", {}).get("positionEncoding", Encoding.UTF16)
        self.encoding = Encoding(chosen)
        connection.notify("initialized", {})

    def gave_up(self, limit_s: float) -> SparkError:
        """Return the error of a command that gives up: the missing answer and the engine side's state."""
        what = self._connection.waiting_for if self._connection else "the language server to start"
        state = f"the engine side is {self.status.state or 'not known'}"
        reason = f": {self.status.reason.rstrip('.')}" if self.status.reason else ""
        return SparkError(
            f"Waited {limit_s:g} s for {what}; {state}{reason}",
            "The command was given up and the text is as it was",
            "Run: spark-lsp doctor; or give it longer with --timeout",
            code=Code.TIMED_OUT,
        )

    # --- documents ---

    def open(self, uri: str, text: str, language: str) -> None:
        """Open a document as version 1."""
        self.documents[uri] = Document(uri, text, 1, language)
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.connection.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, edit: Edit) -> None:
        """Change a document and tell the server."""
        document = self.documents[uri]
        change = {"range": lsp_range(document, edit.start, edit.end, self.encoding), "text": edit.new}
        version = document.version + 1
        self.documents[uri] = document.splice(edit.start, edit.end, edit.new, version)
        params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
        self.connection.notify("textDocument/didChange", params)

    def close(self, uri: str) -> None:
        """Close a document."""
        del self.documents[uri]
        self.connection.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    # --- ghost text ---

    async def complete(self, uri: str, offset: int, timeout_s: float = ANSWER_S) -> Suggestion:
        """Ask for ghost text at `offset`; while the engine starts, wait some seconds and ask again."""
        deadline = time.monotonic() + min(timeout_s, START_S)
        while True:
            found = await self._complete_once(uri, offset, timeout_s)
            settled = found.text or found.status.state != "starting" or is_lasting(found.code)
            if settled or time.monotonic() > deadline:
                return found
            with suppress(SparkError):
                await self.connection.until(lambda: self.status.state != "starting", 0.3, "a ready engine")

    async def _complete_once(self, uri: str, offset: int, timeout_s: float) -> Suggestion:
        document = self.documents[uri]
        self._growth = _Growth(uri, document.version)
        params = {
            "textDocument": {"uri": uri},
            "position": lsp_position(document, offset, self.encoding),
            "context": {"triggerKind": 1},
        }
        begun, said = time.monotonic(), len(self.messages)
        try:
            answer = await self.connection.request("textDocument/inlineCompletion", params, timeout_s)
            refused: RemoteProtocolError | None = None
        except RemoteProtocolError as error:
            answer, refused = None, error
        elapsed_ms = (time.monotonic() - begun) * 1000
        status = await self.settled()
        item = read_item(answer)
        if item is None:
            told = status.reason or " ".join(self.messages[said:]) or "the engine had nothing to add"
            reason, code = (refused.what, refused.code) if refused else (told, status.code or "")
            return Suggestion("", offset, offset, reason, status, elapsed_ms, code)
        start, end = read_range(item[1], document, self.encoding) if item[1] else (offset, offset)
        return Suggestion(item[0], start, end, "", status, elapsed_ms)

    async def wait_for_growth(self, found: Suggestion, timeout_s: float) -> Suggestion:
        """Wait until a growing answer is complete, at most `timeout_s`; return `found` with its last text."""
        growth = self._growth
        with suppress(SparkError):
            await self.connection.until(lambda: growth.done, timeout_s, "the rest of the ghost text")
        return found if growth.text is None else replace(found, text=growth.text)

    async def settled(self) -> Status:
        """Return the status that counts the last answer; it arrives shortly after the answer."""
        await self.ask_status()
        with suppress(SparkError):
            await self.connection.until(lambda: self.status.state != "busy", SETTLE_S, "a final status")
        return self.status

    async def ask_status(self) -> Status:
        """Return the current status of the engine."""
        try:
            params = {"command": "spark.status"}
            answer = await self.connection.request("workspace/executeCommand", params, ANSWER_S)
        except RemoteProtocolError:
            return self.status  # a server without the command still notifies
        self.status = read_status(answer) or self.status
        return self.status

    async def move_cursor(self, uri: str, offset: int) -> None:
        """Tell the server where the cursor is, as our clients do at each move."""
        position = lsp_position(self.documents[uri], offset, self.encoding)
        params = {"command": "spark.cursor", "arguments": [{"uri": uri, "position": position}]}
        await self.connection.request("workspace/executeCommand", params, ANSWER_S)

    # --- edits ---

    async def actions(
        self, uri: str, start: int, end: int, diagnostics: Sequence[dict[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        """Return the commands' arguments of the code actions offered for a range and its diagnostics."""
        params: dict[str, Any] = {
            "textDocument": {"uri": uri},
            "range": lsp_range(self.documents[uri], start, end, self.encoding),
            "context": {"diagnostics": list(diagnostics), "triggerKind": 1},
        }
        answer = await self.connection.request("textDocument/codeAction", params, ANSWER_S)
        offered = cast(list[dict[str, Any]], answer or [])
        return [found for action in offered if (found := command_argument(action)) is not None]

    async def edit(
        self,
        uri: str,
        start: int,
        end: int,
        action: str,
        instruction: str = "",
        timeout_s: float = EDIT_S,
        diagnostics: Sequence[dict[str, Any]] = (),
    ) -> EditOutcome:
        """Change the range by a code action, and wait until the edit is applied or refused."""
        begun, before = time.monotonic(), self.documents[uri].text
        try:
            offered = {each["action"]: each for each in await self.actions(uri, start, end, diagnostics)}
        except RemoteProtocolError as error:
            return EditOutcome("failed", error.what, self.status, before, before, code=error.code)
        if action not in offered:
            names = ", ".join(offered) or "none"
            reason = f"the action {action!r} is not offered for these lines (offered: {names})"
            code = Code.ACTION_NOT_OFFERED
            return EditOutcome("refused", reason, self.status, before, before, code=code)
        argument = {**offered[action], **({"instruction": instruction} if instruction else {})}
        state, reason, code = await self._run(argument, timeout_s)
        after = self.documents[uri].text
        elapsed_ms = (time.monotonic() - begun) * 1000
        return EditOutcome(state, reason, await self.settled(), before, after, elapsed_ms, code)

    async def _run(self, argument: dict[str, Any], timeout_s: float) -> tuple[str, str, str]:
        try:
            number = await self.start_edit(argument)
        except RemoteProtocolError as error:
            return "refused", error.what, error.code
        return await self.wait_for_edit(number, timeout_s)

    async def wait_for_edit(self, number: str, timeout_s: float = EDIT_S) -> tuple[str, str, str]:
        """Return the state, the reason and the code with which a started edit ends."""
        await self.connection.until(lambda: number in self._edits, timeout_s, "the edit's result")
        done = self._edits[number]
        return str(done.get("state") or "failed"), str(done.get("reason") or ""), str(done.get("code") or "")

    async def start_edit(self, argument: dict[str, Any]) -> str:
        """Start the command of a code action and return its id."""
        params = {"command": "spark.edit", "arguments": [argument]}
        answer = await self.connection.request("workspace/executeCommand", params, ANSWER_S)
        return str(answer["id"])

    # --- requests and notifications from the server ---

    def handle(self, method: str, params: Any) -> Any:
        """Answer a request or handle a notification from the server."""
        handlers: dict[str, Callable[[Any], Any]] = {
            "workspace/configuration": self._configuration,
            "workspace/applyEdit": self._apply_edit,
            "workspace/workspaceFolders": lambda _: None,
            "window/workDoneProgress/create": lambda _: None,
            "window/showMessage": self._show_message,
            "window/showMessageRequest": self._show_message,
            "client/registerCapability": lambda _: None,
            "client/unregisterCapability": lambda _: None,
            "spark/status": self._hear_status,
            "spark/edit": self._hear_edit,
            "spark/editPreview": lambda params: self.on_preview(params),
            "spark/inlineCompletion": self._hear_growth,
        }
        if method not in handlers:
            raise UnknownMethod(method)
        return handlers[method](params)

    def _configuration(self, params: dict[str, Any]) -> list[Any]:
        return [setting(self.settings, item.get("section") or "") for item in params.get("items", [])]

    def _show_message(self, params: dict[str, Any]) -> None:
        self.messages.append(str(params.get("message", "")))

    def _hear_status(self, params: Any) -> None:
        self.status = read_status(params) or self.status

    def _hear_edit(self, params: dict[str, Any]) -> None:
        self._edits[str(params.get("id"))] = params

    def _hear_growth(self, params: dict[str, Any]) -> None:
        growth = self._growth
        if (params.get("uri"), params.get("version")) != (growth.uri, growth.version):
            return  # for an answer without a waiting request
        item, done = read_item(params.get("item")), bool(params.get("done"))
        growth.text, growth.done = item[0] if item else "", done
        if item is not None:
            self.on_growth(item[0], done)

    def _apply_edit(self, params: dict[str, Any]) -> dict[str, Any]:
        try:
            for uri, version, value in workspace_changes(params.get("edit") or {}):
                self._apply(uri, version, value)
        except (TextError, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, SparkError) else "the edit could not be read"
            return {"applied": False, "failureReason": reason}
        return {"applied": True}

    def _apply(self, uri: str, version: int | None, value: dict[str, Any]) -> None:
        document = self.documents.get(uri)
        if document is None:
            raise TextError("The edit is for a document that is not open here")
        if version is not None and version != document.version:
            raise TextError(f"The edit is for version {version}, the document is at {document.version}")
        edits = read_edits(value, document, self.encoding)
        apply_edits(document.text, edits)  # raises before it changes any text
        for edit in sorted(edits, reverse=True):
            self.change(uri, edit)


@asynccontextmanager
async def editing(
    settings: Mapping[str, Any],
    root: Path,
    *,
    growing: bool = False,
    previews: bool = False,
    command: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    limit_s: float = math.inf,
) -> AsyncGenerator[Editor]:
    """Start a language server for the folder `root` and act as its editor.

    Raises `SparkError` if the block, including the server's start, takes longer than `limit_s` seconds.
    """
    editor = Editor(settings)
    with anyio.move_on_after(limit_s) as scope:
        async with connect(editor.handle, command, env) as connection:
            await editor.initialize(connection, root, growing, previews)
            yield editor
    if scope.cancelled_caught:
        raise editor.gave_up(limit_s)
