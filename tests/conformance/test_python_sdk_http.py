"""The real Python SDK over HTTP: the same answers as over the WebSocket, whole and as a stream."""

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest

TEXT = "def add(a, b):\n    return a + b\n"
LONG = "abcd" * 40
TOOLS: list[Any] = [
    {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False},
    {"type": "custom", "name": "shell"},
]
TOOL_TURN: list[Any] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "What is it?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "…"},
    {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
]
IMAGE = "data:image/png;base64," + base64.b64encode(b"png").decode()


@pytest.fixture
def http(running: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.http, api_key=running.token, max_retries=0) as client:
        yield client


def test_what_clients_send_besides_is_tolerated(http: openai.OpenAI) -> None:
    response = http.responses.create(
        model="replay",
        input=TOOL_TURN,
        instructions="You help.",
        tools=TOOLS,
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning={"effort": "high", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=True,
        metadata={"a": "b"},
        prompt_cache_key="k",
        temperature=0.2,
        text={"verbosity": "low"},
        truncation="auto",
        extra_body={"client_metadata": {"a": "b"}, "zzz": [1]},
    )
    assert (response.status, response.output_text) == ("completed", TEXT)
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


def test_every_event_of_a_stream_is_one_of_the_sdks_own(http: openai.OpenAI) -> None:
    with http.responses.create(model="replay", input="hi", stream=True) as stream:
        events: list[Any] = list(stream)
    assert all(type(event).model_validate(event.model_dump(by_alias=True)) == event for event in events)
    kinds = [
        event.type.removeprefix("response.") for event in events if not event.type.endswith("text.delta")
    ]
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert not any("stream_id" in event.model_extra for event in events)


def test_the_helper_that_adds_a_stream_up(http: openai.OpenAI) -> None:
    with http.responses.stream(model="slow", input="hi", tools=TOOLS) as stream:
        seen = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert (seen[-1], final.output_text, final.status) == (LONG, LONG, "completed")


def test_an_answer_is_cut_at_its_limit_and_says_so(http: openai.OpenAI) -> None:
    response = http.responses.create(model="replay", input="hi", max_output_tokens=2)
    assert (response.status, response.output_text) == ("incomplete", TEXT[:8])
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_warm_up_answers_with_nothing(http: openai.OpenAI) -> None:
    warm = http.responses.create(model="replay", input="hi", extra_body={"generate": False})
    assert (warm.status, warm.output) == ("completed", [])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}]},
            "unsupported_content",
            "read text only",
        ),
        ({"background": True}, "unsupported_parameter", "not offered"),
        ({"previous_response_id": "resp_1"}, "previous_response_not_found", "Send the whole context"),
    ],
)
def test_what_cannot_be_served_is_a_bad_request(
    http: openai.OpenAI, fields: dict[str, Any], code: str, words: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        http.responses.create(**{"model": "replay", "input": "hi", "stream": stream, **fields})
    assert caught.value.code == code


def test_a_reader_who_leaves_a_stream_frees_the_engine(http: openai.OpenAI, running: Any, until: Any) -> None:
    with http.responses.create(model="slow", input="hi", stream=True) as stream:
        assert next(iter(stream)).type == "response.created"
        assert running.sessions() == 1
    until(lambda: running.sessions() == 0)
