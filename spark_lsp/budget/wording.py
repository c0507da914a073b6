"""The sentences about budgets: in statuses, errors, `doctor` and `spark-lsp status`."""

from spark_lsp.budget.limits import (
    SMALLEST,
    TOTAL,
    Excess,
    Limits,
    Standing,
    Unit,
    find_excess,
    is_above_soft_limit,
)
from spark_lsp.budget.prices import NANOS
from spark_lsp.codes import Code
from spark_lsp.errors import EngineError

MEANING = "The next engine of its routes answers until midnight"
SETTINGS: dict[Unit, tuple[str, str]] = {
    "tokens": ("tokens_per_day", "tokensPerDay"),
    "money": ("money_per_day", "costPerDay"),
}


def amount_text(value: int, unit: Unit, currency: str = "") -> str:
    """Return an amount in words: tokens, or money in nanos with as many decimals as it needs."""
    if unit == "tokens":
        return f"{value:,} tokens"
    return f"{money_text(value)} {currency}".rstrip()


def money_text(nanos: int) -> str:
    """Return money with two decimals, or with more if it is less than 0.1."""
    value = nanos / NANOS
    return f"{value:,.2f}" if not nanos or value >= 0.1 else f"{value:.4f}"


def share_text(excess: Excess) -> str:
    """Return the used part of a limit, such as `1.98 of 2.00 USD`."""
    limit = amount_text(excess.limit, excess.unit, excess.currency)
    used = f"{excess.used:,}" if excess.unit == "tokens" else money_text(excess.used)
    return f"{used} of {limit}"


def standing_text(standing: Standing, limits: Limits) -> str:
    """Return the use of an account today, such as `1.70 of 2.00 USD today, above the soft limit`."""
    used = standing.used
    shares: list[str] = []
    if limits.money:
        shares.append(share_text(Excess("money", used.money, 0, limits.money, limits.currency)))
    if limits.tokens:
        shares.append(share_text(Excess("tokens", used.tokens, 0, limits.tokens)))
    if not shares:
        return ""
    note = ""
    if find_excess(standing, SMALLEST, limits) is not None:
        note = ", used up"
    elif is_above_soft_limit(standing, limits):
        note = ", above the soft limit"
    return f"{' and '.join(shares)} today{note}"


def owner_text(account: str) -> str:
    """Return the owner of a budget: an engine, all engines, or the project."""
    kind, _, name = account.partition(":")
    if account == TOTAL:
        return "of all engines"
    return f"of engine {name!r}" if kind == "engine" else "of this project"


def setting_of(account: str, unit: Unit) -> str:
    """Return the setting that limits an account."""
    kind, _, name = account.partition(":")
    own, shared = SETTINGS[unit]
    if account == TOTAL:
        return f"budget.{shared}"
    return f"engines.{name}.budget.{own}" if kind == "engine" else f"budget.{shared} in the .spark.toml"


def make_used_up_error(account: str, excess: Excess) -> EngineError:
    """Return the error of a request for which nothing, or too little, is left."""
    owner, share = owner_text(account), share_text(excess)
    what = f"Today's budget {owner} is used up ({share})"
    if excess.left and excess.asked > excess.left:
        asked = amount_text(excess.asked, excess.unit, excess.currency)
        what = f"Today's budget {owner} does not hold this request ({share} used, about {asked} needed)"
    return EngineError(
        what,
        MEANING,
        f"To continue today, raise {setting_of(account, excess.unit)}",
        code=Code.BUDGET_USED_UP,
    )


def make_saving_error(account: str, excess: Excess) -> EngineError:
    """Return the error of a request that no user waits for, above the soft limit."""
    return EngineError(
        f"Today's budget {owner_text(account)} is above its soft limit ({share_text(excess)})",
        "No text is requested ahead of time until midnight; your own requests are answered",
        f"To change this, raise {setting_of(account, excess.unit)}",
        code=Code.BUDGET_LOW,
        retryable=False,  # another engine would do work that nobody waits for
    )


def make_price_error(
    engine: str, account: str, model: str, currency: str, limit_currency: str
) -> EngineError:
    """Return the error of an engine with a limit of money and without a price in its currency."""
    setting = setting_of(account, "money")
    if currency:
        what = f"The price of engine {engine!r} is in {currency}, and {setting} is in {limit_currency}"
        remedy = f"Set the price in {limit_currency} in engines.{engine}.price, or change the limit"
    else:
        of_model = f" for the model {model[:60]!r}" if model else ""
        what = f"Engine {engine!r} has no known price{of_model}, and {setting} limits its cost"
        remedy = f"Set `input` and `output` in engines.{engine}.price; 0 for an engine without a price"
    meaning = "The engine gets no request, because its cost could not be counted"
    return EngineError(what, meaning, remedy, code=Code.PRICE_MISSING)


def make_ledger_error(engine: str, trouble: str) -> EngineError:
    """Return the error of an engine whose budget cannot be read or written."""
    return EngineError(
        f"The budget of engine {engine!r} cannot be checked: {trouble}",
        "The engine gets no request, because it has a limit",
        "Check the mode of that file and the disk; without limits in the settings, no file is needed",
        code=Code.BUDGET_UNKNOWN,
    )
