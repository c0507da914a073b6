"""A route: engines in order of preference, with the interface of one engine.

The route gives a request to the first engine that is available: not off, not skipped by its circuit breaker,
and with a context that holds the request. If that engine fails before its first text, the next one answers
(see `failover`). After the first text the failure is raised: the client keeps the valid part of a completion,
and sends the request of an edit again, for which another engine is available here.

A completion waits for its first text only as long as that can still be useful; then the next engine answers.
If no engine is available, the first one gets the request, because its own error explains best why nothing
comes.
"""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import anyio

from spark_lsp.answer_events import Event, Started
from spark_lsp.codes import Code
from spark_lsp.config import HEDGE_SHARES, RouteRules
from spark_lsp.engine.base import Engine
from spark_lsp.engine.circuit_breaker import BreakerState, CircuitBreaker
from spark_lsp.engine.failover import Candidate, Failure, failover
from spark_lsp.engine.guard import failure_of, info_of, observe, price_of, reasoning_timeout_of
from spark_lsp.engine.hedge import HedgeOutcome, HedgePlan, hedge_candidates
from spark_lsp.engine.route_records import RouteRecords
from spark_lsp.engine.routing import Decision, EngineFacts, decide
from spark_lsp.engine.traffic import CountedAnswer, Traffic
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Priority, Request, Task

CHARS_PER_TOKEN = 3  # a low estimate, so that a request that just fits is not refused
FIRST_TEXT_TIMEOUT_S = 10.0  # for a completion's first text, if another engine could give it


