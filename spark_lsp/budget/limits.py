"""Amounts, the limits of a day, the standing of an account, and the decision whether a request fits.

An account counts tokens and money for one owner and one day:

    engine:NAME    one engine, whichever window or gateway uses it
    total          all engines that cost money per request
    project:ID     the requests about one project, if its own file limits them

The *hard* limit is the limit itself: a request that does not fit under it is refused. The *soft* limit is a
share of it: above it, requests that no user waits for are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

TOTAL = "total"
Unit = Literal["tokens", "money"]


def engine_account(name: str) -> str:
    """Return the account of an engine."""
    return f"engine:{name}"


def project_account(identity: str) -> str:
    """Return the account of a project."""
    return f"project:{identity}"


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and money in nanos of a currency."""

    tokens: int = 0
    money: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Return the sum; both are in one currency."""
        return Amount(self.tokens + other.tokens, self.money + other.money)

    def exceed_by(self, other: "Amount") -> "Amount":
        """Return by how much this exceeds another amount, unit by unit."""
        return Amount(max(self.tokens - other.tokens, 0), max(self.money - other.money, 0))


SMALLEST = Amount(1, 1)
"""If not even this fits, the account is used up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The hard limits of an account for a day; 0: none. Money is in nanos of `currency`."""

    tokens: int = 0
    money: int = 0
    currency: str = ""
    soft: float = 1.0

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return bool(self.tokens or self.money)

    def harden(self) -> "Limits":
        """Return the soft limits as hard ones; a limit never becomes 0, which would be none."""
        share = self.soft
        tokens, money = (max(1, int(each * share)) if each else 0 for each in (self.tokens, self.money))
        return Limits(tokens, money, self.currency)


def narrowest(limits: Iterable[Limits]) -> Limits:
    """Return the lowest limits of all; of money, the lowest in the first limit's currency."""
    found = [each for each in limits if each]
    tokens = [each.tokens for each in found if each.tokens]
    currency = next((each.currency for each in found if each.money), "")
    money = [each.money for each in found if each.money and each.currency == currency]
    soft = min((each.soft for each in found), default=1.0)
    return Limits(min(tokens, default=0), min(money, default=0), currency, soft)


@dataclass(frozen=True, slots=True)
class Standing:
    """The amount that an account has spent today, and the amount reserved for answers under way.

    `money` of both is in the currency of the account's limit.
    """

    spent: Amount = Amount()
    reserved: Amount = Amount()

    @property
    def used(self) -> Amount:
        """Both together: a reserved amount is not available."""
        return self.spent + self.reserved


@dataclass(frozen=True, slots=True)
class Excess:
    """The unit in which a request does not fit, with all amounts in that unit."""

    unit: Unit
    used: int
    asked: int
    limit: int
    currency: str = ""

    @property
    def left(self) -> int:
        """Return how much is left of the limit."""
        return max(self.limit - self.used, 0)


def find_excess(standing: Standing, ask: Amount, limits: Limits) -> Excess | None:
    """Return why an amount does not fit under the limits; None if it does."""
    used = standing.used
    if limits.tokens and used.tokens + ask.tokens > limits.tokens:
        return Excess("tokens", used.tokens, ask.tokens, limits.tokens)
    if limits.money and used.money + ask.money > limits.money:
        return Excess("money", used.money, ask.money, limits.money, limits.currency)
    return None


def is_above_soft_limit(standing: Standing, limits: Limits) -> bool:
    """Return whether an account has used its soft limit."""
    return bool(limits) and find_excess(standing, SMALLEST, limits.harden()) is not None
