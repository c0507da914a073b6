"""Budgets: the use of today, engines whose cost cannot be counted, and prices that may be out of date."""

from collections.abc import Iterator
from datetime import date

from spark_lsp.app import build_engine
from spark_lsp.budget import wording
from spark_lsp.budget.ledger import Ledger
from spark_lsp.budget.limits import SMALLEST as LEAST
from spark_lsp.budget.limits import TOTAL, Limits, Standing, find_excess
from spark_lsp.budget.prices import Price
from spark_lsp.config import BudgetSettings, KeyedSettings, Settings
from spark_lsp.doctor.finding import Finding
from spark_lsp.engine.metered.accounts import read_clock
from spark_lsp.engine.metered.prices import find_price, limits_of
from spark_lsp.errors import StoreError
from spark_lsp.store.ledger import SqliteLedger

SUBJECT = "budget"
OLD_DAYS = 180  # after which a price of the table should be compared with the service's


def look(settings: Settings, ledger: Ledger | None = None) -> Iterator[Finding]:
    """Give the findings about the limits in the settings; none without limits."""
    limits = limits_of(settings)
    if not limits:
        return
    try:
        moment = read_clock(utc=settings.budget.day == "utc")
        standings = (ledger or SqliteLedger()).standings(limits, moment)
    except StoreError as error:
        what = f"{error.what}; engines with a limit get no request"
        yield Finding("error", SUBJECT, what, error.remedy)
        return
    for account, standing in standings.items():
        yield _report_standing(account, standing, limits[account])
    for name, table in settings.engines.items():
        if isinstance(table, KeyedSettings):
            is_own = build_engine(name, table, lambda _: None).info.is_free
            if not is_own:
                yield from _price(name, table, settings.budget, find_price(settings, name))


def _report_standing(account: str, standing: Standing, limits: Limits) -> Finding:
    what = f"{wording.owner_text(account).removeprefix('of ')}: {wording.standing_text(standing, limits)}"
    if (excess := find_excess(standing, LEAST, limits)) is None:
        return Finding("ok", SUBJECT, what)
    setting = wording.setting_of(account, excess.unit)
    return Finding("warning", SUBJECT, what, f"Raise {setting}, or wait until the day ends")


def _price(name: str, table: KeyedSettings, total: BudgetSettings, price: Price | None) -> Iterator[Finding]:
    """Check the price of an engine whose cost is limited."""
    has_own_limit = bool(table.budget.money_per_day)
    if not has_own_limit and not total.costPerDay:
        return
    setting = "engines." + name
    if price is None:
        account = f"engine:{name}" if has_own_limit else TOTAL
        error = wording.make_price_error(name, account, table.model, "", total.currency)
        yield Finding("error", SUBJECT, f"{error.what}. {error.meaning}", error.remedy)
    elif total.costPerDay and price.currency and price.currency != total.currency:
        error = wording.make_price_error(name, TOTAL, table.model, price.currency, total.currency)
        yield Finding("error", SUBJECT, f"{error.what}. {error.meaning}", error.remedy)
    elif price.source:
        cached = "" if price.cached_input is None else f", {price.cached_input:g} cached"
        amounts = (
            f"{price.input:g} read{cached}, {price.output:g} written, {price.currency} per million tokens"
        )
        what = f"{setting}: {amounts} ({price.source}, {price.as_of})"
        if _is_old(price):
            yield Finding("warning", SUBJECT, what, f"It may be out of date; set {setting}.price")
        else:
            yield Finding("ok", SUBJECT, what)


def _is_old(price: Price) -> bool:
    year, month, *day = map(int, price.as_of.split("-"))
    return (date.today() - date(year, month, day[0] if day else 1)).days > OLD_DAYS
