"""The accounts on disk: two gateways on one file, crashes, and clocks that jump."""

import multiprocessing
import sqlite3
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from spark_lsp.answer_events import Usage
from spark_lsp.budget.ledger import LEASE_S, Charge, Claim, Moment
from spark_lsp.budget.limits import TOTAL, Amount, Excess, Limits, Standing
from spark_lsp.errors import StoreError
from spark_lsp.store.ledger import NAME, SqliteLedger

DAY = "2026-11-30"
NEXT = "2026-12-01"
NOW = 1_796_000_000.0
ACCOUNT = "engine:gpu"
LIMITS = {ACCOUNT: Limits(tokens=1_000), TOTAL: Limits(money=5_000, currency="USD")}


def claim(identity: str = "1", tokens: int = 100, money: int = 500, day: str = DAY, owner: str = "") -> Claim:
    return Claim(identity, "gpu", "m", (ACCOUNT, TOTAL), Amount(tokens, money), "USD", day, owner)


def charge(of: Claim, tokens: int, money: int, *, reserved: bool = True) -> Charge:
    return Charge(of, Usage(tokens), money, "m", is_reserved=reserved)


def standings(ledger: SqliteLedger, day: str = DAY, owner: str = "") -> dict[str, Standing]:
    return ledger.standings(LIMITS, Moment(day, NOW), owner)


