"""A sentence added to an edit or a chat at a service: steered where the service can, else sent again."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from openai.types.responses import ResponsesClientEvent
from pydantic import TypeAdapter

from spark_lsp.answer_events import Event, Finished, Started
from spark_lsp.engine.responses import line as line_module
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.engine.responses.steers import steering_text
from spark_lsp.prompts.going_on import join_instructions
from spark_lsp.request import Message, Part, PartKind, Request, Task
from tests.conformance.service import Rules, Service
from tests.conformance.test_service_upstream import answer, key_file, started, text_of, until
from tests.patience import PATIENCE

__all__ = ["key_file", "started"]

pytestmark = pytest.mark.anyio

PUBLIC = TypeAdapter[Any](ResponsesClientEvent)
EDIT = Request(
    Task.EDIT,
    (
        Part(PartKind.PREFIX, "import math\n"),
        Part(PartKind.TARGET, "x = 1\n"),
        Part(PartKind.SUFFIX, "y = 2\n"),
    ),
    "Rename x",
    language="python",
    origin="file:///a.py",
)
STEERED = replace(EDIT, instruction=join_instructions("Rename x", "Call it z"))
CHAT = Request(Task.CHAT, instruction="Explain this")
TURNED = Request(
    Task.CHAT,
    history=(Message("user", "Explain this"), Message("assistant", "It")),
    instruction="In one sentence",
)


def fenced(document: str | None, asked: str) -> str:
    """An answer that says whether the model has read the added sentence."""
    return f"```python\n{'z' if 'Call it z' in asked else 'old'} = 1\n```\n"


async def leave_begun(engine: ResponsesEngine, served: Service, request: Request) -> None:
    """Send a request, and leave its answer when the service has begun it."""
    served.rules.silent = True
    with anyio.fail_after(PATIENCE):
        async with engine.open(request) as events:
            async for event in events:
                assert isinstance(event, Started)
                break
    served.rules.silent = False


def ends_once(events: list[Event]) -> bool:
    return sum(isinstance(each, Finished) for each in events) == 1 and isinstance(events[-1], Finished)


async def test_a_further_sentence_steers_the_edit_in_progress(started: Any) -> None:
    async with started(fenced) as (engine, served):
        await leave_begun(engine, served, EDIT)
        events = await answer(engine, STEERED)
        assert "z = 1" in text_of(events)
        assert ends_once(events)
        assert (served.seen.steered, len(served.seen.asked)) == (1, 1)  # no second request
        (steer,) = served.seen.steers
        PUBLIC.validate_python(steer)
        assert "Call it z" in str(steer["input"])
        assert "x = 1" not in str(steer["input"])  # the service has the code already
        assert served.sessions[0].in_flight == 0
        await answer(engine, EDIT)
        assert {each["stream_id"] for each in served.seen.asked} == {"a.0"}  # the lane is free again


async def test_a_further_turn_steers_a_conversation(started: Any) -> None:
    async with started(lambda _, asked: asked) as (engine, served):
        await leave_begun(engine, served, CHAT)
        assert text_of(await answer(engine, TURNED)) == "In one sentence"
        assert served.seen.steered == 1


@pytest.mark.parametrize(("steering", "tries"), [("refused", 1), ("unknown", 1), ("ignored", 1), ("late", 2)])
async def test_a_service_without_steering_gets_the_edit_again_with_all_sentences(
    started: Any, steering: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "STEER_TIMEOUT_S", 0.1 if steering == "ignored" else PATIENCE)
    async with started(fenced, Rules(steering=steering)) as (engine, served):
        for _ in range(2):
            await leave_begun(engine, served, EDIT)
            events = await answer(engine, STEERED)
            assert "z = 1" in text_of(events)
            assert ends_once(events)
        assert "Call it z" in str(served.seen.asked[-1]["input"])
        assert len(served.seen.asked) == 4
        assert len(served.seen.steers) == tries  # a service that has no steering is not asked twice
        assert len({each["stream_id"] for each in served.seen.asked[:2]}) == 2
        assert served.seen.connections == 1


async def test_an_edit_that_ended_before_is_sent_as_a_new_one(started: Any) -> None:
    async with started(fenced) as (engine, served):
        await answer(engine, EDIT)
        assert "z = 1" in text_of(await answer(engine, STEERED))
        assert served.seen.steers == []


async def test_a_cancelled_steer_leaves_no_text_for_the_next_request(started: Any) -> None:
    async with started(fenced) as (engine, served):
        await leave_begun(engine, served, EDIT)
        served.rules.pause_s = 0.2
        async with engine.open(STEERED) as events:
            assert isinstance(await anext(events), Started)
        served.rules.pause_s = 0.0
        assert "old = 1" in text_of(await answer(engine, EDIT))
        await until(lambda: served.sessions[0].in_flight == 0)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (EDIT, STEERED, "Call it z"),
        (CHAT, TURNED, "In one sentence"),
        (EDIT, EDIT, ""),
        (EDIT, replace(EDIT, instruction="Rename xyz"), ""),
        (
            EDIT,
            Request(EDIT.task, EDIT.parts[:2], STEERED.instruction, language="python", origin=EDIT.origin),
            "",
        ),
        (CHAT, Request(Task.CHAT, instruction="In one sentence"), ""),
        (STEERED, CHAT, ""),
    ],
)
def test_only_the_same_request_with_a_sentence_added_is_steered(
    old: Request, new: Request, text: str
) -> None:
    assert steering_text(old, new).partition("\n")[0] == text
