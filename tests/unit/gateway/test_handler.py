"""One connection joined to engines: lanes, cancels, limits, failures, and the end."""

import json
import time
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.app import refuse_unapproved
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.gateway import writer as writer_module
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.registry import Registry
from spark_lsp.gateway.replica_cache import ReplicaCache
from spark_lsp.request import Focus
from spark_lsp.wire.replica_store import digest
from spark_lsp.wire.server import MAX_STRIKES, ServerConnection

pytestmark = pytest.mark.anyio


async def test_a_request_is_answered_on_its_lane(puppet: Any, served: Any, until: Any) -> None:
    puppet.say("a", Started("puppet", "wood"), Chunk("one "), Chunk("two"), Finished())
    async with served(puppet) as (peer, session):
        peer.ask("a")
        await until(lambda: peer.ending("a"))
        assert peer.heard[0]["type"] == "spark.hello"
        assert peer.text("a") == "one two"
        assert peer.ending("a") == ["response.completed"]
        assert not session.is_busy


async def test_the_first_text_is_sent_alone_and_at_once_and_further_text_together(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet) as (peer, _):
        peer.ask("a")
        puppet.say("a", Started("puppet", "wood"), Chunk("first"))
        await until(lambda: peer.text("a") == "first")
        puppet.say("a", *[Chunk(f" {number}") for number in range(200)])
        await until(lambda: peer.text("a").endswith(" 199"))
        deltas = [each for each in peer.of("a") if "delta" in each]
        assert len(deltas) <= 5


async def test_a_first_text_does_not_wait_for_the_gathering_of_another_lane_s(
    puppet: Any, monkeypatch: pytest.MonkeyPatch, served: Any, until: Any
) -> None:
    monkeypatch.setattr(writer_module, "GATHER_S", 60)
    async with served(puppet) as (peer, _):
        peer.ask("a")
        puppet.say("a", Started("puppet", "wood"), Chunk("first"))
        await until(lambda: peer.text("a") == "first")
        puppet.say("a", Chunk(" second"))
        await anyio.sleep(0.02)
        assert peer.text("a") == "first"
        peer.ask("b")
        puppet.say("b", Started("puppet", "wood"), Chunk("mine"))
        await until(lambda: peer.text("b") == "mine")


async def test_fault_31_work_that_is_slow_to_stop_counts_until_it_has(
    served: Any, until: Any, stubborn: Any
) -> None:
    """A flood of questions and cancels: each ends at once for the peer, no more than 16 work."""
    async with served(stubborn) as (peer, _):
        lanes = [f"l{number % 8}" for number in range(200)]
        for lane in lanes:
            peer.ask(lane)
            peer.say("response.cancel", stream_id=lane)
        await until(lambda: sum(len(peer.ending(lane)) for lane in set(lanes)) == 200)
        assert len(stubborn.inside) <= 16
        peer.ask("last")
        await anyio.sleep(0.02)
        assert stubborn.most == 16
        assert "last" not in stubborn.inside
        stubborn.release.set()
        await until(lambda: stubborn.inside == ["last"])


async def test_two_windows_with_the_same_document_do_not_supersede_each_other(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet) as (one, _), served(puppet) as (two, _):
        one.ask("one", "complete", "a.py")
        two.ask("two", "complete", "a.py")
        await until(lambda: sorted(puppet.inside) == ["one", "two"])
        for peer, lane in ((one, "one"), (two, "two")):
            puppet.say(lane, Started("puppet", "wood"), Chunk(lane), Finished())
            await until(lambda peer=peer, lane=lane: peer.ending(lane))
            assert peer.text(lane) == lane
        assert one.of("two") == two.of("one") == []


async def test_one_failure_leaves_the_neighbours(puppet: Any, served: Any, until: Any) -> None:
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


async def test_an_engine_that_just_ends_is_a_failure_and_not_a_silence(
    served: Any, until: Any, silent: Any
) -> None:
    async with served(silent) as (peer, _):
        peer.ask("a")
        await until(lambda: peer.ending("a"))
        assert peer.ending("a") == ["response.failed"]
        assert "broke off" in peer.of("a")[-1]["response"]["error"]["message"]


