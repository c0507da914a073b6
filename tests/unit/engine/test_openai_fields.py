"""Which field an error refuses, in the words of many servers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.openai.fields import NEEDED, SYSTEM, refused_fields

SENT = ("model", "messages", "max_tokens", "temperature", "stream", "stream_options", "stop", SYSTEM)
LIST = [
    {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
]


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        # OpenAI and Azure
        (
            error(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            ),
            {"max_tokens"},
        ),
        (
            error(
                "Unsupported value: 'temperature' does not support 0 with this model.", param="temperature"
            ),
            {"temperature"},
        ),
        (error("Unrecognized request argument supplied: stream_options", param=None), {"stream_options"}),
        (
            error(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                param="messages[0].role",
            ),
            {SYSTEM},
        ),
        # Mistral
        ({"detail": LIST}, {"stream_options"}),
        ({"object": "error", "message": {"detail": LIST}, "param": None}, {"stream_options"}),
        ({"detail": [*LIST, {"loc": ["body", "stop", 0], "msg": "no"}]}, {"stream_options", "stop"}),
        # vLLM and FastAPI
        (
            {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'stop')}]"},
            {"stop"},
        ),
        ({"detail": "Unexpected field: stop"}, {"stop"}),
        ({"object": "error", "message": "System role not supported"}, {SYSTEM}),
        # Groq, Fireworks, Cerebras, Gemini, OpenRouter
        (error("property 'stream_options' is unsupported, did you mean 'stream'?"), {"stream_options"}),
        (error("Extra inputs are not permitted, field: 'stream_options', value: {}"), {"stream_options"}),
        ({"message": "body.stop: property 'body.stop' is unsupported", "param": "stop"}, {"stop"}),
        ({"message": "no", "param": "body.temperature"}, {"temperature"}),
        ([error('Invalid JSON payload received. Unknown name "stop": Cannot find field.')], {"stop"}),
        (error("Provider error", metadata={"raw": "temperature is not supported"}), {"temperature"}),
        # serde lists what it knows
        (
            "unknown field `stream_options`, expected one of `model`, `temperature`, `stop`",
            {"stream_options"},
        ),
        # not about a field, or about one that is needed or was not sent
        (error("maximum context length is 4096", param="messages"), set()),
        (error("the model `m` does not exist", param="model"), set()),
        (error("Unsupported parameter: 'top_k'", param="top_k"), set()),
        (error("temperature must be positive"), set()),
        ({"detail": [{"loc": ["body"], "msg": "no"}, {"loc": "stop"}, 5]}, set()),
        ("<html>", set()),
        (None, set()),
        (5, set()),
    ],
)
def test_the_refused_field_is_found(body: Any, refused: set[str]):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    assert refused_fields(data, SENT) == refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(SENT),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "param", "loc", "msg"]), inner, max_size=4
        )
    ),
)


@given(JSON | st.binary(max_size=30))
def test_whatever_comes_only_a_field_that_was_sent_and_may_be_missed_is_refused(body: Any):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert refused_fields(data, SENT) <= {*SENT} - {*NEEDED}


def test_a_deeply_nested_error_is_read_as_far_as_it_matters():
    assert refused_fields(b'{"error":' * 5000 + b"1" + b"}" * 5000, SENT) == frozenset()
