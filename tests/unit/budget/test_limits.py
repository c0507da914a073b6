"""Which request fits under which limits, and how users read about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.budget import wording
from spark_lsp.budget.limits import (
    TOTAL,
    Amount,
    Excess,
    Limits,
    Standing,
    find_excess,
    is_above_soft_limit,
    narrowest,
    project_account,
)
from spark_lsp.codes import Code

TWO_DOLLARS = Limits(money=2_000_000_000, currency="USD", soft=0.8)
LIMITS = st.builds(
    Limits, st.integers(0, 100), st.integers(0, 100), st.sampled_from(["USD", ""]), st.floats(0, 1)
)


def used(tokens: int = 0, money: int = 0) -> Standing:
    return Standing(Amount(tokens, money))


def test_no_limit_holds_everything() -> None:
    assert find_excess(used(10**12, 10**12), Amount(1, 1), Limits()) is None
    assert not Limits()


def test_a_reserved_amount_is_not_available() -> None:
    standing = Standing(Amount(60), Amount(30))
    assert find_excess(standing, Amount(10), Limits(tokens=100)) is None
    assert find_excess(standing, Amount(11), Limits(tokens=100)) == Excess("tokens", 90, 11, 100)


@given(LIMITS, LIMITS)
def test_narrowing_never_widens(first: Limits, second: Limits) -> None:
    both = narrowest((first, second))
    for amount in (Amount(tokens, tokens) for tokens in (1, 50, 100, 101)):
        if find_excess(Standing(), amount, both) is None and first.currency == second.currency:
            assert find_excess(Standing(), amount, first) is None
            assert find_excess(Standing(), amount, second) is None


@given(LIMITS, st.integers(0, 120))
def test_the_soft_limit_is_never_above_the_hard_one(limits: Limits, tokens: int) -> None:
    standing = used(tokens, tokens)
    if find_excess(standing, Amount(1, 1), limits) is not None:
        assert is_above_soft_limit(standing, limits)


def test_a_limit_of_another_currency_does_not_replace_the_first() -> None:
    euros = Limits(money=1, currency="EUR")
    assert narrowest((TWO_DOLLARS, euros)).money == TWO_DOLLARS.money


@pytest.mark.parametrize(
    ("standing", "limits", "text"),
    [
        (used(), Limits(), ""),
        (used(81_200), Limits(100_000, soft=0.9), "81,200 of 100,000 tokens today"),
        (used(money=1_700_000_000), TWO_DOLLARS, "1.70 of 2.00 USD today, above the soft limit"),
        (used(money=2_000_000_000), TWO_DOLLARS, "2.00 of 2.00 USD today, used up"),
        (used(5, 1_000_000), Limits(9, 20_000_000, "EUR"), "0.0010 of 0.0200 EUR and 5 of 9 tokens today"),
    ],
)
def test_a_standing_in_words(standing: Standing, limits: Limits, text: str) -> None:
    assert wording.standing_text(standing, limits) == text


def test_a_refusal_says_how_much_was_used_and_which_setting_limits_it() -> None:
    error = wording.make_used_up_error("engine:gpu", Excess("money", 2 * 10**9, 5, 2 * 10**9, "USD"))
    assert str(error) == (
        "Today's budget of engine 'gpu' is used up (2.00 of 2.00 USD). The next engine of its routes answers "
        "until midnight. To continue today, raise engines.gpu.budget.money_per_day."
    )
    assert (error.code, error.retryable) == (Code.BUDGET_USED_UP, True)


def test_a_request_that_is_too_large_for_the_rest_is_told_apart() -> None:
    error = wording.make_used_up_error(TOTAL, Excess("tokens", 900, 300, 1_000))
    assert "does not hold this request (900 of 1,000 tokens used, about 300 tokens needed)" in str(error)
    assert "budget.tokensPerDay" in error.remedy
    project = wording.make_used_up_error(project_account("1"), Excess("tokens", 9, 1, 9))
    assert ".spark.toml" in project.remedy


def test_a_saving_is_not_passed_to_another_engine() -> None:
    error = wording.make_saving_error("engine:gpu", Excess("tokens", 900, 1, 800))
    assert (error.code, error.retryable) == (Code.BUDGET_LOW, False)