def test_a_reservation_counts_until_it_is_settled(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    assert standings(ledger) == {ACCOUNT: Standing(), TOTAL: Standing()}
    decision = ledger.reserve(claim(), LIMITS, NOW)
    held = Standing(reserved=Amount(100, 500))
    assert (decision.excess, decision.standings[TOTAL]) == (None, held)
    assert standings(SqliteLedger(tmp_path))[TOTAL] == held
    ledger.settle([charge(claim(), 40, 200)], NOW)
    assert standings(ledger)[TOTAL] == Standing(Amount(40, 200))
    assert [(row.answers, row.input_tokens, row.money) for row in ledger.usage(DAY)] == [(1, 40, 200)]


def test_each_limit_of_each_account_refuses(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    by_tokens = ledger.reserve(claim(tokens=1_001, money=0), LIMITS, NOW)
    assert (by_tokens.account, by_tokens.excess) == (ACCOUNT, Excess("tokens", 0, 1_001, 1_000))
    by_money = ledger.reserve(claim(tokens=1, money=5_001), LIMITS, NOW)
    assert (by_money.account, by_money.excess) == (TOTAL, Excess("money", 0, 5_001, 5_000, "USD"))
    assert standings(ledger)[TOTAL] == Standing()


def test_a_crash_is_charged_in_full_and_a_late_answer_only_with_the_rest(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    for identity in ("crashed", "late"):
        ledger.reserve(claim(identity), LIMITS, NOW)
    later = NOW + LEASE_S + 1
    ledger.settle([charge(claim("late"), 130, 400)], later)
    assert standings(ledger)[TOTAL] == Standing(Amount(230, 1_000))
    assert sum(row.answers for row in ledger.usage(DAY)) == 2


def test_owners_have_accounts_of_their_own(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    ledger.settle([charge(claim(owner="ada"), 10, 10, reserved=False)], NOW)
    assert standings(ledger)[TOTAL] == Standing()
    assert standings(ledger, owner="ada")[TOTAL].spent == Amount(10, 10)
    assert ledger.usage(DAY) == []
    assert len(ledger.usage(DAY, "ada")) == 1


def test_money_of_another_currency_does_not_count(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    ledger.settle([charge(replace(claim(), currency="EUR"), 10, 900, reserved=False)], NOW)
    assert standings(ledger)[TOTAL].spent == Amount(10, 0)


def test_a_later_day_counts_today_and_an_earlier_one_does_not(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    ledger.settle([charge(claim(day=NEXT), 700, 0, reserved=False)], NOW)
    assert standings(ledger)[ACCOUNT].spent.tokens == 700
    assert standings(ledger, "2026-12-02")[ACCOUNT].spent.tokens == 0


def test_a_file_of_another_release_is_left_alone(tmp_path: Path) -> None:
    SqliteLedger(tmp_path).settle([charge(claim(), 1, 1, reserved=False)], NOW)
    with sqlite3.connect(tmp_path / NAME) as link:
        link.execute("PRAGMA user_version = 99")
    link.close()
    with pytest.raises(StoreError, match="another release"):
        SqliteLedger(tmp_path).reserve(claim(), LIMITS, NOW)


def reserve_many(folder: str, name: str) -> int:
    """Reserve until a refusal; return how often it worked."""
    ledger, count = SqliteLedger(Path(folder)), 0
    while ledger.reserve(claim(f"{name}{count}", 10, 0), LIMITS, NOW).excess is None:
        count += 1
    return count


def test_processes_together_reserve_no_more_than_the_limit(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        counts = pool.starmap(reserve_many, [(str(tmp_path), name) for name in "ab"])
    assert sum(counts) == 100
    assert standings(SqliteLedger(tmp_path))[ACCOUNT].reserved.tokens == 1_000


@dataclass
class Held:
    """A reservation as the model of the machine below has it."""

    claim: Claim
    expires: float
    is_charged: bool = False


DAYS = [f"2026-11-{number:02}" for number in range(10, 31)]


class LedgerMachine(RuleBasedStateMachine):
    """Two gateways on one file, against a model in memory."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledgers = [SqliteLedger(Path(self.folder.name)) for _ in range(2)]
        self.day = 10
        self.now = NOW
        self.number = 0
        self.spent = dict.fromkeys(DAYS, 0)  # tokens, by the day they are charged to
        self.open: dict[str, Held] = {}
        self.seen = dict.fromkeys(DAYS, 0)  # the highest spent amount seen as of each day
        self.beyond = 0  # tokens of answers that were longer than reserved

    def teardown(self) -> None:
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()

    def used(self, day: str) -> int:
        spent = sum(tokens for each, tokens in self.spent.items() if each >= day)
        reserved = (held.claim for held in self.open.values() if not held.is_charged)
        return spent + sum(each.ask.tokens for each in reserved if each.day >= day)

    def expire(self) -> None:
        """Charge what has expired, as the next transaction does."""
        for held in self.open.values():
            if held.expires <= self.now and not held.is_charged:
                held.is_charged = True
                self.spent[held.claim.day] += held.claim.ask.tokens

    @rule(target=held, which=st.integers(0, 1), tokens=st.integers(1, 500))
    def reserve(self, which: int, tokens: int) -> object:
        self.expire()
        self.number += 1
        day = DAYS[self.day]
        wanted = Claim(str(self.number), "gpu", "m", (ACCOUNT,), Amount(tokens), "", day)
        decision = self.ledgers[which].reserve(wanted, LIMITS, self.now)
        fits = self.used(day) + tokens <= LIMITS[ACCOUNT].tokens
        assert (decision.excess is None) == fits
        if not fits:
            return multiple()
        self.open[wanted.identity] = Held(wanted, self.now + LEASE_S)
        return wanted.identity

    @rule(identity=consumes(held), which=st.integers(0, 1), tokens=st.integers(0, 700))
    def settle(self, identity: str, which: int, tokens: int) -> None:
        self.expire()
        held = self.open.pop(identity)
        ended = Charge(held.claim, Usage(tokens), 0, "m", is_reserved=True)
        self.ledgers[which].settle([ended], self.now)
        more = max(tokens - held.claim.ask.tokens, 0)
        self.beyond += more
        self.spent[held.claim.day] += more if held.is_charged else tokens

    @rule(identity=consumes(held))
    def crash(self, identity: str) -> None:
        """Nobody settles this reservation any more; it stays open in the model until it expires."""

    @rule(hours=st.integers(-72, 72), minutes=st.integers(-20, 20))
    def move_clock(self, hours: int, minutes: int) -> None:
        self.now += hours * 3600 + minutes * 60
        self.day = min(max(self.day + round(hours / 24), 0), len(DAYS) - 1)

    @rule()
    def wait_for_the_lease(self) -> None:
        self.now += LEASE_S + 1

    @invariant()
    def agrees_with_the_model(self) -> None:
        standing = self.ledgers[0].standings(LIMITS, Moment(DAYS[self.day], self.now))[ACCOUNT]
        assert standing.used.tokens == self.used(DAYS[self.day])

    @invariant()
    def no_day_gets_anything_back(self) -> None:
        for day in DAYS[8:13]:
            spent = self.ledgers[1].standings(LIMITS, Moment(day, self.now))[ACCOUNT].spent.tokens
            assert spent >= self.seen[day]
            self.seen[day] = spent

    @invariant()
    def no_more_is_reserved_than_allowed(self) -> None:
        for day in DAYS:
            own = [held.claim for held in self.open.values() if held.claim.day == day]
            amount = self.spent[day] + sum(
                each.ask.tokens for each in own if not self.open[each.identity].is_charged
            )
            assert amount <= LIMITS[ACCOUNT].tokens + self.beyond


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestAnyOrderOfEvents = LedgerMachine.TestCase
