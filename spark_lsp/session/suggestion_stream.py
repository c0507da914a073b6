"""One streamed suggestion: its state (`stream_states`), its text so far, and the requests that wait for it.

A request is answered at the first useful unit: complete lines that are useful alone, and further lines that
arrive within `MORE_LINES_SECONDS`. A client that shows partial results gets the incomplete text after
`PARTIAL_TEXT_SECONDS`, because the rest follows; any other client would keep half a line.

A *draft* is a text that is there at once, before the engine's first token. It answers requests like the
engine's text. As soon as a client has it, only a text that begins with it replaces it.

A live stream (any state but DROPPED) that no request uses is *unused*, and is dropped `LINGER_SECONDS` later.

A request, which is answered exactly once unless the client cancels it:

    state         event                                         next        effects
    ------------  --------------------------------------------  ----------  -----------------------------
    new           the stream is, or may become, its answer      waiting
    new           the ahead stream, or a recent answer, is      waiting     StopStream, AdoptStream
    new           no stream fits, and it has a delay            delayed
    new           no stream fits, and it has no delay           waiting     StopStream, StartStream
    delayed       its delay is over                             waiting     as for a new one
    waiting       the stream has text for its cursor            answered    AnswerText
    waiting       the stream is complete, without such text     answered    AnswerNothing
    waiting       the text contradicts letters typed before it  new
    delayed       a change contradicts it                       answered    AnswerReplaced
    delayed or    a newer request of its method arrives, its    answered    AnswerReplaced
    waiting       stream is dropped, or the document is closed

The stream belongs to the document, not to a request: if a request is cancelled or replaced, only that request
ends, and the next one uses the stream. Per method only the newest request is pending. Older ones are answered
with "content modified" at once, never with an empty list, because some editors then hide the text on the
screen.
"""

from dataclasses import dataclass, field, replace

from spark_lsp.codes import Code, Reason
from spark_lsp.errors import LocalProtocolError
from spark_lsp.session.reasons import FAILURES
from spark_lsp.session.showing import Ruling
from spark_lsp.session.stream_source import SecretCheck, Shaper, StreamSource
from spark_lsp.session.stream_states import TABLE, StreamState, StreamStep
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.text.document import Document

MORE_LINES_SECONDS = 0.05  # for which a fast engine may add lines to the first
PARTIAL_TEXT_SECONDS = 0.1  # for which a client that shows partial results waits for the rest of a line
SECOND_ANSWER_SECONDS = 3.0  # after the start of a stream, in which a second answer still helps
NEAR_ANSWER_SECONDS = 6.0  # the same, if only the beginning must differ: the model has read the text already
LINGER_SECONDS = 0.15  # for which a stream continues without a request that uses it


@dataclass(eq=False, slots=True)
class CursorRequest:
    """A request for a suggestion at a cursor; `document` is the text at its arrival.

    `delay_seconds` is the pause before the engine is used for it.
    """

    method: str
    document: Document
    offset: int
    delay_seconds: float = 0.0


