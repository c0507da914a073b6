"""One connection joined to engines, with a scripted peer and engines that can be held still."""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from spark_lsp.app import refuse_unapproved
from spark_lsp.config import EngineSettings
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.gateway.registry import Registry
from spark_lsp.gateway.session import Session
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started
from spark_lsp.wire.mirror import digest
from spark_lsp.wire.server import ServerConnection

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
DEADLINE = 5.0


class Puppet:
    """An engine whose answers are given by hand: `say(instruction, event)`; counts who is inside."""

    def __init__(self, name: str = "puppet") -> None:
        self._name = name
        self._lines: defaultdict[str, list[Event | Exception]] = defaultdict(list)
        self._moved = anyio.Event()
        self.inside: list[str] = []
        self.focus: list[Focus] = []
        self.closed = 0
        self.reason = ""

    @property
    def info(self) -> EngineInfo:
        state = "degraded" if self.reason else "ready"
        return EngineInfo(self._name, "puppet", "wood", state=state, reason=self.reason)

    def say(self, to: str, *events: Event | Exception) -> None:
        self._lines[to] += events
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.inside.append(request.instruction)
        try:
            yield self._play(self._lines[request.instruction])
        finally:
            self.inside.remove(request.instruction)

    async def _play(self, lines: list[Event | Exception]) -> AsyncIterator[Event]:
        while True:
            while lines:
                event = lines.pop(0)
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
            await self._moved.wait()

    def observe(self, focus: Focus) -> None:
        self.focus.append(focus)

    async def aclose(self) -> None:
        self.closed += 1


class Silent(Puppet):
    """An engine that breaks its contract: it ends without having finished."""

    async def _play(self, lines: list[Event | Exception]) -> AsyncIterator[Event]:
        yield Started("silent", "wood")


class Peer:
    """The other end: what it sends, and what it has been sent, by lane."""

    def __init__(self) -> None:
        self.out, self._in = anyio.create_memory_object_stream[str | bytes | None](1000)
        self.heard: list[Json] = []
        self.blocked: anyio.Event | None = None

    async def receive(self) -> str | bytes | None:
        return await self._in.receive()

    async def send(self, message: str) -> None:
        if self.blocked is not None:
            await self.blocked.wait()
        self.heard.append(json.loads(message))

    def say(self, kind: str, **fields: Any) -> None:
        self.out.send_nowait(json.dumps({"type": kind, **fields}))

    def ask(self, lane: str, task: str = "edit", origin: str = "") -> None:
        self.say(
            "response.create",
            stream_id=lane,
            model="puppet",
            spark={"task": task, "instruction": lane, "origin": origin},
        )

    def gone(self) -> None:
        self.out.send_nowait(None)

    def of(self, lane: str) -> list[Json]:
        return [each for each in self.heard if each.get("stream_id") == lane]

    def text(self, lane: str) -> str:
        return "".join(each.get("delta", "") for each in self.of(lane))

    def ending(self, lane: str) -> list[str]:
        ends = ("response.completed", "response.incomplete", "response.failed", "error")
        return [each["type"] for each in self.of(lane) if each["type"] in ends]

    def close(self) -> None:
        self.out.close()
        self._in.close()


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(DEADLINE):
        while not condition():
            await anyio.sleep(0.002)


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@asynccontextmanager
async def served(
    puppet: Puppet, *, spark: bool = True, build: Callable[[str, EngineSettings], Any] | None = None
) -> AsyncGenerator[tuple[Peer, Session], None]:
    def never(name: str, _: EngineSettings) -> Any:
        raise AssertionError(f"{name} was built")

    peer = Peer()
    registry = Registry({"puppet": puppet}, dict.fromkeys(("completion", "edit"), ("puppet",)))
    session = Session(ServerConnection("t", spark=spark), registry, build or never, refuse_unapproved)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(session.run, peer.receive, peer.send)
            yield peer, session
            peer.gone()
    finally:
        peer.close()


async def test_a_request_is_answered_on_its_lane(puppet: Puppet) -> None:
    puppet.say("a", Started("puppet", "wood"), Chunk("one "), Chunk("two"), Finished())
    async with served(puppet) as (peer, session):
        peer.ask("a")
        await until(lambda: peer.ending("a"))
        assert peer.heard[0]["type"] == "spark.hello"
        assert peer.text("a") == "one two"
        assert peer.ending("a") == ["response.completed"]
        assert not session.busy


