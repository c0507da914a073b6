"""Each lane keeps its latest response; forks leave it, failed continuations take it away."""

import pytest

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message
from spark_lsp.wire import response_history
from spark_lsp.wire.response_history import ResponseHistory

HELLO = (Message("user", "hello"),)


def kept(*responses: tuple[str | None, str]) -> ResponseHistory:
    memory = ResponseHistory()
    for lane, response in responses:
        memory.keep(lane, response, HELLO)
    return memory


def test_what_was_answered_can_be_continued():
    assert kept((None, "r1")).recall("r1") == HELLO


def test_what_is_not_here_is_said():
    with pytest.raises(RemoteProtocolError) as caught:
        kept().recall("r1")
    assert caught.value.code == "previous_response_not_found"


def test_a_lane_keeps_its_latest_only_and_lanes_do_not_disturb_each_other():
    memory = kept(("a", "r1"), ("b", "r2"), ("a", "r3"), (None, "r4"))
    assert [name in memory for name in ("r1", "r2", "r3", "r4")] == [False, True, True, True]


def test_a_failed_continuation_takes_its_parent_and_a_failed_fork_does_not():
    memory = kept(("a", "r1"), ("b", "r2"))
    memory.note_failure("b", "r1")
    memory.note_failure("c", "r1")
    memory.note_failure("a", None)
    memory.note_failure("a", "r2")
    assert "r1" in memory
    memory.note_failure("a", "r1")
    assert "r1" not in memory
    assert "r2" in memory


def test_it_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(response_history, "MAX_CHARS", 12)
    memory = kept(("a", "r1"), ("b", "r2"))
    assert "r1" in memory
    memory.keep("c", "r3", HELLO)
    assert [name in memory for name in ("r1", "r2", "r3")] == [False, True, True]
    memory.keep("d", "r4", (Message("user", "x" * 13),))
    assert not any(name in memory for name in ("r2", "r3", "r4"))
