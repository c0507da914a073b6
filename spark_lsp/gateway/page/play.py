"""The playground's request: one prompt on two lanes, side by side.

A lane is an engine at its true pace (`engine:NAME`), or a simulated machine (`pace:NAME`) that plays the
text of `source`: an engine's answer to the same prompt, or (if `source` is empty) a sample text. The
engines are those of the gateway's own configuration, which the user has approved by writing it; those of an
editor are not offered.
"""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

import anyio
import msgspec
from msgspec import Meta

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import failure_of
from spark_lsp.errors import EngineError, RemoteProtocolError
from spark_lsp.gateway.metrics import Metrics
from spark_lsp.gateway.page.lines import SendLine
from spark_lsp.gateway.page.paces import SAMPLE, list_paces, make_pace_engine, make_sample_engine
from spark_lsp.gateway.page.shared_answer import SharedAnswer
from spark_lsp.request import Request, Task
from spark_lsp.supervise import run_guarded

MAX_PROMPT_CHARS = 8000
MAX_TOKENS = 400  # of an answer: ten seconds of the embedded model
MAX_PLAYS = 2  # at once: a page costs an engine no more than an editor does
ENGINE, PACE = "engine:", "pace:"


class PlayFields(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /page/play`."""

    prompt: Annotated[str, Meta(min_length=1, max_length=MAX_PROMPT_CHARS)]
    lanes: Annotated[list[str], Meta(min_length=2, max_length=2)]
    source: str = SAMPLE


def read_fields(fields: Mapping[str, Any]) -> PlayFields:
    """Return the fields of a body. Raises `RemoteProtocolError` that names the wrong one."""
    try:
        return msgspec.convert(fields, PlayFields)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError(
            f"The playground cannot use this request: {error}", code=Code.INVALID_INPUT
        ) from error


@dataclass(frozen=True, slots=True)
class PlayedStream:
    """An answer under way for the playground; `since` is Unix time."""

    engine: str
    since: float
    task: str = "playground"


@dataclass(slots=True)
class Playground:
    """The plays of one gateway. `find` looks up one of the gateway's engines."""

    find: Callable[[str], Engine | None]
    metrics: Metrics
    streams: list[PlayedStream] = field(default_factory=list[PlayedStream])
    plays: int = 0
    ended: float = 0.0  # the monotonic time at which the last one ended

    def prepare(self, fields: PlayFields) -> "Play":
        """Return the play of these fields. Raises `EngineError` for an unknown lane, or if too many run."""
        if self.plays >= MAX_PLAYS:
            raise EngineError(
                "The playground is in use in other windows",
                "Nothing was sent",
                "Wait for their answers",
                code=Code.ENGINE_BUSY,
            )
        return Play(self, fields)

    def engine_of(self, name: str) -> Engine:
        """Return the gateway's engine, or that of the sample text."""
        engine = make_sample_engine() if name == SAMPLE else self.find(name)
        if engine is None:
            raise _unknown(name)
        return engine

    @contextmanager
    def counted(self, request: Request, name: str) -> Generator["Outcome"]:
        """List an engine's answer while it is under way, and count it in the metrics when it ends."""
        stream, outcome = PlayedStream(name, time.time()), Outcome()
        self.streams.append(stream)
        try:
            yield outcome
        finally:
            self.streams.remove(stream)
            self.metrics.count_answer(name, request, outcome.finished, outcome.code)


@dataclass(slots=True)
class Outcome:
    """The end of an answer, or the code of its failure."""

    finished: Finished | None = None
    code: str = "cancelled"


class Play:
    """One comparison, ready to run."""

    def __init__(self, playground: Playground, fields: PlayFields) -> None:
        self._playground = playground
        self._source = fields.source
        self._request = Request(Task.CHAT, instruction=fields.prompt, max_tokens=MAX_TOKENS)
        self._shared: SharedAnswer | None = None
        if any(lane.startswith(PACE) for lane in fields.lanes):
            self._shared = SharedAnswer(playground.engine_of(fields.source), self._request)
        self._lanes = [self._engine_of(lane) for lane in fields.lanes]

    def _engine_of(self, lane: str) -> tuple[str, Engine]:
        """Return the name that is counted for a lane (empty: none), and its engine."""
        if lane.startswith(PACE) and (name := lane.removeprefix(PACE)) in list_paces():
            assert self._shared is not None
            return "", make_pace_engine(name, self._shared)
        name = lane.removeprefix(ENGINE)
        if name in (lane, SAMPLE):
            raise _unknown(lane)
        engine = self._playground.engine_of(name)
        if self._shared is not None and name == self._source:
            return "", self._shared
        return name, engine

    async def run(self, send_line: SendLine) -> None:
        """Send the events of both lanes, each with the number of its lane."""
        self._playground.plays += 1
        try:
            async with anyio.create_task_group() as group:
                if self._shared is not None:
                    group.start_soon(run_guarded, self._read_source, self._shared)
                for number, (name, engine) in enumerate(self._lanes):
                    lane = partial(self._run_lane, number, name, engine, send_line)
                    group.start_soon(run_guarded, lane)
        finally:
            self._playground.plays -= 1
            self._playground.ended = time.monotonic()
        await send_line({"type": "end"})

    async def _read_source(self, shared: SharedAnswer) -> None:
        if self._source == SAMPLE:
            await shared.run()
            return
        with self._playground.counted(self._request, self._source) as outcome:
            await shared.run()
            outcome.finished, outcome.code = shared.finished, shared.code

    async def _run_lane(self, number: int, name: str, engine: Engine, send_line: SendLine) -> None:
        if not name:
            await self._stream(number, engine, send_line, Outcome())
            return
        with self._playground.counted(self._request, name) as outcome:
            await self._stream(number, engine, send_line, outcome)

    async def _stream(self, number: int, engine: Engine, send_line: SendLine, outcome: Outcome) -> None:
        try:
            async with engine.open(self._request) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        outcome.finished = event
                    if (line := _line_of(event)) is not None:
                        await send_line({"lane": number, **line})
        except Exception as error:
            failure = failure_of(self._stream, error)
            outcome.code = failure.code
            await send_line({"lane": number, "type": "failed", "code": failure.code, "message": str(failure)})


def _line_of(event: object) -> dict[str, Any] | None:
    """Return what the page reads of an event."""
    match event:
        case Started():
            return {
                "type": "started",
                "engine": event.engine,
                "model": event.model,
                "simulated": event.simulated,
            }
        case Chunk():
            return {"type": "text", "text": event.text}
        case Finished():
            return {
                "type": "finished",
                "reason": event.reason,
                "tokens": event.usage.output_tokens,
                "simulated": event.timing.simulated,
                "text_ms": event.timing.buffer_ms,
            }
        case _:
            return None


def _unknown(name: str) -> EngineError:
    return EngineError(
        f"There is no engine or pace {name!r}",
        "Nothing was sent",
        "Choose one of those that the page lists",
        code=Code.MODEL_NOT_FOUND,
        retryable=False,
    )
