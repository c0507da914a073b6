"""On the public surface every message is one of OpenAI's own types, in the order its clients rely on."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponsesServerEvent
from pydantic import TypeAdapter

from spark_lsp.answer_events import Chunk, Finished, Started, Usage
from spark_lsp.codes import Code
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import RequestReceived

PUBLIC = TypeAdapter[Any](ResponsesServerEvent)


def ask(server: ServerConnection, stream: str | None = "s1", **fields: object) -> str:
    """Have the server take a request; returns its response id."""
    create = {"type": "response.create", "model": "chat", "input": "hi", **fields}
    if stream is not None:
        create["stream_id"] = stream
    asked = server.receive(json.dumps(create), 1_700_000_000.5)[0]
    assert isinstance(asked, RequestReceived)
    return asked.response


def written(server: ServerConnection) -> list[dict[str, Any]]:
    """Return what is written, each valid as a public event."""
    events: list[dict[str, Any]] = []
    while (message := server.pop()) is not None:
        PUBLIC.validate_json(message)
        events.append(json.loads(message))
    return events


@pytest.fixture
def server() -> ServerConnection:
    return ServerConnection("x", spark=False)


def started() -> Started:
    return Started("local", "qwen")


@pytest.mark.parametrize("stream", ["s1", None])
def test_an_answer_is_the_public_sequence(server: ServerConnection, stream: str | None):
    response = ask(server, stream)
    server.write_event(response, started())
    server.write_event(response, Chunk("Hel"))
    events = written(server)
    server.write_event(response, Chunk("lo"))
    server.write_event(response, Finished("stop", Usage(10, 2, 4)))
    events += written(server)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert {event.get("stream_id") for event in events} == {stream}


def test_the_whole_text_and_the_usage_stand_at_the_end(server: ServerConnection):
    response = ask(server)
    for event in (started(), Chunk("Hel"), Chunk("lo"), Finished("stop", Usage(10, 2, 4))):
        server.write_event(response, event)
    last = PUBLIC.validate_json(json.dumps(written(server)[-1]))
    assert last.response.output_text == "Hello"
    assert last.response.status == "completed"
    assert last.response.id == response
    assert last.response.model == "qwen"
    assert last.response.created_at == 1_700_000_000.5
    usage = last.response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 2, 12)
    assert usage.input_tokens_details.cached_tokens == 4


@pytest.mark.parametrize(
    ("reason", "expected"), [("length", {"reason": "max_output_tokens"}), ("cancelled", None)]
)
def test_an_early_end_says_why(server: ServerConnection, reason: Any, expected: object):
    response = ask(server)
    for event in (started(), Chunk("Hel"), Finished(reason)):
        server.write_event(response, event)
    last = written(server)[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == expected
    assert last["response"]["output"][0]["content"][0]["text"] == "Hel"


@pytest.mark.parametrize("begun", [True, False])
def test_a_failure_comes_after_created_and_says_why(server: ServerConnection, begun: bool):
    response = ask(server)
    if begun:
        server.write_event(response, started())
        server.write_event(response, Chunk("Hel"))
    server.fail(response, Code.RATE_LIMIT_EXCEEDED, "The engine is busy.")
    events = written(server)
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "The engine is busy.",
    }
    assert events[-1]["response"]["status"] == "failed"


def test_an_answer_without_text_has_no_output(server: ServerConnection):
    response = ask(server)
    server.write_event(response, started())
    server.write_event(response, Finished())
    assert written(server)[-1]["response"]["output"] == []


def test_an_answer_that_ends_before_it_began_is_created_and_ended(server: ServerConnection):
    response = ask(server)
    server.write_event(response, Finished("cancelled"))
    assert [event["type"] for event in written(server)] == ["response.created", "response.incomplete"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stream_id": ""}, "invalid_stream_id"),
        ({"stream_id": "a b"}, "invalid_stream_id"),
        ({"stream_id": "a b", "background": True}, "unsupported_parameter"),
        ({"background": True}, "unsupported_parameter"),
        ({"previous_response_id": "resp_0"}, "previous_response_not_found"),
        ({"max_output_tokens": "many"}, "invalid_request_error"),
        ({"input": 5}, "invalid_request_error"),
        ({"stream_id": 5}, "invalid_request_error"),
        ({"stream_id": "a b", "input": 5}, "invalid_request_error"),
        ({"input": [5]}, "invalid_request_error"),
        ({"input": [{"content": [{"type": "input_image"}]}]}, "unsupported_content"),
    ],
)
def test_a_request_that_cannot_be_served_is_an_error_on_its_lane_and_no_other(
    server: ServerConnection, fields: dict[str, Any], code: str
):
    other = ask(server, "other")
    create = {"type": "response.create", "stream_id": "s1", "input": "hi", **fields}
    assert server.receive(json.dumps(create), 0.0) == []
    (event,) = written(server)
    assert (event["type"], event["status"], event["error"]["code"]) == ("error", 400, code)
    expected = "s1" if create["stream_id"] == "s1" else None
    assert event.get("stream_id") == expected
    server.write_event(other, started())
    server.write_event(other, Finished())
    assert written(server)[-1]["type"] == "response.completed"


def test_nothing_of_ours_reaches_a_public_client(server: ServerConnection):
    server.report_status([])
    server.announce_end("bye")
    assert written(server) == []
    assert not server.queue
