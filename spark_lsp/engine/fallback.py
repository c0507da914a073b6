"""A route: engines in order of preference, behind the face of one engine.

An engine that fails before its first text is passed over and the next one is asked, unseen by the person. So
is one that has failed several times of late, until it is due to be tried again, and one that is off or cannot
hold the request. After the first text a failure is told, since a second engine would answer another text: a
completion keeps what is valid of it; an edit is asked again, and finds the next engine here. While another
engine could still take its place, what an engine says of itself is kept back until its text comes: an answer
has one beginning. A completion is waited for only as long as it can still be of use; then the next engine is
asked. The last engine is always asked: its own words explain best why nothing comes.
"""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import anyio

from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import failure_of, info_of, observe
from spark_lsp.engine.health import Health
from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started, Task

CHARS_PER_TOKEN = 3
PATIENCE_S = 10.0  # a completion's first text must come within this if another engine could give it
NOT_ITS_FAULT = (
    Code.CONTEXT_LENGTH_EXCEEDED,
    Code.UNSUPPORTED_CONTENT,
    Code.CONTENT_FILTER,
    Code.ENGINE_LOADING,
    Code.ENGINE_ONLY_THOUGHT,
)
# Nothing listens, the key is wrong, there is no such model: it will be so a second later too.
SAYS_ENOUGH = (
    Code.ENGINE_SILENT,
    Code.ENGINE_UNAVAILABLE,
    Code.MODEL_NOT_FOUND,
    Code.MODEL_UNAVAILABLE,
    Code.PACKAGE_MISSING,
)


