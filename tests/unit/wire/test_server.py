"""The gateway's end: in order on a lane, one terminal each, late words dropped."""

import json
from typing import Any

import pytest

from spark_lsp.errors import LocalProtocolError, RemoteProtocolError
from spark_lsp.request import Chunk, EngineInfo, Finished, Focus, Started, Timing, Usage
from spark_lsp.wire.lanes import MAX_LANES
from spark_lsp.wire.mirror import digest
from spark_lsp.wire.server import Asked, Cancelled, Configured, Focused, ServerConnection

STARTED = Started("local", "qwen")


@pytest.fixture
def server() -> ServerConnection:
    return ServerConnection("x", spark=True)


def say(server: ServerConnection, kind: str, **fields: Any) -> list[Any]:
    return server.receive(json.dumps({"type": kind, **fields}), 1.5)


def ask(server: ServerConnection, lane: str | None = "ic.0", instruction: str = "q") -> list[Any]:
    spark = {"task": "edit", "instruction": instruction}
    return say(server, "response.create", stream_id=lane, spark=spark)


def asked(server: ServerConnection, lane: str | None = "ic.0", instruction: str = "q") -> str:
    (event,) = ask(server, lane, instruction)
    assert isinstance(event, Asked)
    return event.response


def open_document(server: ServerConnection, text: str = "abc", **fields: Any) -> None:
    values = {"doc": "d1", "uri": "file:///a", "language": "python", "version": 1, "text": text}
    say(server, "spark.doc.open", **{**values, "length": len(text), "hash": digest(text), **fields})


def written(server: ServerConnection) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while (message := server.pop()) is not None:
        events.append(json.loads(message))
    return events


def types(server: ServerConnection) -> list[str]:
    return [event["type"].removeprefix("response.") for event in written(server)]


def test_an_answer_says_only_what_is_news(server: ServerConnection):
    response = asked(server)
    usage, timing = Usage(9, 2, 4), Timing(1.0, 2.0, 3.0, True)
    for event in (STARTED, Chunk("a"), Chunk("b"), Finished("stop", usage, timing)):
        assert server.answer(response, event) == []
    created, delta, told, done = written(server)
    assert created["response"]["spark"] == {
        "engine": "local",
        "model": "qwen",
        "format": "text",
        "simulated": False,
    }
    assert (delta["type"], delta["delta"]) == ("response.output_text.delta", "ab")
    assert told["timing"] == {"queue_ms": 1.0, "prefill_ms": 2.0, "decode_ms": 3.0, "simulated": True}
    assert (done["type"], done["response"]["output"]) == ("response.completed", [])
    assert done["response"]["usage"]["total_tokens"] == 11
    assert [event["sequence_number"] for event in (created, delta, told, done)] == [0, 1, 2, 3]
    assert {event["stream_id"] for event in (created, delta, told, done)} == {"ic.0"}
    assert server.unfinished() == []
    assert not server.pending


def test_a_lane_is_served_in_order(server: ServerConnection):
    first = asked(server, "a", "one")
    assert ask(server, "a", "two") == []
    other = asked(server, "b", "three")
    server.answer(first, STARTED)
    (event,) = server.answer(first, Finished())
    assert isinstance(event, Asked)
    assert event.request.instruction == "two"
    assert len({first, other, event.response}) == 3
    assert set(server.unfinished()) == {other, event.response}


def test_a_failure_lets_the_next_one_go_on(server: ServerConnection):
    first = asked(server)
    assert ask(server, instruction="two") == []
    (event,) = server.fail(first, "engine_failed", "It is gone.")
    assert isinstance(event, Asked)
    failed = written(server)[-1]
    assert failed["response"]["error"] == {"code": "engine_failed", "message": "It is gone."}
    assert server.fail(first, "engine_failed", "again") == []
    assert written(server) == []


@pytest.mark.parametrize("by", ["stream_id", "response_id"])
def test_a_cancel_ends_the_response_and_lets_the_next_one_go_on(server: ServerConnection, by: str):
    response = asked(server)
    server.answer(response, STARTED)
    assert ask(server, instruction="two") == []
    name = "ic.0" if by == "stream_id" else response
    cancelled, following = say(server, "response.cancel", **{by: name})
    assert cancelled == Cancelled(response)
    assert following.request.instruction == "two"
    last = written(server)[-1]
    assert last["response"]["incomplete_details"] == {"reason": "cancelled"}
    assert last["type"] == "response.incomplete"


def test_a_waiting_response_is_cancelled_without_ever_being_asked(server: ServerConnection):
    first = asked(server)
    ask(server)
    waiting = server.unfinished()[1]
    assert say(server, "response.cancel", response_id=waiting) == []
    assert types(server) == ["spark.timing", "incomplete"]
    assert server.unfinished() == [first]
    assert server.answer(first, Finished()) == []


def test_a_late_cancel_and_late_words_are_ignored(server: ServerConnection):
    response = asked(server)
    server.answer(response, STARTED)
    say(server, "response.cancel", stream_id="ic.0")
    written(server)
    assert say(server, "response.cancel", stream_id="ic.0") == []
    assert say(server, "response.cancel", response_id=response) == []
    assert say(server, "response.cancel", stream_id="no-such-lane") == []
    for event in (STARTED, Chunk("late"), Finished()):
        assert server.answer(response, event) == []
    assert written(server) == []


