"""The gateway's end: in order on a lane, one terminal each, late words dropped."""

import json
from typing import Any

import pytest

from spark_lsp.answer_events import Chunk, Finished, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.errors import LocalProtocolError, RemoteProtocolError
from spark_lsp.request import EngineInfo, Focus
from spark_lsp.wire import server as module
from spark_lsp.wire.credit import LANE_EVENTS
from spark_lsp.wire.frames import Configure, DocRef
from spark_lsp.wire.lanes import MAX_LANES
from spark_lsp.wire.replica_store import digest
from spark_lsp.wire.response_frames import Created
from spark_lsp.wire.send_queue import PAUSE_ENGINE_CHARS
from spark_lsp.wire.server import MAX_STRIKES, ServerConnection
from spark_lsp.wire.server_events import (
    CursorRested,
    ReplicasResumed,
    RequestCancelled,
    RequestReceived,
    SettingsReceived,
)

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
    assert isinstance(event, RequestReceived)
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
    usage, timing = Usage(9, 2, 4), Timing(1.0, 2.0, 3.0, True, 4.0, 3.5, 0.5, True)
    for event in (STARTED, Chunk("a"), Chunk("b"), Finished("stop", usage, timing)):
        assert server.write_event(response, event, now=1.51) == []
    created, delta, told, done = written(server)
    assert created["response"]["spark"] == {
        "engine": "local",
        "model": "qwen",
        "format": "text",
        "simulated": False,
    }
    assert (delta["type"], delta["delta"]) == ("response.output_text.delta", "ab")
    assert told["timing"] == {
        "queue_ms": 1.0,
        "prefill_ms": 2.0,
        "decode_ms": 3.0,
        "ttft_ms": 3.0,
        "overhead_ms": pytest.approx(2.5),  # what is over the true times, not the simulated ones
        "tokens": 2,
        "simulated": True,
        "true_ttft_ms": 4.0,
        "true_decode_ms": 3.5,
        "buffer_ms": 0.5,
        "source_limited": True,
    }
    assert (done["type"], done["response"]["output"]) == ("response.completed", [])
    assert done["response"]["usage"]["total_tokens"] == 11
    assert [event["sequence_number"] for event in (created, delta, told, done)] == [0, 1, 2, 3]
    assert {event["stream_id"] for event in (created, delta, told, done)} == {"ic.0"}
    assert server.list_unfinished() == []
    assert not server.queue


def test_a_lane_is_served_in_order(server: ServerConnection):
    first = asked(server, "a", "one")
    assert ask(server, "a", "two") == []
    other = asked(server, "b", "three")
    server.write_event(first, STARTED)
    (event,) = server.write_event(first, Finished())
    assert isinstance(event, RequestReceived)
    assert event.request.instruction == "two"
    assert len({first, other, event.response}) == 3
    assert set(server.list_unfinished()) == {other, event.response}


def test_a_failure_lets_the_next_one_go_on(server: ServerConnection):
    first = asked(server)
    assert ask(server, instruction="two") == []
    (event,) = server.fail(first, Code.ENGINE_FAILED, "It is gone.")
    assert isinstance(event, RequestReceived)
    failed = written(server)[-1]
    assert failed["response"]["error"] == {"code": Code.ENGINE_FAILED, "message": "It is gone."}
    assert server.fail(first, Code.ENGINE_FAILED, "again") == []
    assert written(server) == []


@pytest.mark.parametrize("by", ["stream_id", "response_id"])
def test_a_cancel_ends_the_response_and_lets_the_next_one_go_on(server: ServerConnection, by: str):
    response = asked(server)
    server.write_event(response, STARTED)
    assert ask(server, instruction="two") == []
    name = "ic.0" if by == "stream_id" else response
    cancelled, following = say(server, "response.cancel", **{by: name})
    assert cancelled == RequestCancelled(response)
    assert following.request.instruction == "two"
    last = written(server)[-1]
    assert last["response"]["incomplete_details"] == {"reason": "cancelled"}
    assert last["type"] == "response.incomplete"


