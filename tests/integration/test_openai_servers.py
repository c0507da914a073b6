"""Servers with OpenAI's interface and demands of their own: addresses, keys, fields, streams and thinking."""

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.http_server import Asked, Handler, HttpServer, Json, Reply, http_server

pytestmark = pytest.mark.anyio

EDIT = Request(Task.EDIT, (Part(PartKind.TARGET, "x"),), "swap", language="python")
COMPLETE = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "a = "), Part(PartKind.SUFFIX, "\n")), origin="u")
CODE = "```python\nx = 1\n```"
AZURE = "?api-version=2024-10-21"
Serve = Callable[..., Any]


@pytest.fixture
async def serve():
    """Start a server and an engine for it: `serve(handler, path="/v1", **settings)`."""
    async with AsyncExitStack() as stack:

        async def start(
            handler: Handler, path: str = "/v1", **settings: Any
        ) -> tuple[OpenAIEngine, HttpServer]:
            server = await stack.enter_async_context(http_server(handler))
            usual = {"model": "m", "context_tokens": 32_768, "first_token_s": 5.0, "next_token_s": 5.0}
            url = {} if "base_url" in settings else {"base_url": server.url + path}
            engine = OpenAIEngine("gpu", OpenAISettings(**{**usual, **url, **settings}))
            stack.push_async_callback(engine.aclose)
            return engine, server

        yield start


async def ask(engine: OpenAIEngine, request: Request = EDIT) -> tuple[str, list[Event]]:
    with anyio.fail_after(20):
        async with engine.open(request) as events:
            heard = [event async for event in events]
    return "".join(event.text for event in heard if isinstance(event, Chunk)), heard


async def well(asked: Asked, reply: Reply) -> None:
    await reply.say(CODE)


# Addresses and keys.


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/gpu/one/v1", "/gpu/one/v1/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/completions/", "/v1/chat/completions"),
        ("/models", "/models/chat/completions"),
        ("/v1#top", "/v1/chat/completions"),
        (f"/openai/deployments/gpt{AZURE}", f"/openai/deployments/gpt/chat/completions{AZURE}"),
        (f"/openai/deployments/gpt/{AZURE}", f"/openai/deployments/gpt/chat/completions{AZURE}"),
        (
            f"/openai/deployments/gpt/chat/completions{AZURE}",
            f"/openai/deployments/gpt/chat/completions{AZURE}",
        ),
        ("/openai/v1/?api-version=preview", "/openai/v1/chat/completions?api-version=preview"),
        ("/v1?a=b%20c&d=é", "/v1/chat/completions?a=b%20c&d=%C3%A9"),
    ],
)
async def test_the_paths_and_the_query_of_a_base_url_are_kept(serve: Serve, path: str, target: str) -> None:
    engine, server = await serve(well, path)
    assert (await ask(engine))[0] == CODE
    assert [each.target for each in server.posts] == [target]


async def test_the_query_goes_with_every_call(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        if asked.method == "GET":
            await reply.whole(200, {"data": [{"id": "qwen2.5-coder"}]})
            return
        await reply.say("1")

    engine, server = await serve(answer, "/v1/?v=1", model="", context_tokens=0)
    await ask(engine, COMPLETE)
    await ask(engine)
    assert [each.target for each in server.asked] == [
        "/v1/models?v=1",
        "/v1/completions?v=1",
        "/v1/chat/completions?v=1",
    ]


async def test_an_azure_deployment_names_its_model(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        if asked.method == "GET":
            await reply.whole(404, {"error": {"code": "404", "message": "Resource not found"}})
            return
        await reply.say(CODE)

    engine, server = await serve(answer, f"/openai/deployments/gpt-4.1{AZURE}", model="", context_tokens=0)
    assert (await ask(engine))[0] == CODE
    assert server.posts[0].json["model"] == engine.info.model == "gpt-4.1"


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("", "authorization", "Bearer sk-1"),
        ("authorization", "authorization", "Bearer sk-1"),
        ("api-key", "api-key", "sk-1"),
        ("X-API-Key", "x-api-key", "sk-1"),
    ],
)
async def test_the_key_goes_in_the_header_that_the_server_wants(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, header: str, name: str, value: str
) -> None:
    monkeypatch.setenv("ODD_KEY", "sk-1")
    engine, server = await serve(well, key_env="ODD_KEY", key_header=header)
    await ask(engine)
    assert {key: text for key, text in server.asked[0].headers.items() if "sk-1" in text} == {name: value}


