"""Events of a service, its errors, and its addresses: what is read and what becomes of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings, Settings, read_engine
from spark_lsp.engine.responses.address import address_of
from spark_lsp.engine.responses.connection import BASE_LANES, REQUEST_LANES, Outgoing, PublicConnection
from spark_lsp.engine.responses.creates import Call
from spark_lsp.engine.responses.errors import make_refused_error
from spark_lsp.engine.responses.events import Refusal, ResponseReader, decode, read_refusal
from spark_lsp.engine.responses.obstacles import find_obstacle
from spark_lsp.engine.responses.standing import FIRST_PAUSE_S, Standing
from spark_lsp.errors import EngineError, LocalProtocolError, RemoteProtocolError
from spark_lsp.lsp.settings_parsing import collect_keys
from spark_lsp.privacy.approvals import approval_requests_of
from spark_lsp.wire.client_events import Alive, Answered, Failed, Leaving


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def read(*messages: str) -> tuple[list[Event], ResponseReader]:
    reader = ResponseReader()
    return [event for each in messages for event in reader.feed(decode(each))], reader


# Events.

KINDS = ["response.created", "response.completed", "response.failed", "response.incomplete", "error", "x"]
KINDS += ["response.output_item.done", "response.output_text.delta", "responsesapi.websocket_timing"]
TEXT_ITEM = {"type": "message", "content": [{"type": "output_text", "text": "ab"}]}


def test_deltas_are_not_repeated_by_the_item_or_the_end() -> None:
    events, reader = read(
        message("response.created", response={"id": "r", "model": "m"}),
        message("response.output_text.delta", delta="a"),
        message("response.output_text.delta", delta="b"),
        message("response.output_item.done", item=TEXT_ITEM),
        message("response.completed", response={"id": "r", "output": [TEXT_ITEM]}),
    )
    assert events == [Started("", "m"), Chunk("a"), Chunk("b"), Finished()]
    assert (reader.response_id, reader.has_ended, reader.refusal) == ("r", True, None)


def test_the_smallest_answers() -> None:
    item = message("response.output_item.done", item=TEXT_ITEM)
    end = message("response.completed", response={"id": "r"})
    assert read(item, end)[0] == [Started("", ""), Chunk("ab"), Finished()]
    whole = message("response.completed", response={"id": "r", "output": [TEXT_ITEM]})
    assert read(whole)[0] == [Started("", ""), Chunk("ab"), Finished()]


def test_usage_times_and_why_it_ended_early() -> None:
    usage = {
        "input_tokens": 9,
        "output_tokens": 3,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    times = {"queue_time": 0.001, "prompt_time": 0.002, "completion_time": 0.003}
    response = {"usage": usage, "incomplete_details": {"reason": "max_output_tokens"}}
    events, reader = read(
        message("responsesapi.websocket_timing", time_info=times),
        message("response.incomplete", response=response),
    )
    assert events[-1] == Finished("length", Usage(9, 3, 8), Timing(1.0, 2.0, 3.0))
    assert reader.reasoning_tokens == 2
    assert read(
        message("response.incomplete", response={"incomplete_details": {"reason": "content_filter"}})
    )[1].was_filtered


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "model", "error", "usage", "output", "item", "content", "code", "a"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(KINDS),
)
def test_no_field_of_any_type_fails_the_reader(value: Any, kind: str) -> None:
    fields = dict.fromkeys(["response", "delta", "item", "error", "headers", "code", "time_info"], value)
    read(message(kind, **fields))


@given(st.text() | st.binary())
def test_garbage_is_only_a_protocol_error(garbage: str | bytes) -> None:
    try:
        decode(garbage)
    except RemoteProtocolError:
        return
    assert isinstance(json.loads(garbage), dict)


def test_lone_surrogates_are_read() -> None:
    assert read('{"type":"response.output_text.delta","delta":"\\ud800"}')[0][1:] == [Chunk("\ud800")]


# Errors.


@pytest.mark.parametrize(
    ("refusal", "code", "wait"),
    [
        (Refusal(429, "rate_limit_exceeded", "Please try again in 1m30s."), Code.RATE_LIMIT_EXCEEDED, 90.0),
        (Refusal(0, "rate_limit_exceeded", "Try again in 11.5 seconds"), Code.RATE_LIMIT_EXCEEDED, 11.5),
        (Refusal(0, "rate_limit_exceeded", "Try again in 28ms"), Code.RATE_LIMIT_EXCEEDED, 0.028),
        (Refusal(429, "rate_limit_exceeded", "", "", {"retry-after": "7"}), Code.RATE_LIMIT_EXCEEDED, 7.0),
        (Refusal(429, "insufficient_quota"), Code.RATE_LIMIT_EXCEEDED, 600.0),
        (Refusal(0, "usage_limit_reached"), Code.RATE_LIMIT_EXCEEDED, 600.0),
        (Refusal(401, "invalid_api_key"), Code.ENGINE_UNAVAILABLE, 0.0),
        (Refusal(400, "context_length_exceeded"), Code.CONTEXT_LENGTH_EXCEEDED, 0.0),
        (Refusal(0, "server_error"), Code.ENGINE_FAILED, 0.0),
        (Refusal(), Code.ENGINE_FAILED, 0.0),
    ],
)
def test_codes_of_errors(refusal: Refusal, code: Code, wait: float) -> None:
    error = make_refused_error("spark", refusal)
    assert (error.code, error.retry_after) == (code, pytest.approx(wait))


def test_a_message_never_quotes_the_service() -> None:
    error = make_refused_error("spark", Refusal(400, "invalid_prompt", "your prompt 'secret = 1' is bad"))
    assert "secret" not in str(error)


def test_errors_nested_or_flat() -> None:
    nested = decode(message("error", status=400, error={"code": "a", "message": "b", "param": "c"}))
    flat = decode(message("error", code="a", message="b", param="c"))
    assert read_refusal(nested) == Refusal(400, "a", "b", "c")
    assert read_refusal(flat) == Refusal(0, "a", "b", "c")


def test_only_optional_fields_are_left_out() -> None:
    sent = frozenset(("input", "store", "reasoning", "max_output_tokens"))
    assert make_refused_error("x", Refusal(400, param="reasoning.effort")).refused_of(sent) == {"reasoning"}
    assert make_refused_error("x", Refusal(400, param="store")).refused_of(sent) == frozenset()
    assert make_refused_error("x", Refusal(500, param="reasoning")).refused_of(sent) == frozenset()
    call = Call("a", "r", "low", 9)
    assert "reasoning" not in call.body("m", {"reasoning"})
    assert call.body("m")["store"] is False


# Lanes.


def created(lane: str, **fields: Any) -> str:
    return message("response.created", response={"id": "r"}, stream_id=lane, **fields)


def test_lanes_are_sixteen_at_once_of_a_fixed_pool() -> None:
    connection = PublicConnection("spark")
    first = connection.create(Outgoing({}))
    with pytest.raises(LocalProtocolError):  # until the server has shown that it knows lanes
        connection.create(Outgoing({}))
    connection.receive(created(first))
    lanes = [first, *(connection.create(Outgoing({})) for _ in range(15))]
    assert lanes == list(REQUEST_LANES)
    with pytest.raises(LocalProtocolError):
        connection.create(Outgoing({}, BASE_LANES[0]))
    connection.receive(message("response.completed", response={}, stream_id="a.3"))
    assert connection.create(Outgoing({}, BASE_LANES[0])) == "b.0"


def test_a_cancelled_lane_is_busy_until_its_end_and_says_nothing() -> None:
    connection = PublicConnection("spark")
    lane = connection.create(Outgoing({}))
    connection.cancel(lane)
    assert connection.receive(created(lane)) == []
    assert connection.receive(message("response.output_text.delta", delta="a", stream_id=lane)) == []
    assert connection.busy_lanes == {lane}
    assert connection.receive(message("response.completed", response={}, stream_id=lane)) == []
    assert connection.busy_lanes == frozenset()


def test_events_of_a_lane_go_to_it_alone() -> None:
    connection = PublicConnection("spark")
    one = connection.create(Outgoing({}))
    connection.receive(created(one))
    two = connection.create(Outgoing({}))
    assert connection.receive(message("response.output_text.delta", delta="a", stream_id=two)) == [
        Answered(two, Started("", "")),
        Answered(two, Chunk("a")),
    ]
    assert connection.receive(message("response.output_text.delta", delta="a", stream_id="b.9")) == []
    assert connection.receive(message("response.reasoning_text.delta", stream_id=one)) == [Alive(one)]
    assert connection.receive(message("response.completed", response={}, stream_id="b.9")) == []
    assert [type(each) for each in connection.lose_connection()] == [Failed, Failed]


def test_a_limit_of_the_connection_announces_its_end() -> None:
    connection = PublicConnection("spark")
    lane = connection.create(Outgoing({}))
    connection.receive(created(lane))
    limit = {"code": "websocket_connection_limit_reached"}
    assert connection.receive(message("error", error=limit)) == [Leaving(limit["code"])]
    failed, leaving = connection.receive(message("error", error=limit, stream_id=lane))
    assert isinstance(failed, Failed)
    assert leaving == Leaving(limit["code"])


# Addresses, profiles, keys.


@pytest.mark.parametrize(
    ("url", "websocket", "http"),
    [
        (
            "https://api.openai.com/v1",
            "wss://api.openai.com/v1/responses",
            "https://api.openai.com/v1/responses",
        ),
        ("http://h:1/v1/responses/", "ws://h:1/v1/responses", "http://h:1/v1/responses"),
        ("ws://h:1/v1", "ws://h:1/v1/responses", "http://h:1/v1/responses"),
        ("wss://h/v1/chat/completions", "wss://h/v1/responses", "https://h/v1/responses"),
        (
            "https://n.openai.azure.com/openai/v1?api-version=p",
            "wss://n.openai.azure.com/openai/v1/responses?api-version=p",
            "https://n.openai.azure.com/openai/v1/responses?api-version=p",
        ),
        ("ws+unix:/run/g.sock", "ws+unix:/run/g.sock", ""),
    ],
)
def test_addresses(url: str, websocket: str, http: str) -> None:
    address = address_of(url)
    assert (address.websocket, address.http, address.fault) == (websocket, http, "")
    assert address.is_azure == ("azure" in url)


@pytest.mark.parametrize("url", ["ftp://h", "https://u:p@h/v1", "https://h/v1?api_key=1", "https://", "h"])
def test_addresses_that_cannot_be_used(url: str) -> None:
    settings = ResponsesSettings(base_url=url)
    error = find_obstacle("spark", settings, address_of(url))
    assert error is not None
    assert "p@" not in str(error)


def test_a_profile_needs_only_the_key() -> None:
    table, problems = read_engine("spark", {"kind": "responses", "profile": "codex-spark"}, "editor")
    assert problems == []
    assert isinstance(table, ResponsesSettings)
    assert (table.model, table.key_env) == ("gpt-5.3-codex-spark", "OPENAI_API_KEY")
    (asked,) = approval_requests_of(table)
    assert str(asked) == (
        "send code to https://api.openai.com:443/v1 with the key in the environment variable OPENAI_API_KEY"
    )


def test_a_profiles_key_goes_to_no_other_address() -> None:
    values = {"kind": "responses", "profile": "codex-spark", "base_url": "https://elsewhere.example/v1"}
    table, _ = read_engine("spark", values, "editor")
    assert isinstance(table, ResponsesSettings)
    assert (table.key_env, table.model) == ("", "gpt-5.3-codex-spark")


@pytest.mark.parametrize("header", ["host", "Sec-WebSocket-Key", "Upgrade", "a b"])
def test_a_header_that_cannot_carry_a_key(header: str) -> None:
    settings = ResponsesSettings(base_url="https://h/v1", key_header=header)
    error = find_obstacle("spark", settings, address_of(settings.base_url))
    assert error is not None
    assert "header" in error.what


# Pauses.


def test_a_refused_key_pauses_until_it_is_changed_and_ever_longer() -> None:
    standing, error = Standing(), make_refused_error("spark", Refusal(401))
    standing.note_failure("spark", error, 1, 0.0, "")
    assert standing.obstacle(1, FIRST_PAUSE_S - 1) is not None
    assert standing.obstacle(2, 1.0) is None
    assert standing.obstacle(1, FIRST_PAUSE_S) is None
    standing.note_failure("spark", error, 1, 100.0, "")
    assert standing.obstacle(1, 100.0 + FIRST_PAUSE_S) is not None
    standing.note_success()
    assert (standing.problem, standing.obstacle(1, 101.0)) == (None, None)


def test_a_rate_limit_pauses_whatever_the_key() -> None:
    standing = Standing()
    error = EngineError("slow", code=Code.RATE_LIMIT_EXCEEDED, retry_after=40.0)
    standing.note_failure("spark", error, 1, 10.0, "12:03:10")
    for key in (1, 2):
        obstacle = standing.obstacle(key, 20.0)
        assert obstacle is not None
        assert (obstacle.retry_after, "12:03:10" in obstacle.what) == (30.0, True)
    assert standing.obstacle(1, 50.0) is None


def test_an_unreachable_service_is_tried_again_at_once() -> None:
    standing = Standing()
    standing.note_failure("spark", EngineError("gone", code=Code.ENGINE_UNAVAILABLE), 1, 0.0, "")
    assert standing.problem is not None
    assert standing.obstacle(1, 0.0) is None


def test_the_key_of_a_profile_is_handed_to_the_users_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    table, _ = read_engine("spark", {"kind": "responses", "profile": "codex-spark"}, "editor")
    assert table is not None
    settings = Settings(engines={"spark": table})
    assert collect_keys(settings, ()) == {"OPENAI_API_KEY": "k"}
    assert collect_keys(settings, ("spark",)) == {}
