"""The price of tokens and the cost of an answer.

Money is an integer number of nanos, billionths of a currency's unit, so sums are exact. A cost is rounded up.
Prices are given per million tokens, as services publish them: a price of 1.25 is 1,250 nanos a token.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from spark_lsp.answer_events import Usage

NANOS = 1_000_000_000
PER_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """The price per million tokens, in units of `currency` (ISO 4217).

    `cached_input` is the price of input that the service has in its cache; None: that of other input.
    `source` and `as_of` name the origin of a price that spark-lsp brings.
    """

    input: float
    output: float
    cached_input: float | None = None
    currency: str = "USD"
    source: str = ""
    as_of: str = ""

    def cost_of(self, usage: Usage) -> int:
        """Return the cost of an answer in nanos, rounded up."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        total = (
            (usage.input_tokens - cached) * to_nanos(self.input)
            + cached * to_nanos(cached_price)
            + usage.output_tokens * to_nanos(self.output)
        )
        return -(-total // PER_TOKENS)  # rounded up


FREE = Price(0.0, 0.0, 0.0, "")
"""The price of an engine whose requests cost no money."""


@lru_cache(256)
def to_nanos(amount: float) -> int:
    """Return an amount of money from the settings in nanos: of the digits written there."""
    return round(Decimal(repr(amount)) * NANOS)