def test_a_waiting_response_is_cancelled_without_ever_being_asked(server: ServerConnection):
    first = asked(server)
    ask(server)
    waiting = server.list_unfinished()[1]
    assert say(server, "response.cancel", response_id=waiting) == []
    assert types(server) == ["spark.timing", "incomplete"]
    assert server.list_unfinished() == [first]
    assert server.write_event(first, Finished()) == []


def test_a_late_cancel_and_late_words_are_ignored(server: ServerConnection):
    response = asked(server)
    server.write_event(response, STARTED)
    say(server, "response.cancel", stream_id="ic.0")
    written(server)
    assert say(server, "response.cancel", stream_id="ic.0") == []
    assert say(server, "response.cancel", response_id=response) == []
    assert say(server, "response.cancel", stream_id="no-such-lane") == []
    for event in (STARTED, Chunk("late"), Finished()):
        assert server.write_event(response, event) == []
    assert written(server) == []


def test_the_default_lane_has_no_name(server: ServerConnection):
    response = asked(server, None)
    server.write_event(response, STARTED)
    assert say(server, "response.cancel") == [RequestCancelled(response)]
    assert all("stream_id" not in event for event in written(server))


def test_text_before_the_start_is_a_bug_of_ours(server: ServerConnection):
    with pytest.raises(LocalProtocolError):
        server.write_event(asked(server), Chunk("x"))


def test_one_lane_too_many_is_an_error_on_it(server: ServerConnection):
    for number in range(MAX_LANES):
        asked(server, f"l{number}")
    assert ask(server, "one-more") == []
    (error,) = written(server)
    assert (error["stream_id"], error["error"]["code"]) == ("one-more", "websocket_stream_limit_reached")


def test_the_first_words_are_urgent_and_later_ones_are_not(server: ServerConnection):
    response = asked(server)
    assert not server.queue.urgent
    server.write_event(response, STARTED)
    assert server.queue.urgent
    written(server)
    server.write_event(response, Chunk("a"))
    assert server.queue.urgent
    written(server)
    server.write_event(response, Chunk("b"))
    assert server.queue
    assert not server.queue.urgent
    server.write_event(response, Finished())
    assert server.queue.urgent


def test_the_same_events_as_frames(server: ServerConnection):
    response = asked(server)
    server.write_event(response, STARTED)
    event = server.pop_frame()
    assert event is not None
    assert isinstance(event, Created)
    assert event.sequence_number == 0
    assert server.pop_frame() is None


def test_the_gateway_speaks_of_itself(server: ServerConnection):
    info = EngineInfo("local", "local", "qwen")
    server.greet("1.2", [info])
    server.report_status([info], ["p"])
    server.announce_end("bye")
    hello, status, goaway = written(server)
    assert (hello["version"], hello["max_lanes"], hello["engines"][0]["name"]) == ("1.2", 32, "local")
    assert (status["engines"][0]["state"], status["problems"]) == ("ready", ["p"])
    assert goaway == {"type": "spark.goaway", "reason": "bye"}


def test_settings(server: ServerConnection):
    expected = SettingsReceived({"e": {"kind": "replay"}}, {"edit": ["e"]}, {})
    assert say(server, "spark.configure", engines=expected.engines, routes=expected.routes) == [expected]


def test_keys_reach_the_gateway_and_no_text_about_the_message(server: ServerConnection):
    [configured] = say(server, "spark.configure", keys={"GPU_KEY": "sk-secret"})
    assert configured.keys == {"GPU_KEY": "sk-secret"}
    assert "sk-secret" not in repr(configured)
    assert "sk-secret" not in repr(Configure(keys=configured.keys))


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
    expected = CursorRested(Focus("file:///a", "python", "abc", 3))
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=3) == [expected]
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=4) == []
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=-1) == []
    assert say(server, "spark.doc.focus", doc="d1", version=2, offset=0) == []
    say(server, "spark.doc.close", doc="d1")
    assert say(server, "spark.doc.focus", doc="d1", version=1, offset=3) == []


