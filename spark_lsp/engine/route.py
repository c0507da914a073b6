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
from functools import partial

import anyio

from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.failover import Candidate, Failure, failover
from spark_lsp.engine.guard import failure_of, info_of, observe, reasoning_timeout_of
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Event, Focus, Request, Started, Task

CHARS_PER_TOKEN = 3  # a low estimate, so that a request that just fits is not refused
FIRST_TEXT_TIMEOUT_S = 10.0  # for a completion's first text, if another engine could give it


class Route:
    """One route; `breakers`, by the engines' names, are shared by all routes of a gateway."""

    def __init__(
        self,
        name: str,
        engines: Sequence[Engine],
        breakers: Mapping[str, CircuitBreaker] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._engines = tuple(engines)
        self._breakers: Mapping[str, CircuitBreaker] = breakers if breakers is not None else {}
        self._now = now

    @property
    def info(self) -> EngineInfo:
        """The engine that would get a request now, and why it is not the preferred one."""
        if not self._engines:
            error = _make_no_engine_error(self._name)
            return EngineInfo(self._name, "fallback", "", state="off", reason=error.what, code=error.code)
        engine = self._available_engines()[0]
        info = info_of(engine)
        skipped = self._reasons_before(engine)
        if not skipped or info.state == "off":
            return info
        reason = f"{'; '.join(skipped)}; {info.name} answers instead"
        code = Code.BUDGET_USED_UP if self._is_used_up(self._engines[0]) else Code.ENGINE_REPLACED
        return replace(info, state="degraded", reason=reason, code=code)

    @staticmethod
    def _is_used_up(engine: Engine) -> bool:
        """Return whether the day's budget keeps an engine from answering."""
        return info_of(engine).code == Code.BUDGET_USED_UP

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the first engine that gets as far as its first text."""
        if len(self._engines) == 1:  # no other engine could replace it
            return self._engines[0].open(request)
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._read_answer(request)) as events:
            yield events

    def _read_answer(self, request: Request) -> AsyncGenerator[Event, None]:
        engines = self._available_engines(request)
        candidates = [
            self._make_candidate(engine, request, is_last=engine is engines[-1]) for engine in engines
        ]
        return failover(candidates, self._now, _is_final, self._summarize_failures)

    def _make_candidate(self, engine: Engine, request: Request, *, is_last: bool) -> Candidate:
        has_deadline = request.task is Task.COMPLETE and not request.warm and not is_last
        timeout_s = _first_text_timeout(engine) if has_deadline else math.inf
        return Candidate(
            name=info_of(engine).name,
            breaker=self._breaker_of(engine),
            open_answer=lambda: aclosing(_read_events(engine, request, timeout_s)),
            holds_start=not is_last,
            is_excused=partial(_is_loading, engine),
        )

    def _breaker_of(self, engine: Engine) -> CircuitBreaker:
        return self._breakers.get(info_of(engine).name) or CircuitBreaker()

    def _available_engines(self, request: Request | None = None) -> list[Engine]:
        """Return the engines that may answer, in order; if none is available, the first that is not off."""
        available = [engine for engine in self._engines if self._is_available(engine, request)]
        if available:
            # An engine that loads its model gets the request only if no other can answer.
            return sorted(available, key=_is_loading)
        not_off = [engine for engine in self._engines if info_of(engine).state != "off"]
        return [*(not_off or self._engines)[:1]]

    def _is_available(self, engine: Engine, request: Request | None) -> bool:
        info = info_of(engine)
        if info.state == "off" or not self._breaker_of(engine).allows_request(self._now()):
            return False
        return request is None or _fits_context(info, request)

    def _reasons_before(self, chosen: Engine) -> list[str]:
        """Return why the route skips each engine that it prefers to `chosen`."""
        reasons: list[str] = []
        for engine in self._engines[: self._engines.index(chosen)]:
            info = info_of(engine)
            reason = info.reason or self._breaker_of(engine).reason
            reasons.append(f"{info.name}: {_first_sentence(reason)}")
        return reasons

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
        for engine in self._available_engines()[:1]:
            observe(engine, focus)

    async def aclose(self) -> None:
        """Do nothing: routes share their engines and do not own them."""


async def _read_events(engine: Engine, request: Request, timeout_s: float) -> AsyncGenerator[Event, None]:
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
                waits_for_text = isinstance(event, Started)
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


def _is_loading(engine: Engine) -> bool:
    """Return whether a server is loading its model, which may take minutes and is not a failure."""
    info = info_of(engine)
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
