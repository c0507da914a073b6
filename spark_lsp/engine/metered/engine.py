"""An engine with accounts: it counts each answer, and answers nothing that the day's budget does not hold.

    request ─▶ reserve (all accounts, one transaction) ─▶ engine ─▶ settle
                  │ a hard limit: EngineError, and the route asks its next engine
                  └ a soft limit: only for requests that no user waits for

An engine whose budget is used up is `off` until the day ends, so its routes use the next one and say why.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace

from msgspec import UNSET

from spark_lsp.answer_events import Event, Usage
from spark_lsp.budget import wording
from spark_lsp.budget.ledger import Charge, Claim
from spark_lsp.budget.limits import TOTAL, Amount, Limits, engine_account, project_account
from spark_lsp.budget.prices import to_nanos
from spark_lsp.budget.tariff import Tariff
from spark_lsp.engine.base import Engine, ForesightedEngine
from spark_lsp.engine.guard import reasoning_timeout_of
from spark_lsp.engine.metered.accounts import Accounts
from spark_lsp.engine.metered.tab import Tab
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Request
from spark_lsp.supervise import call_guarded


class Metered:
    """See the module's text. `engine` is the engine that answers."""

    def __init__(self, name: str, engine: Engine, tariff: Tariff, accounts: Accounts) -> None:
        self.engine = engine
        self._name = name
        self._tariff = tariff
        self._accounts = accounts
        self._has_price = any(each.input or each.output for each in tariff.given)
        if isinstance(engine, ForesightedEngine):
            engine.report_usage_to(self._count_foresight)

    @property
    def info(self) -> EngineInfo:
        """The engine's, with the state of its budget."""
        info = self._charged_info()
        names = self._account_names(info)
        limits = self._accounts.limits_of(names)
        if not limits:
            return info
        texts = [
            wording.standing_text(self._accounts.get_standing(name), each) for name, each in limits.items()
        ]
        info = replace(info, budget="; ".join(texts))
        error = None if info.state == "off" else self._find_obstacle(info, limits)
        return info if error is None else replace(info, state="off", reason=str(error), code=error.code)

    @property
    def price(self) -> float | None:
        """The price of a million tokens of input, by which routes compare engines; None if unknown."""
        price = self._tariff.find_price(self.engine.info.model)
        return None if price is None else price.input

    def _charged_info(self) -> EngineInfo:
        """Return the engine's info; an engine with a price in the settings is not free."""
        info = self.engine.info
        if self._has_price and info.is_free and info.kind != "wafer":
            return replace(info, free=UNSET)
        return info

    def _account_names(self, info: EngineInfo) -> tuple[str, ...]:
        """Return the accounts of every request. A simulated machine has no part in the real total."""
        own = engine_account(self._name)
        return (own,) if info.is_free or info.kind == "wafer" else (own, TOTAL)

    def _find_obstacle(self, info: EngineInfo, limits: dict[str, Limits]) -> EngineError | None:
        """Return why no request may be sent now."""
        if error := self._find_price_problem(info, limits):
            return error
        if self._accounts.trouble:
            return wording.make_ledger_error(self._name, self._accounts.trouble)
        used_up = self._accounts.find_used_up(limits)
        return wording.make_used_up_error(*used_up) if used_up is not None else None

    def _find_price_problem(self, info: EngineInfo, limits: dict[str, Limits]) -> EngineError | None:
        """Return why the cost of an answer could not be counted against a limit of money."""
        price = self._tariff.find_price(info.model)
        for account, each in limits.items():
            currency = price.currency if price is not None else ""
            is_other = bool(currency) and currency != each.currency
            if each.money and (price is None or is_other):
                return wording.make_price_error(self._name, account, info.model, currency, each.currency)
        return None

    # Requests.

    @property
    def reasoning_timeout_s(self) -> float:
        """That of the engine."""
        return reasoning_timeout_of(self.engine)

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer a request, unless a budget does not hold it."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        tab = self._make_tab(request)
        try:
            await tab.reserve()
            async with self.engine.open(request) as events, aclosing(tab.watch(events)) as watched:
                yield watched
        except EngineError as error:
            tab.note_failure(error)
            raise
        finally:
            call_guarded(tab.close)  # leaving never raises

    def _make_tab(self, request: Request) -> Tab:
        """Return the tab of a request. Raises `EngineError` if its cost could not be counted."""
        info = self._charged_info()
        names = self._account_names(info)
        limits = self._accounts.limits_of(names)
        if TOTAL in names:  # a project's limit is about real money too
            for each in request.limits:
                account = project_account(each.project)
                names = (*names, account)
                limits[account] = Limits(each.tokens, to_nanos(each.money), each.currency)
        if limits and (error := self._find_price_problem(info, limits)):
            raise error
        day = self._accounts.now().day
        return Tab(self._accounts, self._name, info, names, limits, self._tariff, request, day)

    def _count_foresight(self, model: str, usage: Usage) -> None:
        """Charge the tokens with which the engine has prepared a document."""
        names = self._account_names(self._charged_info())
        money, currency = self._tariff.cost_of(usage, (model, self.engine.info.model))
        claim = Claim(
            "", self._name, model, names, Amount(), currency, self._accounts.now().day, self._accounts.owner
        )
        self._accounts.post(Charge(claim, usage, money, model, answers=0))

    def observe(self, focus: Focus) -> None:
        """Pass the hint on, unless acting on it may cost money above the soft limit."""
        info = self._charged_info()
        if not info.is_free and self._accounts.is_low(self._accounts.limits_of(self._account_names(info))):
            return
        self.engine.observe(focus)

    async def aclose(self) -> None:
        """Stop the engine."""
        await self.engine.aclose()


def remove_meter(engine: Engine | None) -> Engine | None:
    """Return the engine below its meter."""
    return engine.engine if isinstance(engine, Metered) else engine
