"""One response while it is streamed, and the events of its life on either surface.

On the public surface a response is the complete event sequence of the Responses API, which repeats the text.
Under spark.v1 only the events that carry information are sent: the engine, the text, the timing, the end.
`sequence_number` is set when an event is written, because text that waits is merged.
"""

from dataclasses import dataclass, field, replace

from spark_lsp.answer_events import Draft, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.request import Message, Request, Task
from spark_lsp.wire import events
from spark_lsp.wire.frames import ErrorBody
from spark_lsp.wire.response_frames import (
    AnswerEvent,
    Broken,
    Created,
    Delta,
    DraftFrame,
    InProgress,
    ResponseBody,
    SparkTiming,
    TimingFrame,
    UsageFrame,
)


@dataclass(frozen=True, slots=True)
class Surface:
    """The events that a peer gets: spark.v1 or public ones, and the public timing if it requested that."""

    spark: bool
    timing: bool = False


@dataclass(slots=True)
class ResponseStream:
    """See the module's text.

    `parent` is the response that the request continues. `past` is the conversation up to the parent;
    `has_past` says whether it is known yet. `instructions` apply to this response only.
    """

    response: str
    lane: str | None
    request: Request
    surface: Surface
    created_at: float
    instructions: str = ""
    parent: str | None = None
    past: tuple[Message, ...] = ()
    has_past: bool = False
    model: str = ""
    active: bool = False
    sequence: int = 0
    pieces: list[str] = field(default_factory=list[str])
    confidence: float | None = None  # of the engine in the text so far, for a client that wants it
    item: str = field(init=False)  # the id of the one message of the response
    size: int = field(init=False)  # of the request, in characters
    keeps_text: bool = field(init=False)  # for the end, or for the next request of the conversation

    def __post_init__(self) -> None:
        self.item = f"msg_{self.response.removeprefix('resp_')}"
        self.size = self.request.characters()
        self.keeps_text = not self.surface.spark or self.request.task is not Task.COMPLETE

    @property
    def text(self) -> str:
        """The text so far, where it is kept."""
        return "".join(self.pieces)

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The conversation up to and including this response."""
        turns = [*self.past, *self.request.history]
        question = self.request.instruction or self.request.action
        if question:
            turns.append(Message("user", question))
        if self.pieces:
            turns.append(Message("assistant", self.text))
        return tuple(turns)

    @property
    def full_request(self) -> Request:
        """The request for the engine: with the instructions and the past."""
        if not (self.instructions or self.past):
            return self.request
        system = (Message("system", self.instructions),) if self.instructions else ()
        return replace(self.request, history=(*system, *self.past, *self.request.history))

    def make_successor(self, response: str, request: Request, now: float) -> "ResponseStream":
        """Return the stream of a request that continues this response on the same lane."""
        return ResponseStream(
            response,
            self.lane,
            request,
            self.surface,
            now,
            self.instructions,
            parent=self.response,
            past=self.conversation,
            has_past=True,
        )

    def start(self, started: Started) -> list[AnswerEvent]:
        """Return the events for an engine's start."""
        self.model = started.model
        self.active = True
        body = self._make_body("in_progress")
        if self.surface.spark:
            body.spark = events.answerer(started)
            return [Created(response=body)]
        opening = [] if self.request.warm else events.opening(self.item)
        return [Created(response=body), InProgress(response=body), *opening]

    def finish(self, finished: Finished, now: float) -> list[AnswerEvent]:
        """Return the events of the end, the terminal event last."""
        terminal, status, details = events.ending(finished, spark=self.surface.spark)
        body = self._make_body(status)
        body.incomplete_details = details
        body.usage = UsageFrame.of(finished.usage)
        closing: list[AnswerEvent] = []
        if not self.surface.spark:
            if self.active and not self.request.warm:
                closing = events.closing(self.item, self.text)
            if self.pieces:
                body.output = events.output(self.item, self.text)
        return [
            *self._make_late_created(),
            *closing,
            *self._make_timing(finished, now),
            terminal(response=body),
        ]

    def fail(self, code: Code, message: str) -> list[AnswerEvent]:
        """Return the events of an end with an error."""
        body = self._make_body("failed")
        body.error = ErrorBody(code=code, message=message)
        return [*self._make_late_created(), Broken(response=body)]

    def note_confidence(self, confidence: float | None) -> None:
        """Take the engine's confidence in its text so far; the next delta reports it."""
        if self.surface.spark and self.request.scored and confidence is not None:
            self.confidence = confidence

    def make_delta(self, text: str) -> Delta:
        """Return the event for more text, numbered."""
        # Written out, without `stamp`: this runs once per message.
        delta = Delta(item_id=self.item, delta=text, sequence_number=self.sequence)
        self.sequence += 1
        if self.confidence is not None:
            delta.confidence = self.confidence
        if self.lane is not None:
            delta.stream_id = self.lane
        return delta

    def make_draft(self, draft: Draft) -> DraftFrame:
        """Return the event for a draft."""
        return DraftFrame(
            text=draft.text, match_tokens=draft.match_tokens, agreement=draft.agreement, count=draft.count
        )

    def stamp(self, event: AnswerEvent) -> None:
        """Number an event that is being written, and name its lane."""
        event.sequence_number = self.sequence
        self.sequence += 1
        if self.lane is not None:
            event.stream_id = self.lane

    def _make_late_created(self) -> list[AnswerEvent]:
        """Public clients expect `created` before every other event, even if no engine has started."""
        if self.active or self.surface.spark:
            return []
        return [Created(response=self._make_body("in_progress"))]

    def _make_timing(self, finished: Finished, now: float) -> list[AnswerEvent]:
        overhead_ms = max((now - self.created_at) * 1000 - finished.timing.spent_ms, 0.0)
        if self.surface.spark:
            return [TimingFrame(response_id=self.response, timing=SparkTiming.of(finished, overhead_ms))]
        if self.surface.timing:
            return [events.public_timing(finished, overhead_ms)]
        return []

    def _make_body(self, status: str) -> ResponseBody:
        return ResponseBody(
            id=self.response,
            created_at=self.created_at,
            status=status,
            model=self.model or self.request.model or "spark",
            previous_response_id=self.parent,
        )
