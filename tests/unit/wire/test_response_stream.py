"""The conversation that a response leaves behind for the next request."""

import pytest

from spark_lsp.request import Message, Request, Task
from spark_lsp.wire import codec
from spark_lsp.wire.response_stream import ResponseStream, Surface


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(Task.CHAT, instruction="why"), (Message("user", "why"), Message("assistant", "so"))),
        (Request(Task.EDIT, action="fix"), (Message("user", "fix"), Message("assistant", "so"))),
        (Request(Task.CHAT), (Message("assistant", "so"),)),
    ],
)
def test_a_conversation_ends_with_the_question_and_the_answer(
    request_: Request, expected: tuple[Message, ...]
) -> None:
    past = (Message("user", "before"),)
    stream = ResponseStream("r", None, request_, Surface(spark=False), 0.0, past=past)
    stream.pieces.append("so")
    assert stream.conversation == (*past, *expected)


@pytest.mark.parametrize(
    ("spark", "scored", "reports"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_only_a_client_that_wants_the_confidence_gets_it(spark: bool, scored: bool, reports: bool) -> None:
    request = Request(Task.COMPLETE, scored=scored)
    stream = ResponseStream("resp_1", "ic.0", request, Surface(spark=spark), 0.0)
    assert "confidence" not in codec.encode(stream.make_delta("a"))
    stream.note_confidence(0.25)
    stream.note_confidence(None)
    assert ('"confidence":0.25' in codec.encode(stream.make_delta("b"))) is reports