@pytest.mark.parametrize("header", ["Host", "content-length", "a b", "x\r\ny", "x\n", "é"])
async def test_a_header_that_cannot_carry_a_key_is_named(serve: Serve, header: str) -> None:
    engine, server = await serve(well, key_header=header)
    assert engine.info.state == "off"
    with pytest.raises(EngineError, match="key_header"):
        await ask(engine)
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://me:sk-1@gpu.lan/v1", "user name or a password"),
        ("http://sk-1@gpu.lan/v1", "user name or a password"),
        ("https://x.test/v1?key=sk-1", "key in its query"),
        ("https://x.test/v1?api-key=sk-1", "key in its query"),
        ("https://x.test/v1?a=b&subscription-key=sk-1", "key in its query"),
        ("gpu.lan:8000/v1", "not a valid"),
        ("http://[::1/v1", "not a valid"),
        ("http://gpu.lan:99999/v1", "not a valid"),
        ("http:///v1", "not a valid"),
        ("ftp://gpu.lan", "not a valid"),
    ],
)
async def test_an_address_that_cannot_be_used_is_named_without_its_secret(
    serve: Serve, url: str, why: str
) -> None:
    engine, _ = await serve(well, base_url=url)
    with pytest.raises(EngineError, match=why) as caught:
        await ask(engine)
    assert "sk-1" not in str(caught.value) + engine.info.reason


async def test_an_ipv6_address_is_an_address(serve: Serve) -> None:
    try:
        async with http_server(well, host="::1") as server:
            engine, _ = await serve(well, base_url=f"http://[::1]:{server.port}/v1?v=1")
            assert (await ask(engine))[0] == CODE
            assert server.posts[0].target == "/v1/chat/completions?v=1"
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


# Fields.


def openai_refusal(field: str) -> Json:
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    return {"error": {"message": message, "param": field, "code": "unsupported_parameter"}}


def pydantic_refusal(field: str) -> Json:
    detail = {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted"}
    return {"detail": [detail]}


def plain_refusal(field: str) -> Json:
    return {"error": {"message": f"Unrecognized request argument supplied: {field}", "param": None}}


def strict(refusal: Callable[[str], Json], *refused: str, status: int = 400) -> Handler:
    """A server that refuses fields, one at a time."""

    async def answer(asked: Asked, reply: Reply) -> None:
        for field in refused:
            if field in asked.json:
                await reply.whole(status, refusal(field))
                return
        await reply.say(CODE)

    return answer


@pytest.mark.parametrize(
    ("handler", "asked"),
    [
        (strict(openai_refusal, "max_tokens", "temperature"), 3),
        (strict(plain_refusal, "stream_options"), 2),
        (strict(pydantic_refusal, "stream_options", status=422), 2),
        (strict(pydantic_refusal, "stream_options", "temperature", "max_tokens", status=422), 4),
        (strict(openai_refusal, "max_tokens", "max_completion_tokens"), 3),
    ],
)
async def test_a_refused_field_is_left_out_from_then_on(serve: Serve, handler: Handler, asked: int) -> None:
    engine, server = await serve(handler)
    assert (await ask(engine))[0] == CODE
    assert len(server.posts) == asked
    assert (await ask(engine))[0] == CODE
    assert len(server.posts) == asked + 1


async def test_the_bound_of_an_answer_is_given_by_its_other_name(serve: Serve) -> None:
    engine, server = await serve(strict(openai_refusal, "max_tokens"))
    await ask(engine)
    first, *_, last = (each.json for each in server.posts)
    assert "max_completion_tokens" not in first
    assert last["max_completion_tokens"] > first["max_tokens"]  # it is likely to think


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "o3", "o4-mini-2025-04-16", "openai/gpt-5.1"])
async def test_a_reasoning_model_is_known_by_its_name(serve: Serve, model: str) -> None:
    handler = strict(openai_refusal, "max_tokens", "temperature", "top_p", "stop")
    engine, server = await serve(handler, model=model)
    assert (await ask(engine))[0] == CODE
    assert len(server.posts) == 1
    assert server.posts[0].json["reasoning_effort"] == "medium"


