"""The accounts of one gateway: limits from several sources, and a ledger that other gateways share.

The ledger blocks, so one worker thread does all of its work, in order. Limits come from config.toml and from
the settings of connected editors; the lowest counts. The standings in a status are at most `REFRESH_S` old,
as another gateway may spend too; a reservation always reads the ledger itself.

Answers without a limit are collected for `FLUSH_S` and written together, so they cost no disk access each. A
crash loses the counts of that time. Answers with a limit are never collected.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial

from spark_lsp.answer_events import Usage
from spark_lsp.budget.ledger import Charge, Claim, Decision, Ledger, Moment
from spark_lsp.budget.limits import (
    SMALLEST,
    Excess,
    Limits,
    Standing,
    find_excess,
    is_above_soft_limit,
    narrowest,
)
from spark_lsp.errors import StoreError
from spark_lsp.supervise import guarded, log_failure

FLUSH_S = 1.0
REFRESH_S = 5.0

Clock = Callable[[], Moment]


def read_clock(*, utc: bool = False) -> Moment:
    """Return the present moment; its day is that of the machine's time zone, or of UTC."""
    now = time.time()
    return Moment(_day_of(int(now), utc), now)


@lru_cache(4)  # a second has one day; each answer reads the clock
def _day_of(second: int, utc: bool) -> str:
    moment = datetime.fromtimestamp(second, UTC)
    return (moment if utc else moment.astimezone()).date().isoformat()


@dataclass(frozen=True, slots=True)
class _Known:
    """A standing as of a day, and the limits for which it was read."""

    day: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class _Denied:
    """A completion that did not fit: smaller requests hardly exist, so the account counts as used up."""

    day: str
    excess: Excess
    limits: Limits