async def test_an_unknown_model_is_refused_by_name(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (peer, _):
        peer.say("response.create", stream_id="a", model="gpt-5", spark={"task": "edit"})
        await until(lambda: peer.ending("a"))
        assert peer.of("a")[-1]["response"]["error"]["code"] == "model_not_found"


async def test_a_cancel_stops_the_engine_and_ends_the_response_once(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet) as (peer, session):
        peer.ask("a")
        puppet.say("a", Started("puppet", "wood"), Chunk("x"))
        await until(lambda: peer.text("a"))
        peer.say("response.cancel", stream_id="a")
        peer.say("response.cancel", stream_id="a")
        await until(lambda: not puppet.inside and peer.ending("a"))
        assert peer.ending("a") == ["response.incomplete"]
        assert peer.of("a")[-1]["response"]["incomplete_details"] == {"reason": "cancelled"}
        await until(lambda: not session.is_busy)


async def test_a_newer_completion_supersedes_the_older_one_of_its_document(
    puppet: Any, served: Any, until: Any
) -> None:
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


async def test_no_more_than_sixteen_run_at_once_and_all_are_answered(
    puppet: Any, served: Any, until: Any
) -> None:
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


async def test_the_end_of_the_connection_stops_everything(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (peer, _):
        for lane in ("a", "b"):
            peer.ask(lane)
        await until(lambda: len(puppet.inside) == 2)
    assert puppet.inside == []
    assert puppet.closed == 0  # the gateway's engines outlive its connections


async def test_a_peer_that_stops_reading_blocks_neither_engines_nor_cancels(
    puppet: Any, served: Any, until: Any
) -> None:
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


async def test_noise_ends_the_connection_with_a_named_error_and_stops_the_work(
    puppet: Any, peer: Any
) -> None:
    registry = Registry({"puppet": puppet}, {})
    connection, cache = ServerConnection("t", spark=True), ReplicaCache(time.monotonic)
    session = ConnectionHandler(connection, registry, None, refuse_unapproved, cache)  # type: ignore[arg-type]
    peer.ask("a")
    for _ in range(MAX_STRIKES + 1):
        peer.out.send_nowait(b"\x00")
    with pytest.raises(RemoteProtocolError, match="binary"):
        await session.run(peer.receive, peer.send)
    assert puppet.inside == []


async def test_a_public_peer_gets_neither_hello_nor_our_own_messages(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet, spark=False) as (peer, session):
        peer.say("spark.configure", engines={"x": {"kind": "replay"}}, routes={}, budget={})
        puppet.say("hello", Started("puppet", "wood"), Chunk("hi"), Finished())
        peer.say("response.create", input="hello", stream_id="s")
        await until(lambda: peer.ending("s"))
        session.announce_end("the end")
        await anyio.sleep(0.02)
        assert peer.heard[0]["type"] == "response.created"
        assert not [each for each in peer.heard if each["type"].startswith("spark.")]


async def test_a_changed_engine_is_told(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (peer, _):
        await until(lambda: peer.heard)
        puppet.reason = "hot"
        await until(lambda: peer.heard[-1]["type"] == "spark.status")
        assert peer.heard[-1]["engines"][0]["reason"] == "hot"


async def test_a_hint_reaches_the_engine_of_completions(puppet: Any, served: Any, until: Any) -> None:
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


async def test_the_end_of_a_connection_on_which_answers_end_and_others_wait_is_quiet(
    puppet: Any, served: Any, until: Any
) -> None:
    """A task that waited for work is gone already when a response that just ends makes room for another."""
    async with served(puppet) as (peer, _):
        for number in range(20):
            peer.ask(f"l{number}")
            puppet.say(f"l{number}", Started("puppet", "wood"))
        await until(lambda: len(puppet.inside) == 16)
        puppet.say("l0", Finished())
        await until(lambda: "l16" in puppet.inside)
        peer.gone()
        puppet.say("l1", Finished())
    assert puppet.inside == []


async def test_a_stop_signal_while_a_connection_starts_reaches_its_peer_after_the_greeting(
    puppet: Any, peer: Any, workshop: Any, until: Any
) -> None:
    """The gateway knows the handler before it runs, and a signal tells all handlers that the gateway ends."""
    registry = Registry({"puppet": puppet}, {"edit": ("puppet",)})
    handler = ConnectionHandler(
        ServerConnection("t", spark=True),
        registry,
        workshop,
        refuse_unapproved,
        ReplicaCache(time.monotonic),
    )
    handler.announce_end("the gateway is ending")
    async with anyio.create_task_group() as group:
        group.start_soon(handler.run, peer.receive, peer.send)
        await until(lambda: len(peer.heard) == 2)
        peer.gone()
    assert [message["type"] for message in peer.heard] == ["spark.hello", "spark.goaway"]
    assert peer.heard[1]["reason"] == "the gateway is ending"
    assert not handler.is_busy
