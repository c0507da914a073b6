"""The decision of a route: the order of its engines, and the reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.codes import MEANINGS, Code
from spark_lsp.config import RouteRules
from spark_lsp.engine.route_records import MAX_SAVED_HEDGES, HedgeBudget, RouteRecords
from spark_lsp.engine.routing import EngineFacts, decide
from spark_lsp.engine.traffic import MIN_SAMPLES, WINDOW, FirstTextTimes

WAFER, GPU, LOCAL = EngineFacts("wafer"), EngineFacts("gpu"), EngineFacts("local")


def names(rules: RouteRules, *facts: EngineFacts, tokens: int = 100) -> list[str]:
    return [facts[each].name for each in decide(rules, facts, tokens).order]


def test_without_rules_the_route_s_order_counts() -> None:
    decision = decide(RouteRules(), [WAFER, GPU], 100)
    assert (decision.order, decision.code) == ((0, 1), Code.ROUTE_PREFERRED)


@pytest.mark.parametrize(("tokens", "order"), [(8000, "wafer gpu local"), (8001, "local gpu wafer")])
def test_a_long_request_prefers_its_own_engines(tokens: int, order: str) -> None:
    rules = RouteRules(long_tokens=8000, long=("local", "gpu"))
    assert names(rules, WAFER, GPU, LOCAL, tokens=tokens) == order.split()


def test_a_long_request_is_explained_with_both_numbers() -> None:
    decision = decide(RouteRules(long_tokens=8000, long=("gpu",)), [WAFER, GPU], 9000)
    assert decision.code == Code.ROUTE_LONG
    assert "9,000" in decision.reason
    assert "8,000" in decision.reason


def test_the_cheapest_comes_first_and_an_unknown_price_last() -> None:
    dear, unknown, free = (
        EngineFacts("dear", price=9.0),
        EngineFacts("unknown"),
        EngineFacts("free", price=0.0),
    )
    assert names(RouteRules(order="cheapest"), unknown, dear, free) == ["free", "dear", "unknown"]
    assert decide(RouteRules(order="cheapest"), [dear, free], 1).code == Code.ROUTE_CHEAPEST


def test_an_engine_that_is_too_slow_comes_after_dearer_ones() -> None:
    slow = EngineFacts("slow", price=0.0, first_ms=900.0)
    fast = EngineFacts("fast", price=5.0, first_ms=100.0)
    unmeasured = EngineFacts("new", price=6.0)
    assert names(RouteRules(order="cheapest", within_ms=500), slow, unmeasured, fast) == [
        "fast",
        "new",
        "slow",
    ]


def test_requests_spill_to_the_next_engine_while_the_first_has_no_room() -> None:
    rules = RouteRules(max_queue=2)
    for in_progress, code, order in (
        (1, Code.ROUTE_PREFERRED, ["wafer", "gpu"]),
        (2, Code.ROUTE_SPILLED, ["gpu", "wafer"]),
    ):
        facts = [EngineFacts("wafer", in_progress=in_progress), GPU]
        assert decide(rules, facts, 1).code == code
        assert names(rules, *facts) == order
    both = [EngineFacts("wafer", in_progress=9), EngineFacts("gpu", in_progress=9)]
    assert names(rules, *both) == ["wafer", "gpu"]


@pytest.mark.parametrize(
    "fact",
    [
        EngineFacts("wafer", is_off=True),
        EngineFacts("wafer", is_skipped=True),
        EngineFacts("wafer", fits=False),
        EngineFacts("wafer", is_loading=True),
    ],
)
def test_an_unavailable_engine_is_skipped_with_the_reason(fact: EngineFacts) -> None:
    decision = decide(RouteRules(), [fact, GPU], 1)
    assert (decision.order[0], decision.code, decision.skipped) == (1, Code.ROUTE_SKIPPED, (0,))
    assert decision.reason.startswith("'wafer' ")


FACTS = st.builds(
    EngineFacts,
    st.just("e"),
    is_off=st.booleans(),
    is_skipped=st.booleans(),
    fits=st.booleans(),
    is_loading=st.booleans(),
    in_progress=st.integers(0, 4),
    price=st.none() | st.floats(0, 10),
    first_ms=st.none() | st.floats(0, 1000),
)
RULES = st.builds(
    RouteRules,
    long_tokens=st.integers(0, 100),
    long=st.lists(st.sampled_from(["e0", "e1", "gone"]), max_size=2, unique=True).map(tuple),
    order=st.sampled_from(["given", "cheapest"]),
    within_ms=st.sampled_from([0.0, 500.0]),
    max_queue=st.integers(0, 3),
)


@given(RULES, st.lists(FACTS, max_size=5), st.integers(0, 200))
def test_every_available_engine_is_in_the_order_once(
    rules: RouteRules, drawn: list[EngineFacts], tokens: int
) -> None:
    facts = [replace(fact, name=f"e{n}") for n, fact in enumerate(drawn)]
    decision = decide(rules, facts, tokens)
    available = {n for n, fact in enumerate(facts) if fact.is_available}
    assert len(decision.order) == len(set(decision.order))
    assert set(decision.order) == available or (not available and len(decision.order) == min(len(facts), 1))
    assert decision.code in MEANINGS
    assert decision.reason
    assert not {*decision.skipped} & {n for n in available if not facts[n].is_loading}
    if decision.order and (available or facts[decision.order[0]].is_off):
        assert decision.code != Code.ROUTE_LAST_RESORT or not available


# Times to the first text.


def test_there_is_no_percentile_before_enough_answers() -> None:
    times = FirstTextTimes()
    for _ in range(MIN_SAMPLES - 1):
        times.add(1.0)
    assert times.percentile(0.95) is None
    times.add(2.0)
    assert times.percentile(0.95) == 1.0
    assert times.percentile(0.99) is None  # of twenty answers, none is expected to be slower


@given(
    st.lists(st.floats(0, 100), min_size=100, max_size=3 * WINDOW),
    st.sampled_from([0.5, 0.75, 0.9, 0.95, 0.99]),
)
def test_a_percentile_is_a_measured_time_of_the_latest_answers(seconds: list[float], share: float) -> None:
    times = FirstTextTimes()
    for each in seconds:
        times.add(each)
    found, latest = times.percentile(share), seconds[-WINDOW:]
    assert found in latest
    assert sum(each <= found for each in latest) >= share * len(latest)  # type: ignore[operator]
    assert len(times) == len(latest)


# The budget of hedges.


@given(st.lists(st.booleans(), max_size=400), st.sampled_from([0.0, 0.05, 0.2, 0.5]))
def test_hedges_never_exceed_their_share_of_the_requests(wants: list[bool], share: float) -> None:
    budget, sent = HedgeBudget(), 0
    for requests, want in enumerate(wants, 1):
        budget.earn_share(share)
        sent += want and budget.spend_hedge()
        assert sent <= share * requests + 1e-6
    assert not budget.spend_hedge() or sent + 1 <= share * len(wants) + 1e-6


def test_saved_hedges_are_bounded() -> None:
    budget = HedgeBudget()
    for _ in range(1000):
        budget.earn_share(0.5)
    assert sum(budget.spend_hedge() for _ in range(100)) == MAX_SAVED_HEDGES


def test_a_report_has_each_route_s_latest_decision_and_its_hedges() -> None:
    records = RouteRecords()
    records.note_answer("completion", "gpu", Code.ROUTE_PREFERRED, "it is the first engine of the route")
    records.note_answer("completion", "wafer", Code.ROUTE_HEDGED, "'gpu' had no text after 90 ms")
    records.hedges["completion", "sent"] += 1
    records.hedges["completion", "won"] += 1
    told = records.report({"completion": RouteRules(hedge="p95")})["completion"]
    assert (told["engine"], told["code"]) == ("wafer", Code.ROUTE_HEDGED)
    assert told["hedge"] == {"after": "p95", "sent": 1, "won": 1, "answers": 2}
    assert "hedge" not in records.report({})["completion"]