# Continuing.


def chat(server: ServerConnection, lane: str | None = None, words: str = "hi", **fields: Any) -> list[Any]:
    return say(server, "response.create", input=words, **({"stream_id": lane} if lane else {}), **fields)


def answered(server: ServerConnection, text: str, events: list[Any]) -> str:
    (asked_,) = events
    assert isinstance(asked_, RequestReceived)
    for event in (STARTED, Chunk(text), Finished()):
        server.write_event(asked_.response, event)
    written(server)
    return asked_.response


def past(events: list[Any]) -> list[tuple[str, str]]:
    (asked_,) = events
    request = asked_.request
    return [(turn.role, turn.text) for turn in request.history] + [("asked", request.instruction)]


def test_a_request_continues_a_response_and_not_its_instructions(server: ServerConnection):
    first = answered(server, "hello", chat(server, "a", instructions="Be brief."))
    second = chat(server, "a", "and?", previous_response_id=first, instructions="Be long.")
    assert past(second) == [("system", "Be long."), ("user", "hi"), ("assistant", "hello"), ("asked", "and?")]
    third = answered(server, "so", second)
    assert past(chat(server, "b", "fork", previous_response_id=third))[-2:] == [
        ("assistant", "so"),
        ("asked", "fork"),
    ]


def test_a_follow_up_may_be_asked_before_the_answer_has_ended(server: ServerConnection):
    (first,) = chat(server, "a")
    assert chat(server, "a", "and?", previous_response_id=first.response) == []
    server.write_event(first.response, STARTED)
    server.write_event(first.response, Chunk("hello"))
    following = server.write_event(first.response, Finished())
    assert past(following) == [("user", "hi"), ("assistant", "hello"), ("asked", "and?")]


def test_what_is_not_here_any_more_is_an_error_and_the_lane_goes_on(server: ServerConnection):
    (first,) = chat(server, "a")
    chat(server, "a", "second", previous_response_id="resp_none")
    chat(server, "a", "third")
    (third,) = server.write_event(first.response, Finished("stop"))
    assert isinstance(third, RequestReceived)
    assert third.request.instruction == "third"
    error = next(event for event in written(server) if event["type"] == "error")
    assert (error["error"]["code"], error["stream_id"]) == ("previous_response_not_found", "a")


def test_a_failed_continuation_evicts_its_parent_and_a_failed_fork_does_not(server: ServerConnection):
    first = answered(server, "hello", chat(server, "a"))
    (fork,) = chat(server, "b", previous_response_id=first)
    server.fail(fork.response, Code.ENGINE_FAILED, "No.")
    (again,) = chat(server, "a", previous_response_id=first)
    server.fail(again.response, Code.ENGINE_FAILED, "No.")
    assert chat(server, "a", previous_response_id=first) == []


def test_a_request_that_cannot_be_served_evicts_its_parent_too(server: ServerConnection):
    first = answered(server, "hello", chat(server, "a"))
    chat(server, "a", background=True, previous_response_id=first)
    assert chat(server, "a", previous_response_id=first) == []


def test_a_cancelled_continuation_leaves_its_parent(server: ServerConnection):
    first = answered(server, "hello", chat(server, "a"))
    chat(server, "a", previous_response_id=first)
    say(server, "response.cancel", stream_id="a")
    assert past(chat(server, "a", "again", previous_response_id=first))[0] == ("user", "hi")


def test_completions_are_not_remembered(server: ServerConnection):
    (event,) = say(server, "response.create", stream_id="a", spark={"task": "complete"})
    answered(server, "x", [event])
    assert chat(server, "a", previous_response_id=event.response) == []


