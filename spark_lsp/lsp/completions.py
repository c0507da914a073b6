"""Suggestions for a cursor, for ghost text and completion menus alike.

`session.life_cycle` decides everything: which request waits for which stream, what answers it, and when a
stream ends. This module passes the events to it and performs its effects. It has the timers, the futures of
the waiting requests, and the tasks that read the engine's answers.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from spark_lsp.answer_events import Chunk, Draft, Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, SparkError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.completion_counts import CompletionCounts
from spark_lsp.lsp.completion_stream import AnswerReading, CompletionStream, content_modified
from spark_lsp.lsp.engine_side import EngineSide, engine_side_down
from spark_lsp.lsp.names import NamesChecker
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.shown import ShownSuggestions
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.lsp.stream_factory import StreamFactory
from spark_lsp.request import Priority
from spark_lsp.session.effects import (
    AdoptStream,
    Answer,
    AnswerNothing,
    AnswerReplaced,
    AnswerText,
    AskAgain,
    Effect,
    RepeatRequest,
    ReportFailure,
    ShowText,
    StartAhead,
    StartStream,
    StopStream,
    StopStreamAt,
)
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.outcomes import Origin
from spark_lsp.session.suggestion_stream import CursorRequest, SuggestionStream
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.supervise import call_guarded, run_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

STOPPED = EngineError("A more urgent request took the place of this one", code=Code.CONNECTION_LOST)
MENU = "completion"  # the method whose suggestions are items of a menu
REUSED = "reused"  # the engine's name in the history for an earlier answer
WENT_WRONG = "spark-lsp failed while it read this suggestion"


class Completions:
    """The suggestions of all documents."""

    def __init__(
        self,
        *,
        factory: StreamFactory,
        settings: SettingsStore,
        status: StatusPublisher,
        engine_side: EngineSide,
        answers: AnswerReader,
        names: NamesChecker,
        shown: ShownSuggestions,
    ) -> None:
        self._factory = factory
        self._settings = settings
        self._status = status
        self._engine_side = engine_side
        self._answers = answers
        self._names = names
        self._shown = shown
        self._lives: dict[str, LifeCycle] = {}  # by document
        self._timers: dict[LifeCycle, asyncio.TimerHandle] = {}
        self._waiting: dict[CursorRequest, asyncio.Future[Answer]] = {}
        self._streams: dict[SuggestionStream, CompletionStream] = {}
        self._tokens = itertools.count(1)
        self.counts = CompletionCounts()
        self._accepted: set[int] = set()  # the tokens of suggestions that the user accepted

    def drop_contradicted(self, document: Document, _: Sequence[Edit] = ()) -> None:
        """Drop the document's stream if a change contradicts it."""
        life = self._lives.get(document.uri)
        if life is not None:
            self._perform(life, life.change_document(document, asyncio.get_running_loop().time()))

    def forget_document(self, uri: str) -> None:
        """Drop a document's stream, and end the requests for it."""
        life = self._lives.pop(uri, None)
        if life is not None:
            self._perform(life, life.close())
            if (timer := self._timers.pop(life, None)) is not None:
                timer.cancel()

    def accept(self, token: int) -> int:
        """Record that a suggestion was accepted; return the number of accepted suggestions."""
        if token > 0:
            self._accepted.add(token)
        self._shown.accept(token)
        return self.count_accepted()

    def count_accepted(self) -> int:
        """Return how many suggestions the user has accepted."""
        return len(self._accepted)

    def reject(self, token: int, *, leaving: bool) -> bool:
        """Remove a suggestion that the user sent away. Return whether it is not shown there again."""
        if not self._shown.reject(token, leaving=leaving):
            return False
        for life in list(self._lives.values()):
            self._perform(life, life.dismiss(token, asyncio.get_running_loop().time()))
        return True

    async def suggest(self, document: Document, offset: int, method: str) -> Suggestion | None:
        """Return the suggestion for a cursor; without one, return None and put the reason into the status.

        Raises `JsonRpcException` "content modified" if a newer request or change replaces this request.
        """
        answer = await self._wait(document, offset, method)
        if isinstance(answer, AnswerText):
            return answer.suggestion
        if isinstance(answer, AnswerNothing):
            self._status.explain(answer.reason, answer.detail)
            return None
        self.counts.replaced += isinstance(answer, AnswerReplaced)
        raise content_modified() if isinstance(answer, AnswerReplaced) else answer.error

    async def _wait(self, document: Document, offset: int, method: str) -> Answer:
        """Return the answer to a new request."""
        if (life := self._lives.get(document.uri)) is None:
            life = self._lives[document.uri] = LifeCycle(self._tokens, self._shown.may_show)
        delay = self._settings.current.completion.delayMs / 1000
        request = CursorRequest(method, document, offset, delay)
        loop = asyncio.get_running_loop()
        future = self._waiting[request] = loop.create_future()
        try:
            self._follow_policy(life)
            self._perform(life, life.add_request(request, loop.time()))
            is_at_once = future.done() and isinstance(future.result(), AnswerText | AnswerNothing)
            self.counts.count_request(is_at_once=is_at_once)
            return await future
        except BaseException:
            self._perform(life, life.cancel_request(request, loop.time()))
            raise
        finally:
            del self._waiting[request]

    def _perform(self, life: LifeCycle, effects: Sequence[Effect]) -> None:
        """Perform the effects of an event, and set the timer. A failure ends that effect only."""
        for effect in effects:
            if isinstance(effect, AnswerText):
                call_guarded(self._note_answer, life, effect)
            if isinstance(effect, Answer):
                future = self._waiting.get(effect.request)
                if future is not None and not future.done():
                    future.set_result(effect)
            elif isinstance(effect, StartStream | StartAhead):
                self._stop_others_ahead(life)
                self._follow_policy(life)  # which may have changed since the rest began
                self._start_stream(life, effect.stream)
            elif isinstance(effect, AdoptStream):
                self._adopt_stream(effect.stream)
            elif isinstance(effect, RepeatRequest):
                self._repeat_request(life, effect.stream)
            elif isinstance(effect, AskAgain):
                self._repeat_request(life, effect.stream, attempt=2)
            else:
                call_guarded(self._perform_simple, effect)
        self._set_timer(life)

    def _follow_policy(self, life: LifeCycle) -> None:
        """Follow the settings, and the engine that completes now."""
        self._perform(life, life.speculation.set_policy(self._factory.policy))

    def _perform_simple(self, effect: StopStream | StopStreamAt | ShowText | ReportFailure) -> None:
        """Perform an effect that causes no further event."""
        if isinstance(effect, ReportFailure):
            self._report_failure(effect.error)
        elif isinstance(effect, StopStream):
            self._stop_stream(effect.stream)
        elif (running := self._streams.get(effect.stream)) is None:
            return
        elif isinstance(effect, ShowText):
            running.partial_results.show(effect.suggestion)
            self._shown.show(effect.suggestion, running.origin())
        else:
            running.reading.stop_at(effect.at)

    def _note_answer(self, life: LifeCycle, answer: AnswerText) -> None:
        """Record that a client has a suggestion; without partial results, its lines are complete."""
        running = self._streams.get(life.stream) if life.stream is not None else None
        origin = running.origin() if running is not None else Origin(REUSED)
        is_growing = running is not None and running.stream.shows_partial_results
        found = replace(answer.suggestion, done=answer.suggestion.done or not is_growing)
        self._shown.show(found, replace(origin, in_menu=answer.request.method == MENU))

    def _set_timer(self, life: LifeCycle) -> None:
        """Set the timer of a life cycle, unless it is set for an earlier time."""
        due = life.next_due
        if due is None:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(life)
        if timer is not None:
            if loop.time() < timer.when() <= due:
                return
            timer.cancel()
        self._timers[life] = loop.call_at(due, self._process_timer, life, due)

    def _process_timer(self, life: LifeCycle, due: float) -> None:
        self._timers.pop(life, None)
        self._perform(life, life.process_timer(max(due, asyncio.get_running_loop().time())))

    # Streams.

    def _start_stream(self, life: LifeCycle, stream: SuggestionStream) -> None:
        """Start to read the answer of a stream; if that fails, its requests get the error."""
        if not self._factory.may_start(stream):
            self._perform(life, life.refuse(stream))
            return
        try:
            running, source = self._factory.make(life, stream)
            self._streams[stream] = running
            self.counts.ahead_requests += stream.is_ahead
            self._perform(life, life.begin(stream, source))
            self._spawn_reading(running)
        except Exception as error:
            self._perform(life, life.abort(stream, error))

    def _stop_others_ahead(self, life: LifeCycle) -> None:
        """End the ahead streams of all other documents: the user is in this one."""
        for other in self._lives.values():
            ahead = other.speculation.stream
            if other is not life and ahead is not None and ahead.is_receiving:
                self._perform(other, other.abort(ahead, engine_side_down()))

    def _adopt_stream(self, stream: SuggestionStream) -> None:
        """Show a stream that was started ahead, and repeat its request, if it must be, as any other one."""
        running = self._streams.get(stream)
        if running is not None:
            self.counts.ahead_used += 1
            running.request = replace(running.request, priority=Priority.INTERACTIVE, model="")

    def _repeat_request(self, life: LifeCycle, stream: SuggestionStream, attempt: int = 0) -> None:
        """Send a stream's request again; `attempt` replaces the number of its attempt."""
        if (running := self._streams.get(stream)) is None:
            return
        running.reading.stop()
        attempt = attempt or running.request.attempt
        running.request = replace(
            running.request, attempt=attempt, starts=stream.starts, avoided=stream.avoided
        )
        running.reading = AnswerReading()
        try:
            self._spawn_reading(running)
        except Exception as error:
            self._perform(life, life.abort(stream, error))

    def _spawn_reading(self, running: CompletionStream) -> None:
        self._engine_side.spawn(self._run_stream, running, on_failure=lambda _: self._fail_stream(running))

    def _stop_stream(self, stream: SuggestionStream) -> None:
        if (running := self._streams.pop(stream, None)) is not None:
            running.reading.stop()
            running.partial_results.withdraw(stream.shown_suggestion or stream.suggestion)
        self._shown.withdraw(stream.suggestion)

    async def _run_stream(self, running: CompletionStream) -> None:
        """Read the engine's answer. Answer all waiting requests even if the engine side is cancelled."""
        life, stream, reading = running.life, running.stream, running.reading
        if reading.is_stopped:
            return
        try:
            with anyio.CancelScope() as reading.scope:
                await self._read(running, reading)
        except EngineError as error:
            if running.reading is reading:
                self._perform(life, life.fail(stream, error, asyncio.get_running_loop().time()))
        except asyncio.CancelledError:  # the stream's own scope would have caught its cancellation
            self._perform(life, life.abort(stream, engine_side_down()))
            raise

    async def _read(self, running: CompletionStream, reading: AnswerReading) -> None:
        """Read an answer until it ends, or until the reading of another answer replaces this one."""
        async with self._open(running) as events:
            async for event in events:
                if running.reading is not reading:
                    return
                if isinstance(event, Finished):
                    await run_guarded(self._check_names, running)
                self._process_event(running, event)
        life = running.life
        if running.reading is reading:
            self._perform(life, life.finish(running.stream, asyncio.get_running_loop().time()))

    @asynccontextmanager
    async def _open(self, running: CompletionStream) -> AsyncGenerator[AsyncIterator[Event], None]:
        """Send the request of a stream, and count it."""
        self.counts.engine_requests += 1
        if not running.stream.is_ahead:
            async with self._answers.open(running.request) as events:
                yield events
            return
        with self.counts.count_tokens_ahead(running.request) as tokens:
            async with self._answers.open_unrecorded(running.request) as events:
                yield tokens.watch(events)

    async def _check_names(self, running: CompletionStream) -> None:
        """Mark attributes in the complete answer that do not exist. Without a verdict in time, mark none."""
        ghost, made = running.ghost, running.stream.suggestion
        if not running.stream.is_receiving or not (text := ghost.finish()):
            return
        verdict = await self._names.check(made.document, made.anchor, text, end=ghost.end)
        wrong = [each for each in verdict.unresolved if each.kind == "attribute" and each.of != "self"]
        ghost.mark_wrong(text, wrong)

    def _process_event(self, running: CompletionStream, event: Event) -> None:
        life, now = running.life, asyncio.get_running_loop().time()
        if isinstance(event, Started):
            running.answerer = event
        elif isinstance(event, Draft):
            self._perform(life, life.add_draft(running.stream, event.text, now))
        elif isinstance(event, Chunk):
            self._perform(life, life.add_text(running.stream, event.text, now, event.confidence))
        elif event.reason == "cancelled":
            self._repeat_stopped(running, now)
        else:
            self._follow_policy(life)  # the engine is known now
            self._perform(life, life.finish(running.stream, now))

    def _repeat_stopped(self, running: CompletionStream, now: float) -> None:
        """Handle the gateway's end of a request that was sent ahead, in favour of a more urgent one."""
        life, stream = running.life, running.stream
        if stream.is_ahead:
            self._perform(life, life.abort(stream, STOPPED))
        elif stream.attempts > 1 or stream.has_whole_lines:
            self._perform(life, life.finish(stream, now))
        else:
            self._perform(life, life.fail(stream, STOPPED, now))

    def _fail_stream(self, running: CompletionStream) -> None:
        """End a stream whose work failed unexpectedly, and answer the requests that wait for it."""
        meaning, remedy = "Nothing is suggested here", "Go on typing"
        error = SparkError(WENT_WRONG, meaning, remedy, code=Code.INTERNAL_ERROR)
        life, now = running.life, asyncio.get_running_loop().time()
        self._perform(life, life.crash(running.stream, error, now))

    def _report_failure(self, error: EngineError) -> None:
        """Report an engine's error. A lost link needs no message: it is being restored."""
        if error.code == Code.CONNECTION_LOST:
            self._status.update(state="degraded", reason=str(error), code=error.code)
        else:
            self._status.report_failure(error)
