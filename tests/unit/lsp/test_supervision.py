"""The server's own supervision: jobs end once, the engine side is started again, garbage is collected."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tree_sitter import Language, Parser, Tree

from spark_lsp.errors import SparkError
from spark_lsp.lsp import editing as editing_module
from spark_lsp.lsp import life as life_module
from spark_lsp.lsp import server as server_module
from spark_lsp.lsp.editing import Order
from spark_lsp.lsp.life import Life
from spark_lsp.lsp.offer import Offer
from spark_lsp.lsp.server import SparkServer
from spark_lsp.models import registry
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts import syntax as syntax_module
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import Chunk, EditFormat, Event, Finished, Request, Started

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


class Server(SparkServer):
    """A server that keeps what it would tell its editor, which applies every edit."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.answers = True
        self.said: list[str] = []

    def notify(self, method: str, params: Any) -> None:
        self.told.append((method, dict(params)))

    def say(self, kind: Any, text: str) -> None:
        self.said.append(text)

    @property
    def client_capabilities(self) -> Any:
        return server_module.types.ClientCapabilities()

    async def workspace_apply_edit_async(self, params: Any) -> Any:
        if not self.answers:
            await anyio.sleep_forever()
        return server_module.types.ApplyWorkspaceEditResult(True)

    def of(self, method: str) -> list[dict[str, Any]]:
        return [params for each, params in self.told if each == method]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@asynccontextmanager
async def running(engine: Engine) -> AsyncGenerator[Server, None]:
    server = Server()
    server.documents.open(URI, "python", 1, TEXT)
    async with anyio.create_task_group() as group:
        group.start_soon(server.run_engine, engine)
        await server.up.wait()
        yield server
        group.cancel_scope.cancel()


