"""Suggestions for a cursor, for ghost text and completion menus alike.

At most one stream lives per document. It belongs to the document, not to a request: if a request is cancelled
or replaced, only that request ends, and the next one uses the stream, until a change contradicts it. Per
document and method, only the newest request stays pending. Older ones get "content modified" at once, never
an empty list, because some editors then hide the text on the screen.
"""

import asyncio
import itertools
from collections.abc import Sequence

import anyio

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, SparkError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.completion_stream import CompletionStream, Waiter, content_modified
from spark_lsp.lsp.engine_side import EngineSide, engine_side_down
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.partial_results import PartialResults
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Chunk, Event, Finished, Request
from spark_lsp.session import context
from spark_lsp.session.documents import Documents
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.supervise import call_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

LINGER_SECONDS = 0.15  # for which a stream continues without a waiting request
FIGURES_SECONDS = 0.1  # for which a complete stream waits for the engine's own figures
WENT_WRONG = "spark-lsp failed while it read this suggestion"


class Completions:
    """The streams of all documents."""

    def __init__(
        self,
        *,
        documents: Documents,
        outgoing: Outgoing,
        settings: SettingsStore,
        client: LanguageClient,
        status: StatusPublisher,
        engine_side: EngineSide,
        answers: AnswerReader,
    ) -> None:
        self._documents = documents
        self._outgoing = outgoing
        self._settings = settings
        self._client = client
        self._status = status
        self._engine_side = engine_side
        self._answers = answers
        self._streams: dict[str, CompletionStream] = {}
        self._newest: dict[tuple[str, str], Waiter] = {}  # by document and method
        self._tokens = itertools.count(1)
        self._accepted: set[int] = set()  # the tokens of suggestions that the user accepted

    def drop_contradicted(self, document: Document, _: Sequence[Edit] = ()) -> None:
        """Drop the document's stream if a change contradicts it."""
        stream = self._streams.get(document.uri)
        if stream is not None and not stream.suggestion.agrees_with(document):
            self._drop_stream(document.uri)

    def forget_document(self, uri: str) -> None:
        """Drop a document's stream, and end the requests for it."""
        self._drop_stream(uri)
        for key in [key for key in self._newest if key[0] == uri]:
            waiter = self._newest.pop(key)
            if not waiter.done():
                waiter.set_exception(content_modified())

    def accept(self, token: int) -> int:
        """Record that a suggestion was accepted; return the number of accepted suggestions."""
        if token > 0:
            self._accepted.add(token)
        return self.count_accepted()

    def count_accepted(self) -> int:
        """Return how many suggestions the user has accepted."""
        return len(self._accepted)

    async def suggest(self, document: Document, offset: int, method: str) -> Suggestion | None:
        """Return the suggestion for a cursor; without one, return None and put the reason into the status.

        Raises `JsonRpcException` "content modified" if a newer request or change replaces this request.
        """
        waiter = self._replace_request(document.uri, method)
        while True:
            stream = self._find_stream(document, offset)
            if stream is None:
                await self._delay(waiter)
                self._require_current(document, offset)
                stream = self._start_stream(document, offset)
            await self._wait(stream, waiter, stream.suggestion.find_typed_text(document, offset) or "")
            found = stream.suggestion_at(document, offset)
            if found is not None and found.text:
                stream.was_shown = True
                return found
            if stream.fit(document, offset) is Fit.IS_EMPTY:
                self._status.explain(stream.reason or Code.NOTHING_TO_ADD, stream.detail)
                return None
            waiter = self._renew_request(document.uri, method, waiter)

    def _replace_request(self, uri: str, method: str) -> Waiter:
        previous = self._newest.get((uri, method))
        if previous is not None and not previous.done():
            previous.set_exception(content_modified())
        waiter = asyncio.get_running_loop().create_future()
        self._newest[(uri, method)] = waiter
        return waiter

    def _renew_request(self, uri: str, method: str, waiter: Waiter) -> Waiter:
        """Return a new waiter for a request that the stream turned out not to answer.

        Raises "content modified" if a newer request has arrived.
        """
        if self._newest.get((uri, method)) is not waiter:
            raise content_modified()
        return self._replace_request(uri, method)

    async def _delay(self, waiter: Waiter) -> None:
        """Wait as long as `completion.delayMs` says. Raises "content modified" for a newer request."""
        if delay := self._settings.current.completion.delayMs:
            await asyncio.wait([waiter], timeout=delay / 1000)
            if waiter.done():
                waiter.result()

    def _find_stream(self, document: Document, offset: int) -> CompletionStream | None:
        """Return the document's stream if it is, or may become, the answer for a cursor."""
        stream = self._streams.get(document.uri)
        if stream is None:
            return None
        fit = stream.fit(document, offset)
        is_known_empty = fit is Fit.IS_EMPTY and offset == stream.suggestion.anchor
        if fit in (Fit.HAS_TEXT, Fit.MAY_GROW) or is_known_empty:
            return stream if stream.reason is not Code.NO_ANSWER else None
        self._drop_stream(document.uri)
        return None

    def _require_current(self, document: Document, offset: int) -> None:
        """Raise "content modified" if the text has changed since the request, so that it cannot be used."""
        now = self._documents.get(document.uri)
        if (
            now is None
            or self._outgoing.withholds(document.uri)
            or not Suggestion(document, offset, offset).agrees_with(now)
        ):
            raise content_modified()

    def _start_stream(self, document: Document, offset: int) -> CompletionStream:
        self._drop_stream(document.uri)
        lines = self._settings.current.completion.maxLines
        seen = self._outgoing.redact(document)
        stream = CompletionStream(
            Suggestion(document, offset, offset, token=next(self._tokens)),
            GhostText(document.text, offset, document.language, max_lines=lines),
            self._create_partial_results(),
            seen,
        )
        self._streams[document.uri] = stream
        request = context.build_completion(seen.document, offset, max_lines=lines)
        self._engine_side.spawn(
            self._run_stream, stream, request, on_failure=lambda _: self._fail_stream(stream)
        )
        return stream

    def _create_partial_results(self) -> PartialResults:
        enabled = self._client.shows_partial_results and self._settings.current.completion.stream
        return PartialResults(self._client, self._documents.encoding, enabled=enabled)

    def _drop_stream(self, uri: str) -> None:
        stream = self._streams.pop(uri, None)
        if stream is not None:
            stream.drop()

    def _forget_stream(self, stream: CompletionStream) -> None:
        if self._streams.get(stream.suggestion.document.uri) is stream:
            del self._streams[stream.suggestion.document.uri]

    def _fail_stream(self, stream: CompletionStream) -> None:
        """End a stream whose work failed unexpectedly, and answer the requests that wait for it."""
        if stream.suggestion.done:
            return  # only the report of it failed: all of its text is there
        self._forget_stream(stream)
        call_guarded(stream.fail, WENT_WRONG)
        call_guarded(stream.partial_results.withdraw, stream.suggestion)
        stream.release(
            SparkError(WENT_WRONG, "Nothing is suggested here", "Go on typing", code=Code.INTERNAL_ERROR)
        )

    async def _wait(self, stream: CompletionStream, waiter: Waiter, typed: str) -> None:
        stream.waiting[waiter] = typed
        try:
            stream.wake_decided()
            await waiter
        finally:
            del stream.waiting[waiter]
            if not stream.waiting and not stream.was_shown:
                asyncio.get_running_loop().call_later(LINGER_SECONDS, self._drop_unused, stream)

    def _drop_unused(self, stream: CompletionStream) -> None:
        """End a stream that no request has used since `LINGER_SECONDS` ago."""
        uri = stream.suggestion.document.uri
        if not stream.waiting and not stream.was_shown and self._streams.get(uri) is stream:
            self._drop_stream(uri)

    async def _run_stream(self, stream: CompletionStream, request: Request) -> None:
        """Read the engine's answer. Answer all waiting requests even if the engine side is cancelled."""
        try:
            with stream.scope:
                await self._read_with_retry(stream, request)
        except asyncio.CancelledError:  # the stream's own scope would have caught its cancellation
            self._forget_stream(stream)
            call_guarded(stream.partial_results.withdraw, stream.suggestion)
            stream.release(engine_side_down())
            raise

    async def _read_with_retry(self, stream: CompletionStream, request: Request) -> None:
        """Read the engine's answer; retry once if the link was lost before the first complete line."""
        try:
            await self._read(stream, request)
            return
        except EngineError as error:
            if error.code != Code.CONNECTION_LOST or stream.ghost.whole_lines:
                self._report_failure(stream, error)
                return
        stream.reset()
        try:
            await self._read(stream, request)
        except EngineError as error:
            self._report_failure(stream, error)

    def _report_failure(self, stream: CompletionStream, error: EngineError) -> None:
        """Conclude a stream after an error. A lost link needs no message: it is being restored."""
        if error.code == Code.CONNECTION_LOST:
            self._status.update(state="degraded", reason=str(error), code=error.code)
        else:
            self._status.report_failure(error)
        stream.fail(str(error))

    async def _read(self, stream: CompletionStream, request: Request) -> None:
        async with self._answers.open(request) as events:
            async for event in events:
                self._process_event(stream, event)
        if not stream.suggestion.done:
            stream.finish()  # the engine ended without `Finished`

    def _process_event(self, stream: CompletionStream, event: Event) -> None:
        if stream.suggestion.done:
            return
        if isinstance(event, Chunk):
            stream.add_text(event.text)
        elif isinstance(event, Finished):
            stream.finish()
        if stream.suggestion.done:
            stream.scope.deadline = anyio.current_time() + FIGURES_SECONDS