async def test_a_model_that_takes_no_effort_gets_none(serve: Serve) -> None:
    engine, server = await serve(strict(openai_refusal, "reasoning_effort"), model="o1-mini")
    assert (await ask(engine))[0] == CODE
    assert len(server.posts) == 2


async def test_a_chat_without_the_role_system_gets_the_rules_in_the_question(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        if asked.json["messages"][0]["role"] == "system":
            await reply.whole(400, {"object": "error", "message": "System role not supported"})
            return
        await reply.say(CODE)

    engine, server = await serve(answer)
    assert (await ask(engine))[0] == CODE
    (turn,) = server.posts[-1].json["messages"]
    assert "You edit code" in turn["content"]
    assert "swap" in turn["content"]


@pytest.mark.parametrize("field", ["temperature", "model", "messages"])
async def test_a_server_that_refuses_for_ever_is_not_asked_for_ever(serve: Serve, field: str) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.whole(400, openai_refusal(field))

    engine, server = await serve(answer)
    with pytest.raises(EngineError, match="rejected the request"):
        await ask(engine)
    assert len(server.posts) <= 2


async def test_a_text_that_is_too_long_is_not_taken_for_a_refused_field(serve: Serve) -> None:
    message = "'max_tokens' is too large: 4096. This model's maximum context length is 4096 tokens"

    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.whole(400, {"error": {"message": message, "param": "max_tokens"}})

    engine, server = await serve(answer)
    with pytest.raises(EngineError) as caught:
        await ask(engine)
    assert caught.value.code == "context_length_exceeded"
    assert len(server.posts) == 1


async def test_generic_servers_get_what_everybody_knows(serve: Serve) -> None:
    engine, server = await serve(well, flavour="generic")
    await ask(engine)
    assert set(server.posts[0].json) == {"model", "messages", "max_tokens", "temperature", "stream"}


async def test_mistral_fills_in_the_middle_at_its_own_address(serve: Serve) -> None:
    engine, server = await serve(
        strict(pydantic_refusal, "stream_options", status=422), flavour="mistral", model="codestral-latest"
    )
    assert (await ask(engine, COMPLETE))[0] == CODE
    (asked,) = server.posts
    assert (asked.path, asked.json["prompt"], asked.json["suffix"]) == ("/v1/fim/completions", "a = ", "\n")
    await ask(engine)
    assert server.posts[-1].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "called"), [("/beta", "/beta/completions"), ("/v1", "/v1/chat/completions")]
)
async def test_deepseek_fills_in_the_middle_at_its_beta(serve: Serve, path: str, called: str) -> None:
    engine, server = await serve(well, path, flavour="deepseek", model="deepseek-chat")
    assert (await ask(engine, COMPLETE))[0].strip()
    assert server.posts[0].path == called
    assert ("suffix" in server.posts[0].json) == (path == "/beta")


