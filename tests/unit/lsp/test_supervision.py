"""The server's own supervision: jobs end once, the engine side is started again, garbage is collected."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from lsprotocol import types
from tree_sitter import Language, Parser, Tree

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.errors import SparkError
from spark_lsp.lsp import edit_applier as edit_applier_module
from spark_lsp.lsp import edit_proposer as edit_proposer_module
from spark_lsp.lsp import engine_side as engine_side_module
from spark_lsp.lsp import main_loop as main_loop_module
from spark_lsp.lsp import routes
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.main_loop import MainLoop
from spark_lsp.lsp.model_offers import ModelOffers
from spark_lsp.lsp.parts import Parts
from spark_lsp.lsp.progress import Progress
from spark_lsp.lsp.server import SparkServer
from spark_lsp.models import registry
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts import syntax as syntax_module
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat, Request
from tests.unit.lsp.editors import RecordingClient, recording_parts

pytestmark = pytest.mark.anyio

URI = "file:///w/a.py"
TEXT = "def add(a, b):\n    return a + b\n"


class Boom(Exception):
    """What nobody expects."""


class Engine:
    """An engine side whose every part can be made to fail, or to wait."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = 0  # how many of the next runs raise
        self.held = anyio.Event()
        self.held.set()
        self.asked = 0

    async def run(self) -> None:
        self.runs += 1
        if self.fails:
            self.fails -= 1
            raise Boom
        await anyio.sleep_forever()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.asked += 1
        yield self._events()

    async def _events(self) -> AsyncIterator[Event]:
        yield Started("e", "m", EditFormat.DOCSTRING)
        await self.held.wait()
        yield Chunk("Add two numbers.")
        yield Finished()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@pytest.fixture
def engine() -> Engine:
    return Engine()


@asynccontextmanager
async def running(engine: Any) -> AsyncGenerator[tuple[Parts, RecordingClient], None]:
    parts, client = recording_parts()
    parts.workspace.documents.open(URI, "python", 1, TEXT)
    async with anyio.create_task_group() as group:
        group.start_soon(parts.run_engine_side, engine)
        await parts.engine_side.up.wait()
        yield parts, client
        group.cancel_scope.cancel()


