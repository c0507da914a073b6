"""Control first, order within a response, turns between them; waiting text merges, and goes on credit."""

from typing import Any

import pytest

from spark_lsp.wire.credit import LANE_EVENTS, Credit
from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.send_queue import PAUSE_ENGINE_CHARS, PAUSE_READING_MESSAGES, Entry, SendQueue

# Messages, for a queue that does not read them.
STATUS: Any = {"type": "spark.status"}
CREATED: Any = {"type": "created"}
DONE: Any = {"type": "done"}


@pytest.fixture
def queue() -> SendQueue:
    return opened(SendQueue())


def opened(queue: SendQueue) -> SendQueue:
    for response in ("r1", "r2", "r3"):
        queue.open_response(response, lane=response)
    return queue


def drained(queue: SendQueue) -> list[tuple[str, Entry]]:
    entries: list[tuple[str, Entry]] = []
    while (entry := queue.pop()) is not None:
        entries.append(entry)
    return entries


def test_control_goes_first(queue: SendQueue):
    queue.add_text("r1", "a")
    queue.add_control(STATUS)
    assert drained(queue) == [("", STATUS), ("r1", "a")]


def test_text_merges_with_text_but_never_across_an_event(queue: SendQueue):
    queue.add_event("r1", CREATED)
    queue.add_text("r1", "a")
    queue.add_text("r1", "b")
    queue.add_event("r1", DONE)
    queue.add_text("r1", "c")
    assert [entry for _, entry in drained(queue)] == [CREATED, "ab", DONE, "c"]


def test_responses_take_turns(queue: SendQueue):
    for event in (CREATED, DONE):
        for response in ("r1", "r2", "r3"):
            queue.add_event(response, event)
    assert [response for response, _ in drained(queue)] == ["r1", "r2", "r3", "r1", "r2", "r3"]


def test_a_long_text_is_cut_and_loses_nothing(queue: SendQueue):
    long = "0123456789" * 5000
    queue.add_text("r1", "start")
    queue.add_text("r1", long)
    pieces = [str(entry) for _, entry in drained(queue)]
    assert "".join(pieces) == "start" + long
    assert max(map(len, pieces)) <= CHUNK_CHARS
    assert len(pieces) == -(-len("start" + long) // CHUNK_CHARS)


def test_only_the_first_text_of_a_response_is_urgent(queue: SendQueue):
    assert not queue.urgent
    queue.add_text("r1", "a")
    assert queue.urgent
    drained(queue)
    assert not queue.urgent
    queue.add_text("r1", "b")
    assert queue
    assert not queue.urgent
    queue.add_text("r2", "x")
    assert queue.urgent
    drained(queue)
    queue.add_event("r1", DONE)
    assert queue.urgent
    drained(queue)
    queue.add_control(STATUS)
    assert queue.urgent


def test_what_is_forgotten_may_speak_first_again(queue: SendQueue):
    queue.add_text("r1", "a")
    drained(queue)
    queue.close_response("r1")
    queue.open_response("r1", None)
    queue.add_text("r1", "b")
    assert queue.urgent


def test_it_is_empty_until_something_waits_and_after_all_is_written(queue: SendQueue):
    assert not queue
    queue.add_text("r1", "")  # no text is nothing to say
    assert not queue
    assert queue.pop() is None
    queue.add_text("r1", "a")
    assert queue
    drained(queue)
    assert not queue
    queue.add_control(STATUS)
    assert queue


# Credit.


def test_without_credit_text_waits_and_merges_and_the_others_go_on():
    queue = opened(SendQueue(credit := Credit()))
    for _ in range(LANE_EVENTS):
        credit.spend("r1", "x")
    for letter in "abc":
        queue.add_text("r1", letter)
    queue.add_event("r1", DONE)
    queue.add_text("r2", "hello")
    queue.add_control(STATUS)
    assert drained(queue) == [("", STATUS), ("r2", "hello")]
    assert queue
    credit.restore("r1", 1, 1)
    assert drained(queue) == [("r1", "abc"), ("r1", DONE)]
    assert not queue


def test_a_slow_reader_gets_larger_pieces_and_never_too_large_ones():
    queue = opened(SendQueue(credit := Credit()))
    while credit.allows("r1"):
        credit.spend("r1", "x")
    for _ in range(CHUNK_CHARS + 1):
        queue.add_text("r1", "y")
    credit.restore("r1", 2, 10**6)
    assert [len(str(entry)) for _, entry in drained(queue)] == [CHUNK_CHARS, 1]


def test_dropped_text_is_gone_and_events_are_not(queue: SendQueue):
    queue.add_text("r1", "a")
    queue.add_event("r1", DONE)
    queue.drop_text("r1")
    queue.add_text("r2", "b")
    queue.drop_text("r2")
    assert drained(queue) == [("r1", DONE)]


def test_an_engine_should_pause_while_much_of_its_text_waits(queue: SendQueue):
    queue.add_text("r1", "x" * (PAUSE_ENGINE_CHARS - 1))
    assert not queue.is_full("r1")
    queue.add_text("r1", "x")
    assert queue.is_full("r1")
    assert not queue.is_full("r2")
    assert not queue.is_full("forgotten")
    queue.pop()
    assert not queue.is_full("r1")
    queue.add_text("r1", "x" * PAUSE_ENGINE_CHARS)
    queue.drop_text("r1")
    assert not queue.is_full("r1")


def test_a_peer_that_asks_and_does_not_read_should_not_be_read(queue: SendQueue):
    for _ in range(PAUSE_READING_MESSAGES):
        assert not queue.is_congested
        queue.add_control(STATUS)
    assert queue.is_congested
    queue.pop()
    assert not queue.is_congested