@pytest.mark.parametrize("spark", [True, False])
def test_a_warm_up_has_no_text_and_can_be_continued(spark: bool):
    server = ServerConnection("x", spark=spark)
    (event,) = chat(server, words="long context", generate=False)
    assert event.request.warm
    for said in (STARTED, Chunk("swallowed"), Finished()):
        server.write_event(event.response, said)
    told = written(server)
    assert told[-1]["type"] == "response.completed"
    assert told[-1]["response"]["output"] == []
    assert "swallowed" not in str(told)
    assert past(chat(server, words="now", previous_response_id=event.response)) == [
        ("user", "long context"),
        ("asked", "now"),
    ]


# Steering.


def steer(server: ServerConnection, target: str, given: Any = "shorter") -> list[Any]:
    return say(server, "response.steer", previous_response_id=target, input=given)


@pytest.mark.parametrize("begun", [True, False])
def test_a_steered_response_ends_and_its_successor_goes_on(begun: bool):
    server = ServerConnection("x", spark=False)
    (first,) = chat(server, "a", instructions="Be kind.", max_output_tokens=9)
    chat(server, "a", "waits")
    if begun:
        server.write_event(first.response, STARTED)
        server.write_event(first.response, Chunk("Once"))
    stopped, heir = steer(server, first.response)
    assert stopped == RequestCancelled(first.response)
    said = [("assistant", "Once")] if begun else []
    assert past([heir]) == [("system", "Be kind."), ("user", "hi"), *said, ("asked", "shorter")]
    assert heir.request.max_tokens == 9
    server.write_event(heir.response, STARTED)
    (last,) = server.write_event(heir.response, Finished())
    assert isinstance(last, RequestReceived)
    assert last.request.instruction == "waits"
    told = written(server)
    kinds = [event["type"].removeprefix("response.") for event in told]
    assert kinds.index("steer.accepted") < kinds.index("incomplete") < kinds.index("completed")
    ended = told[kinds.index("incomplete")]
    assert ended["response"]["incomplete_details"] == {"reason": "steered"}
    created = [event["response"] for event in told if event["type"] == "response.created"]
    assert [each["id"] for each in created] == [first.response, heir.response]
    assert created[1]["previous_response_id"] == first.response
    for response in (first.response, heir.response):
        numbers = [event["sequence_number"] for event in told if is_of(event, response)]
        assert numbers == list(range(len(numbers)))
    assert past(chat(server, "b", "more", previous_response_id=heir.response))[-1] == ("asked", "more")


def is_of(event: dict[str, Any], response: str) -> bool:
    """Whether an event tells of this response, and does not only mention it as another's parent."""
    mentions = (event.get("response", {}).get("id"), event.get("item_id"), event.get("item", {}).get("id"))
    steered = event.get("steer", {}).get("previous_response_id")
    return response in (*mentions, steered) or f"msg_{response.removeprefix('resp_')}" in mentions


def test_a_steer_that_cannot_be_is_given_back(server: ServerConnection):
    (first,) = chat(server, "a")
    chat(server, "a", "waits")
    waiting = server.list_unfinished()[1]
    (complete,) = say(server, "response.create", stream_id="c", spark={"task": "complete"})
    ended = answered(server, "x", chat(server, "d"))
    (unwritten,) = chat(server, "e")
    server.write_event(unwritten.response, Finished())
    cases = [
        (first.response, [], "invalid_input"),
        (waiting, "x", "response_not_active"),
        (complete.response, "x", "steering_not_supported"),
        (ended, "x", "response_already_completed"),
        (unwritten.response, "x", "response_already_completed"),
        ("resp_none", "x", "response_not_found"),
    ]
    for target, given, code in cases:
        assert steer(server, target, given) == []
        (failed,) = [event for event in written(server) if event["type"] == "response.steer.failed"]
        assert failed["error"]["code"] == code
        assert failed["steer"] == {"previous_response_id": target, "input": given}
        assert failed["sequence_number"] >= 0
    assert first.response in server.list_unfinished()


# Timing.


