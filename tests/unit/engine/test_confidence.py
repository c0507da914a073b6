"""The confidence of engines: from log-probabilities in any shape to a mean, and to the wire."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.answer_events import Chunk
from spark_lsp.config import ReplaySettings
from spark_lsp.engine.confidence import Confidence
from spark_lsp.engine.gateway_client.channel import Channel
from spark_lsp.engine.local.job import job_of
from spark_lsp.engine.local.slots import Slots
from spark_lsp.engine.local.stream import Text, _read_event
from spark_lsp.engine.local.tally import Tally
from spark_lsp.engine.openai.calls import Target, call_of
from spark_lsp.engine.openai.events import piece_of
from spark_lsp.engine.openai.logprobs import FLAVOURS, read_logprobs
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.request import Part, PartKind, Request, Task

PARTS = (Part(PartKind.PREFIX, "x = ca"), Part(PartKind.SUFFIX, "\n"))
SCORED = Request(Task.COMPLETE, PARTS, language="python", max_lines=1, scored=True)
PLAIN = Request(Task.COMPLETE, PARTS, language="python", max_lines=1)


def mean(*logprobs: Any) -> float | None:
    made = Confidence()
    for each in logprobs:
        made.add(each)
    return made.value


def test_the_mean_is_geometric() -> None:
    assert mean() is None
    assert mean(math.log(0.5)) == 0.5
    assert mean(math.log(0.9), math.log(0.1)) == 0.3
    assert mean(0.0, 0.0) == 1.0


@pytest.mark.parametrize("odd", [None, math.nan, -math.inf, math.inf, 0.1])
def test_what_is_no_log_probability_does_not_count(odd: float | None) -> None:
    assert mean(odd) is None
    assert mean(odd, math.log(0.5)) == 0.5


@given(st.lists(st.floats(-50, 0)))
def test_the_mean_is_between_the_least_and_the_most(logprobs: list[float]) -> None:
    found = mean(*logprobs)
    if not logprobs:
        assert found is None
        return
    assert found is not None
    assert math.exp(min(logprobs)) - 0.001 <= found <= math.exp(max(logprobs)) + 0.001


# The embedded model.


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([{"id": 1, "token": "a", "logprob": -0.5}], -0.5),
        (None, None),
        ([], None),
        ({}, None),
        ([{}], None),
        ([{"logprob": None}], None),
        ([{"logprob": "x"}], None),
        ([{"logprob": 1.5}], None),
        ("text", None),
    ],
)
def test_an_event_of_the_embedded_model(said: Any, expected: float | None) -> None:
    event = _read_event({"content": "a", "stop": False, "completion_probabilities": said})
    assert event == Text("a", expected)


def test_only_a_request_for_the_confidence_costs_it() -> None:
    assert job_of(SCORED, Slots("qwen")).body["n_probs"] == 1
    assert "n_probs" not in job_of(PLAIN, Slots("qwen")).body


def test_letters_that_the_user_has_typed_do_not_count() -> None:
    tally = Tally(healed=2)
    for text, logprob in [("c", -5.0), ("a", -5.0), ("ll", math.log(0.5))]:
        tally.count_event(Text(text, logprob))
    assert tally.confidence.value == 0.5
    tally.begin_call()
    assert tally.confidence.value is None


# Servers with OpenAI's interface.


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"tokens": ["a", "b"], "token_logprobs": [-0.5, -1.5]}, (-0.5, -1.5)),
        ({"content": [{"token": "a", "logprob": -0.25}]}, (-0.25,)),
        ({"token_logprobs": [None, -1]}, (-1.0,)),
        ({"token_logprobs": "x"}, ()),
        ({"content": 7}, ()),
        ({"content": [7, {"logprob": True}, {"logprob": 3.5}]}, ()),
        (None, ()),
        ([], ()),
        (7, ()),
    ],
)
def test_the_log_probabilities_of_servers(logprobs: Any, expected: tuple[float, ...]) -> None:
    assert read_logprobs({"text": "a", "logprobs": logprobs}) == expected
    piece = piece_of(json.dumps({"choices": [{"text": "a", "logprobs": logprobs}]}))
    assert (piece.text, piece.logprobs) == ("a", expected)


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.booleans(),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from(["token_logprobs", "content", "logprob"]), each)
        ),
    )
)
def test_no_shape_of_log_probabilities_is_an_error(logprobs: Any) -> None:
    assert all(math.isfinite(each) and each <= 0 for each in read_logprobs({"logprobs": logprobs}))


@pytest.mark.parametrize("flavour", ["openai", "generic", "vllm", "sglang", "llamacpp", "ollama", "mistral"])
def test_only_servers_that_report_it_are_asked(flavour: Any) -> None:
    target = Target("qwen2.5-coder", flavour, family="qwen")
    assert call_of(SCORED, target).body.get("logprobs") == (1 if flavour in FLAVOURS else None)
    assert "logprobs" not in call_of(PLAIN, target).body


def test_a_server_that_refuses_the_field_is_not_asked_again() -> None:
    target = Target("qwen2.5-coder", "vllm", family="qwen", refuses=frozenset({"logprobs"}))
    assert "logprobs" not in call_of(SCORED, target).body


# On the way.


def test_waiting_text_keeps_the_newest_confidence() -> None:
    channel = Channel()
    for event in (Chunk("a", 0.9), Chunk("b", 0.5), Chunk("c")):
        channel.put(event)
    assert list(channel.events) == [Chunk("abc", 0.5)]


@pytest.mark.anyio
@pytest.mark.parametrize(("request_", "expected"), [(SCORED, 0.5), (PLAIN, None)])
async def test_a_replay_reports_a_given_confidence(
    tmp_path: Any, request_: Request, expected: float | None
) -> None:
    (tmp_path / "text").write_text("call")
    engine = ReplayEngine("r", ReplaySettings(text=str(tmp_path / "text"), delay_ms=0, confidence=0.5))
    async with engine.open(request_) as events:
        chunks = [event async for event in events if isinstance(event, Chunk)]
    assert chunks == [Chunk("call", expected)]
