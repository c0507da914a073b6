"""The server requests the next suggestion ahead: the request, its privacy, its cost, and its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.errors import EngineError
from spark_lsp.lsp.parts import Parts
from spark_lsp.request import EngineInfo, PartKind, Priority, Request, Task
from spark_lsp.text.document import Document
from tests.patience import PATIENCE
from tests.unit.lsp.editors import RecordingClient, recording_parts

pytestmark = pytest.mark.anyio

URI = "file:///w/a.txt"
TEXT = "one\ntwo\n"
FREE = EngineInfo("box", "openai", "m", free=True)
PAID = EngineInfo("cloud", "openai", "m")
SECRET = f"ghp_{'aB3' * 12}"
ANSWER = (Chunk("alpha"), Finished(usage=Usage(30, 2)))


class Answers:
    """A link whose answers are given one after another; a held answer waits."""

    def __init__(self, *answers: tuple[Event | Exception, ...]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.held = anyio.Event()
        self.held.set()

    async def run(self) -> None:
        await anyio.sleep_forever()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.requests.append(request)
        yield self._play(self.answers.pop(0))

    async def _play(self, events: tuple[Event | Exception, ...]) -> AsyncIterator[Event]:
        yield Started("box", "m")
        await self.held.wait()
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class User:
    """A user with one document."""

    def __init__(self, parts: Parts, client: RecordingClient, link: Answers) -> None:
        self.parts, self.client, self.link = parts, client, link
        self.cursor = 3

    @property
    def document(self) -> Document:
        found = self.parts.workspace.documents.get(URI)
        assert found is not None
        return found

    async def ask(self) -> str:
        found = await self.parts.completions.suggest(self.document, self.cursor, "inlineCompletion")
        return found.text if found is not None else ""

    def type(self, text: str) -> None:
        document = self.document.splice(self.cursor, self.cursor, text)
        documents = self.parts.workspace.documents
        changed = documents.open(URI, "plaintext", document.version + 1, document.text)
        assert changed is not None
        self.cursor += len(text)
        self.parts.completions.drop_contradicted(changed)

    async def until(self, happened: Callable[[], object]) -> None:
        with anyio.fail_after(PATIENCE):
            while not happened():
                await anyio.sleep(0.005)

    @property
    def counts(self) -> dict[str, int]:
        return self.parts.completions.counts.message()


@asynccontextmanager
async def using(
    *answers: tuple[Event | Exception, ...], engine: EngineInfo = FREE, text: str = TEXT, **settings: Any
) -> AsyncGenerator[User, None]:
    link: Any = Answers(*answers)
    parts, client = recording_parts()
    parts.settings.apply({"completion": settings})
    parts.workspace.documents.open(URI, "plaintext", 1, text)
    parts.gateway.engines, parts.gateway.serving = (engine,), {"completion": engine.name}
    async with anyio.create_task_group() as group:
        group.start_soon(parts.run_engine_side, link)
        await parts.engine_side.up.wait()
        yield User(parts, client, link)
        group.cancel_scope.cancel()


async def test_the_next_suggestion_is_there_when_the_user_accepts_this_one() -> None:
    async with using(ANSWER, (Chunk("beta"), Finished(usage=Usage(40, 1)))) as user:
        assert await user.ask() == "alpha"
        await user.until(lambda: user.counts["ahead_output_tokens"])
        user.type("alpha")
        assert await user.ask() == "beta"
    assert user.counts == {
        "requests": 2,
        "at_once": 1,
        "replaced": 0,
        "engine_requests": 2,
        "ahead_requests": 1,
        "ahead_used": 1,
        "ahead_input_tokens": 40,
        "ahead_output_tokens": 1,
    }


async def test_the_request_cites_the_mirror_and_names_the_engine_and_has_the_lowest_priority() -> None:
    async with using(ANSWER, ANSWER) as user:
        await user.ask()
        await user.until(lambda: len(user.link.requests) == 2)
    first, ahead = user.link.requests
    assert (first.priority, first.model) == (Priority.INTERACTIVE, "")
    assert (ahead.task, ahead.priority, ahead.model) == (Task.COMPLETE, Priority.BACKGROUND, "box")
    assert ahead.text_of(PartKind.PREFIX) == "onealpha"
    assert ahead.text_of(PartKind.SUFFIX) == "\ntwo\n"
    assert [part.text for part in ahead.parts if part.span is None] == ["alpha"]


async def test_a_paid_engine_gets_the_request_at_the_acceptance_only() -> None:
    async with using(ANSWER, ANSWER, engine=PAID) as user:
        await user.ask()
        await anyio.sleep(0.3)  # longer than the rest: nothing may happen in it
        assert len(user.link.requests) == 1
        user.type("alpha")
        await user.until(lambda: len(user.link.requests) == 2)
        ahead = user.link.requests[-1]
        assert [part.span is None for part in ahead.parts] == [False, False]
        assert await user.ask() == "alpha"
    assert (user.counts["engine_requests"], user.counts["ahead_used"]) == (2, 1)


async def test_the_price_of_an_engine_may_be_known_only_after_its_first_answer() -> None:
    async with using(ANSWER, ANSWER) as user:
        known, user.parts.gateway.engines = user.parts.gateway.engines, ()
        user.link.held = anyio.Event()
        asked = asyncio.ensure_future(user.ask())
        await user.until(lambda: user.link.requests)
        user.parts.gateway.engines = known
        user.link.held.set()
        assert await asked == "alpha"
        await user.until(lambda: user.counts["ahead_output_tokens"])


async def test_without_the_setting_each_request_is_sent_when_it_arrives() -> None:
    async with using(ANSWER, ANSWER, speculate="off") as user:
        await user.ask()
        user.type("alpha")
        assert await user.ask() == "alpha"
    assert (user.counts["engine_requests"], user.counts["ahead_requests"]) == (2, 0)
    assert user.counts["at_once"] == 0


async def test_a_secret_that_an_acceptance_completes_does_not_leave_the_server() -> None:
    first, rest = SECRET[:4], SECRET[4:]
    async with using((Chunk(rest), Finished()), ANSWER, engine=FREE, text=f"key = '{first}'\n") as user:
        user.cursor = len("key = '") + len(first)
        assert await user.ask() == rest
        await user.until(lambda: len(user.link.requests) == 2)
    ahead = user.link.requests[-1]
    assert ahead.text_of(PartKind.PREFIX) == "key = '" + "*" * len(SECRET)
    assert SECRET not in repr(ahead)


@pytest.mark.parametrize(
    "event", [EngineError("It is broken"), ValueError("It has crashed"), Finished("cancelled")]
)
async def test_a_failure_ahead_is_silent_and_the_acceptance_sends_the_request_again(
    event: Event | Exception,
) -> None:
    async with using(ANSWER, (event,), ANSWER) as user:
        await user.ask()
        state = user.parts.status.current.state
        await user.until(lambda: user.counts["ahead_input_tokens"])
        assert user.parts.completions._lives[URI].speculation.stream is None
        assert user.parts.status.current.state == state
        user.type("alpha")
        assert await user.ask() == "alpha"
    assert user.client.messages == []
    assert (user.counts["ahead_used"], user.counts["engine_requests"]) == (1, 3)


async def test_an_adopted_request_that_the_gateway_stops_is_sent_again_as_any_other() -> None:
    async with using(ANSWER, (Finished("cancelled"),), (Chunk("beta"), Finished())) as user:
        await user.ask()
        user.link.held = anyio.Event()
        await user.until(lambda: len(user.link.requests) == 2)
        user.type("alpha")
        asked = asyncio.ensure_future(user.ask())
        await user.until(lambda: user.counts["ahead_used"])
        user.link.held.set()
        assert await asked == "beta"
    again = user.link.requests[-1]
    assert (again.priority, again.model) == (Priority.INTERACTIVE, "")
    assert user.client.messages == []


async def test_a_request_in_another_document_ends_the_one_ahead() -> None:
    async with using(ANSWER, ANSWER, ANSWER) as user:
        await user.ask()
        user.link.held = anyio.Event()
        await user.until(lambda: len(user.link.requests) == 2)
        life = user.parts.completions._lives[URI]
        assert life.speculation.stream is not None
        other = user.parts.workspace.documents.open("file:///w/b.txt", "plaintext", 1, TEXT)
        assert other is not None
        user.parts.sync.open(other)
        asked = asyncio.ensure_future(user.parts.completions.suggest(other, 3, "inlineCompletion"))
        await user.until(lambda: len(user.link.requests) == 3)
        assert life.speculation.stream is None
        user.link.held.set()
        assert await asked is not None


async def test_a_withheld_document_is_not_requested_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    async with using(ANSWER, ANSWER, engine=PAID) as user:
        await user.ask()
        monkeypatch.setattr(user.parts.outgoing, "withholds", lambda _: True)
        user.type("alpha")
        assert user.counts["ahead_requests"] == 0
        assert user.parts.completions._lives[URI].speculation.stream is None