def test_a_public_client_that_asks_for_it_is_told_where_the_time_went():
    server = ServerConnection("x", spark=False, timing=True)
    (event,) = chat(server)
    server.write_event(event.response, STARTED)
    server.write_event(event.response, Finished("stop", Usage(1, 5), Timing(1.0, 2.0, 8.0)), now=1.52)
    *_, told, _ = written(server)
    assert told["type"] == "responsesapi.websocket_timing"
    metrics = told["timing_metrics"]
    assert metrics["responses_duration_excl_engine_and_client_tool_time_ms"] == pytest.approx(9.0)
    assert metrics["engine_iapi_tbt_across_engine_calls_ms"] == 2.0
    assert "time_info" not in told


def test_a_public_client_is_told_a_simulated_machine_s_times_too():
    server = ServerConnection("x", spark=False, timing=True)
    (event,) = chat(server)
    server.write_event(event.response, STARTED)
    server.write_event(event.response, Finished("stop", Usage(1, 5), Timing(1.0, 2.0, 8.0, True, 9.0, 8.0)))
    *_, told, _ = written(server)
    assert told["time_info"] == pytest.approx(
        {"queue_time": 0.001, "prompt_time": 0.002, "completion_time": 0.008, "total_time": 0.011}
    )


# Limits.