@pytest.mark.parametrize("flavour", ["mistral", "deepseek"])
async def test_a_model_that_cannot_fill_in_is_asked_by_chat(serve: Serve, flavour: str) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        if not asked.path.endswith("/chat/completions"):
            await reply.whole(400, {"message": "Invalid model: m", "type": "invalid_model"})
            return
        await reply.say("1")

    engine, server = await serve(answer, "/beta", flavour=flavour, model="codestral")
    assert (await ask(engine, COMPLETE))[0] == "1"
    assert [each.path.count("chat") for each in server.posts] == [0, 1]


# Streams.


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


PARTS = [chunk(content=[{"type": "text", "text": part}]) for part in ("```python\n", "x = 1\n", "```")]
STOP = chunk("stop")
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
WHOLE = {"object": "chat.completion", "choices": [{"message": {"content": CODE}, "finish_reason": "stop"}]}


def raw(*events: Json, end: bytes = b"\n\n", lead: bytes = b"data: ") -> bytes:
    return b"".join(lead + json.dumps(event).encode() + end for event in events)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (raw(*PARTS, STOP), "text/event-stream"),
        (raw(*PARTS, STOP), "text/event-stream; charset=utf-8"),
        (raw(*PARTS, STOP), "text/plain"),
        (raw(*PARTS, STOP), ""),
        (raw(*PARTS, STOP, lead=b"data:"), "text/event-stream"),
        (raw(*PARTS, STOP, end=b"\r\n\r\n"), "text/event-stream"),
        (b"\xef\xbb\xbf" + raw(*PARTS, STOP), "text/event-stream"),
        (b": OPENROUTER PROCESSING\n\n" + raw(*PARTS, STOP), "text/event-stream"),
        (raw(*PARTS, STOP).removesuffix(b"\n\n"), "text/event-stream"),
        (raw(*PARTS) + b"data: [DONE]\n\n", "text/event-stream"),
        (raw(*PARTS) + b"data: [DONE]", "text/event-stream"),
        (raw(chunk(role="assistant", content=None), *PARTS, STOP), "text/event-stream"),
        (raw(chunk(content=[THOUGHT]), *PARTS, STOP), "text/event-stream"),
        (raw(chunk(reasoning_content="hm"), *PARTS, STOP), "text/event-stream"),
        (raw(chunk(reasoning="hm", content=""), *PARTS, STOP), "text/event-stream"),
        (raw(*PARTS, {"choices": [{"finish_reason": "eos"}]}), "text/event-stream"),
        (raw(*PARTS, STOP, {"choices": [], "usage": {"prompt_tokens": 5}}), "text/event-stream"),
        (raw(*PARTS, {"choices": None, "usage": None}, STOP), "text/event-stream"),
        (raw({"choices": [{"delta": {"content": CODE}}]}, {**STOP, "message": "x"}), "text/event-stream"),
        (json.dumps(WHOLE).encode(), "application/json"),
        (json.dumps(WHOLE).encode(), "text/event-stream"),
        (b"\xef\xbb\xbf\n" + json.dumps(WHOLE, indent=1).encode(), "application/json; charset=utf-8"),
        (raw(WHOLE) + b"data: [DONE]\n\n", "text/event-stream"),
        (
            raw(chunk(content="<think>\n```\ndraft\n```\n</th"), chunk(content="ink>"), *PARTS, STOP),
            "text/event-stream",
        ),
    ],
)
async def test_an_answer_is_read_in_every_shape_that_servers_send(
    serve: Serve, body: bytes, kind: str
) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.begin(kind)
        await reply.send(body)

    engine, _ = await serve(answer)
    text, events = await ask(engine)
    assert text == CODE
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


