"""One response as it is told: the events of its life, on either surface.

On the public surface a response is the Responses API's whole sequence, and its text is repeated where that
API repeats it. Under spark.v1 only what carries news is sent: who answers, the text, where the time went,
the end. `sequence_number` is given when an event is written, since text that waits is merged.
"""

from dataclasses import dataclass, field, replace

from spark_lsp.codes import Code
from spark_lsp.request import Finished, Message, Request, Started, Task
from spark_lsp.wire import events
from spark_lsp.wire.frames import (
    AnswerEvent,
    Broken,
    Created,
    Delta,
    ErrorBody,
    InProgress,
    ResponseBody,
    SparkTiming,
    TimingFrame,
    UsageFrame,
)


@dataclass(frozen=True, slots=True)
class Surface:
    """Which events a peer is told: spark.v1 or the public ones, and those with timing if it wants them."""

    spark: bool
    timing: bool = False


@dataclass(slots=True)
class Answer:
    """See the module's text.

    `parent` is the response that the request continues, and `past` the conversation up to there, once it
    is `recalled`;
    `instructions` hold for this answer only.
    """

    response: str
    lane: str | None
    request: Request
    surface: Surface
    created_at: float
    instructions: str = ""
    parent: str | None = None
    past: tuple[Message, ...] = ()
    recalled: bool = False
    model: str = ""
    active: bool = False
    sequence: int = 0
    pieces: list[str] = field(default_factory=list[str])
    size: int = field(init=False)  # of the request, in characters

    def __post_init__(self) -> None:
        self.size = self.request.characters()

    @property
    def item(self) -> str:
        """The id of the one message that the answer is."""
        return f"msg_{self.response.removeprefix('resp_')}"

    @property
    def text(self) -> str:
        """The text so far, where it is kept."""
        return "".join(self.pieces)

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation with this answer at its end."""
        asked = self.request.instruction or self.request.action
        last = [Message("user", asked)] if asked else []
        last += [Message("assistant", self.text)] if self.pieces else []
        return (*self.past, *self.request.history, *last)

    @property
    def whole(self) -> Request:
        """The request as an engine is asked: with its instructions and its past."""
        if not (self.instructions or self.past):
            return self.request
        system = (Message("system", self.instructions),) if self.instructions else ()
        return replace(self.request, history=(*system, *self.past, *self.request.history))

    def heard(self, text: str) -> None:
        """Keep text that may be needed again: at the end, or as the past of another request."""
        if not self.surface.spark or self.request.task is not Task.COMPLETE:
            self.pieces.append(text)

    def started(self, started: Started) -> list[AnswerEvent]:
        """Return the events of an engine's beginning."""
        self.model, self.active = started.model, True
        body = self._body("in_progress")
        if self.surface.spark:
            body.spark = events.answerer(started)
            return [Created(response=body)]
        return [
            Created(response=body),
            InProgress(response=body),
            *([] if self.request.warm else events.opening(self.item)),
        ]

    def delta(self, text: str) -> Delta:
        """Return the event for some more text."""
        return Delta(item_id=self.item, delta=text)

    def finished(self, finished: Finished, now: float) -> list[AnswerEvent]:
        """Return the events of the end, the terminal last."""
        terminal, status, details = events.ending(finished, spark=self.surface.spark)
        told = self._timing(finished, now)
        plain = not self.surface.spark
        message = plain and self.active and not self.request.warm
        closing = events.closing(self.item, self.text) if message else []
        body = self._body(status)
        body.incomplete_details, body.usage = details, UsageFrame.of(finished.usage)
        if plain and self.pieces:
            body.output = events.output(self.item, self.text)
        return [*self._created_late(), *closing, *told, terminal(response=body)]

    def failed(self, code: Code, message: str) -> list[AnswerEvent]:
        """Return the events of an end with an error."""
        body = self._body("failed")
        body.error = ErrorBody(code=code, message=message)
        return [*self._created_late(), Broken(response=body)]

    def stamp(self, event: AnswerEvent) -> None:
        """Number an event that is about to be written, and name its lane."""
        event.sequence_number = self.sequence
        self.sequence += 1
        if self.lane is not None:
            event.stream_id = self.lane

    def _created_late(self) -> list[AnswerEvent]:
        """Public clients wait for `created` before anything else, even where nothing has begun."""
        if self.active or self.surface.spark:
            return []
        return [Created(response=self._body("in_progress"))]

    def _timing(self, finished: Finished, now: float) -> list[AnswerEvent]:
        overhead_ms = max((now - self.created_at) * 1000 - finished.timing.spent_ms, 0.0)
        if self.surface.spark:
            return [TimingFrame(response_id=self.response, timing=SparkTiming.of(finished, overhead_ms))]
        return [events.public_timing(finished, overhead_ms)] if self.surface.timing else []

    def _body(self, status: str) -> ResponseBody:
        return ResponseBody(
            id=self.response,
            created_at=self.created_at,
            status=status,
            model=self.model or self.request.model or "spark",
            previous_response_id=self.parent,
        )