async def until(happened: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not happened():
            await anyio.sleep(0.005)


def whole_text(parts: Parts) -> EditRequest:
    document = parts.workspace.documents.get(URI)
    assert document is not None
    seen = RedactedDocument.from_document(document)
    return EditRequest("document", seen, SyntaxTree.of(document), 0, len(TEXT))


async def test_the_link_is_started_again_and_says_so_and_an_edit_under_way_goes_on(engine: Engine) -> None:
    engine.fails, engine.held = 2, anyio.Event()
    async with running(engine) as (parts, client):
        parts.edits.start(whole_text(parts))
        await until(lambda: engine.runs == 3 and engine.asked)
        engine.held.set()
        await until(lambda: client.sent("spark/edit"))
        states = [each["state"] for each in client.sent("spark/status")]
        reasons = [each["reason"] for each in client.sent("spark/status")]
    assert [each["state"] for each in client.sent("spark/edit")] == ["applied"]
    assert "degraded" in states
    assert "off" not in states
    assert any("is being started again" in each for each in reasons)


@pytest.mark.parametrize("where", ["thread", "open", "notify", "apply", "progress"])
async def test_an_edit_that_fails_anywhere_ends_once_and_the_next_is_made(
    where: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(engine) as (parts, client):
        with monkeypatch.context() as patch:
            fails = _failing_once(patch, where, client, engine)
            first = parts.edits.start(whole_text(parts))
            await until(lambda: client.sent("spark/edit"))
            assert fails == [where]
        second = parts.edits.start(whole_text(parts))
        await until(lambda: len(client.sent("spark/edit")) == 2)
    ends = {each["id"]: each["state"] for each in client.sent("spark/edit")}
    assert ends == {first: "applied" if where == "notify" else "failed", second: "applied"}


def _failing_once(
    patch: pytest.MonkeyPatch, where: str, client: RecordingClient, engine: Engine
) -> list[str]:
    target, name = {
        "thread": (edit_proposer_module, "run_in_thread"),
        "open": (engine, "open"),
        "notify": (client, "notify"),
        "apply": (client, "apply_edit"),
        "progress": (Progress, "begin"),
    }[where]
    real, failed = getattr(target, name), list[str]()

    def fail(*arguments: Any, **named: Any) -> Any:
        if not failed and (where != "notify" or arguments[0] == "spark/edit"):
            failed.append(where)
            raise Boom
        return real(*arguments, **named)

    patch.setattr(target, name, fail)
    return failed


@pytest.mark.parametrize(("text", "parsed"), [(TEXT, 2), (f"KEY = 'ghp_{'aB3' * 12}'\n{TEXT}", 3)])
async def test_an_edit_parses_each_text_once(
    text: str, parsed: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document, its redacted form if that is another text, and the proposal."""
    texts: list[bytes] = []

    class CountingParser:
        def __init__(self, grammar: Language) -> None:
            self._parser = Parser(grammar)

        def parse(self, text: bytes) -> Tree:
            texts.append(text)
            return self._parser.parse(text)

    async with running(engine) as (parts, client):
        document = parts.workspace.documents.open(URI, "python", 2, text)
        assert document is not None
        position = {"line": document.line_count - 2, "character": 0}
        argument = {"action": "document", "uri": URI, "range": {"start": position, "end": position}}
        monkeypatch.setattr(syntax_module, "Parser", CountingParser)
        parts.edits.start(parts.request_reader.read_edit(argument))
        await until(lambda: client.sent("spark/edit"))
    assert [each["state"] for each in client.sent("spark/edit")] == ["applied"]
    assert len(texts) == len(set(texts)) == parsed


@pytest.mark.parametrize("how", ["cancel", "end", "silent", "closed"])
async def test_an_edit_ends_once_however_it_is_stopped(
    how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_applier_module, "APPLY_TIMEOUT_SECONDS", 0.01)
    if how != "silent":
        engine.held = anyio.Event()
    async with running(engine) as (parts, client):
        client.answers_edits = how != "silent"
        job = parts.edits.start(whole_text(parts))
        if how == "silent":
            await until(lambda: client.sent("spark/edit"))
            continue_ = False
        else:
            await until(lambda: engine.asked)
            continue_ = True
        if how == "cancel":
            assert parts.edits.cancel(job)
        if how == "closed":
            parts.workspace.documents.close(URI)
            parts.sync.lose_history(URI)
            engine.held.set()
        if continue_ and how != "end":
            await until(lambda: client.sent("spark/edit"))
    state = {"cancel": "cancelled", "end": "cancelled", "silent": "failed", "closed": "refused"}[how]
    assert [(each["id"], each["state"]) for each in client.sent("spark/edit")] == [(job, state)]
    assert client.sent("spark/edit")[0]["reason"]


@pytest.mark.parametrize("how", ["fails", "end"])
async def test_an_explanation_ends_once(how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.held = anyio.Event()
    async with running(engine) as (parts, client):
        document = parts.workspace.documents.get(URI)
        assert document is not None
        parts.explanations.start(document, 0, len(TEXT))
        await until(lambda: engine.asked)
        if how == "fails":

            def fail(*_: object) -> None:
                raise Boom

            monkeypatch.setattr(parts.explanations, "_notify_throttled", fail)
            engine.held.set()
            await until(lambda: client.sent("spark/explanation"))
    assert [each["done"] for each in client.sent("spark/explanation")] == [True]
    assert client.sent("spark/explanation")[0]["reason"]


@pytest.mark.parametrize("how", ["fails", "end"])
async def test_who_waits_for_a_suggestion_is_answered(
    how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.held = anyio.Event()
    outcome = list[object]()

    async def ask(parts: Parts) -> None:
        document = parts.workspace.documents.get(URI)
        assert document is not None
        try:
            outcome.append(await parts.completions.suggest(document, len(TEXT), "inlineCompletion"))
        except SparkError as error:
            outcome.append(str(error))

    async with anyio.create_task_group() as group:
        async with running(engine) as (parts, _):
            group.start_soon(ask, parts)
            await until(lambda: engine.asked)
            if how == "fails":

                def fail(*_: object) -> None:
                    raise Boom

                monkeypatch.setattr(parts.completions, "_process_event", fail)
                engine.held.set()
                await until(lambda: outcome)
        await until(lambda: outcome)
    if how == "fails":
        assert outcome == [None]
        assert "failed while it read this suggestion" in parts.status.current.reason
    else:
        assert "is being started" in str(outcome[0])


async def test_a_request_without_an_engine_side_gets_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_side_module, "UP_TIMEOUT_SECONDS", 0.01)
    parts, _ = recording_parts()
    with pytest.raises(SparkError, match="engine side is being started"):
        await parts.engine_side.wait_until_up()
    with pytest.raises(SparkError, match="engine side is being started"):
        parts.engine_side.spawn(anyio.sleep_forever)


async def test_an_offer_that_fails_says_what_to_do(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Boom

    model = registry.find(registry.AUTO)
    monkeypatch.setattr(ModelOffers, "_offer", fail)
    monkeypatch.setattr("spark_lsp.lsp.model_offers.find_missing_model", lambda _: model)
    async with running(engine) as (parts, client):
        window = types.WindowClientCapabilities(show_message=types.ShowMessageRequestClientCapabilities())
        client.abilities = Abilities(types.ClientCapabilities(window=window))
        assert parts.link_reporter._offers.offer_missing_model(None)  # type: ignore[arg-type]
        await until(lambda: client.messages)
        assert f"spark-lsp model pull {model.name}" in client.messages[0]


@pytest.mark.parametrize("version", [2, 3])
async def test_a_change_that_fails_leaves_the_right_text_or_none(
    version: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With version 3 the text itself was not changed: nothing may be computed from the old one."""
    async with running(engine) as (parts, _):

        def fail(*_: object) -> None:
            raise Boom

        owner = parts.sync if version == 2 else parts.workspace.documents
        monkeypatch.setattr(owner, "change", fail)
        here = types.Range(types.Position(0, 0), types.Position(0, 0))
        change = types.TextDocumentContentChangePartial(here, "# a\n")
        params = types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version, URI), [change]
        )
        server = SparkServer()
        server.parts = parts
        server._guard_notification(routes.change_document)(params)
        document = parts.workspace.documents.get(URI)
        if version == 2:
            assert document is not None
            assert document.text == "# a\n" + TEXT
        else:
            assert document is None
            assert "reopen" in parts.workspace.documents.find_problem(URI)


@pytest.fixture
def collecting() -> Iterator[None]:
    yield
    gc.enable()


async def test_garbage_is_collected_though_the_editor_is_never_ready(
    monkeypatch: pytest.MonkeyPatch, collecting: None
) -> None:
    monkeypatch.setattr(main_loop_module, "COLLECT_AFTER_SECONDS", 0.01)
    server = SparkServer()
    (stdin, feed), (drain, stdout) = os.pipe(), os.pipe()
    gc.disable()
    life = asyncio.ensure_future(MainLoop(server, lambda _: None, stdin, stdout).run())  # type: ignore[arg-type, return-value]
    await until(gc.isenabled)
    os.close(feed)
    assert await life == 1
    for descriptor in (stdin, drain, stdout):
        os.close(descriptor)
