"""The life cycle of the suggestions of one document: a state machine without clock, timers or I/O.

Each event is a method. It returns the effects that the caller must perform, in their order. `now` is the time
in seconds of a clock that never goes back. The caller also calls `process_timer` at `next_due`.

A document has at most one live stream. `stream_states` has the table of its states, `suggestion_stream` that
of a request. `speculation` may request a second one ahead of time, which then becomes the live one.
"""

from collections.abc import Callable, Iterator

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, SparkError
from spark_lsp.session import reasons
from spark_lsp.session.effects import (
    AdoptStream,
    AnswerFailed,
    AnswerNothing,
    AnswerReplaced,
    AnswerText,
    AskAgain,
    Effect,
    RepeatRequest,
    ReportFailure,
    ShowText,
    StartStream,
    StopStream,
    StopStreamAt,
)
from spark_lsp.session.patience import Patience
from spark_lsp.session.speculation import Speculation
from spark_lsp.session.stream_source import StreamSource
from spark_lsp.session.suggestion_stream import (
    LINGER_SECONDS,
    CursorRequest,
    StreamState,
    StreamStep,
    SuggestionStream,
)
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.text.document import Document

# The request is sent again: the link is back, or a user waits now for a request that was sent ahead.
REPEATED = (Code.CONNECTION_LOST, Code.BUDGET_LOW)
FIGURES_SECONDS = 0.1  # for which a complete stream waits for the engine's own figures


