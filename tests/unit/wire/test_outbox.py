"""Control first, order within a response, turns between them, and waiting text merges."""

from spark_lsp.wire.frames import CHUNK_CHARS
from spark_lsp.wire.outbox import Entry, Outbox


def drained(outbox: Outbox) -> list[tuple[str, Entry]]:
    entries: list[tuple[str, Entry]] = []
    while (entry := outbox.pop()) is not None:
        entries.append(entry)
    return entries


def test_control_goes_first():
    outbox = Outbox()
    outbox.text("r1", "a")
    outbox.control({"type": "spark.status"})
    assert drained(outbox) == [("", {"type": "spark.status"}), ("r1", "a")]


def test_text_merges_with_text_but_never_across_an_event():
    outbox = Outbox()
    outbox.event("r1", {"type": "created"})
    outbox.text("r1", "a")
    outbox.text("r1", "b")
    outbox.event("r1", {"type": "done"})
    outbox.text("r1", "c")
    assert [entry for _, entry in drained(outbox)] == [{"type": "created"}, "ab", {"type": "done"}, "c"]


def test_responses_take_turns():
    outbox = Outbox()
    for event in range(2):
        for response in ("r1", "r2", "r3"):
            outbox.event(response, {"n": event})
    assert [response for response, _ in drained(outbox)] == ["r1", "r2", "r3", "r1", "r2", "r3"]


def test_a_long_text_is_cut_and_loses_nothing():
    outbox = Outbox()
    long = "0123456789" * 5000
    outbox.text("r1", "start")
    outbox.text("r1", long)
    pieces = [str(entry) for _, entry in drained(outbox)]
    assert "".join(pieces) == "start" + long
    assert max(map(len, pieces)) <= CHUNK_CHARS
    assert len(pieces) == 1 + -(-len(long) // CHUNK_CHARS)


def test_only_the_first_text_of_a_response_is_urgent():
    outbox = Outbox()
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


def test_what_is_forgotten_may_speak_first_again():
    outbox = Outbox()
    outbox.text("r1", "a")
    drained(outbox)
    outbox.forget("r1")
    outbox.text("r1", "b")
    assert outbox.urgent


def test_it_is_empty_until_something_waits_and_after_all_is_written():
    outbox = Outbox()
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
