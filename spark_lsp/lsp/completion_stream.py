"""What the server holds for one streamed suggestion: its work at the engine and its notifications."""

import asyncio
from dataclasses import dataclass, field

import anyio
from pygls.exceptions import JsonRpcException

from spark_lsp.answer_events import Started
from spark_lsp.codes import Code
from spark_lsp.lsp.partial_results import PartialResults
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Request
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.outcomes import Origin
from spark_lsp.session.suggestion_stream import SuggestionStream

CONTENT_MODIFIED = -32801
COPY = "copy"  # the engine's name in the history for a text of the copy model


def content_modified() -> JsonRpcException:
    """Return the answer to a request that a newer request or change has replaced."""
    return JsonRpcException(
        "A newer request or change took its place", CONTENT_MODIFIED, {"code": Code.SUPERSEDED}
    )


@dataclass(eq=False, slots=True)
class AnswerReading:
    """The work of reading one answer. Its scope belongs to the task, which may start later than this."""

    is_stopped: bool = False
    scope: anyio.CancelScope | None = None

    def stop(self) -> None:
        """End the work, or do not begin it."""
        self.is_stopped = True
        if self.scope is not None:
            self.scope.cancel()

    def stop_at(self, time: float) -> None:
        """End the work at a time of the event loop."""
        if self.scope is not None:
            self.scope.deadline = time


@dataclass(eq=False, slots=True)
class CompletionStream:
    """The request of a stream, and the reading of its answer; each attempt has a reading of its own."""

    life: LifeCycle
    stream: SuggestionStream
    request: Request
    partial_results: PartialResults
    ghost: GhostText
    reading: AnswerReading = field(default_factory=AnswerReading)
    answerer: Started | None = None  # the engine, once it has begun

    def origin(self) -> Origin:
        """Return where the text comes from, for the history."""
        gate = self.stream.source.gate if self.stream.source is not None else None
        answerer = None if self.stream.draft else self.answerer
        return Origin(
            engine=answerer.engine if answerer is not None else COPY,
            model=answerer.model if answerer is not None else "",
            latency_s=asyncio.get_running_loop().time() - self.stream.started_at,
            confidence=gate.confidence if gate is not None else None,
        )
