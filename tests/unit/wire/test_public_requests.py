"""A server that knows only the public protocol is asked in words, and told how to answer."""

import pytest

from spark_lsp.request import EditFormat, Effort, Message, Part, PartKind, Request, Task
from spark_lsp.wire.frames import Reasoning
from spark_lsp.wire.public_requests import (
    COMPLETE_INSTRUCTIONS,
    EDIT_INSTRUCTIONS,
    INSTRUCTION_OF_ACTION,
    expected_format,
    make_public_create,
)

PARTS = (Part(PartKind.PREFIX, "def f():\n"), Part(PartKind.TARGET, "    pass"))


def test_everything_is_in_its_input():
    frame = make_public_create(Request(Task.EDIT, PARTS, "Fix it.", model="m", max_tokens=9), "act.0")
    assert frame.spark is None
    assert frame.input == "<prefix>\ndef f():\n\n</prefix>\n\n<target>\n    pass\n</target>\n\nFix it."
    assert (frame.stream_id, frame.model, frame.max_output_tokens) == ("act.0", "m", 9)
    assert frame.instructions == EDIT_INSTRUCTIONS


def test_a_completion_needs_no_instruction():
    frame = make_public_create(Request(Task.COMPLETE, PARTS[:1]), "ic.0")
    assert (frame.input, frame.instructions) == ("<prefix>\ndef f():\n\n</prefix>", COMPLETE_INSTRUCTIONS)
    assert (frame.model, frame.reasoning, frame.generate) == (None, None, None)


@pytest.mark.parametrize("action", ["document", "fix"])
def test_an_action_says_what_it_wants(action: str):
    assert str(make_public_create(Request(Task.EDIT, PARTS, action=action), "a").input).endswith(
        INSTRUCTION_OF_ACTION[action]
    )


def test_a_conversation_keeps_its_turns_and_system_words_are_instructions():
    history = (Message("system", "Be brief."), Message("user", "hi"), Message("assistant", "hello"))
    frame = make_public_create(Request(Task.CHAT, (), "and?", history=history, warm=True), "a")
    assert frame.instructions == "Be brief."
    assert frame.input == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "and?"},
    ]
    assert frame.generate is False
    assert make_public_create(Request(Task.CHAT, (), "hi"), "a").instructions is None


@pytest.mark.parametrize(("effort", "expected"), [("fast", "minimal"), ("balanced", None), ("deep", "high")])
def test_effort(effort: Effort, expected: str | None):
    frame = make_public_create(Request(Task.CHAT, (), "hi", effort=effort), "a")
    assert frame.reasoning == (Reasoning(effort=expected) if expected else None)


@pytest.mark.parametrize("task", Task)
def test_an_edit_is_asked_for_in_a_fence(task: Task):
    expected = EditFormat.FENCED if task is Task.EDIT else EditFormat.TEXT
    assert expected_format(Request(task)) is expected
