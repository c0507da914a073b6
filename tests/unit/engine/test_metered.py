"""Counted and limited engines: what is charged for each way in which an answer can end."""

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from spark_lsp import config
from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.budget.ledger import Claim, Decision, Moment, UsageRow
from spark_lsp.budget.limits import Limits
from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine, ReportUsage
from spark_lsp.engine.metered.accounts import Accounts, read_clock
from spark_lsp.engine.metered.budgets import Budgets
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError, StoreError
from spark_lsp.request import EngineInfo, Focus, Part, PartKind, Priority, ProjectLimit, Request, Task
from spark_lsp.store.ledger import SqliteLedger

pytestmark = pytest.mark.anyio

DAY = "2026-11-30"
KEY = config.OpenAISettings(base_url="https://api.openai.com/v1", model="gpt-5-mini", key_env="K")
REQUEST = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x" * 30),))


OPENED: list[Accounts] = []


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


class Scripted:
    """A paid engine that gives its script, then waits if it has no end."""

    def __init__(self, *script: Event | EngineError, model: str = "gpt-5-mini", free: bool = False) -> None:
        self._script = script
        self.info = EngineInfo("gpu", "openai", model, free=free)
        self.opened = 0
        self.focus: Focus | None = None

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        self.opened += 1
        yield self._play()

    async def _play(self) -> AsyncIterator[Event]:
        for event in self._script:
            if isinstance(event, EngineError):
                raise event
            yield event
        await anyio.sleep_forever()

    def observe(self, focus: Focus) -> None:
        self.focus = focus

    async def aclose(self) -> None: ...


def answer(usage: Usage = Usage(1_000, 100), model: str = "gpt-5-mini") -> tuple[Event, ...]:  # noqa: B008
    return Started("gpu", model), Chunk("abcdef"), Finished(usage=usage)


class Desk:
    """A gateway's budgets on a ledger of its own, with a clock that the test sets."""

    def __init__(self, folder: Path, settings: config.Settings) -> None:
        self.ledger = SqliteLedger(folder)
        self.moment = Moment(DAY, 1_796_000_000.0)
        self.accounts = Accounts(self.ledger, lambda: self.moment)
        self.budgets = Budgets(settings, self.accounts)
        OPENED.append(self.accounts)

    def meter(self, engine: Engine, table: config.EngineSettings = KEY) -> Engine:
        return self.budgets.meter("gpu", engine, table)

    def usage(self) -> list[UsageRow]:
        self.settle()
        return self.ledger.usage("")

    def settle(self) -> None:
        """Wait until the worker thread has written what it has."""
        self.accounts.flush()
        done = threading.Event()
        self.accounts._worker.submit(done.set)  # pyright: ignore[reportPrivateUsage]
        assert done.wait(60)


def limited(**budget: float) -> config.Settings:
    table = replace(KEY, budget=config.EngineBudget(**budget))  # type: ignore[arg-type]
    return config.Settings(engines={"gpu": table})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, config.Settings())


async def ask(engine: Engine, request: Request = REQUEST, stop_at: int = 99) -> list[Event]:
    """Return an answer's events; leave it after `stop_at` of them."""
    found: list[Event] = []
    async with engine.open(request) as events:
        async for event in events:
            found.append(event)
            if len(found) == stop_at or isinstance(event, Finished):
                break
    return found


async def refusal(engine: Engine, request: Request = REQUEST) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await ask(engine, request)
    return caught.value


async def test_an_answer_without_a_limit_is_counted_and_priced(desk: Desk) -> None:
    engine = desk.meter(Scripted(*answer()))
    assert await ask(engine) == list(answer())
    await ask(engine)
    (row,) = desk.usage()
    assert (row.day, row.engine, row.model, row.currency) == (DAY, "gpu", "gpt-5-mini", "USD")
    assert (row.answers, row.estimated, row.input_tokens, row.output_tokens) == (2, 0, 2_000, 200)
    assert row.money == 2 * (1_000 * 250 + 100 * 2_000)


async def test_another_model_in_the_answer_is_charged_at_its_own_price(desk: Desk) -> None:
    await ask(desk.meter(Scripted(*answer(model="gpt-5.5"))))
    (row,) = desk.usage()
    assert (row.model, row.money) == ("gpt-5.5", 1_000 * 5_000 + 100 * 30_000)