class Fallback:
    """Asks its engines in order; see the module's text. `health` is shared by all routes of a gateway."""

    def __init__(
        self,
        name: str,
        engines: Sequence[Engine],
        health: Mapping[str, Health] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._engines = tuple(engines)
        self._health: Mapping[str, Health] = health if health is not None else {}
        self._now = now

    @property
    def info(self) -> EngineInfo:
        """What the engine that would be asked now says of itself; and why it is not the preferred one."""
        for engine in self._candidates()[:1]:
            info, passed = info_of(engine), self._passed(engine)
            if not passed or info.state == "off":
                return info
            reason = f"{'; '.join(passed)}; {info.name} is asked instead"
            return replace(info, state="degraded", reason=reason, code=Code.ENGINE_REPLACED)
        none = _no_engine(self._name)
        return EngineInfo(self._name, "fallback", "", state="off", reason=none.what, code=none.code)

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer from the first engine that gets as far as its first text."""
        if len(self._engines) == 1:  # nobody could take its place
            return self._engines[0].open(request)
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._answer(request)) as events:
            yield events

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        failures: list[tuple[str, EngineError]] = []
        candidates = self._candidates(request)
        for engine in candidates:
            begun: list[Event] = []
            spoken = False
            health = self._of(engine)
            health.asked(self._now())
            try:
                last = engine is candidates[-1]
                async with aclosing(_events(engine, request, last=last)) as events:
                    async for event in events:
                        if isinstance(event, Started) and not last:
                            begun.append(event)
                            continue
                        if not spoken and isinstance(event, Chunk | Finished):
                            spoken = True  # whoever asked may leave as soon as the text is enough
                            health.answered()
                        while begun:
                            yield begun.pop()
                        yield event
                return
            except EngineError as error:
                if not _is_loading(engine):
                    self._note(health, error, spoken=spoken)
                if spoken or not error.retryable:
                    raise
                failures.append((info_of(engine).name, error))
            finally:
                health.gave_up()
        raise _all_failed(self._name, failures)

    def _note(self, health: Health, error: EngineError, *, spoken: bool) -> None:
        """Count a failure of the engine; one of the request is not its fault.

        One that fell silent cost long, one that is not there will not come by itself, and whoever asks again
        for an answer that broke off should find another engine: such a one is passed over at once.
        """
        if error.retryable and error.code not in NOT_ITS_FAULT:
            plain = spoken or error.code in SAYS_ENOUGH
            health.failed(self._now(), error.what, error.retry_after, plain=plain)

    def _of(self, engine: Engine) -> Health:
        return self._health.get(info_of(engine).name) or Health()

    def _candidates(self, request: Request | None = None) -> list[Engine]:
        """Return the engines to ask, in order: those that are well, else the first."""
        now = self._now()
        able = [
            engine
            for engine in self._engines
            if (info := info_of(engine)).state != "off"
            and self._of(engine).allows(now)
            and _holds(info, request)
        ]
        able.sort(key=_is_loading)  # one that loads its model is asked only if no other can answer
        return (
            able
            or [each for each in self._engines if info_of(each).state != "off"][:1]
            or [*self._engines[:1]]
        )

    def _passed(self, chosen: Engine) -> list[str]:
        """Say of each engine that is preferred to the chosen one why it is passed over."""
        return [
            f"{(info := info_of(each)).name}: {_first_sentence(info.reason or self._of(each).reason)}"
            for each in self._engines[: self._engines.index(chosen)]
        ]

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the engine that would be asked."""
        for engine in self._candidates()[:1]:
            observe(engine, focus)

    async def aclose(self) -> None:
        """A route does not own its engines: several routes share them."""


async def _events(engine: Engine, request: Request, *, last: bool) -> AsyncGenerator[Event, None]:
    """Give an engine's events. Raises `EngineError` if a completion's first text comes too late."""
    waited = request.task is Task.COMPLETE and not last and not request.warm
    due = anyio.current_time() + PATIENCE_S if waited else math.inf
    async with AsyncExitStack() as stack:
        try:
            with anyio.fail_after(due - anyio.current_time()):
                events = await stack.enter_async_context(engine.open(request))
            while due < math.inf:
                with anyio.fail_after(due - anyio.current_time()):
                    event = await anext(events)
                if not isinstance(event, Started):
                    due = math.inf
                yield event
            async for event in events:
                yield event
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _too_late(info_of(engine).name) from error
        except EngineError:
            raise
        except Exception as error:
            raise failure_of(_events, error) from error


def _is_loading(engine: Engine) -> bool:
    """Return whether a server is loading its model, which may take minutes and is not a failure."""
    return engine.info.kind == "openai" and engine.info.state == "starting"


def _first_sentence(reason: str) -> str:
    return reason.split(". ", 1)[0].rstrip(".")


def _too_late(name: str) -> EngineError:
    return EngineError(
        f"The engine {name!r} has said nothing for {PATIENCE_S:g} s",
        "The next engine of its route is asked",
        "See what keeps it busy",
        code=Code.ENGINE_SILENT,
    )


def _holds(info: EngineInfo, request: Request | None) -> bool:
    """Whether an engine's context holds what may not be cut: all but the text around the place."""
    if request is None or info.context_tokens <= 0 or info.kind == "local":
        return True
    fixed = request.characters() - sum(
        len(part.text) for part in request.parts if part.kind.value in ("prefix", "suffix")
    )
    return fixed <= info.context_tokens * CHARS_PER_TOKEN


def _no_engine(route: str) -> EngineError:
    return EngineError(
        f"The route {route!r} names no engine",
        "Nothing can be answered on it",
        f'Name one in `routes.{route}`, for example ["local"]',
        code=Code.ENGINE_UNAVAILABLE,
        retryable=False,
    )


def _all_failed(route: str, failures: Sequence[tuple[str, EngineError]]) -> EngineError:
    if not failures:
        return _no_engine(route)
    if len(failures) == 1:
        return failures[0][1]
    reasons = "; ".join(f"{name}: {error.what}" for name, error in failures)
    return EngineError(
        f"No engine of the route {route!r} could answer ({reasons})",
        "Nothing was inserted",
        failures[0][1].remedy,
        code=Code.ENGINE_UNAVAILABLE,
    )