@pytest.mark.parametrize("reason", ["length", "max_tokens", "model_length", "MAX_TOKENS"])
async def test_an_answer_that_was_cut_says_so(serve: Serve, reason: str) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.say("```python\nx", finish=reason)

    _, events = await ask((await serve(answer))[0])
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "length"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (raw(PARTS[0], chunk("content_filter")), "text/event-stream", "content_filter"),
        (raw(PARTS[0], chunk("SAFETY")), "text/event-stream", "content_filter"),
        (raw(PARTS[0], chunk("error")), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], chunk("insufficient_system_resource")), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0]), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], {"error": {"message": "SECRET"}}), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], {"error": "SECRET"}), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], {"object": "error", "message": "SECRET"}), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], {"type": "error", "message": "SECRET"}), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0], {"detail": "SECRET"}), "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0]) + b'event: error\ndata: {"x": "SECRET"}\n\n', "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0]) + b"event: error\ndata: SECRET\n\n", "text/event-stream", "answer_broke_off"),
        (raw(PARTS[0]) + b'event: error\ndata: {"x": 1}', "text/event-stream", "answer_broke_off"),
        (raw({"error": {"code": 429, "message": "SECRET"}}), "text/event-stream", "rate_limit_exceeded"),
        (b'{"error": {"message": "SECRET"}}', "application/json", "answer_broke_off"),
        (b'{"error": {"mess', "application/json", "answer_broke_off"),
        (b"<html>SECRET</html>", "text/html", "engine_unavailable"),
        (b"\n<!doctype html>", "text/event-stream", "engine_unavailable"),
        (b"SECRET", "text/plain", "engine_unavailable"),
        (b"dat", "text/plain", "engine_unavailable"),
        (b"", "text/event-stream", "answer_broke_off"),
        (raw(chunk(reasoning_content="hm"), STOP), "text/event-stream", "engine_only_thought"),
        (raw(chunk(content="<think>hm"), chunk("length")), "text/event-stream", "engine_only_thought"),
        (raw(chunk(content="<think>hm</think>\n"), STOP), "text/event-stream", "engine_only_thought"),
    ],
)
async def test_what_is_no_answer_is_an_error_with_its_reason(
    serve: Serve, body: bytes, kind: str, code: str
) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.begin(kind)
        await reply.send(body)

    engine, _ = await serve(answer)
    with pytest.raises(EngineError) as caught:
        await ask(engine)
    assert caught.value.code == code
    assert "SECRET" not in str(caught.value)
    assert str(caught.value).count(".") >= 2


async def test_a_model_that_was_seen_to_think_gets_room_for_it(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.say("<think>a", "</think>", CODE)

    engine, server = await serve(answer)
    assert (await ask(engine))[0] == (await ask(engine))[0] == CODE
    first, second = (each.json["max_tokens"] for each in server.posts)
    assert second > first


async def test_the_room_for_thinking_can_be_set(serve: Serve) -> None:
    engine, server = await serve(well, thinking_tokens=20_000)
    await ask(engine)
    assert server.posts[0].json["max_tokens"] == 24_096


async def test_thinking_does_not_count_as_the_answer(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.say("<think>", *["hm "] * 500, "</think>", "1\n")

    request = Request(Task.COMPLETE, COMPLETE.parts, origin="u", max_tokens=20)
    text, events = await ask((await serve(answer))[0], request)
    assert text == "1\n"
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


async def test_thinking_without_end_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_lsp.engine.openai.answer.MOST_THOUGHTS", 100)

    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        while True:
            await reply.send(chunk(reasoning_content="hm"))

    with pytest.raises(EngineError, match="used all its tokens for reasoning"):
        await ask((await serve(answer))[0])


async def test_only_thinking_is_not_held_against_the_server(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.say("<think>hm")

    engine, server = await serve(answer)
    for number in range(4):
        with pytest.raises(EngineError, match="thinking_tokens"):
            await ask(engine)
        assert len(server.posts) == number + 1


async def test_a_model_whose_prompt_opens_the_thinking_shows_none_of_it(serve: Serve) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.say("I could write\n```\ndraft\n```\n", "</think>\n\n", CODE)

    engine, _ = await serve(answer, model="Qwen3-30B-A3B-Thinking-2507")
    assert (await ask(engine))[0] == CODE
