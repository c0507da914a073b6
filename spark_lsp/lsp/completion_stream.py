"""One streamed suggestion, and the requests that wait for it.

A request is answered at the first useful unit: complete lines that are useful alone, and further lines that
arrive within `MORE_LINES_SECONDS`. A client that shows partial results gets the incomplete text after
`PARTIAL_TEXT_SECONDS`, because the rest follows; any other client would keep half a line.
"""

import asyncio
from dataclasses import dataclass, field, replace

import anyio
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code, Reason
from spark_lsp.lsp.partial_results import PartialResults
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.supervise import call_guarded
from spark_lsp.text.document import Document

CONTENT_MODIFIED = -32801
MORE_LINES_SECONDS = 0.05  # for which a fast engine may add lines to the first
PARTIAL_TEXT_SECONDS = 0.1  # for which a client that shows partial results waits for the rest of a line

Waiter = asyncio.Future[None]


def content_modified() -> JsonRpcException:
    """Return the answer to a request that a newer request or change has replaced."""
    return JsonRpcException(
        "A newer request or change took its place", CONTENT_MODIFIED, {"code": Code.SUPERSEDED}
    )


@dataclass(eq=False)
class CompletionStream:
    """An answer that is being streamed.

    `suggestion` has all text so far, `lines` only its complete lines; `seen` is the text that the model saw.
    `waiting` maps the waiting requests to the text typed since the stream's own request.
    """

    suggestion: Suggestion
    ghost: GhostText
    partial_results: PartialResults
    seen: RedactedDocument
    lines: str = ""
    is_useful: bool = False  # there is enough text for an answer
    was_shown: bool = False  # a request was answered with it, so it is on the screen
    reason: Reason | None = None
    detail: str = ""
    waiting: dict[Waiter, str] = field(default_factory=dict[Waiter, str])
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    lines_timer: asyncio.TimerHandle | None = None
    partial_timer: asyncio.TimerHandle | None = None

    @property
    def offered_text(self) -> str:
        """The part of the text that may answer a request now."""
        if not self.is_useful:
            return ""
        takes_all = self.suggestion.done or self.partial_results.enabled
        return self.suggestion.text if takes_all else self.lines

    def fit(self, document: Document, offset: int) -> Fit:
        """Return how this suggestion relates to a cursor."""
        typed = self.suggestion.find_typed_text(document, offset)
        return Fit.IS_CONTRADICTED if typed is None else self.suggestion.compare(typed, self.offered_text)

    def suggestion_at(self, document: Document, offset: int) -> Suggestion | None:
        """Return the offered text for a cursor; None if it does not apply there."""
        text = self.offered_text
        end = self.suggestion.end if text == self.suggestion.text else self.ghost.lines_end
        return replace(self.suggestion, text=text, end=end).move_to(document, offset)

    def add_text(self, text: str) -> None:
        """Process more text from the engine."""
        if self.ghost.feed(text):
            self.finish()
            return
        if self.seen.has_secrets and self.seen.repeats_mask(self.ghost.text):
            return  # undecidable before the end of the answer
        self.suggestion = replace(self.suggestion, text=self.ghost.text, end=self.ghost.end)
        self.lines = self.ghost.whole_lines
        self.partial_results.show(self.suggestion)
        loop = asyncio.get_running_loop()
        if self.lines_timer is None and self.ghost.is_useful:
            self.lines_timer = loop.call_later(MORE_LINES_SECONDS, self.answer_waiting)
        if self.partial_timer is None and self.partial_results.enabled and self.suggestion.text:
            self.partial_timer = loop.call_later(PARTIAL_TEXT_SECONDS, self.answer_waiting)
        self.wake_decided()

    def finish(self) -> None:
        """Conclude with the received text, unless it repeats a secret that was hidden from the model."""
        text = self.ghost.finish()
        if text and self.seen.repeats_mask(text):
            self.conclude(None, self.ghost.end, Code.SECRET_IN_ANSWER)
        else:
            self.conclude(text, self.ghost.end, Code.NOTHING_TO_ADD)

    def reset(self) -> None:
        """Discard the received text, because the request is sent again."""
        for timer in (self.lines_timer, self.partial_timer):
            if timer is not None:
                timer.cancel()
        self.lines_timer = self.partial_timer = None
        self.ghost.reset()
        self.lines = ""
        self.suggestion = replace(self.suggestion, text="")

    def fail(self, detail: str) -> None:
        """Conclude with the complete lines that arrived before the engine failed; they are still valid."""
        lines = self.ghost.whole_lines
        kept = lines if lines and not self.seen.repeats_mask(lines) else None
        self.conclude(kept, self.ghost.lines_end, Code.NO_ANSWER, detail)

    def conclude(self, text: str | None, end: int, reason: Reason, detail: str = "") -> None:
        """Set the final text, which replaces the document's text up to `end`; wake all waiting requests.

        Without a text, `reason` says why.
        """
        self.suggestion = replace(self.suggestion, text=text or "", end=end, done=True)
        if not text:
            self.reason, self.detail = reason, detail
        self.partial_results.show(self.suggestion)
        self.answer_waiting()

    def answer_waiting(self) -> None:
        """Answer requests with the text so far from now on."""
        self.is_useful = True
        self.wake_decided()

    def wake_decided(self) -> None:
        """Wake the requests whose answer cannot change any more."""
        for waiter, typed in self.waiting.items():
            if not waiter.done() and self.suggestion.compare(typed, self.offered_text) is not Fit.MAY_GROW:
                waiter.set_result(None)

    def drop(self) -> None:
        """End a stream that is contradicted, or that no request uses."""
        self.scope.cancel()
        call_guarded(self.partial_results.withdraw, self.suggestion)
        self.release(content_modified())

    def release(self, error: Exception) -> None:
        """Answer the requests that still wait with an error, because no more text will arrive."""
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(error)
