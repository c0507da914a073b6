"""Whatever an engine raises, wherever: its request fails with a clear message, and nothing else does."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.engine.route import Route
from spark_lsp.request import EngineInfo, Focus, Part, PartKind, Request, Task
from tests.unit.gateway.conftest import Puppet, Workshop

pytestmark = pytest.mark.anyio

SECRET = "def secret_of_the_user"
PLACES = ("info", "open", "enter", "first", "middle", "leave", "observe", "aclose")
ANSWER = (Started("puppet", "wood"), Chunk("one"), Finished())


class Boom(Exception):
    """What nobody expects."""


class Broken(Puppet):
    """An engine that raises at one place, for the request `bad` or always."""

    def __init__(self, place: str, name: str = "puppet") -> None:
        super().__init__(name)
        self._place = place

    def _fail(self, place: str) -> None:
        if place == self._place:
            raise Boom(SECRET)

    @property
    def info(self) -> EngineInfo:
        self._fail("info")
        return super().info

    def open(self, request: Request) -> Any:
        if request.instruction == "good":
            return super().open(request)
        self._fail("open")
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AsyncIterator[Event], None]:
        self._fail("enter")
        yield self._events()
        self._fail("leave")

    async def _events(self) -> AsyncIterator[Event]:
        self._fail("first")
        for event in ANSWER:
            yield event
            self._fail("middle")

    def observe(self, focus: Focus) -> None:
        self._fail("observe")

    async def aclose(self) -> None:
        self._fail("aclose")


@pytest.mark.parametrize("place", PLACES)
async def test_a_request_ends_and_its_neighbour_and_the_next_one_are_answered(
    place: str, served: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Broken(place)
    async with served(engine) as (peer, session):
        peer.ask("good")
        peer.ask("bad")
        await until(lambda: peer.ending("bad"))
        peer.say("spark.doc.focus", doc="file:///a.py", version=1, offset=0)
        engine.say("good", *ANSWER)
        await until(lambda: peer.ending("good"))
        engine.say("good", *ANSWER)
        peer.ask("good")
        await until(lambda: len(peer.ending("good")) == 2)
        assert peer.ending("good") == ["response.completed"] * 2
        spoils = place in ("open", "enter", "first", "middle")
        assert peer.ending("bad") == ["response.failed" if spoils else "response.completed"]
        assert not session.is_busy
    assert SECRET not in caplog.text + str(peer.heard)


@pytest.mark.parametrize("place", ["info", "open", "enter", "first"])
async def test_the_next_engine_of_the_route_answers_instead(place: str) -> None:
    spare = Puppet("spare")
    spare.say("bad", Started("spare", "wood"), Chunk("one"), Finished())
    route = Route("edit", [Broken(place), spare])
    request = Request(Task.EDIT, (Part(PartKind.TARGET, "x"),), instruction="bad")
    async with route.open(request) as events:
        heard = [event async for event in events]
    assert [type(event) for event in heard] == [Started, Chunk, Finished]
    assert route.info.name == ("spare" if place == "info" else "puppet")


@pytest.mark.parametrize("fails", ["build", "approve"])
async def test_an_editors_engine_that_cannot_be_built_is_named_and_the_others_serve(
    fails: str, served: Any, until: Any
) -> None:
    workshop = Workshop()

    def build(name: str, *more: Any) -> Any:
        if name == "bad":
            raise Boom(SECRET)
        return workshop(name, *more)

    async with served(Puppet(), build=build) as (peer, session):
        if fails == "approve":

            def refuse(_: object) -> Any:
                raise Boom(SECRET)

            session._engines._approve = refuse
        tables = {name: {"kind": "replay", "text": ""} for name in ("bad", "good")}
        peer.say("spark.configure", engines=tables, routes={}, budget={})
        await until(lambda: any(each["type"] == "spark.status" for each in peer.heard))
        told = next(each for each in peer.heard if each["type"] == "spark.status")
        assert len(told["problems"]) == 1
        assert SECRET not in str(told)
        assert [each.name for each in _built(workshop)] == (["good"] if fails == "build" else [])


def _built(workshop: Workshop) -> list[EngineInfo]:
    return [each.info for each in workshop.built]
