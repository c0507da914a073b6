"""The gateway over HTTP: who may come in, and what the second door answers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.anyio

TEXT = "def add(a, b):\n    return a + b\n"


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "hello", **fields})


def refused(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/v1/responses"])
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer {token}x", "Bearer wrong", "Basic {token}", "{token}", "Bearer ü"]
)
def test_without_the_token_nothing_is_said(running: Any, path: str, given: str) -> None:
    url = running.http.removesuffix("/v1") + path
    headers = {"Authorization": given.format(token=running.token).encode()} if given else {}
    reply = httpx.request("POST" if "responses" in path else "GET", url, headers=headers, content="{}")  # type: ignore[arg-type]
    assert refused(reply) == (401, "invalid_api_key")
    assert running.token not in reply.text


def test_a_browser_is_refused_even_with_the_token(running: Any) -> None:
    headers = {**running.headers, "Origin": "http://localhost"}
    assert refused(httpx.get(f"{running.http}/models", headers=headers)) == (403, "forbidden_origin")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Authorization": "Bearer wrong"}, 401), ({"Origin": "https://evil.example"}, 403)],
)
async def test_the_websocket_is_refused_before_anything_is_said(
    running: Any, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(
            running.ready["url"], additional_headers={**running.headers, **headers}, proxy=None
        ):
            pass
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body or b"")["error"]["type"] == "invalid_request_error"


def test_every_model_is_listed(running: Any) -> None:
    listed = httpx.get(f"{running.http}/models", headers=running.headers).json()
    names = [model["id"] for model in listed["data"]]
    assert names[:3] == ["completion", "edit", "chat"]
    assert {"replay", "slow", "local", "replay/replay"} <= set(names)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("nonsense", 400, "invalid_json"),
        ("[]", 400, "invalid_json"),
        ("[" * 100_000, 400, "invalid_json"),
        ('{"input": 5}', 400, "invalid_request_error"),
        ('{"model": ["x"]}', 400, "invalid_request_error"),
        ('{"background": true}', 400, "unsupported_parameter"),
        ('{"input": [{"content": [{"type": "input_image"}]}]}', 400, "unsupported_content"),
        ('{"model": "gpt-5"}', 404, "model_not_found"),
        ('{"model": "gpt-5", "stream": true}', 404, "model_not_found"),
        ('{"model": "broken"}', 503, "engine_unavailable"),
        ('{"model": "broken", "stream": true}', 503, "engine_unavailable"),
    ],
)
def test_what_cannot_be_served_is_an_error_with_its_status(
    running: Any, body: str, status: int, code: str
) -> None:
    reply = httpx.post(f"{running.http}/responses", headers=running.headers, content=body)
    assert refused(reply) == (status, code)
    assert set(reply.json()["error"]) == {"type", "code", "message", "param"}
    assert "Traceback" not in reply.text


def test_a_body_that_is_too_large_is_refused(running: Any) -> None:
    body = b'{"input": "' + b"x" * (16 * 1024 * 1024) + b'"}'
    reply = httpx.post(f"{running.http}/responses", headers=running.headers, content=body)
    assert refused(reply) == (413, "request_too_large")


@pytest.fixture
def sdk(running: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.http, api_key=running.token, max_retries=0) as client:
        yield client


def test_the_sdk_gets_a_response(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="replay", input="hello")
    assert (response.output_text, response.status) == (TEXT, "completed")
    assert response.usage is not None
    assert response.usage.output_tokens == len(TEXT) // 4


def test_the_sdk_gets_a_stream_in_order(sdk: openai.OpenAI) -> None:
    with sdk.responses.create(model="completion", input="hello", stream=True) as stream:
        seen = list(stream)
    assert [seen[0].type, seen[-1].type] == ["response.created", "response.completed"]
    assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == TEXT
    assert [event.sequence_number for event in seen] == list(range(len(seen)))


def test_the_sdk_names_the_errors_as_it_does_elsewhere(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-5'"):
        sdk.responses.create(model="gpt-5", input="hello")
    with pytest.raises(openai.InternalServerError, match="cannot read its text"):
        sdk.responses.create(model="broken", input="hello")


def test_the_sdk_lists_models(sdk: openai.OpenAI) -> None:
    assert "replay" in [model.id for model in sdk.models.list()]


def test_a_stream_that_its_reader_leaves_is_stopped(until: Any, running: Any) -> None:
    url = f"{running.http}/responses"
    body = {"model": "stuck", "input": "x", "stream": True}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, headers=running.headers, json=body, timeout=0.3)
    until(lambda: running.sessions() == 0)
