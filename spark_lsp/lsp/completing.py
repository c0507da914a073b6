"""Suggestions: from a cursor to text, for ghost text and completion menus alike.

One stream lives per document. It belongs to the document, not to a request: a request that is cancelled
or overtaken ends alone, and the stream is there for the next one until a change contradicts it. Of the
requests for a document only the latest of a method is waited for; the older ones are answered at once
with "content modified", never with an empty list, which some editors take as "hide what you show".

A request is answered at the first useful unit: whole lines that help by themselves, and a moment for more
behind them. A client that shows growing text has what is there after a short time as well, since the rest
follows; another would be left with half a line.
"""

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code, Reason
from spark_lsp.errors import EngineError, SparkError
from spark_lsp.lsp.growth import Growth
from spark_lsp.lsp.meter import Meter
from spark_lsp.lsp.status import engine_side_down
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Chunk, Event, Finished, Focus, Request
from spark_lsp.session import context
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.supervise import call_guarded
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

CONTENT_MODIFIED = -32801
LINGER = 0.15  # seconds a stream lives on when nobody waits for it any more
MOMENT = 0.05  # seconds that a fast engine has for more lines behind the first
PATIENCE = 0.1  # seconds that a client which shows growing text waits for the rest of a line
EPILOGUE = 0.1  # seconds to wait for the engine's own figures once the text is complete
WENT_WRONG = "spark-lsp failed while it read this suggestion"


def content_modified() -> JsonRpcException:
    """Return the answer to a request that a newer one has overtaken."""
    return JsonRpcException(
        "A newer request or change took its place", CONTENT_MODIFIED, {"code": Code.SUPERSEDED}
    )


@dataclass(eq=False)
class Stream:
    """An answer on its way, and who waits for it: what each of them has typed since it was asked for.

    `suggestion` has all that is known of it, `whole` its whole lines.
    """

    suggestion: Suggestion
    ghost: GhostText
    growth: Growth
    seen: RedactedDocument
    whole: str = ""
    useful: bool = False  # there is enough to answer with
    wanted: bool = False  # a request was answered with it: somebody has it on screen
    reason: Reason | None = None
    detail: str = ""
    waiting: "dict[asyncio.Future[None], str]" = field(default_factory=dict["asyncio.Future[None]", str])
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    moment: asyncio.TimerHandle | None = None
    patience: asyncio.TimerHandle | None = None

    @property
    def offered(self) -> str:
        """What of the text a request may be answered with."""
        all_of_it = self.suggestion.done or self.growth.shown
        return (self.suggestion.text if all_of_it else self.whole) if self.useful else ""

    def fit(self, document: Document, offset: int) -> Fit:
        """Tell how this stands to a cursor."""
        typed = self.suggestion.typed(document, offset)
        return Fit.IS_WRONG if typed is None else self.suggestion.fit(typed, self.offered)

    def at(self, document: Document, offset: int) -> Suggestion | None:
        """Return what may be given for a cursor."""
        return replace(self.suggestion, text=self.offered).at(document, offset)

    def take(self, text: str) -> None:
        """Take more text from the engine."""
        if self.ghost.feed(text):
            self.finish()
            return
        if self.seen.has_secrets and self.seen.repeats_mask(self.ghost.text):
            return  # the end will tell
        self.suggestion, self.whole = replace(self.suggestion, text=self.ghost.text), self.ghost.whole_lines
        self.growth.show(self.suggestion)
        loop = asyncio.get_running_loop()
        if self.moment is None and self.ghost.is_useful:
            self.moment = loop.call_later(MOMENT, self.answer)
        if self.patience is None and self.growth.shown and self.suggestion.text:
            self.patience = loop.call_later(PATIENCE, self.answer)
        self.wake()

    def finish(self) -> None:
        """Conclude with what came, unless it repeats what was hidden from the model."""
        text = self.ghost.finish()
        if text and self.seen.repeats_mask(text):
            self.conclude(None, Code.SECRET_IN_ANSWER)
        else:
            self.conclude(text, Code.NOTHING_TO_ADD)

    def begin_again(self) -> None:
        """Forget what came: another answer is on its way."""
        for timer in (self.moment, self.patience):
            if timer is not None:
                timer.cancel()
        self.moment = self.patience = None
        self.ghost.reset()
        self.whole = ""
        self.suggestion = replace(self.suggestion, text="")

    def give_up(self, why: str) -> None:
        """Conclude with the whole lines that came before the engine failed; they are as good as any."""
        whole = self.ghost.whole_lines
        kept = whole if whole and not self.seen.repeats_mask(whole) else None
        self.conclude(kept, Code.NO_ANSWER, why)

    def conclude(self, text: str | None, reason: Reason, detail: str = "") -> None:
        """Set the final text, or why there is none; wake who waits."""
        self.suggestion = replace(self.suggestion, text=text or "", end=self.ghost.end, done=True)
        if not text:
            self.reason, self.detail = reason, detail
        self.growth.show(self.suggestion)
        self.answer()

    def answer(self) -> None:
        """Answer who waits from now on with what there is."""
        self.useful = True
        self.wake()

    def wake(self) -> None:
        """Wake those who have nothing more to wait for."""
        for waiter, typed in self.waiting.items():
            if not waiter.done() and self.suggestion.fit(typed, self.offered) is not Fit.MAY_COME:
                waiter.set_result(None)

    def drop(self) -> None:
        """End this: it is contradicted, or nobody wants it."""
        self.scope.cancel()
        call_guarded(self.growth.end, self.suggestion)
        self.release(content_modified())

    def release(self, error: Exception) -> None:
        """Answer those who still wait with an error: nothing more will come."""
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(error)