@dataclass(eq=False, slots=True)
class SuggestionStream:
    """An answer that is being streamed.

    `suggestion` has all text so far, `lines` only its complete lines, which replace the text up to
    `lines_end`. While `is_held`, the gate has not decided, and the text answers nothing. `waiting` maps the
    requests that wait to the text typed since the stream's own cursor, `answered` has those that were
    answered with its text. `is_ahead` tells that no request uses it yet
    (`speculation`); `adopted_at` has the text typed before the first request, and that request's cursor.
    """

    suggestion: Suggestion
    source: StreamSource | None = None  # None while STARTING
    state: StreamState = StreamState.STARTING
    lines: str = ""
    lines_end: int = 0
    draft: str = ""
    is_held: bool = False
    answer_at: float | None = None  # the time from which the text so far answers requests
    unused_since: float | None = None
    started_at: float = 0.0
    attempts: int = 0  # to send the request of one answer
    answer_number: int = 1  # 2: the first answer was of no use
    starts: tuple[str, ...] = ()  # one of which the second answer must begin with
    avoided: str = ""  # with which the second answer must not begin
    first_answer: tuple[str, int, int] | None = None  # its text, end and number of faults
    is_ahead: bool = False
    adopted_at: tuple[str, Document, int] | None = None
    awaited_letters: int = 0  # that may be typed before the first text (`patience`)
    reason: Reason | None = None  # for the absence of text
    detail: str = ""
    waiting: dict[CursorRequest, str] = field(default_factory=dict[CursorRequest, str])
    answered: set[CursorRequest] = field(default_factory=set[CursorRequest])

    @property
    def uri(self) -> str:
        """The URI of the document."""
        return self.suggestion.document.uri

    @property
    def is_receiving(self) -> bool:
        """Whether more text may arrive."""
        return self.state in (StreamState.GROWING, StreamState.ANSWERING)

    @property
    def shows_partial_results(self) -> bool:
        """Whether the client shows the text while it grows."""
        return self.source is not None and self.source.shows_partial_results and not self.is_ahead

    @property
    def shown_suggestion(self) -> Suggestion | None:
        """The text so far, for the cursor that the client knows; None if it contradicts the typed text."""
        if self.adopted_at is None:
            return self.suggestion
        typed, document, offset = self.adopted_at
        if not (self.suggestion.text.startswith(typed) or typed.startswith(self.suggestion.text)):
            return None
        return self.suggestion.advance(typed, document, offset)

    @property
    def offered_text(self) -> str:
        """The part of the text that may answer a request now."""
        if self.is_held:
            return ""
        if self.state is StreamState.ANSWERING:
            return self.suggestion.text if self.shows_partial_results else self.lines
        return self.suggestion.text if self.state is StreamState.DONE else ""

    def step(self, step: StreamStep) -> None:
        """Change the state. Raises `LocalProtocolError` for a step that is not in the table."""
        target = TABLE.get((self.state, step))
        if target is None:
            raise LocalProtocolError(f"A suggestion in state {self.state.name} cannot {step.name}")
        self.state = target

    def begin(self, source: StreamSource) -> None:
        """Start to receive text."""
        self.step(StreamStep.BEGIN)
        self.source = source
        self.attempts = 1

    def adopt(self, typed: str, document: Document, offset: int) -> None:
        """Let requests use a stream that was started ahead. Its text has had the time to grow."""
        self.is_ahead = False
        self.adopted_at = (typed, document, offset)
        has_letters = self.shows_partial_results and bool(self.suggestion.text)
        if self.state is StreamState.GROWING and (has_letters or self.answer_at is not None):
            self.answer_at = None
            self.step(StreamStep.ANSWER)

    def repeat(self) -> None:
        """Discard the received text, because the same request is sent again."""
        self.step(StreamStep.REPEAT)
        self.attempts += 1
        self.answer_at = None
        self.is_held = False
        if not self._is_draft_shown:
            self.draft = ""
            self.lines = ""
            self.suggestion = replace(self.suggestion, text="", end=self.suggestion.anchor)
        if self.source is not None:
            self.source.shaper.reset()
            if self.source.gate is not None:
                self.source.gate.forget_confidence()

    def compare(self, typed: str) -> Fit:
        """Return how this answer relates to the text typed since the stream's own cursor."""
        offered = self.offered_text
        fit = self.suggestion.compare(typed, offered)
        is_open = not (self.suggestion.text or self.suggestion.done) and len(typed) <= self.awaited_letters
        if fit is Fit.IS_CONTRADICTED and is_open:
            return Fit.MAY_GROW
        if fit is Fit.HAS_TEXT and not offered.startswith(typed):
            return Fit.MAY_GROW  # complete lines are shaped separately and may differ until the end
        return fit

    def find_typed_text(self, document: Document, offset: int) -> str | None:
        """Return the text typed since the stream's own cursor if this is, or may become, the answer.

        Return None for a text or cursor that contradicts it, and if another request may succeed. An answer
        without text is an answer only for its own cursor, and only if the engine did not fail.
        """
        typed = self.suggestion.find_typed_text(document, offset)
        if typed is None:
            return None
        fit = self.compare(typed)
        is_known_empty = fit is Fit.IS_EMPTY and not typed and self.reason not in FAILURES
        return typed if fit in (Fit.HAS_TEXT, Fit.MAY_GROW) or is_known_empty else None

    def suggestion_for(self, request: CursorRequest, typed: str) -> Suggestion:
        """Return the offered text without its typed beginning, for the cursor of a request."""
        text = self.offered_text
        end = self.suggestion.end if text == self.suggestion.text else self.lines_end
        offered = replace(self.suggestion, text=text, end=end)
        return offered.advance(typed, request.document, request.offset)

    def take_text(self, text: str, now: float, confidence: float | None = None) -> bool:
        """Take more text from the engine. Return True if the answer is complete, or is not to be extended.

        `confidence` is the engine's in its whole text so far, if it reports one.
        """
        shaper, secrets = self._parts
        if self.source is not None and self.source.gate is not None:
            self.source.gate.note_confidence(confidence)
        if shaper.feed(text):
            return True
        if secrets.has_secrets and secrets.repeats_mask(shaper.text):
            return False  # undecidable before the end of the answer
        if self.first_answer is not None:
            return False  # only its end decides which of the two answers is shown
        if self.draft and not shaper.text.startswith(self.draft):
            if self.draft.startswith(shaper.text):
                return False
            if self._is_draft_shown:
                return True
            self.draft = ""
        ruling = self._judge(shaper.text, done=False)
        is_line_done = shaper.is_useful and shaper.whole_lines.startswith(self.suggestion.text.rstrip())
        if ruling is Ruling.HIDE or (ruling is Ruling.KEEP and is_line_done):
            return True
        self.suggestion = replace(self.suggestion, text=shaper.text, end=shaper.end)
        self.is_held = ruling is Ruling.WAIT
        if shaper.whole_lines.startswith(self.draft):
            self.lines = shaper.whole_lines
            self.lines_end = shaper.lines_end
        if self.state is StreamState.GROWING and not self.is_held:
            if shaper.is_useful and (self.answer_at is not None or not shaper.has_faulty_lines):
                self._answer_within(MORE_LINES_SECONDS, now)
            if self.shows_partial_results and shaper.text:
                self._answer_within(PARTIAL_TEXT_SECONDS, now)
        return False

    def take_draft(self, text: str) -> bool:
        """Take a draft. Return True if it may answer requests."""
        make_shaper = self.source.make_draft_shaper if self.source is not None else None
        _, secrets = self._parts
        if make_shaper is None or self.state is not StreamState.GROWING or self.suggestion.text:
            return False
        shaper = make_shaper()
        shaper.feed(text)
        shaped = shaper.finish()
        if not shaped or secrets.repeats_mask(shaped) or self._judge(shaped, done=True) is Ruling.HIDE:
            return False
        self.draft = self.lines = shaped
        self.lines_end = shaper.end
        self.suggestion = replace(self.suggestion, text=shaped, end=shaper.end)
        self.step(StreamStep.ANSWER)
        return True

    @property
    def _is_draft_shown(self) -> bool:
        """Whether a client may show the draft."""
        return bool(self.draft) and (self.shows_partial_results or bool(self.answered))

    def finish(self, elapsed: float) -> bool:
        """Conclude with the received text, unless it repeats a secret that was hidden from the model.

        A first answer that gives no text where there should be some, or that has faults, does not conclude it
        unless it is late, `elapsed` seconds after the start: return False, because a second answer is
        required. Of two answers, the one with fewer faults is taken.
        """
        shaper, secrets = self._parts
        text = shaper.finish()
        if self.draft and not (text or "").startswith(self.draft) and (self._is_draft_shown or not text):
            self._conclude(self.draft, self.lines_end, Code.NOTHING_TO_ADD)
            return True
        faults = shaper.count_faults() if text else 0
        is_wrong = faults > 0 if text else shaper.deserves_second_answer
        if is_wrong and self.answer_number == 1 and self._plan_second_answer(elapsed):
            self.first_answer = (text, shaper.end, faults) if text else None
            self.repeat()
            self.answer_number = 2
            return False
        if text and faults:
            text = shaper.cut_wrong_names()
        end = shaper.end
        if self.first_answer is not None and (not text or faults >= self.first_answer[2]):
            text, end, _ = self.first_answer
        if text and secrets.repeats_mask(text):
            self._conclude(None, end, Code.SECRET_IN_ANSWER)
        else:
            self._conclude(text, end, Code.NOTHING_TO_ADD)
        return True

    def _plan_second_answer(self, elapsed: float) -> bool:
        """Record how the second answer must begin. Return False if it would come too late."""
        shaper, _ = self._parts
        self.starts, self.avoided = shaper.find_second_starts(), shaper.find_avoided_start()
        return elapsed <= (NEAR_ANSWER_SECONDS if self.starts or self.avoided else SECOND_ANSWER_SECONDS)

    def dismiss(self) -> None:
        """Remove the text: the user has refused it. The stream stays, so that its cursor needs no engine."""
        if self.is_receiving:
            self.step(StreamStep.CONCLUDE)
        self.answer_at = None
        self.is_held = False
        self.draft = self.lines = self.detail = ""
        self.suggestion = replace(self.suggestion, text="", end=self.suggestion.anchor, done=True)
        self.reason = Code.DISMISSED

    def fail(self, detail: str, reason: Reason = Code.NO_ANSWER) -> None:
        """Conclude with the complete lines that arrived before the engine failed; they are still valid."""
        shaper, secrets = self._parts
        lines, end = shaper.whole_lines, shaper.lines_end
        if self.draft and not lines.startswith(self.draft):
            lines, end = self.draft, self.lines_end
        kept = lines if lines and not secrets.repeats_mask(lines) else None
        self._conclude(kept, end, reason, detail)

    @property
    def has_whole_lines(self) -> bool:
        """Whether at least one complete line has arrived."""
        return self.source is not None and bool(self.source.shaper.whole_lines)

    @property
    def is_unused(self) -> bool:
        """Whether no request waits for this stream, and none was answered with its text."""
        return not self.waiting and not self.answered

    def _answer_within(self, seconds: float, now: float) -> None:
        """Let the text answer requests after `seconds`, or earlier if that was decided before."""
        self.answer_at = now + seconds if self.answer_at is None else min(self.answer_at, now + seconds)

    def _conclude(self, text: str | None, end: int, reason: Reason, detail: str = "") -> None:
        """Set the final text, which replaces the document's up to `end`, or the reason for its absence."""
        gate = self.source.gate if self.source is not None else None
        if text and gate is not None and self._judge(text, done=True) is Ruling.HIDE:
            text, reason, detail = None, gate.reason or reason, ""
        self.step(StreamStep.CONCLUDE)
        self.answer_at = None
        self.is_held = False
        self.suggestion = replace(self.suggestion, text=text or "", end=end, done=True)
        if not text:
            self.reason, self.detail = reason, detail

    def _judge(self, text: str, *, done: bool) -> Ruling:
        """Return what the gate decides about a text."""
        if self.source is None or self.source.gate is None:
            return Ruling.SHOW
        return self.source.gate.judge(text, shown="" if self.is_held else self.suggestion.text, done=done)

    @property
    def _parts(self) -> tuple[Shaper, SecretCheck]:
        if self.source is None:
            raise LocalProtocolError("A suggestion that has not begun cannot receive text")
        return self.source.shaper, self.source.secrets