async def until(happened: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not happened():
            await anyio.sleep(0.005)


def order(server: Server) -> Order:
    document = server.documents.get(URI)
    assert document is not None
    return Order("document", RedactedDocument.from_document(document), SyntaxTree.of(document), 0, len(TEXT))


async def test_the_link_is_started_again_and_says_so_and_an_edit_under_way_goes_on(engine: Engine) -> None:
    engine.fails, engine.held = 2, anyio.Event()
    async with running(engine) as server:
        server.editor.start(order(server))
        await until(lambda: engine.runs == 3 and engine.asked)
        engine.held.set()
        await until(lambda: server.of("spark/edit"))
        states = [each["state"] for each in server.of("spark/status")]
        reasons = [each["reason"] for each in server.of("spark/status")]
    assert [each["state"] for each in server.of("spark/edit")] == ["applied"]
    assert "degraded" in states
    assert "off" not in states
    assert any("is being started again" in each for each in reasons)


@pytest.mark.parametrize("where", ["aside", "open", "notify", "apply", "progress"])
async def test_an_edit_that_fails_anywhere_ends_once_and_the_next_is_made(
    where: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(engine) as server:
        with monkeypatch.context() as patch:
            fails = _failing_once(patch, where, server, engine)
            first = server.editor.start(order(server))
            await until(lambda: server.of("spark/edit"))
            assert fails == [where]
        second = server.editor.start(order(server))
        await until(lambda: len(server.of("spark/edit")) == 2)
    ends = {each["id"]: each["state"] for each in server.of("spark/edit")}
    assert ends == {first: "applied" if where == "notify" else "failed", second: "applied"}


def _failing_once(patch: pytest.MonkeyPatch, where: str, server: Server, engine: Engine) -> list[str]:
    target, name = {
        "aside": (editing_module, "aside"),
        "open": (engine, "open"),
        "notify": (server, "notify"),
        "apply": (server, "workspace_apply_edit_async"),
        "progress": (editing_module.Progress, "begin"),
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

    async with running(engine) as server:
        document = server.documents.open(URI, "python", 2, text)
        line = document.line_count - 2
        position = {"line": line, "character": 0}
        argument = {"action": "document", "uri": URI, "range": {"start": position, "end": position}}
        monkeypatch.setattr(syntax_module, "Parser", CountingParser)
        server.editor.start(editing_module.as_order(server, argument))
        await until(lambda: server.of("spark/edit"))
    assert [each["state"] for each in server.of("spark/edit")] == ["applied"]
    assert len(texts) == len(set(texts)) == parsed


@pytest.mark.parametrize("how", ["cancel", "end", "silent", "closed"])
async def test_an_edit_ends_once_however_it_is_stopped(
    how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing_module, "APPLY_WAIT", 0.01)
    if how != "silent":
        engine.held = anyio.Event()
    async with running(engine) as server:
        server.answers = how != "silent"
        job = server.editor.start(order(server))
        if how == "silent":
            await until(lambda: server.of("spark/edit"))
            continue_ = False
        else:
            await until(lambda: engine.asked)
            continue_ = True
        if how == "cancel":
            assert server.editor.cancel(job)
        if how == "closed":
            server.documents.close(URI)
            server.edits_lost(URI)
            engine.held.set()
        if continue_ and how != "end":
            await until(lambda: server.of("spark/edit"))
    state = {"cancel": "cancelled", "end": "cancelled", "silent": "failed", "closed": "refused"}[how]
    assert [(each["id"], each["state"]) for each in server.of("spark/edit")] == [(job, state)]
    assert server.of("spark/edit")[0]["reason"]


@pytest.mark.parametrize("how", ["fails", "end"])
async def test_an_explanation_ends_once(how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.held = anyio.Event()
    async with running(engine) as server:
        document = server.documents.get(URI)
        assert document is not None
        server.explainer.start(document, 0, len(TEXT))
        await until(lambda: engine.asked)
        if how == "fails":

            def fail(*_: object) -> None:
                raise Boom

            monkeypatch.setattr(server.explainer, "_tell_now_and_then", fail)
            engine.held.set()
            await until(lambda: server.of("spark/explanation"))
    assert [each["done"] for each in server.of("spark/explanation")] == [True]
    assert server.of("spark/explanation")[0]["reason"]


@pytest.mark.parametrize("how", ["fails", "end"])
async def test_who_waits_for_a_suggestion_is_answered(
    how: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.held = anyio.Event()
    server: Server | None = None
    outcome = list[object]()

    async def ask(server: Server) -> None:
        document = server.documents.get(URI)
        assert document is not None
        try:
            outcome.append(await server.completer.suggest(document, len(TEXT), "inlineCompletion"))
        except SparkError as error:
            outcome.append(str(error))

    async with anyio.create_task_group() as group:
        async with running(engine) as server:
            group.start_soon(ask, server)
            await until(lambda: engine.asked)
            if how == "fails":

                def fail(*_: object) -> None:
                    raise Boom

                monkeypatch.setattr(type(server.completer), "_advance", fail)
                engine.held.set()
                await until(lambda: outcome)
        await until(lambda: outcome)
    if how == "fails":
        assert outcome == [None]
        assert "failed while it read this suggestion" in server.status.reason
    else:
        assert "is being started" in str(outcome[0])


async def test_a_request_without_an_engine_side_gets_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "UP_WAIT", 0.01)
    server = Server()
    with pytest.raises(SparkError, match="engine side is being started"):
        await server.wait_until_up()
    with pytest.raises(SparkError, match="engine side is being started"):
        server.spawn(anyio.sleep_forever)


async def test_an_offer_that_fails_says_what_to_do(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Boom

    model = registry.find(registry.AUTO)
    monkeypatch.setattr(Offer, "_offer", fail)
    monkeypatch.setattr("spark_lsp.lsp.offer.missing", lambda _: model)
    monkeypatch.setattr("spark_lsp.lsp.question.can_ask", lambda _: True)
    async with running(engine) as server:
        assert server.offer.make(None)  # type: ignore[arg-type]
        await until(lambda: server.said)
        assert f"spark-lsp model pull {model.name}" in server.said[0]


@pytest.mark.parametrize("version", [2, 3])
async def test_a_change_that_fails_leaves_the_right_text_or_none(
    version: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With version 3 the text itself was not changed: nothing may be computed from the old one."""
    types = server_module.types
    async with running(engine) as server:

        def fail(*_: object) -> None:
            raise Boom

        name = "mirror_edit" if version == 2 else "documents"
        if version == 2:
            monkeypatch.setattr(server, name, fail)
        else:
            monkeypatch.setattr(type(server.documents), "change", fail)
        here = types.Range(types.Position(0, 0), types.Position(0, 0))
        change = types.TextDocumentContentChangePartial(here, "# a\n")
        params = types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version, URI), [change]
        )
        server._plain("did_change")(params)
        document = server.documents.get(URI)
        if version == 2:
            assert document is not None
            assert document.text == "# a\n" + TEXT
        else:
            assert document is None
            assert "reopen" in server.documents.why_not(URI)


@pytest.fixture
def collecting() -> Iterator[None]:
    yield
    gc.enable()


async def test_garbage_is_collected_though_the_editor_is_never_ready(
    monkeypatch: pytest.MonkeyPatch, collecting: None
) -> None:
    monkeypatch.setattr(life_module, "COLLECT_AFTER", 0.01)
    server = SparkServer()
    (stdin, feed), (drain, stdout) = os.pipe(), os.pipe()
    gc.disable()
    life = asyncio.ensure_future(Life(server, lambda _: None, stdin, stdout).run())  # type: ignore[arg-type, return-value]
    await until(gc.isenabled)
    os.close(feed)
    assert await life == 1
    for descriptor in (stdin, drain, stdout):
        os.close(descriptor)
