"""Any client's `input` becomes turns; what has no text is passed over, what is not text is refused."""

from typing import Any

import pytest

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message
from spark_lsp.wire.conversation import Items, read_steering_turns, read_turns


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        ("", []),
        ("hi", [("user", "hi")]),
        (["a", "b"], [("user", "a"), ("user", "b")]),
        ([{"role": "user", "content": "hi"}], [("user", "hi")]),
        ([{"role": "developer", "content": "x"}], [("system", "x")]),
        ([{"role": "system", "content": "x"}], [("system", "x")]),
        ([{"role": "assistant", "content": [{"type": "output_text", "text": "a"}]}], [("assistant", "a")]),
        ([{"role": "stranger", "content": "x"}], [("user", "x")]),
        ([{"content": [{"type": "input_text", "text": "a"}, {"text": "b"}, {}]}], [("user", "a\n\nb")]),
        ([{"type": "function_call", "name": "f", "arguments": "{}"}], [("assistant", "f({})")]),
        ([{"type": "custom_tool_call", "name": "f", "input": "x"}], [("assistant", "f(x)")]),
        ([{"type": "function_call_output", "call_id": "c", "output": "42"}], [("user", "42")]),
        ([{"type": "reasoning", "encrypted_content": "…"}], []),
        ([{"content": None}, {"content": 5}, {"content": [None]}], []),
    ],
)  # fmt: skip
def test_the_read_turns_input(given: Items, expected: list[tuple[Any, str]]):
    assert read_turns(given) == tuple(Message(*turn) for turn in expected)


@pytest.mark.parametrize("kind", ["input_image", "input_file", "input_audio"])
def test_only_text_is_read(kind: str):
    with pytest.raises(RemoteProtocolError, match="text only") as caught:
        read_turns([{"content": [{"type": kind}]}])
    assert caught.value.code == "unsupported_content"


def test_an_item_must_be_an_object():
    with pytest.raises(RemoteProtocolError):
        read_turns([5])


def test_steering_takes_the_words_of_a_user():
    assert read_steering_turns("shorter") == (Message("user", "shorter"),)


@pytest.mark.parametrize(
    "given", ["", [], [{"role": "system", "content": "x"}], [5], [{"content": [{"type": "input_image"}]}]]
)
def test_steering_takes_nothing_else(given: Items):
    with pytest.raises(RemoteProtocolError) as caught:
        read_steering_turns(given)
    assert caught.value.code == "invalid_input"