@pytest.mark.parametrize(
    ("script", "stop_at", "charged"),
    [
        ((Started("gpu", "m"), Chunk("abcdef")), 2, (310, 2)),  # left in the middle: estimated
        ((Started("gpu", "m"),), 1, (310, 0)),
        ((Started("gpu", "m"), Chunk("abcdef"), Finished()), 9, (310, 2)),  # no report
        ((Started("gpu", "m"), Chunk("ab"), EngineError("x", code=Code.ANSWER_BROKE_OFF)), 9, (310, 1)),
        ((Started("gpu", "m"), EngineError("x", code=Code.ENGINE_SILENT)), 9, (310, 0)),
        ((EngineError("x", code=Code.ENGINE_UNAVAILABLE),), 9, None),  # nobody had the request
        ((Started("gpu", "m"), EngineError("x", code=Code.RATE_LIMIT_EXCEEDED)), 9, None),
    ],
)
async def test_an_answer_that_ends_early_is_charged_for_its_use(
    desk: Desk, script: Sequence[Event | EngineError], stop_at: int, charged: tuple[int, int] | None
) -> None:
    engine = desk.meter(Scripted(*script))
    if isinstance(script[-1], EngineError):
        await refusal(engine)
    else:
        await ask(engine, stop_at=stop_at)
    assert [(row.input_tokens, row.output_tokens) for row in desk.usage()] == ([charged] if charged else [])


async def test_a_cancelled_reservation_is_settled(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=10_000))
    engine = desk.meter(Scripted(Started("gpu", "m"), Chunk("abc")))
    async with anyio.create_task_group() as group, engine.open(REQUEST) as events:
        assert [type(await anext(events)), type(await anext(events))] == [Started, Chunk]
        group.cancel_scope.cancel()
        await anyio.sleep_forever()
    assert len(desk.usage()) == 1
    standing = desk.accounts.get_standing("engine:gpu")
    assert (standing.spent.tokens, standing.reserved.tokens) == (311, 0)


