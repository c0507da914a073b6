"""Text goes on credit: it runs out a lane, and for all, and comes back when the peer has read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.wire.credit import (
    ALL_BYTES,
    ALL_EVENTS,
    LANE_BYTES,
    LANE_EVENTS,
    Credit,
    CreditToReturn,
    count_bytes,
)


def spent(lane: str | None, events: int, text: str = "x") -> Credit:
    credit = Credit()
    for _ in range(events):
        credit.spend(lane, text)
    return credit


def test_a_lane_without_credit_leaves_the_others_theirs():
    credit = spent("a", LANE_EVENTS)
    assert not credit.allows("a")
    assert credit.allows("b")
    assert credit.allows(None)


def test_bytes_run_out_too():
    credit = spent("a", 1, "é" * (LANE_BYTES // 2))
    assert not credit.allows("a")


def test_all_lanes_together_have_less_than_each_of_them():
    credit = Credit()
    for lane in range(ALL_EVENTS // LANE_EVENTS):
        for _ in range(LANE_EVENTS):
            credit.spend(str(lane), "x")
    assert not credit.allows("another")
    credit.restore("0", 1, 1)
    assert credit.allows("another")
    assert ALL_BYTES < LANE_BYTES * 32


def test_what_is_given_back_opens_the_lane_and_never_wider_than_it_was():
    credit = spent("a", LANE_EVENTS)
    credit.restore("a", 10**9, 10**9)
    for _ in range(LANE_EVENTS):
        assert credit.allows("a")
        credit.spend("a", "x")
    assert not credit.allows("a")


def test_nonsense_that_is_given_back_is_nothing():
    credit = spent("a", LANE_EVENTS)
    credit.restore("a", -5, -5)
    credit.restore("never spent", 5, 5)
    assert not credit.allows("a")


def test_bytes_are_those_of_utf8():
    assert [count_bytes(text) for text in ("a", "é", "😀", "\ud800")] == [1, 2, 4, 3]


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklmn"), st.text(min_size=1, max_size=5)), max_size=2000))
@settings(max_examples=50, deadline=None)
def test_a_reader_who_reads_all_never_stops_the_writer(deltas: list[tuple[str, str]]):
    credit, debt = Credit(), CreditToReturn()
    for lane, text in deltas * 3:
        assert credit.allows(lane)
        credit.spend(lane, text)
        for name, owed in debt.count_read(lane, 1, count_bytes(text)).items():
            credit.restore(name, *owed)


def test_many_lanes_that_owe_a_little_each_are_settled_together():
    debt = CreditToReturn()
    settled: dict[str, tuple[int, int]] = {}
    lanes = [str(number) for number in range(16)]
    for _ in range(LANE_EVENTS // 2 - 1):
        for lane in lanes:
            if settled := debt.count_read(lane, 1, 1):
                assert set(settled) == set(lanes)
                assert sum(events for events, _ in settled.values()) == ALL_EVENTS // 2
                return
    raise AssertionError("nothing was ever given back")
