"""One answer: the service's text, as it may be passed on, with its usage and times."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Timing, Usage
from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.answer import use_line_ends
from spark_lsp.engine.openai.calls import make_reader
from spark_lsp.engine.responses.creates import CHARS_A_TOKEN, answer_tokens
from spark_lsp.engine.responses.events import ResponseReader
from spark_lsp.prompts.thinking import AfterThinkingFilter
from spark_lsp.request import EditFormat, PartKind, Request, Task

NEAR_CHARS = 1_000
CHARS_PER_TOKEN = 4  # for an answer whose end we do not wait for


class Answer:
    """The answer to one request, perhaps in several attempts, of which the last one has text."""

    def __init__(self, name: str, request: Request, model: str) -> None:
        self.has_text = False
        self._name = name
        self._request = request
        self._model = model
        self._has_started = False
        self._asked = time.monotonic()
        self._eol = _line_end_near(request)
        self._first = self._last = 0.0
        self._characters = 0
        self._said = False

    async def read(
        self, raw: AsyncGenerator[Event, None], reader: ResponseReader
    ) -> AsyncGenerator[Event, None]:
        """Give the events of one attempt. Raises `EngineError`."""
        reply = AfterThinkingFilter(make_reader(self._request), False)
        finished: Finished | None = None
        cut = False
        most_characters = answer_tokens(self._request) * CHARS_A_TOKEN
        async with aclosing(raw) as events:
            async for event in events:
                if isinstance(event, Started):
                    for each in self.start(event.model):
                        yield each
                elif isinstance(event, Chunk):
                    self._measure(event.text)
                    if shown := reply.feed(event.text):
                        yield self._show(shown)
                    cut = self._characters > most_characters
                    if reply.done or cut:
                        break
                elif isinstance(event, Finished):
                    finished = event
        if rest := reply.finish():
            yield self._show(rest)
        self._check(finished, reader)
        yield self._finish(finished, cut=cut and not reply.done)

    def start(self, model: str = "", format: EditFormat | None = None) -> list[Event]:
        """Return the start of the answer, once."""
        if self._has_started:
            return []
        self._has_started = True
        usual = EditFormat.FENCED if self._request.task is Task.EDIT else EditFormat.TEXT
        return [Started(self._name, model or self._model, format or usual)]

    def _measure(self, text: str) -> None:
        self._last = time.monotonic()
        self._first = self._first or self._last
        self._characters += len(text)

    def _show(self, text: str) -> Chunk:
        self.has_text = True
        self._said = self._said or bool(text.strip())
        return Chunk(use_line_ends(text, self._eol))

    def _check(self, finished: Finished | None, reader: ResponseReader) -> None:
        """Raise `EngineError` for an answer without a use."""
        if reader.was_filtered:
            raise errors.make_filter_error(self._name)
        is_cut = finished is not None and finished.reason == "length"
        if is_cut and not self._said and reader.reasoning_tokens:
            raise errors.make_only_thought_error(self._name)

    def _finish(self, finished: Finished | None, *, cut: bool) -> Finished:
        first = self._first or time.monotonic()
        measured = Timing(
            prefill_ms=(first - self._asked) * 1e3, decode_ms=max(self._last - first, 0.0) * 1e3
        )
        if finished is None:  # we left, so the service's end of it has not come
            return Finished(
                "length" if cut else "stop",
                Usage(output_tokens=self._characters // CHARS_PER_TOKEN),
                measured,
            )
        timing = finished.timing if finished.timing != Timing() else measured
        return replace(finished, timing=timing)


def _line_end_near(request: Request) -> str:
    """Return the line end of a completion's document, judged by the text around the cursor."""
    if request.task is not Task.COMPLETE:
        return "\n"
    near = request.text_of(PartKind.PREFIX)[-NEAR_CHARS:] + request.text_of(PartKind.SUFFIX)[:NEAR_CHARS]
    return "\r\n" if "\r\n" in near else "\n"