class Accounts:
    """See the module's text. `owner` is empty for a ledger of one user."""

    def __init__(self, ledger: Ledger, clock: Clock = read_clock, owner: str = "") -> None:
        self.owner = owner
        self.trouble = ""  # why the ledger cannot be used, since the last attempt
        self._ledger = ledger
        self._clock = clock
        self._sources: dict[object, Mapping[str, Limits]] = {}
        self._limits: dict[str, Limits] = {}
        self._known: dict[str, _Known] = {}
        self._denied: dict[str, _Denied] = {}
        self._uncounted: dict[tuple[object, ...], Charge] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._refreshed_at = float("-inf")
        self._worker = ThreadPoolExecutor(1, "spark-lsp-budget")

    def now(self) -> Moment:
        """Return the present moment."""
        return self._clock()

    # Limits.

    def narrow(self, source: object, limits: Mapping[str, Limits]) -> None:
        """Set the limits of one source, in place of its earlier ones."""
        self._sources.pop(source, None)
        if limits:
            self._sources[source] = limits
        names = {name for each in self._sources.values() for name in each}
        combined = {
            name: narrowest(each[name] for each in self._sources.values() if name in each) for name in names
        }
        self._limits = {name: each for name, each in combined.items() if each}
        self._refreshed_at = float("-inf")

    def forget(self, source: object) -> None:
        """Remove the limits of one source."""
        if source in self._sources:
            self.narrow(source, {})

    def limits_of(self, accounts: tuple[str, ...]) -> dict[str, Limits]:
        """Return the limits of those accounts that have any."""
        if not self._limits:
            return {}
        return {name: self._limits[name] for name in accounts if name in self._limits}

    # Standings, as far as they are known.

    def get_standing(self, account: str) -> Standing:
        """Return the present standing of an account with limits, as far as it is known; never blocks."""
        self._refresh_if_due()
        known = self._known.get(account)
        return known.standing if known is not None and known.day >= self.now().day else Standing()

    def find_used_up(self, limits: Mapping[str, Limits]) -> tuple[str, Excess] | None:
        """Return the first of these accounts that is used up, and why."""
        for account, limit in limits.items():
            standing = self.get_standing(account)
            excess = find_excess(standing, SMALLEST, limit)
            if excess is not None:
                return account, excess
            denied = self._denied.get(account)
            if denied is not None and self._still_holds(denied, standing, limit):
                return account, denied.excess
        return None

    def is_low(self, limits: Mapping[str, Limits]) -> bool:
        """Return whether one of these accounts is above its soft limit."""
        return any(is_above_soft_limit(self.get_standing(name), limit) for name, limit in limits.items())

    def _still_holds(self, denied: _Denied, standing: Standing, limits: Limits) -> bool:
        used = standing.used
        amount = used.tokens if denied.excess.unit == "tokens" else used.money
        is_same = denied.limits == limits and denied.day >= self.now().day
        return is_same and amount >= denied.excess.used

    def note_denied(self, account: str, excess: Excess, limits: Limits) -> None:
        """Remember that a completion did not fit; until the standing changes, none does."""
        self._denied[account] = _Denied(self.now().day, excess, limits)

    def _refresh_if_due(self) -> None:
        now = time.monotonic()
        if now - self._refreshed_at < REFRESH_S or not self._limits:
            return
        self._refreshed_at = now
        self._worker.submit(self._refresh, dict(self._limits), self.now())

    def _refresh(self, limits: Mapping[str, Limits], moment: Moment) -> None:
        """Read the standings, on the worker thread."""
        try:
            standings = self._ledger.standings(limits, moment, self.owner)
        except StoreError as error:
            self.trouble = error.what
        except Exception as error:
            log_failure(self._refresh, error)
        else:
            self.trouble = ""
            self._learn(standings, moment.day)

    def _learn(self, standings: Mapping[str, Standing], day: str) -> None:
        self._known |= {name: _Known(day, standing) for name, standing in standings.items()}

    # Requests.

    async def reserve(self, claim: Claim, limits: Mapping[str, Limits]) -> Decision:
        """Reserve a claim under these limits. Raises `StoreError`."""
        loop = asyncio.get_running_loop()
        reserve = partial(self._ledger.reserve, claim, limits, self.now().now)
        try:
            decision = await loop.run_in_executor(self._worker, reserve)
        except StoreError as error:
            self.trouble = error.what
            raise
        self.trouble = ""
        self._learn(decision.standings, claim.day)
        return decision

    def post(self, charge: Charge) -> None:
        """Book a charge soon; a reserved one at once. Never blocks."""
        if charge.is_reserved:
            self._write_soon([charge])
            return
        claim = charge.claim
        key = (claim.accounts, claim.day, claim.engine, charge.model, claim.currency, charge.is_simulated)
        earlier = self._uncounted.get(key)
        self._uncounted[key] = charge if earlier is None else _merge_charges(earlier, charge)
        if self.limits_of(claim.accounts):
            self.flush()  # work without a reservation on an account with a limit
            return
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() < loop.time() - FLUSH_S:  # it is missing or has failed
            self._timer = loop.call_later(FLUSH_S, guarded(self.flush))

    def flush(self) -> None:
        """Write the collected charges."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        charges = list(self._uncounted.values())
        self._uncounted.clear()
        if charges:
            self._write_soon(charges)

    def _write_soon(self, charges: list[Charge]) -> None:
        self._worker.submit(self._write, charges, dict(self._limits), self.now())

    def _write(self, charges: list[Charge], limits: Mapping[str, Limits], moment: Moment) -> None:
        """Write charges, on the worker thread. A reservation that cannot be settled is charged later."""
        try:
            self._ledger.settle(charges, moment.now)
        except StoreError as error:
            self.trouble = error.what
        except Exception as error:
            log_failure(self._write, error)
        if limits:
            self._refresh(limits, moment)

    def close(self) -> None:
        """Write everything that is left; blocks until it is written."""
        self.flush()
        self._worker.submit(self._ledger.close)
        self._worker.shutdown()


def _merge_charges(first: Charge, second: Charge) -> Charge:
    a, b = first.usage, second.usage
    usage = Usage(
        a.input_tokens + b.input_tokens,
        a.output_tokens + b.output_tokens,
        a.cached_tokens + b.cached_tokens,
    )
    return replace(
        first,
        usage=usage,
        money=first.money + second.money,
        answers=first.answers + second.answers,
        estimated=first.estimated + second.estimated,
    )
