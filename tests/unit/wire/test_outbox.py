"""Control first, order within a response, turns between them; waiting text merges, and goes on credit."""

import pytest

from spark_lsp.wire.credit import LANE_EVENTS, Credit
from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.outbox import CONGESTED, FULL_CHARS, Entry, Outbox


@pytest.fixture
def outbox() -> Outbox:
    return opened(Outbox())


def opened(outbox: Outbox) -> Outbox:
    for response in ("r1", "r2", "r3"):
        outbox.open(response, lane=response)
    return outbox


def drained(outbox: Outbox) -> list[tuple[str, Entry]]:
    entries: list[tuple[str, Entry]] = []
    while (entry := outbox.pop()) is not None:
        entries.append(entry)
    return entries


def test_control_goes_first(outbox: Outbox):
    outbox.text("r1", "a")
    outbox.control({"type": "spark.status"})
    assert drained(outbox) == [("", {"type": "spark.status"}), ("r1", "a")]


def test_text_merges_with_text_but_never_across_an_event(outbox: Outbox):
    outbox.event("r1", {"type": "created"})
    outbox.text("r1", "a")
    outbox.text("r1", "b")
    outbox.event("r1", {"type": "done"})
    outbox.text("r1", "c")
    assert [entry for _, entry in drained(outbox)] == [{"type": "created"}, "ab", {"type": "done"}, "c"]


def test_responses_take_turns(outbox: Outbox):
    for event in range(2):
        for response in ("r1", "r2", "r3"):
            outbox.event(response, {"n": event})
    assert [response for response, _ in drained(outbox)] == ["r1", "r2", "r3", "r1", "r2", "r3"]


def test_a_long_text_is_cut_and_loses_nothing(outbox: Outbox):
    long = "0123456789" * 5000
    outbox.text("r1", "start")
    outbox.text("r1", long)
    pieces = [str(entry) for _, entry in drained(outbox)]
    assert "".join(pieces) == "start" + long
    assert max(map(len, pieces)) <= CHUNK_CHARS
    assert len(pieces) == -(-len("start" + long) // CHUNK_CHARS)


def test_only_the_first_text_of_a_response_is_urgent(outbox: Outbox):
    assert not outbox.urgent
    outbox.text("r1", "a")
    assert outbox.urgent
    drained(outbox)
    assert not outbox.urgent
    outbox.text("r1", "b")
    assert outbox
    assert not outbox.urgent
    outbox.text("r2", "x")
    assert outbox.urgent
    drained(outbox)
    outbox.event("r1", {"type": "done"})
    assert outbox.urgent
    drained(outbox)
    outbox.control({"type": "spark.status"})
    assert outbox.urgent


def test_what_is_forgotten_may_speak_first_again(outbox: Outbox):
    outbox.text("r1", "a")
    drained(outbox)
    outbox.forget("r1")
    outbox.open("r1", None)
    outbox.text("r1", "b")
    assert outbox.urgent


def test_it_is_empty_until_something_waits_and_after_all_is_written(outbox: Outbox):
    assert not outbox
    outbox.text("r1", "")  # no text is nothing to say
    assert not outbox
    assert outbox.pop() is None
    outbox.text("r1", "a")
    assert outbox
    drained(outbox)
    assert not outbox
    outbox.control({})
    assert outbox


# Credit.


def test_without_credit_text_waits_and_merges_and_the_others_go_on():
    outbox = opened(Outbox(credit := Credit()))
    for _ in range(LANE_EVENTS):
        credit.spend("r1", "x")
    for letter in "abc":
        outbox.text("r1", letter)
    outbox.event("r1", {"type": "done"})
    outbox.text("r2", "hello")
    outbox.control({"type": "spark.status"})
    assert drained(outbox) == [("", {"type": "spark.status"}), ("r2", "hello")]
    assert outbox
    credit.give("r1", 1, 1)
    assert drained(outbox) == [("r1", "abc"), ("r1", {"type": "done"})]
    assert not outbox


def test_a_slow_reader_gets_larger_pieces_and_never_too_large_ones():
    outbox = opened(Outbox(credit := Credit()))
    while credit.allows("r1"):
        credit.spend("r1", "x")
    for _ in range(CHUNK_CHARS + 1):
        outbox.text("r1", "y")
    credit.give("r1", 2, 10**6)
    assert [len(str(entry)) for _, entry in drained(outbox)] == [CHUNK_CHARS, 1]


def test_dropped_text_is_gone_and_events_are_not(outbox: Outbox):
    outbox.text("r1", "a")
    outbox.event("r1", {"type": "done"})
    outbox.drop_text("r1")
    outbox.text("r2", "b")
    outbox.drop_text("r2")
    assert drained(outbox) == [("r1", {"type": "done"})]


def test_an_engine_should_pause_while_much_of_its_text_waits(outbox: Outbox):
    outbox.text("r1", "x" * (FULL_CHARS - 1))
    assert not outbox.full("r1")
    outbox.text("r1", "x")
    assert outbox.full("r1")
    assert not outbox.full("r2")
    assert not outbox.full("forgotten")
    outbox.pop()
    assert not outbox.full("r1")
    outbox.text("r1", "x" * FULL_CHARS)
    outbox.drop_text("r1")
    assert not outbox.full("r1")


def test_a_peer_that_asks_and_does_not_read_should_not_be_read(outbox: Outbox):
    for _ in range(CONGESTED):
        assert not outbox.congested
        outbox.control({})
    assert outbox.congested
    outbox.pop()
    assert not outbox.congested