@dataclass(slots=True)
class Completer:
    """The streams of all documents."""

    ls: "SparkServer"
    _streams: dict[str, Stream] = field(default_factory=dict[str, Stream])
    _latest: dict[tuple[str, str], "asyncio.Future[None]"] = field(
        default_factory=dict[tuple[str, str], "asyncio.Future[None]"]
    )
    _tokens: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    accepted: set[int] = field(default_factory=set[int])  # the tokens of suggestions that were accepted

    def changed(self, document: Document) -> None:
        """Drop the stream that a change contradicts."""
        stream = self._streams.get(document.uri)
        if stream is not None and not stream.suggestion.may_become(document):
            self._drop(document.uri)

    def closed(self, uri: str) -> None:
        """Drop a closed document's stream, and forget who asked for it."""
        self._drop(uri)
        for known in [known for known in self._latest if known[0] == uri]:
            waiter = self._latest.pop(known)
            if not waiter.done():
                waiter.set_exception(content_modified())

    def _drop(self, uri: str) -> None:
        stream = self._streams.pop(uri, None)
        if stream is not None:
            stream.drop()

    async def suggest(self, document: Document, offset: int, method: str) -> Suggestion | None:
        """Return the suggestion for a cursor, or None when there is none; the status tells why.

        Raises `JsonRpcException` "content modified" when a newer request or change takes its place.
        """
        waiter = self._overtake(document.uri, method)
        while True:
            stream = self._fitting(document, offset)
            if stream is None:
                await self._delay(waiter)
                self._must_be_current(document, offset)
                stream = self._start(document, offset)
            await self._wait(stream, waiter, stream.suggestion.typed(document, offset) or "")
            here = stream.at(document, offset)
            if here is not None and here.text:
                stream.wanted = True
                return here
            if stream.fit(document, offset) is Fit.IS_SPENT:
                self.ls.explain(stream.reason or Code.NOTHING_TO_ADD, stream.detail)
                return None
            waiter = self._again(document.uri, method, waiter)

    def _overtake(self, uri: str, method: str) -> "asyncio.Future[None]":
        previous = self._latest.get((uri, method))
        if previous is not None and not previous.done():
            previous.set_exception(content_modified())
        waiter = asyncio.get_running_loop().create_future()
        self._latest[(uri, method)] = waiter
        return waiter

    def _again(self, uri: str, method: str, waiter: "asyncio.Future[None]") -> "asyncio.Future[None]":
        """Let a request whose answer grew out of its way ask anew, unless it was overtaken meanwhile."""
        if self._latest.get((uri, method)) is not waiter:
            raise content_modified()
        return self._overtake(uri, method)

    async def _delay(self, waiter: "asyncio.Future[None]") -> None:
        """Wait as the settings say, unless overtaken meanwhile."""
        if delay := self.ls.settings.completion.delayMs:
            await asyncio.wait([waiter], timeout=delay / 1000)
            if waiter.done():
                waiter.result()

    def _fitting(self, document: Document, offset: int) -> Stream | None:
        """Return the live stream if it is, or may become, the answer here."""
        stream = self._streams.get(document.uri)
        if stream is None:
            return None
        fit = stream.fit(document, offset)
        known_to_be_nothing = fit is Fit.IS_SPENT and offset == stream.suggestion.anchor
        if fit in (Fit.HAS_MORE, Fit.MAY_COME) or known_to_be_nothing:
            return stream if stream.reason is not Code.NO_ANSWER else None
        self._drop(document.uri)
        return None

    def _must_be_current(self, document: Document, offset: int) -> None:
        """Do not ask about a text that has become another while its request waited its turn."""
        now = self.ls.documents.get(document.uri)
        if (
            now is None
            or self.ls.outgoing.kept(document.uri)
            or not Suggestion(document, offset, offset).may_become(now)
        ):
            raise content_modified()

    def _start(self, document: Document, offset: int) -> Stream:
        self._drop(document.uri)
        lines = self.ls.settings.completion.maxLines
        ghost = GhostText(document.text, offset, document.language, max_lines=lines)
        seen = self.ls.outgoing.redacted(document)
        suggestion = Suggestion(document, offset, offset, token=next(self._tokens))
        stream = Stream(suggestion, ghost, Growth(self.ls), seen)
        self._streams[document.uri] = stream
        request = context.completion(seen.document, offset, max_lines=lines)
        self.ls.spawn(self._run, stream, request, on_failure=lambda _: self._broke(stream))
        return stream

    def _broke(self, stream: Stream) -> None:
        """End a stream whose work failed unexpectedly; whoever waits for it is answered."""
        if stream.suggestion.done:
            return  # all of it was there: only what is told of it failed
        uri = stream.suggestion.document.uri
        if self._streams.get(uri) is stream:
            del self._streams[uri]
        call_guarded(stream.give_up, WENT_WRONG)
        call_guarded(stream.growth.end, stream.suggestion)
        stream.release(
            SparkError(WENT_WRONG, "Nothing is suggested here", "Go on typing", code=Code.INTERNAL_ERROR)
        )

    async def _wait(self, stream: Stream, waiter: "asyncio.Future[None]", typed: str) -> None:
        stream.waiting[waiter] = typed
        try:
            stream.wake()
            await waiter
        finally:
            del stream.waiting[waiter]
            if not stream.waiting and not stream.wanted:
                asyncio.get_running_loop().call_later(LINGER, self._leave, stream)

    def _leave(self, stream: Stream) -> None:
        """End a stream that nobody came back for."""
        uri = stream.suggestion.document.uri
        if not stream.waiting and not stream.wanted and self._streams.get(uri) is stream:
            self._drop(uri)

    async def _run(self, stream: Stream, request: Request) -> None:
        """Read the engine's answer, and leave nobody waiting, even where the engine side is ended."""
        try:
            with stream.scope:
                await self._read_or_ask_again(stream, request)
        except asyncio.CancelledError:  # not by the stream's own scope: the engine side ends
            call_guarded(stream.growth.end, stream.suggestion)
            stream.release(engine_side_down())
            raise

    async def _read_or_ask_again(self, stream: Stream, request: Request) -> None:
        """Read the engine's answer; ask once more if the link was lost before a whole line had come."""
        for attempt in (1, 2):
            try:
                await self._read(stream, request)
                return
            except EngineError as error:
                lost = error.code == Code.CONNECTION_LOST
                if attempt == 2 or not lost or stream.ghost.whole_lines:
                    self._failed(error, quietly=lost)
                    stream.give_up(str(error))
                    return
                stream.begin_again()

    def _failed(self, error: EngineError, *, quietly: bool) -> None:
        """Tell why nothing more comes; a link that is being restored needs no message."""
        if quietly:
            self.ls.tell(state="degraded", reason=str(error), code=error.code)
        else:
            self.ls.trouble(error)

    async def _read(self, stream: Stream, request: Request) -> None:
        with Meter(self.ls) as meter:
            async with self.ls.engine.open(request) as events:
                async for event in events:
                    meter.take(event)
                    self._advance(stream, event)
        if not stream.suggestion.done:
            stream.finish()  # the engine ended without saying so

    def _advance(self, stream: Stream, event: Event) -> None:
        if stream.suggestion.done:
            return
        if isinstance(event, Chunk):
            stream.take(event.text)
        elif isinstance(event, Finished):
            stream.finish()
        if stream.suggestion.done:
            stream.scope.deadline = anyio.current_time() + EPILOGUE

    def accept(self, token: int) -> int:
        """Note that a suggestion was accepted; returns how many were."""
        if token > 0:
            self.accepted.add(token)
        return len(self.accepted)

    def rest(self, document: Document, offset: int) -> None:
        """Tell the engine where the cursor rests, so that it can warm up."""
        if self.ls.outgoing.looking(document.uri) or self.ls.outgoing.kept(document.uri):
            return
        with suppress(EngineError):
            shown = self.ls.outgoing.redacted(document).document
            self.ls.engine.observe(Focus(shown.uri, shown.language, shown.text, offset))