class Route:
    """One route. All routes of a gateway share `breakers` (by the engines' names), `traffic` (in the order of
    the engines) and `records`."""

    def __init__(
        self,
        name: str,
        engines: Sequence[Engine],
        breakers: Mapping[str, CircuitBreaker] | None = None,
        now: Callable[[], float] = time.monotonic,
        *,
        rules: RouteRules | None = None,
        traffic: Sequence[Traffic] = (),
        records: RouteRecords | None = None,
    ) -> None:
        self._name = name
        self._engines = tuple(engines)
        self._breakers: Mapping[str, CircuitBreaker] = breakers if breakers is not None else {}
        self._now = now
        self._rules = rules or RouteRules()
        self._traffic = tuple(traffic) or tuple(Traffic() for _ in engines)
        self._records = records or RouteRecords()

    @property
    def info(self) -> EngineInfo:
        """The engine that would get a request now, and why it is not the preferred one."""
        if not self._engines:
            error = _make_no_engine_error(self._name)
            return EngineInfo(self._name, "fallback", "", state="off", reason=error.what, code=error.code)
        decision = self._decide()
        info = info_of(self._engines[decision.order[0]])
        skipped = [self._reason_of(self._engines[each]) for each in decision.skipped]
        if not skipped or info.state == "off":
            return info
        reason = f"{'; '.join(skipped)}; {info.name} answers instead"
        preferred = self._engines[decision.skipped[0]]
        code = Code.BUDGET_USED_UP if self._is_used_up(preferred) else Code.ENGINE_REPLACED
        return replace(info, state="degraded", reason=reason, code=code)

    @staticmethod
    def _is_used_up(engine: Engine) -> bool:
        """Return whether the day's budget keeps an engine from answering."""
        return info_of(engine).code == Code.BUDGET_USED_UP

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the first engine that gets as far as its first text."""
        if len(self._engines) == 1:  # no other engine could replace it
            return CountedAnswer(self._engines[0].open(request), self._traffic[0])
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._read_answer(request)) as events:
            yield events

    def _read_answer(self, request: Request) -> AsyncGenerator[Event, None]:
        decision = self._decide(request)
        choices = self._make_choices(decision)
        candidates = [
            self._make_candidate(position, request, choice, is_last=choice is choices[-1])
            for position, choice in zip(decision.order, choices, strict=True)
        ]
        plan = self._plan_hedge(request, candidates, choices)
        if plan is None:
            return failover(candidates, self._now, _is_final, self._summarize_failures)
        return hedge_candidates(candidates, plan, self._now, _is_final, self._summarize_failures)

    # The choice of an engine.

    def _decide(self, request: Request | None = None) -> Decision:
        """Decide about a request; without one, about a short request to engines without others."""
        facts = [
            self._find_facts(engine, traffic, request)
            for engine, traffic in zip(self._engines, self._traffic, strict=True)
        ]
        tokens = request.characters() // CHARS_PER_TOKEN if request is not None else 0
        return decide(self._rules, facts, tokens)

    def _find_facts(self, engine: Engine, traffic: Traffic, request: Request | None) -> EngineFacts:
        info = info_of(engine)
        median = None
        if self._rules.within_ms and request is not None:
            median = traffic.times(request.task).percentile(0.5)
        return EngineFacts(
            info.name,
            is_off=info.state == "off",
            is_skipped=not self._breaker_of(info.name).allows_request(self._now()),
            fits=request is None or _fits_context(info, request),
            is_loading=_is_loading(info),
            in_progress=traffic.in_progress if request is not None else 0,
            price=price_of(engine, info),
            first_ms=None if median is None else median * 1000,
        )

    def _make_choices(self, decision: Decision) -> list["_Choice"]:
        """Return for each engine of the decision why it answers, if it does."""
        choices = [_Choice(self._name, self._records, decision.code, decision.reason)]
        for _ in decision.order[1:]:
            reason = f"{info_of(self._engines[decision.order[0]]).name!r} failed before its first text"
            choices.append(_Choice(self._name, self._records, Code.ROUTE_FAILED_OVER, reason))
        return choices[: len(decision.order)]

    def _make_candidate(
        self, position: int, request: Request, choice: "_Choice", *, is_last: bool
    ) -> Candidate:
        engine = self._engines[position]
        has_deadline = request.task is Task.COMPLETE and not request.warm and not is_last
        timeout_s = _first_text_timeout(engine) if has_deadline else math.inf
        name = info_of(engine).name
        return Candidate(
            name=name,
            breaker=self._breaker_of(name),
            open_answer=lambda: aclosing(_read_events(engine, request, timeout_s, choice)),
            holds_start=not is_last,
            is_excused=lambda: _is_loading(info_of(engine)),
            traffic=self._traffic[position],
            task=request.task,
        )

    def _breaker_of(self, name: str) -> CircuitBreaker:
        return self._breakers.get(name) or CircuitBreaker()

    def _reason_of(self, engine: Engine) -> str:
        """Return why the route skips an engine."""
        info = info_of(engine)
        return f"{info.name}: {_first_sentence(info.reason or self._breaker_of(info.name).reason)}"

    # Hedges.

    def _plan_hedge(
        self, request: Request, candidates: Sequence[Candidate], choices: "Sequence[_Choice]"
    ) -> HedgePlan | None:
        """Return when to send the request to a second engine too; None if never.

        Nobody waits for a request in the background, so it is not worth a second one.
        """
        share = HEDGE_SHARES.get(self._rules.hedge)
        if share is None or request.warm or request.priority is Priority.BACKGROUND:
            return None
        budget = self._records.budget(self._name)
        budget.earn_share(self._rules.hedge_share)
        if len(candidates) < 2:
            return None
        first = candidates[0]
        delay_s = first.traffic.times(request.task).percentile(share)
        if delay_s is None:
            return None

        def choose(waiting: Sequence[Candidate]) -> Candidate | None:
            chosen = next((each for each in waiting if self._may_hedge(each)), None)
            if chosen is None or not budget.spend_hedge():
                return None
            self._records.hedges[self._name, "sent"] += 1
            reason = f"{first.name!r} had no text after {delay_s * 1000:.0f} ms"
            position = next(number for number, each in enumerate(candidates) if each is chosen)
            choices[position].explain(Code.ROUTE_HEDGED, reason)
            return chosen

        return HedgePlan(delay_s, choose, lambda outcome: self._note_hedge(outcome, request))

    def _may_hedge(self, candidate: Candidate) -> bool:
        """Return whether a candidate may get a second request: an engine that recovers gets none."""
        limit = self._rules.max_queue
        return (
            candidate.breaker.state(self._now()) is BreakerState.CLOSED
            and not candidate.is_excused()
            and not 0 < limit <= candidate.traffic.in_progress
        )

    def _note_hedge(self, outcome: HedgeOutcome, request: Request) -> None:
        result = "unused" if outcome.winner is None else "won" if outcome.winner == outcome.second else "lost"
        self._records.hedges[self._name, result] += 1
        if outcome.stopped is not None:
            self._records.note_stopped(outcome.stopped, request.characters())

    # The rest.

    def _summarize_failures(self, failures: Sequence[Failure]) -> EngineError:
        if not failures:
            return _make_no_engine_error(self._name)
        first = failures[0].error
        if len(failures) == 1:
            return first
        reasons = "; ".join(f"{failure.name}: {failure.error.what}" for failure in failures)
        return EngineError(
            f"No engine of the route {self._name!r} could answer ({reasons})",
            "Nothing was inserted",
            first.remedy,
            code=Code.ENGINE_UNAVAILABLE,
        )

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the engine that would get a request now."""
        for position in self._decide().order[:1]:
            observe(self._engines[position], focus)

    async def aclose(self) -> None:
        """Do nothing: routes share their engines and do not own them."""


