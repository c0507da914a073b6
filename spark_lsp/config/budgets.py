"""The settings of budgets: `budget` for all engines together, `engines.NAME.budget` and `.price` for one."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from spark_lsp.config.values import Amount, Count, Share, describe

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
SOFT = 0.8


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Limits per day for all engines that cost money, together; 0: no limit."""

    tokensPerDay: Annotated[Count, describe("tokens per day of all engines that cost money; 0: no limit")] = 0
    costPerDay: Annotated[Amount, describe("money per day for all engines together; 0: no limit")] = 0.0
    currency: Annotated[Currency, describe("the currency of `costPerDay`")] = "USD"
    soft: Annotated[
        Share, describe("share of a limit above which nothing is requested ahead of time, from 0 to 1")
    ] = SOFT
    day: Annotated[
        Literal["local", "utc"],
        describe("the day of all budgets: by this machine's time zone, or UTC. Only in config.toml"),
    ] = "local"


@dataclass(frozen=True, slots=True)
class EngineBudget:
    """Limits per day for one engine; 0: no limit."""

    tokens_per_day: Annotated[Count, describe("tokens per day, read and written; 0: no limit")] = 0
    money_per_day: Annotated[
        Amount, describe("money per day, in the currency of the engine's price; 0: no limit")
    ] = 0.0
    soft: Annotated[
        Share, describe("share of a limit above which nothing is requested ahead of time, from 0 to 1")
    ] = SOFT


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """The price of one engine per million tokens; without it, spark-lsp's price table applies."""

    input: Annotated[
        Amount | None, describe("price per million tokens read; null: as in spark-lsp's price table")
    ] = None
    cached_input: Annotated[
        Amount | None, describe("price per million tokens read from the service's cache; null: as `input`")
    ] = None
    output: Annotated[Amount | None, describe("price per million tokens written; null: as for `input`")] = (
        None
    )
    currency: Annotated[Currency, describe("the currency of these prices")] = "USD"

    @property
    def is_complete(self) -> bool:
        """Whether the cost of an answer can be computed from these prices."""
        return self.input is not None and self.output is not None

    @property
    def is_given(self) -> bool:
        """Whether any price is set."""
        return any(each is not None for each in (self.input, self.cached_input, self.output))


NO_BUDGET = EngineBudget()
NO_PRICE = PriceSettings()
NO_LIMITS = BudgetSettings()