class LifeCycle:
    """The stream and the pending requests of one document; `tokens` gives the tokens of suggestions.

    `allows` tells whether an earlier answer may be shown again.
    """

    def __init__(self, tokens: Iterator[int], allows: Callable[[Suggestion], bool] = lambda _: True) -> None:
        self._tokens = tokens
        self._allows = allows
        self._stream: SuggestionStream | None = None
        self._pending: dict[str, CursorRequest] = {}  # by method
        self._delayed: dict[CursorRequest, float] = {}  # until this time
        self._effects: list[Effect] = []
        self.speculation = Speculation(tokens)
        self._patience = Patience()

    @property
    def stream(self) -> SuggestionStream | None:
        """The live stream, if any."""
        return self._stream

    @property
    def next_due(self) -> float | None:
        """The time at which `process_timer` must be called next; None if nothing is due."""
        times = [self.speculation.due, *self._delayed.values()]
        if self._stream is not None:
            times.append(self._stream.answer_at)
            if self._stream.unused_since is not None:
                times.append(self._stream.unused_since + LINGER_SECONDS)
        return min((time for time in times if time is not None), default=None)

    # Events of the editor.

    def add_request(self, request: CursorRequest, now: float) -> list[Effect]:
        """Answer a request, or let it wait for a stream. An older one of the same method is replaced."""
        if (previous := self._pending.get(request.method)) is not None:
            self._settle(previous)
            self._effects.append(AnswerReplaced(previous))
        self._pending[request.method] = request
        self._place(request, now)
        return self._take_effects()

    def cancel_request(self, request: CursorRequest, now: float) -> list[Effect]:
        """Forget a request, even one whose answer was not delivered; its stream may be used by the next."""
        self._settle(request)
        if self._stream is not None:
            self._stream.answered.discard(request)
            self._note_use(self._stream, now)
        return self._take_effects()

    def change_document(self, document: Document, now: float) -> list[Effect]:
        """Drop the streams that the new text contradicts, and end such delayed requests."""
        stream = self._stream
        if stream is not None and not stream.suggestion.agrees_with(document):
            self._drop_stream()
        self._effects += self.speculation.follow_change(document, stream, now, is_idle=not self._pending)
        for request in list(self._delayed):
            if not Suggestion(request.document, request.offset, request.offset).agrees_with(document):
                self._settle(request)
                self._effects.append(AnswerReplaced(request))
        return self._take_effects()

    def close(self) -> list[Effect]:
        """Drop the stream and end all requests: the document is closed or unusable."""
        self._drop_stream()
        self._effects += self.speculation.drop()
        for request in list(self._pending.values()):
            self._settle(request)
            self._effects.append(AnswerReplaced(request))
        return self._take_effects()

    def dismiss(self, token: int, now: float) -> list[Effect]:
        """Remove the text of the live stream, if it is the one that the user has refused."""
        stream = self._stream
        if (
            stream is not None
            and stream.suggestion.token == token
            and stream.state is not StreamState.STARTING
        ):
            stream.dismiss()
            self._effects += self.speculation.drop()
            self._conclude(stream, now)
        return self._take_effects()

    # Events of the engine. Those of a stream that has been dropped have no effect.

    def begin(self, stream: SuggestionStream, source: StreamSource) -> list[Effect]:
        """Let a stream receive text: its request is on the way to an engine."""
        if stream in (self._stream, self.speculation.stream):
            stream.begin(source)
        return self._take_effects()

    def refuse(self, stream: SuggestionStream) -> list[Effect]:
        """Drop a stream that cannot start, because the text it was requested for is gone or withheld."""
        self._drop(stream)
        return self._take_effects()

    def add_text(
        self, stream: SuggestionStream, text: str, now: float, confidence: float | None = None
    ) -> list[Effect]:
        """Process more text of an engine, and the engine's confidence in its text so far."""
        if stream.is_receiving:
            before = stream.suggestion
            if stream.take_text(text, now, confidence):
                self._finish_answer(stream, now)
            elif stream.suggestion is not before:
                if not before.text:
                    self._patience.note_first_text(stream, now)
                self._show_text(stream)
                self._answer_decided(stream, now)
                if stream is self.speculation.stream:
                    self._effects += self.speculation.check_text(self._stream)
        return self._take_effects()

    def add_draft(self, stream: SuggestionStream, text: str, now: float) -> list[Effect]:
        """Process a text that is there before the engine's first token."""
        if stream.is_receiving and stream.take_draft(text):
            self._show_text(stream)
            self._answer_decided(stream, now)
        return self._take_effects()

    def finish(self, stream: SuggestionStream, now: float) -> list[Effect]:
        """Conclude a stream whose engine has finished."""
        if stream.is_receiving:
            self._finish_answer(stream, now)
        return self._take_effects()

    def fail(self, stream: SuggestionStream, error: EngineError, now: float) -> list[Effect]:
        """Conclude a stream whose engine failed; repeat its request once if nothing is lost by that."""
        if stream.is_ahead:
            self._drop(stream)  # the request itself will report the failure
        elif stream.is_receiving:
            if error.code in REPEATED and stream.attempts == 1 and not stream.has_whole_lines:
                stream.repeat()
                self._effects.append(RepeatRequest(stream))
            else:
                self._effects.append(ReportFailure(error))
                stream.fail(str(error), reasons.of_failure(error.code))
                self._conclude(stream, now)
        elif stream is self._stream:
            self._effects.append(ReportFailure(error))
        return self._take_effects()

    def crash(self, stream: SuggestionStream, error: SparkError, now: float) -> list[Effect]:
        """Conclude a stream whose work failed unexpectedly, and drop it; the next request starts another.

        If all of its text is there, it stays: only the report of its end has failed.
        """
        if stream.is_ahead:
            self._drop(stream)
        elif stream is self._stream and stream.state is not StreamState.DONE:
            if stream.is_receiving:
                stream.fail(error.what)
                self._conclude(stream, now)
            if stream is self._stream:
                self._drop_stream(error)
        return self._take_effects()

    def abort(self, stream: SuggestionStream, error: Exception) -> list[Effect]:
        """Drop a stream whose work was cancelled or cannot start; its requests get the error."""
        self._drop(stream, error)
        return self._take_effects()

    # Time.

    def process_timer(self, now: float) -> list[Effect]:
        """Process everything that is due."""
        for request, due in list(self._delayed.items()):
            if due <= now and self._delayed.pop(request, None) is not None:
                self._place(request, now, is_delayed=True)
        stream = self._stream
        if stream is not None and stream.answer_at is not None and stream.answer_at <= now:
            stream.answer_at = None
            stream.step(StreamStep.ANSWER)
            self._answer_decided(stream, now)
        unused_since = self._stream.unused_since if self._stream is not None else None
        if unused_since is not None and unused_since + LINGER_SECONDS <= now:
            self._drop(self._stream)
        self._effects += self.speculation.process_timer(self._stream, now, is_idle=not self._pending)
        return self._take_effects()

    # Steps that events share.

    def _take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def _place(self, request: CursorRequest, now: float, *, is_delayed: bool = False) -> None:
        """Let a request wait for the stream; for a new one, after its delay, if the stream does not fit."""
        typed = self._find_typed_text(request, now)
        if typed is None:
            prepared = self.speculation.take(request, now)
            self._effects += self.speculation.drop()  # unless it is taken
            if prepared is not None and prepared.source is None and not self._allows(prepared.suggestion):
                prepared = None  # another answer may differ from the one that the user has refused
            if prepared is not None:
                self._stream = prepared
                self._effects.append(AdoptStream(prepared))
                typed = prepared.find_typed_text(request.document, request.offset)
        if typed is None:
            if request.delay_seconds > 0 and not is_delayed:
                self._delayed[request] = now + request.delay_seconds
                return
            self._start_stream(request.document, request.offset, now)
            typed = ""
        if self._stream is not None:
            self._stream.waiting[request] = typed
            self._answer_decided(self._stream, now)

    def _find_typed_text(self, request: CursorRequest, now: float) -> str | None:
        """Return the text typed since the stream's cursor. If the stream does not fit, drop it: None."""
        if self._stream is None:
            return None
        self._patience.allow_letters(self._stream, request, now)
        typed = self._stream.find_typed_text(request.document, request.offset)
        if typed is None:
            self._drop_stream()
        return typed

    def _start_stream(self, document: Document, offset: int, now: float) -> None:
        suggestion = Suggestion(document, offset, offset, token=next(self._tokens))
        self._stream = SuggestionStream(suggestion, started_at=now)
        self._effects.append(StartStream(self._stream))

    def _show_text(self, stream: SuggestionStream) -> None:
        if (
            stream.shows_partial_results
            and not stream.is_held
            and (shown := stream.shown_suggestion) is not None
        ):
            self._effects.append(ShowText(stream, shown))

    def _finish_answer(self, stream: SuggestionStream, now: float) -> None:
        """Conclude a stream whose answer is complete, or request a second answer."""
        was_shown = bool(stream.suggestion.text)
        if stream.finish(now - stream.started_at):
            self.speculation.recent.add(stream.suggestion, now)
            self._conclude(stream, now)
            return
        if was_shown:
            self._show_text(stream)
        self._effects.append(AskAgain(stream))

    def _conclude(self, stream: SuggestionStream, now: float) -> None:
        """Show and answer with the complete text of a stream."""
        self._show_text(stream)
        self._effects.append(StopStreamAt(stream, now + FIGURES_SECONDS))
        self._answer_decided(stream, now)

    def _answer_decided(self, stream: SuggestionStream, now: float) -> None:
        """Answer the requests whose answer cannot change any more; contradicted ones need another stream."""
        contradicted: list[CursorRequest] = []
        for request, typed in list(stream.waiting.items()):
            fit = stream.compare(typed)
            if fit is Fit.MAY_GROW:
                continue
            del stream.waiting[request]
            if fit is Fit.IS_CONTRADICTED:
                contradicted.append(request)
                continue
            self._settle(request)
            if fit is Fit.HAS_TEXT:
                stream.answered.add(request)
                self._effects.append(AnswerText(request, stream.suggestion_for(request, typed)))
            else:
                reason = stream.reason or Code.NOTHING_TO_ADD
                self._effects.append(AnswerNothing(request, reason, stream.detail))
        self._note_use(stream, now)
        self.speculation.note_answer(stream, now)
        for request in contradicted:
            self._place(request, now)

    def _note_use(self, stream: SuggestionStream, now: float) -> None:
        """Record since when no request has used a stream."""
        if not stream.is_unused:
            stream.unused_since = None
        elif stream.unused_since is None:
            stream.unused_since = now

    def _settle(self, request: CursorRequest) -> None:
        """Forget a request that is answered or cancelled."""
        self._delayed.pop(request, None)
        if self._pending.get(request.method) is request:
            del self._pending[request.method]
        if self._stream is not None:
            self._stream.waiting.pop(request, None)

    def _drop(self, stream: SuggestionStream | None, error: Exception | None = None) -> None:
        """End a stream, unless it has ended, and the stream that is ahead of it."""
        if stream is self._stream:
            self._drop_stream(error)
            self._effects += self.speculation.drop()
        elif stream is self.speculation.stream:
            self._effects += self.speculation.drop()

    def _drop_stream(self, error: Exception | None = None) -> None:
        """End the stream; the requests that still wait for it get the error, or "content modified"."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        stream.step(StreamStep.DROP)
        self._effects.append(StopStream(stream))
        for request in list(stream.waiting):
            self._settle(request)
            self._effects.append(AnswerReplaced(request) if error is None else AnswerFailed(request, error))
        stream.waiting.clear()