async def test_the_first_text_is_sent_alone_and_at_once_and_further_text_together(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        peer.ask("a")
        puppet.say("a", Started("puppet", "wood"), Chunk("first"))
        await until(lambda: peer.text("a") == "first")
        puppet.say("a", *[Chunk(f" {number}") for number in range(200)])
        await until(lambda: peer.text("a").endswith(" 199"))
        deltas = [each for each in peer.of("a") if "delta" in each]
        assert len(deltas) <= 5


async def test_one_failure_leaves_the_neighbours(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        for lane in ("bad", "worse", "good"):
            peer.ask(lane)
            puppet.say(lane, Started("puppet", "wood"), Chunk("x"))
        await until(lambda: len(puppet.inside) == 3)
        puppet.say("bad", EngineError("It burns", "No text", "Put it out"))
        puppet.say("worse", ZeroDivisionError("secret code of the user"))
        await until(lambda: peer.ending("bad") and peer.ending("worse"))
        puppet.say("good", Chunk("y"), Finished())
        await until(lambda: peer.ending("good"))
        assert peer.ending("bad") == peer.ending("worse") == ["response.failed"]
        assert peer.of("bad")[-1]["response"]["error"]["message"] == "It burns. No text. Put it out."
        assert "secret" not in json.dumps(peer.heard)
        assert (peer.text("good"), peer.ending("good")) == ("xy", ["response.completed"])


async def test_an_engine_that_just_ends_is_a_failure_and_not_a_silence() -> None:
    async with served(Silent()) as (peer, _):
        peer.ask("a")
        await until(lambda: peer.ending("a"))
        assert peer.ending("a") == ["response.failed"]
        assert "broke off" in peer.of("a")[-1]["response"]["error"]["message"]


async def test_an_unknown_model_is_refused_by_name(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        peer.say("response.create", stream_id="a", model="gpt-5", spark={"task": "edit"})
        await until(lambda: peer.ending("a"))
        assert peer.of("a")[-1]["response"]["error"]["code"] == "model_not_found"


async def test_a_cancel_stops_the_engine_and_ends_the_response_once(puppet: Puppet) -> None:
    async with served(puppet) as (peer, session):
        peer.ask("a")
        puppet.say("a", Started("puppet", "wood"), Chunk("x"))
        await until(lambda: peer.text("a"))
        peer.say("response.cancel", stream_id="a")
        peer.say("response.cancel", stream_id="a")
        await until(lambda: not puppet.inside and peer.ending("a"))
        assert peer.ending("a") == ["response.incomplete"]
        assert peer.of("a")[-1]["response"]["incomplete_details"] == {"reason": "cancelled"}
        await until(lambda: not session.busy)


async def test_a_newer_completion_supersedes_the_older_one_of_its_document(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        peer.ask("old", "complete", "a.py")
        peer.ask("other", "complete", "b.py")
        await until(lambda: len(puppet.inside) == 2)
        peer.ask("new", "complete", "a.py")
        await until(lambda: sorted(puppet.inside) == ["new", "other"])
        await until(lambda: peer.ending("old"))
        assert peer.of("old")[-1]["response"]["incomplete_details"] == {"reason": "cancelled"}
        for lane in ("new", "other"):
            puppet.say(lane, Started("puppet", "wood"), Chunk(lane), Finished())
        await until(lambda: peer.ending("new") and peer.ending("other"))
        assert (peer.text("new"), peer.text("other")) == ("new", "other")


async def test_no_more_than_sixteen_run_at_once_and_all_are_answered(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        lanes = [f"l{number}" for number in range(20)]
        for lane in lanes:
            peer.ask(lane)
        await until(lambda: len(puppet.inside) == 16)
        await anyio.sleep(0.02)
        assert puppet.inside == lanes[:16]
        for lane in lanes:
            puppet.say(lane, Started("puppet", "wood"), Chunk("x"), Finished())
        await until(lambda: all(peer.ending(lane) for lane in lanes))
        assert {tuple(peer.ending(lane)) for lane in lanes} == {("response.completed",)}


async def test_the_end_of_the_connection_stops_everything(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        for lane in ("a", "b"):
            peer.ask(lane)
        await until(lambda: len(puppet.inside) == 2)
    assert puppet.inside == []
    assert puppet.closed == 0  # the gateway's engines outlive its connections


async def test_a_peer_that_stops_reading_blocks_neither_engines_nor_cancels(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        await until(lambda: peer.heard)
        peer.blocked = anyio.Event()
        peer.ask("a")
        peer.ask("b")
        puppet.say("a", Started("puppet", "wood"), *[Chunk("x" * 100)] * 50, Finished())
        await until(lambda: puppet.inside == ["b"])
        peer.say("response.cancel", stream_id="b")
        await until(lambda: not puppet.inside)
        peer.blocked.set()
        await until(lambda: peer.ending("a") and peer.ending("b"))
        assert len(peer.text("a")) == 5000


async def test_noise_ends_the_connection_with_a_named_error_and_stops_the_work(puppet: Puppet) -> None:
    peer = Peer()
    registry = Registry({"puppet": puppet}, {})
    session = Session(ServerConnection("t", spark=True), registry, None, refuse_unapproved)  # type: ignore[arg-type]
    peer.ask("a")
    peer.out.send_nowait(b"\x00")
    with pytest.raises(RemoteProtocolError, match="binary"):
        await session.run(peer.receive, peer.send)
    assert puppet.inside == []
    peer.close()


async def test_a_public_peer_gets_neither_hello_nor_our_own_messages(puppet: Puppet) -> None:
    async with served(puppet, spark=False) as (peer, session):
        peer.say("spark.configure", engines={"x": {"kind": "replay"}}, routes={}, budget={})
        puppet.say("hello", Started("puppet", "wood"), Chunk("hi"), Finished())
        peer.say("response.create", input="hello", stream_id="s")
        await until(lambda: peer.ending("s"))
        session.leave("the end")
        await anyio.sleep(0.02)
        assert peer.heard[0]["type"] == "response.created"
        assert not [each for each in peer.heard if each["type"].startswith("spark.")]


async def test_a_changed_engine_is_told(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        await until(lambda: peer.heard)
        puppet.reason = "hot"
        await until(lambda: peer.heard[-1]["type"] == "spark.status")
        assert peer.heard[-1]["engines"][0]["reason"] == "hot"


async def test_a_hint_reaches_the_engine_of_completions(puppet: Puppet) -> None:
    async with served(puppet) as (peer, _):
        peer.say(
            "spark.doc.open",
            doc="d1",
            uri="file:///a.py",
            language="python",
            version=1,
            length=4,
            hash=digest("abcd"),
            text="abcd",
        )
        peer.say("spark.doc.focus", doc="d1", version=1, offset=2)
        await until(lambda: puppet.focus or "spark.doc.resync" in [each["type"] for each in peer.heard])
        assert puppet.focus == [Focus("file:///a.py", "python", "abcd", 2)]


# The editor's settings.


class Workshop:
    """Builds puppets and remembers them."""

    def __init__(self) -> None:
        self.built: list[Puppet] = []

    def __call__(self, name: str, settings: EngineSettings) -> Puppet:
        self.built.append(Puppet(name))
        return self.built[-1]


def status(peer: Peer) -> Json:
    return [each for each in peer.heard if each["type"] == "spark.status"][-1]


async def configured(peer: Peer, engines: Mapping[str, Any], routes: Mapping[str, Any]) -> Json:
    before = len([each for each in peer.heard if each["type"] == "spark.status"])
    peer.say("spark.configure", engines=engines, routes=routes, budget={})
    await until(lambda: len([each for each in peer.heard if each["type"] == "spark.status"]) > before)
    return status(peer)


async def test_an_editor_s_engines_and_routes_serve_its_session_and_end_with_it(puppet: Puppet) -> None:
    workshop = Workshop()
    async with served(puppet, build=workshop) as (peer, _):
        told = await configured(peer, {"mine": {"kind": "replay"}}, {"completion": ["mine"]})
        assert [engine["name"] for engine in told["engines"]] == ["mine", "puppet"]  # its route first
        assert told["problems"] == []
        peer.say("response.create", stream_id="a", spark={"task": "complete", "instruction": "a"})
        await until(lambda: workshop.built[0].inside == ["a"])
    assert (workshop.built[0].inside, workshop.built[0].closed) == ([], 1)


async def test_the_same_settings_again_keep_the_engines_and_others_replace_them(puppet: Puppet) -> None:
    workshop = Workshop()
    async with served(puppet, build=workshop) as (peer, _):
        tables = {"one": {"kind": "replay"}, "two": {"kind": "replay"}}
        await configured(peer, tables, {})
        await configured(peer, tables, {})
        assert len(workshop.built) == 2
        await configured(peer, {**tables, "two": {"kind": "replay", "delay_ms": 1}}, {})
        await until(lambda: workshop.built[1].closed)
        assert [engine.closed for engine in workshop.built] == [0, 1, 0]


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "local", "model": "/home/me/x.gguf"},
        {"kind": "local", "model": "x.gguf"},
        {"kind": "local", "model": "..\\x"},
        {"kind": "replay", "text": "/etc/passwd"},
        {"kind": "replay", "texts": {"complete": "a.txt"}},
    ],
)
async def test_files_are_not_taken_from_an_editor_s_settings(puppet: Puppet, table: Json) -> None:
    workshop = Workshop()
    async with served(puppet, build=workshop) as (peer, _):
        told = await configured(peer, {"mine": table, "fine": {"kind": "replay"}}, {"edit": ["mine"]})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "fine"]
        assert len(workshop.built) == 1
        assert "engines.mine (editor): names a file, which only config.toml may do" in told["problems"][0]
        assert told["problems"][1] == "routes.edit (editor): there is no engine 'mine'; it is passed over"


async def test_settings_that_make_no_sense_are_told_and_the_others_used(puppet: Puppet) -> None:
    async with served(puppet, build=Workshop()) as (peer, _):
        engines = {"edit": {"kind": "replay"}, "odd": {"kind": "magic"}, "none": 3, "ok": {"kind": "replay"}}
        told = await configured(peer, engines, {})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "ok"]
        assert [problem.split(" ")[0] for problem in told["problems"]] == [
            "engines.edit",
            "engines.odd.kind",
            "engines.none",
        ]