class _Choice:
    """Why a route has chosen an engine for a request; noted when the engine has its first text."""

    __slots__ = ("_code", "_reason", "_records", "_route")

    def __init__(self, route: str, records: RouteRecords, code: Code, reason: str) -> None:
        self._route = route
        self._records = records
        self.explain(code, reason)

    def explain(self, code: Code, reason: str) -> None:
        """Replace the reason."""
        self._code = code
        self._reason = reason

    def label(self, started: Started) -> Started:
        """Return the start of the engine's answer with the reason's code."""
        return replace(started, route=self._code)

    def note(self, engine: str) -> None:
        """Note that the engine answers."""
        self._records.note_answer(self._route, engine, self._code, self._reason)


async def _read_events(
    engine: Engine, request: Request, timeout_s: float, choice: _Choice
) -> AsyncGenerator[Event, None]:
    """Give an engine's events. Raises `EngineError` if the first text takes longer than `timeout_s`."""
    due = anyio.current_time() + timeout_s
    waits_for_text = True
    async with AsyncExitStack() as stack:
        try:
            with anyio.fail_after(due - anyio.current_time()):
                events = await stack.enter_async_context(engine.open(request))
            while waits_for_text:
                with anyio.fail_after(due - anyio.current_time()):
                    event = await anext(events)
                if isinstance(event, Started):
                    event = choice.label(event)
                else:
                    waits_for_text = False
                    choice.note(info_of(engine).name)
                yield event
            async for event in events:
                yield event
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _make_timeout_error(info_of(engine).name, timeout_s) from error
        except EngineError:
            raise
        except Exception as error:
            raise failure_of(_read_events, error) from error


def _first_text_timeout(engine: Engine) -> float:
    """Return the seconds that a completion waits for an engine's first text.

    A model that reasons first is allowed as much as its own engine allows it: it is slow, not broken.
    """
    return max(FIRST_TEXT_TIMEOUT_S, reasoning_timeout_of(engine))


def _is_final(error: EngineError) -> bool:
    return not error.retryable


def _is_loading(info: EngineInfo) -> bool:
    """Return whether a server is loading its model, which may take minutes and is not a failure."""
    return info.kind == "openai" and info.state == "starting"


def _first_sentence(reason: str) -> str:
    return reason.split(". ", 1)[0].rstrip(".")


def _fits_context(info: EngineInfo, request: Request) -> bool:
    """Return whether an engine's context holds the text that may not be cut: all but prefix and suffix."""
    if info.context_tokens <= 0 or info.kind == "local":
        return True
    return request.fixed_characters() <= info.context_tokens * CHARS_PER_TOKEN


def _make_timeout_error(name: str, seconds: float) -> EngineError:
    return EngineError(
        f"Engine {name!r} sent nothing for {seconds:g} s",
        "The next engine of the route answers",
        "Check the load of that engine",
        code=Code.ENGINE_SILENT,
    )


def _make_no_engine_error(route: str) -> EngineError:
    return EngineError(
        f"The route {route!r} has no engine",
        "Requests on this route fail",
        f'Name one in `routes.{route}`, for example ["local"]',
        code=Code.ENGINE_UNAVAILABLE,
        retryable=False,
    )
