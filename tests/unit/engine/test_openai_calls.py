"""What servers are asked, and what they say; Cerebras and Ollama in the shapes that their documents show."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from spark_lsp.answer_events import Usage
from spark_lsp.config import Flavour, OpenAISettings
from spark_lsp.engine.openai.calls import AROUND_CHARS, Target, call_of, family_of
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.openai.errors import find_retry_after, make_status_error
from spark_lsp.engine.openai.events import Piece, piece_of, served_of, slots_of
from spark_lsp.errors import EngineError
from spark_lsp.request import Message, Part, PartKind, Request, Task

FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
EDIT = Request(
    Task.EDIT,
    (Part(PartKind.PREFIX, "a = 1\n"), Part(PartKind.TARGET, "b = 2\n"), Part(PartKind.DIAGNOSTIC, "bad b")),
    action="fix",
    language="python",
)


@pytest.mark.parametrize(
    ("model", "setting", "family"),
    [
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "auto", "qwen"),
        ("qwen3-coder:30b", "auto", "qwen"),
        ("qwen3-32b", "auto", ""),
        ("llama3.1-8b", "auto", ""),
        ("my-model", "qwen", "qwen"),
        ("deepseek-coder:6.7b", "auto", "deepseek"),
        ("bigcode/starcoder2-7b", "auto", "starcoder"),
        ("ibm-granite/granite-8b-code-base", "auto", "starcoder"),
        ("codellama:7b-code", "auto", "codellama"),
        ("google/codegemma-2b", "auto", "codegemma"),
        ("codestral-latest", "auto", "codestral"),
        ("qwen2.5-coder", "none", ""),
    ],
)
def test_who_can_fill_in_the_middle(model: str, setting: str, family: str):
    assert family_of(model, setting) == family


def test_no_more_stops_than_servers_take():
    around = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x"),))
    stops = {flavour: call_of(around, Target("m", flavour, "qwen")).body["stop"] for flavour in FLAVOURS}
    assert all(len(stops[flavour]) == 4 for flavour in ("openai", "vllm", "sglang", "cerebras"))
    assert len(stops["llamacpp"]) == len(stops["ollama"]) == 5


def test_the_requests_own_stops_follow_those_of_the_family():
    around = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x"),))
    asked = replace(around, stop=("\n\n", "<|endoftext|>", "END"))
    stop = call_of(asked, Target("m", "llamacpp", "qwen")).body["stop"]
    assert (stop[0], stop[-2:], stop.count("<|endoftext|>")) == ("<|endoftext|>", ["\n\n", "END"], 1)
    assert call_of(asked, Target("m", "mistral", suffixes=True)).body["stop"] == list(asked.stop)
    assert "stop" not in call_of(around, Target("m", "mistral", suffixes=True)).body


def test_cerebras_gets_what_it_predicts_and_its_own_bound():
    body = call_of(EDIT, Target("m", "cerebras")).body
    assert body["prediction"] == {"type": "content", "content": "b = 2\n"}
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] > 0


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o-mini", "gpt-4.1-nano-2025-04-14", "GPT-4.1"])
def test_a_model_of_openai_that_predicts_gets_the_present_text(model: str):
    target = Target(model)
    assert call_of(EDIT, target).body["prediction"] == {"type": "content", "content": "b = 2\n"}
    assert "prediction" not in call_of(EDIT, replace(target, refuses=frozenset({"prediction"}))).body
    # It is refused beside the other bound.
    assert "prediction" not in call_of(EDIT, replace(target, refuses=frozenset({"max_tokens"}))).body
    assert "prediction" not in call_of(Request(Task.CHAT, instruction="Why?"), target).body


@pytest.mark.parametrize(
    "model", ["gpt-4", "gpt-5", "o3-mini", "gpt-4o-audio-preview", "gpt-4o-search-preview", "m"]
)
def test_no_other_model_gets_a_prediction(model: str):
    assert "prediction" not in call_of(EDIT, Target(model)).body
    assert "prediction" not in call_of(EDIT, Target("gpt-4o", "vllm")).body


@pytest.mark.parametrize(("effort", "asked"), [("fast", "low"), ("balanced", "medium"), ("deep", "high")])
def test_a_model_that_thinks_is_told_how_much_and_has_room_for_it(effort: Any, asked: str):
    body = call_of(replace(EDIT, effort=effort), Target("openai/gpt-oss-120b")).body
    plain = call_of(EDIT, Target("m")).body
    assert body["reasoning_effort"] == asked
    assert body["max_tokens"] > plain["max_tokens"]
    around = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x"),), effort=effort)
    assert call_of(around, Target("gpt-oss:20b")).body["reasoning_effort"] == "low"


@pytest.mark.parametrize("flavour", ["openai", "vllm", "sglang", "ollama"])
def test_others_get_nothing_that_they_may_not_know(flavour: Any):
    body = call_of(EDIT, Target("m", flavour)).body
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}


def test_llama_cpp_keeps_its_prompt():
    around = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x"),))
    assert call_of(EDIT, Target("m", "llamacpp")).body["cache_prompt"]
    assert call_of(around, Target("m", "llamacpp", "qwen")).body["cache_prompt"]


def test_ollama_frames_prefix_and_suffix_itself():
    around = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x = "), Part(PartKind.SUFFIX, "")))
    body = call_of(around, Target("m", "ollama", "qwen")).body
    assert (body["prompt"], body["suffix"]) == ("x = ", "\n")  # without a suffix it would frame a chat


def test_the_problem_and_the_lines_are_in_the_question():
    asked = call_of(EDIT, Target("m")).body["messages"][-1]["content"]
    for words in ("b = 2", "bad b", "a = 1", "Correct the problem"):
        assert words in asked


def test_a_chat_keeps_its_turns():
    history = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"))
    body = call_of(Request(Task.CHAT, (), "and?", history=history), Target("m")).body
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]


def test_what_is_around_is_cut_at_lines_and_the_nearest_kept():
    lines = "".join(f"line {number}\n" for number in range(10_000))
    parts = (Part(PartKind.PREFIX, lines), Part(PartKind.SUFFIX, lines))
    prompt = call_of(Request(Task.COMPLETE, parts), Target("m", "openai", "qwen")).body["prompt"]
    assert len(prompt) <= AROUND_CHARS + 200
    assert prompt.endswith("line 9999\n")
    assert "<|fim_suffix|>line 0\nline 1\n" in prompt


def test_a_crlf_document_gets_crlf_back():
    parts = (Part(PartKind.PREFIX, "a\r\nb"),)
    assert call_of(Request(Task.COMPLETE, parts), Target("m", "openai", "qwen")).eol == "\r\n"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"choices": [{"text": "x", "finish_reason": None}]}, Piece("x")),
        ({"choices": [{"delta": {"content": "x"}}]}, Piece("x")),
        ({"choices": [{"delta": {"content": None, "role": "assistant"}}]}, Piece()),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, Piece(finish="stop")),
        ({"choices": []}, Piece()),
        ({"choices": [{"delta": {"reasoning_content": "hm"}}]}, Piece(alive=True, thinks=True)),
        (
            {"choices": [], "prompt_progress": {"total": 9, "cache": 4}},
            Piece(alive=True, usage=Usage(9, 0, 4)),
        ),
        ({"choices": [{"text": "a\ud800b"}]}, Piece("a\ufffdb")),
        ({"choices": [{"text": 5}], "usage": {"prompt_tokens": 10**400}}, Piece(usage=Usage())),
        (
            {"choices": [], "timings": {"prompt_ms": 20.0, "predicted_ms": 30, "prompt_n": 5}},  # llama.cpp
            Piece(times={"prompt_time": 0.02, "completion_time": 0.03}),
        ),
        ({"choices": 5}, Piece()),
        ({}, Piece()),
        (
            {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},  # Ollama's last event
            Piece(usage=Usage(5, 2)),
        ),
        (
            {  # Cerebras' last event
                "choices": [{"delta": {}, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
                "time_info": {"queue_time": 0.1, "prompt_time": 0.2, "completion_time": 0.3, "created": "x"},
            },
            Piece(
                finish="length",
                usage=Usage(5, 0, 4),
                times={"queue_time": 0.1, "prompt_time": 0.2, "completion_time": 0.3},
            ),
        ),
    ],
)
def test_events(event: Any, expected: Piece):
    assert piece_of(json.dumps(event)) == expected


@pytest.mark.parametrize("data", ["{", "[]", "5", '{"error": {"message": "x"}}'])
def test_what_is_no_event_is_an_error(data: str):
    with pytest.raises(EngineError):
        piece_of(data)


def test_a_text_that_is_too_long_may_be_told_in_the_stream():
    with pytest.raises(EngineError) as caught:
        piece_of('{"error": {"message": "SECRET: maximum context length exceeded"}}')
    assert caught.value.code == "context_length_exceeded"
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "slots"), [({"total_slots": 4}, 4), ({"total_slots": -1}, 0), ({}, 0), ([], 0), (None, 0)]
)
def test_slots(body: Any, slots: int):
    assert slots_of(body) == slots


@pytest.mark.parametrize(
    ("body", "served"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}]}, {"m": 4096}),
        ({"data": [{"id": "m", "meta": {"n_ctx": 2048}}]}, {"m": 2048}),
        ({"data": [{"id": "m"}, {"x": 1}, 5]}, {"m": 0}),
        ({"data": 5}, {}),
        ([], {}),
    ],
)
def test_models(body: Any, served: dict[str, int]):
    assert served_of(body) == served


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (401, b"", "engine_unavailable", "key"),
        (404, b"", "model_not_found", "base_url"),
        (400, b"maximum context length is 4096", "context_length_exceeded", "longer"),
        (413, b"", "context_length_exceeded", "longer"),
        (422, b"unknown field", "engine_failed", "flavour"),
        (429, b"", "rate_limit_exceeded", "rate-limited"),
        (500, b"SECRET", "engine_failed", "500"),
        (503, b"", "engine_failed", "503"),
        (307, b"", "engine_unavailable", "must not get"),
    ],
)
def test_a_status_is_words_that_say_what_to_do(status: int, body: bytes, code: str, words: str):
    error = make_status_error("gpu", status, {}, body)
    assert error.code == code
    assert words in str(error)
    assert "SECRET" not in str(error)
    assert error.retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT"}, 1.0),
        ({"retry-after": "soon"}, 1.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"x-ratelimit-reset-tokens-minute": "12.5"}, 12.5),
        ({"x-ratelimit-reset-tokens": "6m0.5s"}, 360.5),
        ({"x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-reset-requests-day": "33011.3"}, 3600.0),
        (
            {  # Cerebras: requests are counted by the day, tokens by the minute
                "x-ratelimit-remaining-requests-day": "120",
                "x-ratelimit-reset-requests-day": "33011.3",
                "x-ratelimit-remaining-tokens-minute": "0",
                "x-ratelimit-reset-tokens-minute": "11.4",
            },
            11.4,
        ),
        ({"retry-after": "-5"}, 1.0),
        ({}, 1.0),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float):
    now = datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC).timestamp()
    assert find_retry_after(headers, now) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("settings", "limit_s"),
    [
        ({"model": "qwen2.5-coder"}, 0.0),
        ({"model": "qwen2.5-coder", "thinking_tokens": 512}, 20.0),
        ({"model": "openai/gpt-5"}, 20.0),
        ({"model": "gpt-oss-120b", "first_token_s": 90.0}, 90.0),
        ({"model": "deepseek-r1", "first_token_s": 0.0}, math.inf),
    ],
)
def test_a_model_that_is_known_to_reason_has_the_engine_s_own_limit(
    settings: dict[str, Any], limit_s: float
) -> None:
    engine = OpenAIEngine("gpu", OpenAISettings(base_url="http://127.0.0.1:9/v1", **settings))
    assert engine.reasoning_timeout_s == limit_s


def test_a_second_answer_is_another_sample():
    request = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "a = "), Part(PartKind.SUFFIX, "\n")))
    assert call_of(request, Target("m")).body["temperature"] == 0
    assert call_of(replace(request, attempt=2), Target("m")).body["temperature"] > 0