def test_too_much_at_once_is_refused_and_counts_nobody_out(
    server: ServerConnection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_UNFINISHED", 2)
    first = asked(server, "a")
    ask(server, "a")
    assert ask(server, "b") == []
    (error,) = written(server)
    assert (error["status"], error["error"]["code"]) == (429, "rate_limit_exceeded")
    server.write_event(first, Finished())
    written(server)
    asked(server, "b")


def test_too_much_text_at_once_is_refused(server: ServerConnection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_HELD_CHARS", 10)
    first = asked(server, "a", "12345678")
    assert ask(server, "b", "123") == []
    server.write_event(first, Finished())
    written(server)
    asked(server, "b", "123")


def test_a_connection_that_is_too_old_takes_nothing_new_and_lets_answers_end(server: ServerConnection):
    response = asked(server)
    server.expire()
    assert ask(server, "b") == []
    server.write_event(response, Finished())
    told = written(server)
    assert [event.get("error", {}).get("code") for event in told[:2]] == [Code.CONNECTION_LIMIT] * 2
    assert told[-1]["type"] == "response.completed"


def test_errors_in_a_row_end_the_connection_and_served_requests_between_them_do_not(server: ServerConnection):
    for _ in range(2):
        for _ in range(MAX_STRIKES):
            server.receive("noise", 0.0)
        say(server, "response.cancel", response_id=asked(server))
    for _ in range(MAX_STRIKES):
        server.receive("noise", 0.0)
    with pytest.raises(RemoteProtocolError) as caught:
        server.receive("noise", 0.0)
    assert caught.value.code == "too_many_errors"


# Credit.


def test_text_goes_on_credit_and_a_cancel_frees_what_waits(server: ServerConnection):
    first, second = asked(server, "a"), asked(server, "b")
    for response in (first, second):
        server.write_event(response, STARTED)
    for _ in range(LANE_EVENTS + 5):
        server.write_event(first, Chunk("x"))
        server.pop()
    server.write_event(second, Chunk("hello"))
    assert [event["delta"] for event in written(server) if "delta" in event] == ["hello"]
    assert server.queue
    say(server, "spark.credit", stream_id="a", events=1, bytes=1)
    (more,) = written(server)
    assert more["delta"] == "x" * len(more["delta"])
    server.write_event(first, Chunk("tail"))
    assert say(server, "response.cancel", stream_id="a") == [RequestCancelled(first)]
    assert types(server) == ["spark.timing", "incomplete"]


@pytest.mark.parametrize("by", ["stream_id", "response_id"])
def test_a_late_cancel_frees_text_that_still_waits_for_credit(server: ServerConnection, by: str):
    response, other = asked(server, "a"), asked(server, "b")
    server.write_event(response, STARTED)
    server.write_event(other, STARTED)
    for _ in range(LANE_EVENTS + 1):
        server.write_event(response, Chunk("x"))
        written(server)
    server.write_event(response, Finished())
    assert types(server) == []
    assert say(server, "response.cancel", **{by: "a" if by == "stream_id" else response}) == []
    assert types(server) == ["spark.timing", "completed"]


def test_an_engine_that_is_faster_than_its_reader_should_pause(server: ServerConnection):
    response = asked(server)
    server.write_event(response, STARTED)
    server.write_event(response, Chunk("x" * PAUSE_ENGINE_CHARS))
    assert server.queue.is_full(response)
    assert not server.queue.is_congested


# Going on with an earlier connection's mirror.


def test_a_mirror_is_taken_over_and_what_differs_is_asked_for(server: ServerConnection):
    for doc in ("d1", "d2", "d3"):
        open_document(server, doc=doc)
    later = ServerConnection("y", spark=True)
    references = [["d1", 1, digest("abc")], ["d2", 1, digest("other")], ["d4", 1, digest("abc")]]
    (event,) = say(later, "spark.resume", session="s", documents=references)
    assert event == ReplicasResumed("s", tuple(DocRef(*each) for each in references))
    later.documents.adopt_replicas(server.documents.replicas.copy(), event.documents)
    assert [told["doc"] for told in written(later)] == ["d2", "d4"]
    assert later.documents.replicas.find("d1", 1) is not None
    assert later.documents.replicas.find("d3", 1) is None


def test_without_an_earlier_mirror_everything_is_asked_for(server: ServerConnection):
    server.documents.adopt_replicas(None, [DocRef("d1", 1, digest("abc"))])
    assert types(server) == ["spark.doc.resync"]


def test_a_half_sent_document_is_not_copied(server: ServerConnection):
    open_document(server, length=9)
    assert server.documents.replicas.copy().size == 0
    open_document(server)
    assert server.documents.replicas.copy().size == 3


# Whom we do not understand.


@pytest.mark.parametrize("message", [b"{}", "", "[]", "[" * 100_000, '{"type":"spark.doc.close"}'])
def test_what_no_peer_of_this_protocol_sends_is_an_error_without_a_lane(
    server: ServerConnection, message: str | bytes
):
    response = asked(server)
    assert server.receive(message, 0.0) == []
    (error,) = written(server)
    assert error["type"] == "error"
    assert "stream_id" not in error
    assert server.list_unfinished() == [response]


def test_a_wrong_request_is_an_error_on_its_lane(server: ServerConnection):
    assert say(server, "response.create", stream_id="a", input=5) == []
    assert say(server, "response.create", stream_id="", input="x") == []
    on_its_lane, on_none = written(server)
    assert on_its_lane["stream_id"] == "a"
    assert (on_none["error"]["code"], "stream_id" in on_none) == ("invalid_stream_id", False)


@pytest.mark.parametrize("kind", ["response.cancel", "spark.configure", "spark.credit", ""])
def test_a_public_client_can_only_ask(kind: str):
    server = ServerConnection("x", spark=False)
    asked(server)
    assert say(server, kind, stream_id="ic.0", events=1, bytes=1) == []
    assert len(server.list_unfinished()) == 1


def test_missing_context_is_requested_and_the_request_goes_on(server: ServerConnection):
    open_document(server)
    context = [{"kind": "file", "doc": "d9", "version": 2, "range": [0, 1], "uri": "b.py"}]
    (event,) = say(
        server, "response.create", stream_id="ic.0", spark={"at": ["d1", 1, 1], "context": context}
    )
    assert [part.kind for part in event.request.parts] == ["prefix", "suffix"]
    assert [each for each in written(server) if each["type"] == "spark.doc.resync"] == [
        {"type": "spark.doc.resync", "doc": "d9"}
    ]
