"""Each lane keeps its latest response; forks leave it, failed continuations take it away."""

import pytest

from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message
from spark_lsp.wire import lineage
from spark_lsp.wire.lineage import Lineage

HELLO = (Message("user", "hello"),)


def kept(*responses: tuple[str | None, str]) -> Lineage:
    memory = Lineage()
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
    memory.failed("b", "r1")
    memory.failed("c", "r1")
    memory.failed("a", None)
    memory.failed("a", "r2")
    assert "r1" in memory
    memory.failed("a", "r1")
    assert "r1" not in memory
    assert "r2" in memory


def test_it_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lineage, "LIMIT_CHARS", 12)
    memory = kept(("a", "r1"), ("b", "r2"))
    assert "r1" in memory
    memory.keep("c", "r3", HELLO)
    assert [name in memory for name in ("r1", "r2", "r3")] == [False, True, True]
    memory.keep("d", "r4", (Message("user", "x" * 13),))
    assert not any(name in memory for name in ("r2", "r3", "r4"))