def test_the_default_lane_has_no_name(server: ServerConnection):
    response = asked(server, None)
    server.answer(response, STARTED)
    assert say(server, "response.cancel") == [Cancelled(response)]
    assert all("stream_id" not in event for event in written(server))


def test_text_before_the_start_is_a_bug_of_ours(server: ServerConnection):
    with pytest.raises(LocalProtocolError):
        server.answer(asked(server), Chunk("x"))


def test_one_lane_too_many_is_an_error_on_it(server: ServerConnection):
    for number in range(MAX_LANES):
        asked(server, f"l{number}")
    assert ask(server, "one-more") == []
    (error,) = written(server)
    assert (error["stream_id"], error["error"]["code"]) == ("one-more", "websocket_stream_limit_reached")


def test_the_first_words_are_urgent_and_later_ones_are_not(server: ServerConnection):
    response = asked(server)
    assert not server.urgent
    server.answer(response, STARTED)
    assert server.urgent
    written(server)
    server.answer(response, Chunk("a"))
    assert server.urgent
    written(server)
    server.answer(response, Chunk("b"))
    assert server.pending
    assert not server.urgent
    server.answer(response, Finished())
    assert server.urgent


def test_the_same_events_as_objects(server: ServerConnection):
    response = asked(server)
    server.answer(response, STARTED)
    event = server.pop_event()
    assert event is not None
    assert (event["type"], event["sequence_number"]) == ("response.created", 0)
    assert server.pop_event() is None


def test_the_gateway_speaks_of_itself(server: ServerConnection):
    info = EngineInfo("local", "local", "qwen")
    server.hello("1.2", [info])
    server.status([info], ["p"])
    server.goaway("bye")
    hello, status, goaway = written(server)
    assert (hello["version"], hello["max_lanes"], hello["engines"][0]["name"]) == ("1.2", 32, "local")
    assert (status["engines"][0]["state"], status["problems"]) == ("ready", ["p"])
    assert goaway == {"type": "spark.goaway", "reason": "bye"}


def test_settings(server: ServerConnection):
    expected = Configured({"e": {"kind": "replay"}}, {"edit": ["e"]}, {})
    assert say(server, "spark.configure", engines=expected.engines, routes=expected.routes) == [expected]


# Documents.


def test_a_document_that_does_not_fit_is_asked_for_again(server: ServerConnection):
    open_document(server)
    say(server, "spark.doc.edit", doc="d1", base=1, version=2, edits=[[0, 1, "x"]], length=3)
    say(server, "spark.doc.check", doc="d1", version=2, hash=digest("xbc"))
    assert written(server) == []
    say(server, "spark.doc.check", doc="d1", version=2, hash=digest("abc"))
    say(server, "spark.doc.chunk", doc="d2", version=2, text="x")
    say(server, "spark.doc.edit", doc="d3", base=1, version=2, edits=[], length=0)
    open_document(server, doc="d4", hash="wrong")
    asked_again = [(event["type"], event["doc"]) for event in written(server)]
    assert asked_again == [("spark.doc.resync", doc) for doc in ("d1", "d2", "d3", "d4")]


def test_a_document_is_asked_for_once_however_many_changes_come_meanwhile(server: ServerConnection):
    for version in range(2, 6):
        say(server, "spark.doc.edit", doc="d1", base=version - 1, version=version, edits=[], length=0)
    assert types(server) == ["spark.doc.resync"]
    open_document(server, version=5)
    say(server, "spark.doc.edit", doc="d1", base=9, version=10, edits=[], length=0)
    assert types(server) == ["spark.doc.resync"]


def test_a_request_that_cites_what_is_not_here_is_an_error_and_the_document_is_asked_for(
    server: ServerConnection,
):
    open_document(server)
    part = {"kind": "prefix", "doc": "d1", "version": 2, "range": [0, 1]}
    assert say(server, "response.create", stream_id="ic.0", spark={"parts": [part]}) == []
    resync, error = written(server)
    assert (resync["type"], resync["doc"]) == ("spark.doc.resync", "d1")
    assert (error["stream_id"], error["error"]["code"]) == ("ic.0", "document_unknown")


def test_where_the_cursor_rests(server: ServerConnection):
    open_document(server)
    expected = Focused(Focus("file:///a", "python", "abc", 3))
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=3) == [expected]
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=4) == []
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=-1) == []
    assert say(server, "spark.doc.focus", doc="d1", version=2, offset=0) == []
    say(server, "spark.doc.close", doc="d1")
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=3) == []


# Whom we do not understand.


@pytest.mark.parametrize("message", [b"{}", "", "[]", '{"type":"spark.doc.close"}'])
def test_what_no_peer_of_this_protocol_sends_ends_the_connection(server: ServerConnection, message: str):
    with pytest.raises(RemoteProtocolError):
        server.receive(message, 0.0)


@pytest.mark.parametrize("kind", ["response.cancel", "spark.configure", "response.steer", ""])
def test_a_public_client_can_only_ask(kind: str):
    server = ServerConnection("x", spark=False)
    asked(server)
    assert say(server, kind, stream_id="ic.0") == []
    assert len(server.unfinished()) == 1
