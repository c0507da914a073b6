"""The limits and the prices in the settings, as the accounts need them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from spark_lsp import config
from spark_lsp.budget.limits import TOTAL, Limits, engine_account
from spark_lsp.budget.prices import Price, to_nanos
from spark_lsp.budget.tariff import Tariff

DEFAULT_CURRENCY = "USD"


def tariff_of(
    settings: config.Settings, name: str, table: config.EngineSettings, *, is_own: bool = False
) -> Tariff:
    """Return the prices of an engine. `settings` are those of config.toml, `table` perhaps an editor's.

    `is_own`: the user runs the service of an engine that has an address, as far as its settings tell.
    """
    known = settings.engines.get(name)
    tables = [table.price, known.price if known is not None else None, _profile_price(settings, table)]
    prices = tuple(price for each in tables if each and (price := read_price(each)) is not None)
    if isinstance(table, config.KeyedSettings):
        return Tariff(prices, host_of(table), is_own)
    return Tariff(prices, is_own=True)


def _profile_price(settings: config.Settings, table: config.EngineSettings) -> config.PriceSettings | None:
    if not isinstance(table, config.WaferSettings) or table.price.is_complete:
        return None
    profile = settings.profiles.get(table.profile)
    return profile.price if profile is not None else None


def read_price(settings: config.PriceSettings) -> Price | None:
    """Return the price of the settings; None if it is not complete."""
    if settings.input is None or settings.output is None:
        return None
    return Price(settings.input, settings.output, settings.cached_input, settings.currency)


def host_of(table: config.KeyedSettings) -> str:
    """Return the host of a service's address, "" if it has none."""
    urls = [table.base_url, *(table.base_urls if isinstance(table, config.OpenAISettings) else ())]
    try:
        return next((urlsplit(url).hostname or "" for url in urls if url), "")
    except ValueError:
        return ""


def find_price(settings: config.Settings, name: str) -> Price | None:
    """Return the price of an engine of config.toml; None if none is known."""
    table = settings.engines[name]
    model = table.model if isinstance(table, config.KeyedSettings) else ""
    return tariff_of(settings, name, table).find_price(model)


def engine_limits(
    settings: config.Settings, engines: Mapping[str, config.EngineSettings]
) -> dict[str, Limits]:
    """Return the limits of some engines' own accounts, in the currencies of their prices."""
    found = dict[str, Limits]()
    for name, table in engines.items():
        model = table.model if isinstance(table, config.KeyedSettings) else ""
        price = tariff_of(settings, name, table).find_price(model)
        currency = (price.currency if price is not None else "") or DEFAULT_CURRENCY
        budget = table.budget
        limits = Limits(budget.tokens_per_day, to_nanos(budget.money_per_day), currency, budget.soft)
        if limits:
            found[engine_account(name)] = limits
    return found


def total_limits(budget: config.BudgetSettings) -> dict[str, Limits]:
    """Return the limits of all paid engines together."""
    limits = Limits(budget.tokensPerDay, to_nanos(budget.costPerDay), budget.currency, budget.soft)
    return {TOTAL: limits} if limits else {}


def limits_of(settings: config.Settings) -> dict[str, Limits]:
    """Return all limits of config.toml."""
    return {**engine_limits(settings, settings.engines), **total_limits(settings.budget)}