class Held(SqliteLedger):
    """A ledger that reserves only when the test lets it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def reserve(self, claim: Claim, limits: Mapping[str, Limits], now: float) -> Decision:
        self.begun.set()
        assert self.go_on.wait(60)
        return super().reserve(claim, limits, now)


async def test_a_request_that_is_cancelled_while_it_is_reserved_costs_nothing(tmp_path: Path) -> None:
    desk, ledger = Desk(tmp_path, config.Settings()), Held(tmp_path)
    accounts = Accounts(ledger, lambda: desk.moment)
    OPENED.append(accounts)
    paid = Scripted(*answer())
    engine = Budgets(limited(tokens_per_day=10_000), accounts).meter("gpu", paid, KEY)
    async with anyio.create_task_group() as group:
        group.start_soon(ask, engine)
        while not ledger.begun.is_set():
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    ledger.go_on.set()
    accounts.close()
    OPENED.remove(accounts)
    standing = desk.ledger.standings({"engine:gpu": Limits(1)}, desk.moment)["engine:gpu"]
    assert (standing.used.tokens, paid.opened) == (0, 0)


async def test_a_hard_limit_refuses_turns_the_engine_off_and_ends_with_the_day(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=1_500))
    paid = Scripted(*answer())
    engine = desk.meter(paid)
    await ask(engine)
    desk.settle()
    assert engine.info.budget == "1,100 of 1,500 tokens today"
    error = await refusal(engine)
    assert (error.code, paid.opened) == (Code.BUDGET_USED_UP, 1)
    info = engine.info
    assert (info.state, info.code) == ("off", Code.BUDGET_USED_UP)
    assert "engines.gpu.budget.tokens_per_day" in info.reason
    desk.moment = Moment("2026-12-01", desk.moment.now + 86_400)
    assert engine.info.state == "ready"
    await ask(engine)
    assert [row.day for row in desk.usage()] == [DAY, "2026-12-01"]


async def test_a_clock_that_is_set_back_gives_nothing_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=1_500))
    engine = desk.meter(Scripted(*answer()))
    await ask(engine)
    desk.moment = Moment("2026-11-20", desk.moment.now - 864_000)
    assert (await refusal(engine)).code == Code.BUDGET_USED_UP


async def test_an_answer_over_midnight_belongs_to_the_day_on_which_it_began(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=5_000))
    engine = desk.meter(Scripted(*answer()))
    async with engine.open(REQUEST) as events:
        assert await anext(events) == answer()[0]
        desk.moment = Moment("2026-12-01", desk.moment.now + 60)
        while not isinstance(await anext(events), Finished):
            pass
    assert [row.day for row in desk.usage()] == [DAY]


async def test_the_route_uses_its_next_engine_and_says_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=400))
    spare = Scripted(Started("spare", "m"), Chunk("x"), Finished())
    spare.info = EngineInfo("spare", "local", "m", free=True)
    route = Route("completion", [desk.meter(Scripted(*answer())), spare])
    assert (await ask(route))[0] == Started("spare", "m", route=Code.ROUTE_FAILED_OVER)
    info = route.info
    assert (info.name, info.state, info.code) == ("spare", "degraded", Code.BUDGET_USED_UP)
    assert info.reason.startswith("gpu: Today's budget of engine 'gpu'")


async def test_a_request_that_is_too_large_does_not_turn_the_engine_off(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=2_000))
    engine = desk.meter(Scripted(*answer()))
    large = Request(Task.EDIT, (Part(PartKind.TARGET, "x" * 6_000),))
    assert "does not hold this request" in str(await refusal(engine, large))
    assert engine.info.state == "ready"
    await ask(engine)


@pytest.mark.parametrize("optional", [{"priority": Priority.BACKGROUND}, {"warm": True}])
async def test_above_the_soft_limit_only_users_are_answered(
    tmp_path: Path, optional: dict[str, object]
) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=10_000, soft=0.1))
    paid = Scripted(*answer())
    engine = desk.meter(paid)
    await ask(engine)
    desk.settle()
    assert engine.info.budget == "1,100 of 10,000 tokens today, above the soft limit"
    error = await refusal(engine, replace(REQUEST, **optional))  # type: ignore[arg-type]
    assert (error.code, error.retryable, paid.opened) == (Code.BUDGET_LOW, False, 1)
    engine.observe(Focus("u", "python", "x", 0))
    assert paid.focus is None
    await ask(engine)
    assert engine.info.state == "ready"


class Foresighted(Scripted):
    """An engine that prepares documents outside of requests."""

    report: ReportUsage

    def report_usage_to(self, report: ReportUsage) -> None:
        self.report = report


async def test_a_document_prepared_in_advance_is_charged_without_an_answer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=5_000))
    engine = Foresighted(*answer())
    metered = desk.meter(engine)
    engine.report("gpt-5-mini", Usage(4_900))
    (row,) = desk.usage()
    assert (row.answers, row.input_tokens, row.money) == (0, 4_900, 4_900 * 250)
    assert (await refusal(metered)).code == Code.BUDGET_USED_UP


async def test_a_limit_of_money_without_a_price_refuses(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(money_per_day=2.0))
    engine = desk.meter(Scripted(*answer(), model="new-model"), replace(KEY, model="new-model"))
    assert (await refusal(engine)).code == Code.PRICE_MISSING
    assert (engine.info.state, engine.info.code) == ("off", Code.PRICE_MISSING)
    priced = replace(KEY, model="new-model", price=config.PriceSettings(input=0.0, output=0.0))
    assert await ask(desk.meter(Scripted(*answer()), priced))


async def test_the_total_counts_paid_engines_only(tmp_path: Path) -> None:
    settings = config.Settings(budget=config.BudgetSettings(tokensPerDay=1_200, currency="EUR"))
    desk = Desk(tmp_path, settings)
    free = desk.meter(Scripted(*answer(), free=True))
    for _ in range(3):
        await ask(free)
    assert free.info.budget is not str
    paid = desk.meter(Scripted(*answer()))
    await ask(paid)
    assert "of all engines" in str(await refusal(paid))


async def test_a_price_in_another_currency_than_the_total_refuses(tmp_path: Path) -> None:
    desk = Desk(tmp_path, config.Settings(budget=config.BudgetSettings(costPerDay=1, currency="EUR")))
    error = await refusal(desk.meter(Scripted(*answer())))
    assert error.code == Code.PRICE_MISSING
    assert "is in USD, and budget.costPerDay is in EUR" in error.what


async def test_a_project_can_only_narrow(tmp_path: Path) -> None:
    desk = Desk(tmp_path, config.Settings())
    engine = desk.meter(Scripted(*answer()))
    request = replace(REQUEST, limits=(ProjectLimit("p", tokens=1_200),))
    await ask(engine, request)
    assert "of this project" in str(await refusal(engine, request))
    await ask(engine)  # another project


async def test_an_editor_narrows_for_everybody_until_it_leaves(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limited(tokens_per_day=4_500))
    engine = desk.meter(Scripted(*answer()))
    tables = {"gpu": replace(KEY, budget=config.EngineBudget(tokens_per_day=100))}
    wide = {"gpu": replace(KEY, budget=config.EngineBudget(tokens_per_day=9_000))}
    assert desk.budgets.narrow("one", tables, {}) == []
    assert desk.budgets.narrow("two", wide, {"tokensPerDay": "many"})[0].name == "budget.tokensPerDay"
    assert (await refusal(engine)).code == Code.BUDGET_USED_UP
    desk.budgets.forget("one")
    for _ in range(4):
        await ask(engine)
    assert (await refusal(engine)).code == Code.BUDGET_USED_UP


class Broken:
    """A ledger whose file cannot be used."""

    def reserve(self, claim: Claim, limits: Mapping[str, Limits], now: float) -> Decision:
        raise StoreError("The file cannot be used")

    settle = standings = usage = reserve  # type: ignore[assignment]

    def close(self) -> None: ...


async def test_without_its_file_a_limited_engine_answers_nothing_and_others_do(tmp_path: Path) -> None:
    accounts = Accounts(Broken(), read_clock)  # type: ignore[arg-type]
    budgets = Budgets(limited(tokens_per_day=5_000), accounts)
    engine = budgets.meter("gpu", Scripted(*answer()), KEY)
    assert (await refusal(engine)).code == Code.BUDGET_UNKNOWN
    assert engine.info.code == Code.BUDGET_UNKNOWN
    assert await ask(budgets.meter("other", Scripted(*answer()), KEY)) == list(answer())
    accounts.close()
