"""The interface of the store that keeps the accounts, and the values that pass through it.

A request that is limited is *reserved* before it is sent, in one transaction over all of its accounts, and
*settled* when its answer has ended. Until then the reserved amount counts as used. A reservation whose
process ended without settling it expires and is charged in full: the request may have been billed, so nothing
is given back.

A day is the calendar day on which the answer began, also if it ends on the next one. Everything that was
charged to the present day *or to a later one* counts as used today. So a clock that is set back, or a journey
to the west, never gives a budget back.

`owner` separates users where several share a store; it is empty where only one does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spark_lsp.answer_events import Usage
from spark_lsp.budget.limits import Amount, Excess, Limits, Standing

LEASE_S = 600.0  # after which a reservation counts as abandoned; few answers take as long


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: the calendar day (`2026-11-30`) and the Unix time in seconds."""

    day: str
    now: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The amount that a request may use, and the accounts that it is charged to.

    `identity` is unique. `day` is that of its beginning.
    """

    identity: str
    engine: str
    model: str
    accounts: tuple[str, ...]
    ask: Amount
    currency: str
    day: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """What an answer has used. With `is_reserved`, its claim has been reserved before.

    `answers` is the number of answers, 0 for other work; of these, `estimated` have tokens that the engine
    did not report.
    """

    claim: Claim
    usage: Usage
    money: int
    model: str
    is_reserved: bool = False
    is_simulated: bool = False
    answers: int = 1
    estimated: int = 0

    @property
    def amount(self) -> Amount:
        """Return the tokens and the money."""
        return Amount(self.usage.input_tokens + self.usage.output_tokens, self.money)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a claim was reserved. `excess` says why not, in `account`."""

    standings: Mapping[str, Standing] = field(default_factory=dict[str, Standing])
    account: str = ""
    excess: Excess | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The use of one model of an engine on one day. `money` is in nanos of `currency`; "": no known price."""

    day: str
    engine: str
    model: str
    currency: str
    is_simulated: bool
    answers: int
    estimated: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    money: int


class Ledger(Protocol):
    """A store of accounts. All methods block, and raise `StoreError`."""

    def reserve(self, claim: Claim, limits: Mapping[str, Limits], now: float) -> Decision:
        """Reserve a claim if it fits under the limits of all its accounts, in one transaction."""
        ...

    def settle(self, charges: Sequence[Charge], now: float) -> None:
        """Book charges, and end their reservations. A claim is charged once, whatever happens."""
        ...

    def standings(self, limits: Mapping[str, Limits], moment: Moment, owner: str = "") -> dict[str, Standing]:
        """Return the standing of each account in the currency of its limits."""
        ...

    def usage(self, since: str, owner: str = "") -> list[UsageRow]:
        """Return the use of each model from a day on, in order."""
        ...

    def close(self) -> None:
        """Free all resources; the ledger may be used again."""
        ...
