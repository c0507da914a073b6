"""What an answer costs, and which price applies."""

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.answer_events import Usage
from spark_lsp.budget.estimate import complete_usage, estimate_request
from spark_lsp.budget.price_table import PRICES, find_price
from spark_lsp.budget.prices import FREE, Price, to_nanos
from spark_lsp.budget.tariff import Tariff
from spark_lsp.config.responses import PROFILES
from spark_lsp.request import Part, PartKind, Request, Task

MINI = Price(0.25, 2.0, 0.025)


@pytest.mark.parametrize(
    ("usage", "nanos"),
    [
        (Usage(), 0),
        (Usage(1_000_000, 0), 250_000_000),
        (Usage(1_000_000, 0, 1_000_000), 25_000_000),
        (Usage(1_000, 100, 600), 400 * 250 + 600 * 25 + 100 * 2_000),
        (Usage(1, 0, 1), 25),
        (Usage(10, 0, 50), 250),  # no more can be cached than was read
    ],
)
def test_the_cost_of_an_answer(usage: Usage, nanos: int) -> None:
    assert MINI.cost_of(usage) == nanos


def test_a_fraction_of_a_nano_is_rounded_up() -> None:
    assert Price(0.0375, 0.0).cost_of(Usage(1)) == 38
    assert Price(0.1, 0.0).cost_of(Usage(3)) == 300  # exact, although 0.1 has no exact binary fraction


def test_cached_input_without_a_price_costs_as_other_input() -> None:
    assert Price(2.0, 6.0).cost_of(Usage(100, 0, 100)) == 200_000


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**7))
def test_more_tokens_never_cost_less(read: int, written: int, cached: int) -> None:
    less, more = Usage(read, written, cached), Usage(read + 1, written + 1, cached)
    assert MINI.cost_of(less) < MINI.cost_of(more)


def test_money_of_the_settings_is_exact() -> None:
    assert to_nanos(0.1) == 100_000_000
    assert to_nanos(2) == 2_000_000_000


def test_every_price_names_its_source_and_date() -> None:
    for host, models in PRICES.items():
        for model, price in models.items():
            assert urlsplit(price.source).scheme == "https", (host, model)
            assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", price.as_of), (host, model)
            assert 0 < price.input <= price.output, (host, model)
            assert price.cached_input is None or price.cached_input < price.input


def test_the_services_that_spark_lsp_has_profiles_for_have_prices() -> None:
    for values in PROFILES.values():
        host = urlsplit(values["base_url"]).hostname or ""
        assert find_price(host, values["model"]) is not None


def test_a_dated_name_has_the_price_of_its_model_and_another_host_none() -> None:
    known = find_price("api.openai.com", "gpt-5-mini")
    assert known is not None
    assert find_price("API.OpenAI.com", "gpt-5-mini-2025-08-07") == known
    assert find_price("api.openai.com", "gpt-5-mini-turbo") is None
    assert find_price("gpu.example", "gpt-5-mini") is None


def test_the_model_that_answered_decides_if_its_price_is_known() -> None:
    tariff = Tariff(host="api.openai.com")
    mini, large = (find_price("api.openai.com", name) for name in ("gpt-5-mini", "gpt-5.5"))
    assert tariff.find_price("gpt-5.5", "gpt-5-mini") == large
    assert tariff.find_price("something-new", "gpt-5-mini") == mini
    assert tariff.find_price("something-new") is None
    assert tariff.cost_of(Usage(1_000), ("something-new",)) == (0, "")


def test_a_price_of_the_settings_applies_whatever_model_answers() -> None:
    tariff = Tariff((Price(1.0, 1.0, currency="EUR"),), "api.openai.com")
    assert tariff.cost_of(Usage(1_000), ("gpt-5.5",)) == (1_000_000, "EUR")


def test_an_editor_cannot_undercut_the_price_of_config_toml() -> None:
    tariff = Tariff((Price(0.0, 0.0), Price(1.0, 1.0)))
    assert tariff.cost_of(Usage(1_000), ("m",)) == (1_000_000, "USD")


def test_an_engine_of_the_user_costs_nothing() -> None:
    assert Tariff(is_own=True).find_price("m") == FREE
    assert Tariff().find_price("m") is None


# Estimates.


def prefix(length: int) -> Part:
    return Part(PartKind.PREFIX, "x" * length)


def test_text_around_the_cursor_counts_as_far_as_it_is_sent() -> None:
    request = Request(Task.COMPLETE, (prefix(90_000),))
    assert estimate_request(request).input_tokens == 30_300
    assert estimate_request(request, around_chars=15_000).input_tokens == 5_300
    assert estimate_request(request, context_tokens=4_096).input_tokens == 4_096


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (Request(Task.COMPLETE), 256),
        (Request(Task.COMPLETE, max_tokens=64), 64),
        (Request(Task.COMPLETE, warm=True), 0),
        (Request(Task.EDIT, (Part(PartKind.TARGET, "x" * 300),)), 356),
        (Request(Task.CHAT), 1_024),
    ],
)
def test_the_answer_of_a_request_is_estimated_by_its_task(request_: Request, tokens: int) -> None:
    assert estimate_request(request_).output_tokens == tokens


def test_a_report_counts_and_gaps_in_it_are_estimated() -> None:
    estimate = Usage(500, 256)
    assert complete_usage(Usage(400, 20, 100), estimate, 60) == (Usage(400, 20, 100), False)
    assert complete_usage(Usage(0, 20), estimate, 60) == (Usage(500, 20), True)
    assert complete_usage(Usage(), estimate, 61) == (Usage(500, 21), True)
    assert complete_usage(Usage(400), estimate, 0) == (Usage(400), False)
