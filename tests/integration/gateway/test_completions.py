"""`POST /v1/completions` of a real gateway: OpenAI's legacy shape, for plug-ins that fill in the middle."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

RECORDED = Path(__file__).parents[2] / "fixtures" / "fim_plugins"
TEXT = "def add(a, b):\n    return a + b\n"
PROMPT = "<|fim_prefix|>def add(<|fim_suffix|>\n<|fim_middle|>"


@pytest.fixture
def client(running: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.http, api_key=running.token, max_retries=0) as client:
        yield client


def post(running: Any, content: str | bytes, **headers: str) -> httpx.Response:
    url = f"{running.http}/completions"
    return httpx.post(url, headers={**running.headers, **headers}, content=content)


def refused(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    assert set(error) == {"type", "code", "message", "param"}
    return reply.status_code, error["code"], error["param"]


def test_the_sdk_gets_one_complete_text(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="replay", prompt="# add\n", suffix="\n", max_tokens=100)
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason, choice.logprobs) == (TEXT, "stop", None)
    assert (answer.object, answer.model) == ("text_completion", "replay")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(TEXT) // 4
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert type(answer).model_validate(answer.model_dump()) == answer


def test_the_sdk_gets_a_stream(client: openai.OpenAI) -> None:
    with client.completions.create(
        model="replay", prompt="x", max_tokens=100, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == TEXT
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}
    assert (chunks[-1].choices, len({chunk.id for chunk in chunks})) == ([], 1)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(TEXT) // 4


def test_a_stream_ends_as_openais_does(running: Any) -> None:
    reply = post(running, json.dumps({"model": "replay", "prompt": "x", "stream": True}))
    events = reply.text.split("\n\n")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith("data: ") for event in events[:-1])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"max_tokens": 3}, TEXT[:12], "length"),
        ({}, TEXT, "stop"),
        ({"stop": "\n"}, "def add(a, b):", "stop"),
        ({"max_tokens": 100, "stop": ["zzz", "n a", "return"]}, "def add(a, b):\n    ", "stop"),
        ({"max_tokens": 1, "stop": ["zzz"]}, TEXT[:4], "length"),
    ],
)
def test_the_text_ends_at_its_limit_or_its_stop(
    client: openai.OpenAI, fields: dict[str, Any], text: str, reason: str, stream: bool
) -> None:
    answer: Any = client.completions.create(model="replay", prompt="x", stream=stream, **fields)
    chunks = list(answer) if stream else [answer]
    choices = [chunk.choices[0] for chunk in chunks]
    assert "".join(choice.text for choice in choices) == text
    assert choices[-1].finish_reason == reason


def test_without_a_model_the_route_of_completions_answers(running: Any) -> None:
    answer = post(running, json.dumps({"prompt": ["x"], "max_tokens": 100})).json()
    assert answer["choices"][0]["text"] == TEXT  # from `replay`, after `broken` has failed
    assert answer["model"] == "replay"


def test_a_stop_string_frees_the_engine_before_its_end(
    client: openai.OpenAI, running: Any, until: Any
) -> None:
    answer = client.completions.create(model="slow", prompt="x" * 40, max_tokens=1000, stop="dabc")
    assert answer.choices[0].text == "abc"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 10
    assert 2 <= answer.usage.completion_tokens < 40  # the engine has 40
    until(lambda: running.sessions() == 0)


def test_a_client_that_leaves_frees_the_engine(client: openai.OpenAI, running: Any, until: Any) -> None:
    with client.completions.create(model="slow", prompt="x", max_tokens=1000, stream=True) as stream:
        assert next(iter(stream)).choices[0].text
        assert running.sessions() == 1
    until(lambda: running.sessions() == 0)


def test_a_client_that_gives_up_waiting_frees_the_engine(
    client: openai.OpenAI, running: Any, until: Any
) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.completions.create(model="stuck", prompt="x", timeout=0.5)
    until(lambda: running.sessions() == 0)


def test_what_clients_send_besides_is_tolerated(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="replay",
        prompt="x",
        temperature=0.7,
        top_p=0.9,
        presence_penalty=0.1,
        seed=7,
        user="me",
        n=1,
        best_of=1,
        echo=False,
        logprobs=None,
        extra_body={"zzz": [1], "environment": None},
    )
    assert answer.choices[0].text == TEXT


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ("nonsense", 400, "invalid_json", None),
        ("[]", 400, "invalid_json", None),
        ("{}", 400, "invalid_request_error", "prompt"),
        ('{"prompt": ["a", "b"]}', 400, "invalid_request_error", "prompt"),
        ('{"prompt": [1, 2]}', 400, "invalid_request_error", "prompt"),
        ('{"prompt": "a", "suffix": 1}', 400, "invalid_request_error", "suffix"),
        ('{"prompt": "a", "model": 1}', 400, "invalid_request_error", "model"),
        ('{"prompt": "a", "stream": "yes"}', 400, "invalid_request_error", "stream"),
        ('{"prompt": "a", "max_tokens": 0}', 400, "invalid_request_error", "max_tokens"),
        ('{"prompt": "a", "max_tokens": true}', 400, "invalid_request_error", "max_tokens"),
        ('{"prompt": "a", "max_tokens": 1e99}', 400, "invalid_request_error", "max_tokens"),
        ('{"prompt": "a", "stop": [1]}', 400, "invalid_request_error", "stop"),
        ('{"prompt": "a", "stop": ""}', 400, "invalid_request_error", "stop"),
        (json.dumps({"prompt": "a", "stop": ["x"] * 17}), 400, "invalid_request_error", "stop"),
        ('{"prompt": "a", "n": 2}', 400, "unsupported_parameter", "n"),
        ('{"prompt": "a", "best_of": 3}', 400, "unsupported_parameter", "best_of"),
        ('{"prompt": "a", "echo": true}', 400, "unsupported_parameter", "echo"),
        ('{"prompt": "a", "logprobs": 1}', 400, "unsupported_parameter", "logprobs"),
        ('{"prompt": "a", "stream_options": 1}', 400, "invalid_request_error", "stream_options"),
        ('{"prompt": "a", "model": "gpt-5"}', 404, "model_not_found", None),
        ('{"prompt": "a", "model": "gpt-5", "stream": true}', 404, "model_not_found", None),
        ('{"prompt": "a", "model": "broken"}', 503, "engine_unavailable", None),
        ('{"prompt": "a", "model": "broken", "stream": true}', 503, "engine_unavailable", None),
    ],
)
def test_what_cannot_be_served_is_an_error_with_its_status(
    running: Any, body: str, status: int, code: str, param: str | None
) -> None:
    assert refused(post(running, body)) == (status, code, param)


def test_a_body_over_the_limit_is_refused(running: Any) -> None:
    body = json.dumps({"prompt": "x" * (17 * 1024 * 1024)})
    assert refused(post(running, body)) == (413, "request_too_large", None)


def test_only_who_knows_the_token_is_answered(running: Any) -> None:
    body = '{"prompt": "x"}'
    assert refused(post(running, body, Authorization="Bearer wrong"))[:2] == (401, "invalid_api_key")
    assert refused(post(running, body, Origin="http://localhost"))[:2] == (403, "forbidden_origin")


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.glob("*.json")))
def test_the_recorded_requests_of_plugins_are_answered(running: Any, name: str) -> None:
    recorded = json.loads((RECORDED / name).read_text("utf-8"))
    body = {**recorded["body"], "model": "replay"}
    reply = post(running, json.dumps(body), **recorded["headers"])
    assert reply.status_code == 200
    if not body.get("stream"):
        assert reply.json()["choices"][0]["text"]
        assert set(reply.json()["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
