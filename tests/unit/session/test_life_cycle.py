"""The life cycle of suggestions, event by event, and under any order of events.

`World` plays the server: it performs the effects, sends the timer's events, and keeps its own record of the
pending requests, of the live stream and of its use. The invariants compare the two.
"""

import itertools
from collections import Counter
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, LocalProtocolError, SparkError
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.session.effects import (
    AdoptStream,
    Answer,
    AnswerFailed,
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
from spark_lsp.session.life_cycle import FIGURES_SECONDS, LifeCycle
from spark_lsp.session.speculation import REST_SECONDS, Policy, Trigger
from spark_lsp.session.stream_source import StreamSource
from spark_lsp.session.suggestion_stream import (
    LINGER_SECONDS,
    MORE_LINES_SECONDS,
    NEAR_ANSWER_SECONDS,
    PARTIAL_TEXT_SECONDS,
    SECOND_ANSWER_SECONDS,
    TABLE,
    CursorRequest,
    StreamState,
    StreamStep,
    SuggestionStream,
)
from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.text.document import Document

INLINE, MENU = "inlineCompletion", "completion"
BASE = Document("file:///a.py", "def f():\n    x = \n\n\ndef g():\n    pass\n", 1, "plaintext")
CURSOR = 17
SECRET = f"ghp_{'aB3' * 12}"
LOST = EngineError("The link is lost", code=Code.CONNECTION_LOST)
BROKEN = EngineError("The engine is broken")
CRASHED = SparkError("The work failed")


class CountingGhost(GhostText):
    """Ghost text that counts its computations."""

    def __init__(self, document: Document, offset: int) -> None:
        self.calls: Counter[str] = Counter()
        super().__init__(document.text, offset, document.language)

    def feed(self, chunk: str) -> bool:
        self.calls["feed"] += 1
        return super().feed(chunk)

    def finish(self) -> str | None:
        self.calls["finish"] += 1
        return super().finish()


class World:
    """The server around one life cycle: it performs the effects and checks each of them."""

    def __init__(
        self, document: Document = BASE, *, partial: bool = False, trigger: Trigger = Trigger.NEVER
    ) -> None:
        self.life = LifeCycle(itertools.count(1))
        self.life.speculation.set_policy(Policy(trigger))
        self.trigger = trigger
        self.now = 0.0
        self.document: Document | None = document
        self.cursor = CURSOR
        self.partial = partial
        self.is_down = False  # no stream can start
        self.live: SuggestionStream | None = None
        self.ahead: SuggestionStream | None = None
        self.complete: set[str] = set()  # texts after the acceptance of a complete answer
        self.streams: list[SuggestionStream] = []
        self.chunks: Counter[SuggestionStream] = Counter()
        self.repeated: set[SuggestionStream] = set()
        self.asked_again: set[SuggestionStream] = set()
        self.contradicted: set[int] = set()  # tokens
        self.shown: dict[int, str] = {}  # the last partial result, by token
        self.ended: set[int] = set()  # tokens of streams whose last partial result was shown
        self.pending: list[CursorRequest] = []
        self.answers: dict[CursorRequest, Answer] = {}
        self.users: set[CursorRequest] = set()  # requests that were answered with the live stream's text
        self.unused_since: float | None = None
        self.log: list[Effect] = []

    # Events.

    def request(
        self, method: str = INLINE, delay: float = 0.0, at: tuple[Document, int] | None = None
    ) -> CursorRequest:
        assert self.document is not None
        document, offset = at or (self.document, self.cursor)
        made = CursorRequest(method, document, offset, delay)
        older = [each for each in self.pending if each.method == method]
        self.pending.append(made)
        self.perform(self.life.add_request(made, self.now))
        assert all(isinstance(self.answers.get(each), AnswerReplaced) for each in older)
        return made

    def cancel(self, request: CursorRequest) -> None:
        if request in self.pending:
            self.pending.remove(request)
        self.users.discard(request)
        self.perform(self.life.cancel_request(request, self.now))

    def type(self, text: str) -> None:
        self.change(self.cursor, self.cursor, text, self.cursor + len(text))

    def change(self, start: int, end: int, new: str, cursor: int) -> None:
        assert self.document is not None
        self.document = self.document.splice(start, end, new, self.document.version + 1)
        self.cursor = cursor
        if self.live is not None and not self._agrees(self.live, self.document):
            self.contradicted.add(self.live.suggestion.token)
        self.perform(self.life.change_document(self.document, self.now))
        assert self.live is None or self.live.suggestion.token not in self.contradicted

    def accept(self) -> None:
        """Accept the rest of the live suggestion."""
        assert self.live is not None
        assert self.document is not None
        made = self.live.suggestion
        typed = made.find_typed_text(self.document, self.cursor)
        assert typed is not None
        rest = made.text[len(typed) :]
        self.change(self.cursor, made.end + len(typed), rest, self.cursor + len(rest))

    def chunk(self, text: str, stream: SuggestionStream | None = None) -> None:
        stream = stream or self.live
        assert stream is not None
        self.chunks[stream] += stream in (self.live, self.ahead) and stream.is_receiving
        self.perform(self.life.add_text(stream, text, self.now))

    def draft(self, text: str, stream: SuggestionStream | None = None) -> None:
        self.perform(self.life.add_draft(self._stream(stream), text, self.now))

    def finish(self, stream: SuggestionStream | None = None) -> None:
        self.perform(self.life.finish(self._stream(stream), self.now))

    def fail(self, error: EngineError, stream: SuggestionStream | None = None) -> None:
        self.perform(self.life.fail(self._stream(stream), error, self.now))

    def crash(self, stream: SuggestionStream | None = None) -> None:
        self.perform(self.life.crash(self._stream(stream), CRASHED, self.now))

    def abort(self, stream: SuggestionStream | None = None) -> None:
        self.perform(self.life.abort(self._stream(stream), CRASHED))

    def close(self) -> None:
        self.perform(self.life.close())
        assert not self.pending

    def wait(self, seconds: float) -> None:
        """Let time pass; the timer is exact."""
        until = self.now + seconds
        while (due := self.life.next_due) is not None and due <= until:
            self.now = max(self.now, due)
            self.process_timer()
        self.now = until

    def process_timer(self) -> None:
        self.perform(self.life.process_timer(self.now))
        due = self.life.next_due
        assert due is None or due > self.now

    def _stream(self, stream: SuggestionStream | None) -> SuggestionStream:
        found = stream or self.live
        assert found is not None
        return found

    @staticmethod
    def _agrees(stream: SuggestionStream, document: Document) -> bool:
        """Whether a text is the stream's with a beginning of its suggestion typed at its cursor."""
        made = stream.suggestion
        before, after = made.document.text[: made.anchor], made.document.text[made.anchor :]
        text = document.text
        if len(text) < len(before + after) or not (text.startswith(before) and text.endswith(after)):
            return False
        typed = text[len(before) : len(text) - len(after)]
        return made.text.startswith(typed) or (not made.done and typed.startswith(made.text))

    # Effects.

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.log.append(effect)
            if isinstance(effect, Answer):
                self._take_answer(effect)
            elif isinstance(effect, StartStream):
                assert self.live is None, "a second live stream"
                assert self.ahead is None, "an ahead stream beside a request"
                self.live = effect.stream
                self._start(effect.stream)
            elif isinstance(effect, StartAhead):
                assert self.ahead is None
                assert not self.pending
                self.ahead = effect.stream
                self._start(effect.stream)
            elif isinstance(effect, AdoptStream):
                self._adopt(effect.stream)
            elif isinstance(effect, StopStream) and effect.stream is self.ahead:
                self.ahead = None
            elif isinstance(effect, StopStream):
                assert effect.stream is self.live
                self.live, self.users = None, set()
            elif isinstance(effect, RepeatRequest):
                assert effect.stream is self.live
                assert effect.stream not in self.repeated
                self.repeated.add(effect.stream)
                self.shown.pop(effect.stream.suggestion.token, None)  # the second answer may differ
            elif isinstance(effect, AskAgain):
                assert effect.stream in (self.live, self.ahead)
                assert effect.stream not in self.asked_again
                self.asked_again.add(effect.stream)
                self.shown.pop(effect.stream.suggestion.token, None)
            elif isinstance(effect, ShowText):
                self._show(effect)
            elif isinstance(effect, StopStreamAt):
                assert effect.at == self.now + FIGURES_SECONDS
        self._note_use()
        for stream in self.streams[-3:]:
            if stream.suggestion.done:
                self.complete.add(stream.suggestion.accept()[0].text)

    def _adopt(self, stream: SuggestionStream) -> None:
        assert self.live is None, "a second live stream"
        assert self.ahead in (None, stream)
        if stream is not self.ahead:
            assert stream.suggestion.accept()[0].text in self.complete
            self.streams.append(stream)
        assert not stream.is_ahead
        self.live, self.ahead = stream, None

    def _start(self, stream: SuggestionStream) -> None:
        self.streams.append(stream)
        made = stream.suggestion
        if self.document is None or not (stream.is_ahead or made.agrees_with(self.document)):
            self.perform(self.life.refuse(stream))
        elif self.is_down:
            self.perform(self.life.abort(stream, CRASHED))
        else:
            ghost = CountingGhost(made.document, made.anchor)
            secrets = RedactedDocument.from_document(made.document)
            make_draft = partial(GhostText, made.document.text, made.anchor, made.document.language)
            self.perform(self.life.begin(stream, StreamSource(ghost, secrets, self.partial, make_draft)))

    def _take_answer(self, answer: Answer) -> None:
        assert answer.request in self.pending, "answered twice, or after it was cancelled"
        self.pending.remove(answer.request)
        self.answers[answer.request] = answer
        if not isinstance(answer, AnswerText):
            return
        made, live = answer.suggestion, self.live
        assert live is not None
        assert made.text
        assert made.token == live.suggestion.token
        assert made.token not in self.contradicted, "an old suggestion"
        assert (made.document, made.anchor) == (answer.request.document, answer.request.offset)
        applied = made.document.splice(made.anchor, made.end, made.text).text
        base = live.suggestion
        offers = [(base.end, base.text), (live.lines_end, live.lines)]
        if live.state is not StreamState.DROPPED:  # by the same event, after this answer
            offers = [(end, text) for end, text in offers if text == live.offered_text]
        assert applied in [base.document.splice(base.anchor, end, text).text for end, text in offers]
        self.users.add(answer.request)

    def _show(self, effect: ShowText) -> None:
        made = effect.suggestion
        assert effect.stream is self.live
        assert self.partial
        assert made.token not in self.ended
        before = self.shown.get(made.token, "")
        assert made.text.startswith(before) or before.startswith(made.text)
        self.shown[made.token] = made.text
        if made.done:
            self.ended.add(made.token)

    def _note_use(self) -> None:
        is_used = self.users or any(each in self.live.waiting for each in self.pending) if self.live else True
        if is_used:
            self.unused_since = None
        elif self.unused_since is None:
            self.unused_since = self.now

    def texts(self) -> list[str]:
        return [each.suggestion.text for each in self.log if isinstance(each, AnswerText)]


# Written cases.


def test_a_request_is_answered_with_all_lines_that_arrive_soon() -> None:
    world = World()
    world.request()
    world.chunk("1\n")
    world.wait(MORE_LINES_SECONDS / 2)
    world.chunk("    y = 2\n    z")
    assert not world.answers
    world.wait(MORE_LINES_SECONDS / 2)
    assert world.texts() == ["1\n    y = 2"]
    assert world.live is not None
    assert world.live.state is StreamState.ANSWERING


def test_a_client_that_shows_partial_results_gets_half_a_line() -> None:
    world = World(partial=True)
    world.request()
    world.chunk("alp")
    world.wait(PARTIAL_TEXT_SECONDS)
    assert world.texts() == ["alp"]
    world.chunk("ha")
    world.finish()
    assert [each.suggestion.text for each in world.log if isinstance(each, ShowText)] == [
        "alp",
        "alpha",
        "alpha",
    ]


def test_typing_along_uses_the_same_stream_and_the_rest_is_the_answer() -> None:
    world = World()
    world.request()
    world.chunk("alpha")
    world.type("al")
    world.request()
    world.finish()
    assert world.texts() == ["pha"]
    world.type("p")
    world.request()
    assert world.texts() == ["pha", "ha"]
    assert len(world.streams) == 1


def test_letters_that_contradict_the_first_text_get_another_stream() -> None:
    world = World()
    world.request()
    world.type("x")
    made = world.request()
    assert len(world.streams) == 2  # nothing had arrived that says whether it begins with an x
    world.chunk("y")
    world.type("z")
    assert world.live is None
    assert isinstance(world.answers[made], AnswerReplaced)


def test_an_older_request_is_replaced_and_the_newer_one_uses_its_stream() -> None:
    world = World()
    first, menu, second = world.request(), world.request(MENU), world.request()
    assert world.answers == {first: AnswerReplaced(first)}
    world.chunk("1")
    world.finish()
    assert {type(world.answers[each]) for each in (menu, second)} == {AnswerText}
    assert len(world.streams) == 1


def test_an_unused_stream_ends_after_its_last_use() -> None:
    world = World()
    first = world.request()
    world.cancel(first)
    world.wait(LINGER_SECONDS * 0.8)
    second = world.request()
    world.cancel(second)
    world.wait(LINGER_SECONDS * 0.8)
    assert world.live is not None
    assert world.live is world.streams[0]
    world.wait(LINGER_SECONDS * 0.2)
    assert world.live is None


def test_a_stream_whose_answer_was_delivered_does_not_linger_out_but_an_undelivered_one_does() -> None:
    world = World()
    made = world.request()
    world.chunk("1")
    world.finish()
    world.wait(10)
    assert world.live is not None
    world.cancel(made)  # before the answer was delivered
    world.wait(LINGER_SECONDS)
    assert world.live is None


def test_a_request_with_a_delay_uses_no_engine_before_it() -> None:
    world = World()
    made = world.request(delay=0.3)
    world.wait(0.2)
    assert not world.streams
    world.wait(0.1)
    assert world.live is not None
    assert made in world.live.waiting


def test_a_delayed_request_uses_the_stream_that_another_method_has_started() -> None:
    world = World()
    first = world.request(INLINE, delay=0.02)
    world.wait(0.01)
    second = world.request(MENU, delay=0.02)
    world.wait(0.1)
    assert len(world.streams) == 1
    assert set(world.streams[0].waiting) == {first, second}


def test_a_contradicting_change_ends_a_delayed_request() -> None:
    world = World()
    made = world.request(delay=0.3)
    world.change(0, 0, "# a\n", CURSOR + 4)
    assert isinstance(world.answers[made], AnswerReplaced)
    assert world.life.next_due is None


def test_an_answer_without_text_is_known_until_it_lingers_out_and_has_its_reason() -> None:
    world = World()
    made = world.request()
    world.finish()
    world.finish()
    assert world.answers[made] == AnswerNothing(made, Code.NOTHING_TO_ADD, "")
    world.request()
    assert len(world.streams) == 1
    world.wait(LINGER_SECONDS)
    world.request()
    assert len(world.streams) == 2


def test_after_a_failure_the_next_request_starts_another_stream() -> None:
    world = World()
    made = world.request()
    world.fail(BROKEN)
    assert ReportFailure(BROKEN) in world.log
    assert world.answers[made] == AnswerNothing(made, Code.NO_ANSWER, str(BROKEN))
    world.request()
    assert len(world.streams) == 2


def test_a_failure_keeps_the_complete_lines() -> None:
    world = World()
    world.request()
    world.chunk("1\n    y = ")
    world.fail(BROKEN)
    assert world.texts() == ["1"]


def test_a_lost_link_repeats_the_request_once_and_only_before_the_first_complete_line() -> None:
    world = World()
    made = world.request()
    world.chunk("12")
    world.fail(LOST)
    assert isinstance(world.log[-1], RepeatRequest)
    world.chunk("34")
    world.fail(LOST)
    assert world.answers[made] == AnswerNothing(made, Code.NO_ANSWER, str(LOST))
    world.request()
    world.chunk("1\n")
    world.fail(LOST)
    assert world.texts() == ["1"]


def test_a_request_that_was_saved_is_sent_for_the_user_who_waits_for_it_now() -> None:
    """The budget is above its soft limit, so that the request ahead was refused after it was adopted."""
    world = World()
    made = world.request()
    world.fail(EngineError("Saved", code=Code.BUDGET_LOW))
    assert isinstance(world.log[-1], RepeatRequest)
    assert made in world.pending


def test_a_used_up_budget_is_the_reason_for_a_missing_suggestion() -> None:
    world = World()
    made = world.request()
    error = EngineError("Today's budget is used up", code=Code.BUDGET_USED_UP)
    world.fail(error)
    assert world.answers[made] == AnswerNothing(made, Code.BUDGET_USED_UP, str(error))


@pytest.mark.parametrize("useless", ["", "\u202eevil"])
def test_an_answer_of_no_use_leads_to_a_second_one(useless: str) -> None:
    world = World()
    made = world.request()
    if useless:
        world.chunk(useless)  # it is complete at once
    else:
        world.finish()
    assert isinstance(world.log[-1], AskAgain)
    assert made in world.pending
    world.chunk("12")
    world.finish()
    assert world.texts() == ["12"]


@pytest.mark.parametrize("partial", [False, True])
def test_a_draft_answers_at_once_and_grows_into_the_engines_text(partial: bool) -> None:
    world = World(partial=partial)
    world.request()
    world.draft("12")
    assert world.texts() == ["12"]
    world.chunk("1")
    world.chunk("23")
    world.finish()
    world.request()
    assert world.texts() == ["12", "123"]


def test_a_draft_that_a_client_has_stays_when_the_engine_contradicts_it() -> None:
    world = World()
    world.request()
    world.draft("12")
    world.chunk("ab")
    assert isinstance(world.log[-1], StopStreamAt)
    world.request()
    assert world.texts() == ["12", "12"]


def test_a_draft_that_nobody_has_gives_way() -> None:
    world = World()
    made = world.request()
    world.cancel(made)
    world.draft("12")
    world.chunk("ab")
    world.finish()
    world.request()
    assert world.texts() == ["ab"]


@pytest.mark.parametrize("error", [None, BROKEN])
def test_a_draft_stands_in_for_an_engine_that_says_nothing(error: EngineError | None) -> None:
    world = World()
    made = world.request()
    world.cancel(made)
    world.draft("12")
    if error is None:
        world.finish()
    else:
        world.fail(error)
    world.request()
    assert world.texts() == ["12"]


def test_a_draft_after_the_first_text_is_ignored() -> None:
    world = World()
    world.request()
    world.chunk("ab")
    world.draft("12")
    world.finish()
    assert world.texts() == ["ab"]


def test_typing_along_a_draft_keeps_it() -> None:
    world = World()
    world.request()
    world.draft("12")
    world.type("1")
    world.request()
    assert world.texts() == ["12", "2"]


class FaultyGhost(CountingGhost):
    """Counts the faults by a table."""

    FAULTS: ClassVar = {"bad": 2, "worse": 3, "better": 1, "good": 0}

    def count_faults(self) -> int:
        return self.FAULTS[self.text]

    def cut_wrong_names(self) -> str | None:
        return self.text


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("bad", "good", "good"),
        ("bad", "better", "better"),
        ("bad", "worse", "bad"),
        ("bad", "", "bad"),
        ("good", None, "good"),
    ],
)
def test_of_two_answers_the_one_with_fewer_faults_is_shown(
    first: str, second: str | None, shown: str, partial: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.session.test_life_cycle.CountingGhost", FaultyGhost)
    world = World(partial=partial)
    world.request()
    world.chunk(first)
    world.finish()
    if second is not None:
        world.chunk(second)
        world.finish()
    world.request()
    assert world.texts()[-1] == shown


def test_a_second_answer_gets_the_beginning_that_the_lines_below_require() -> None:
    document = Document(BASE.uri, "def f(x):\n    \n    return text[x]\n", 1, "python")
    world = World(document)
    world.request(at=(document, document.text.index("\n    return")))
    world.chunk("y = 1")
    world.finish()
    assert isinstance(world.log[-1], AskAgain)
    assert "text = " in world.streams[0].starts


def test_a_second_answer_may_come_later_if_only_its_beginning_differs() -> None:
    for seconds, is_expected in ((NEAR_ANSWER_SECONDS - 0.1, True), (NEAR_ANSWER_SECONDS + 0.1, False)):
        document = Document(BASE.uri, "def f(x):\n    \n    y = x\n    return y\n", 1, "python")
        world = World(document)
        world.request(at=(document, document.text.index("\n    y")))
        world.wait(seconds)
        world.chunk("y = x")
        world.finish()
        assert isinstance(world.log[-1], AskAgain) is is_expected
        assert world.streams[0].avoided == "y"


def test_complete_lines_with_a_fault_do_not_answer_before_the_end() -> None:
    text = "def f(x, n):\n    \n    if n > len(s):\n        return s\n"
    for answer, is_early in (("s = str(x)\n    t = s\n", True), ("if n > 3:\n        return x\n", False)):
        document = Document(BASE.uri, text, 1, "python")
        world = World(document)
        made = world.request(at=(document, text.index("\n    if")))
        world.chunk(answer)
        world.wait(MORE_LINES_SECONDS + 0.1)
        assert (made in world.answers) is is_early
        world.chunk("    u = 1")
        world.finish()
        assert isinstance(world.log[-1], AskAgain) is not is_early


def test_there_is_no_third_answer() -> None:
    world = World()
    made = world.request()
    world.finish()
    world.finish()
    assert world.answers[made] == AnswerNothing(made, Code.NOTHING_TO_ADD, "")


def test_a_second_answer_would_come_too_late() -> None:
    world = World()
    made = world.request()
    world.wait(SECOND_ANSWER_SECONDS + 0.1)
    world.finish()
    assert world.answers[made] == AnswerNothing(made, Code.NOTHING_TO_ADD, "")


def test_an_empty_answer_behind_a_complete_statement_is_believed() -> None:
    world = World()
    world.type("x = 1")
    made = world.request()
    world.finish()
    assert world.answers[made] == AnswerNothing(made, Code.NOTHING_TO_ADD, "")


def test_a_failure_after_the_complete_text_changes_nothing() -> None:
    world = World(partial=True)
    world.request()
    world.chunk("1")
    world.finish()
    for error in (LOST, BROKEN):
        world.fail(error)
    world.crash()
    world.request()
    assert world.texts() == ["1", "1"]
    assert len(world.streams) == 1


@pytest.mark.parametrize("begun", [False, True])
def test_work_that_crashes_answers_its_requests_and_is_forgotten(begun: bool) -> None:
    world = World()
    world.is_down = not begun
    made = world.request()
    if begun:
        world.crash()
        assert world.answers[made] == AnswerNothing(made, Code.NO_ANSWER, CRASHED.what)
    else:
        assert world.answers[made] == AnswerFailed(made, CRASHED)
    assert world.live is None


def test_a_cancelled_engine_side_answers_with_its_error() -> None:
    world = World()
    made = world.request()
    world.abort()
    assert world.answers[made] == AnswerFailed(made, CRASHED)


def test_an_answer_that_repeats_a_hidden_secret_is_withheld() -> None:
    text = f"KEY = '{SECRET}'\n" + BASE.text
    world = World(Document(BASE.uri, text, 1, "plaintext"), partial=True)
    world.cursor = len(text) - len(BASE.text) + CURSOR
    made = world.request()
    world.chunk(f"'{'*' * len(SECRET)}'\n")
    world.wait(PARTIAL_TEXT_SECONDS)
    assert not [each for each in world.log if isinstance(each, ShowText)]
    world.finish()
    assert world.answers[made] == AnswerNothing(made, Code.SECRET_IN_ANSWER, "")


@pytest.mark.parametrize("state", StreamState)
@pytest.mark.parametrize("step", StreamStep)
def test_a_step_that_is_not_in_the_table_is_an_error(state: StreamState, step: StreamStep) -> None:
    stream = SuggestionStream(Suggestion(BASE, CURSOR, CURSOR), state=state)
    if (state, step) in TABLE:
        stream.step(step)
        assert stream.state is TABLE[(state, step)]
    else:
        with pytest.raises(LocalProtocolError):
            stream.step(step)


# Any order of events.

CHUNKS = st.sampled_from(["alpha", "1\n    y", "gamma(1)\n    ", " beta", "\n", "]", "<|end|>", "\ndef g():"])


class AnyOrder(RuleBasedStateMachine):
    """See the module docstring."""

    @initialize(partial=st.booleans(), trigger=st.sampled_from(Trigger))
    def open(self, partial: bool, trigger: Trigger) -> None:
        self.world = World(partial=partial, trigger=trigger)
        self.earlier = [(BASE, CURSOR)]

    def _remember(self) -> None:
        assert self.world.document is not None
        self.earlier.append((self.world.document, self.world.cursor))

    @rule(
        method=st.sampled_from([INLINE, MENU]),
        delay=st.sampled_from([0.0, 0.0, 0.03]),
        chunks=st.lists(CHUNKS, max_size=3),
        seconds=st.sampled_from([0.0, MORE_LINES_SECONDS]),
    )
    def request(self, method: str, delay: float, chunks: list[str], seconds: float) -> None:
        """Request a suggestion; the first chunks may arrive at once."""
        self.world.request(method, delay)
        for chunk in chunks:
            if self.world.live is not None:
                self.world.chunk(chunk)
        self.world.wait(seconds)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        made = [*self.world.pending, *self.world.users]
        if made:
            self.world.cancel(data.draw(st.sampled_from(made)))

    @precondition(lambda self: self.world.live is not None)
    @rule(count=st.integers(1, 8))
    def type_along(self, count: int) -> None:
        live, document = self.world.live, self.world.document
        if live is None or document is None:
            return
        typed = live.suggestion.find_typed_text(document, self.world.cursor)
        if typed is not None and (rest := live.suggestion.text[len(typed) :]):
            self.world.type(rest[:count])
            self._remember()

    @precondition(lambda self: self.world.live is not None)
    @rule(extra=st.sampled_from(["a", " b", "\n", "alp"]), method=st.sampled_from([INLINE, MENU]))
    def type_ahead(self, extra: str, method: str) -> None:
        """Type more than has arrived, and request: later text agrees with it, or contradicts it."""
        live, document = self.world.live, self.world.document
        if live is not None and document is not None and live.suggestion.text:
            typed = live.suggestion.find_typed_text(document, self.world.cursor)
            if typed is not None:
                self.world.type(live.suggestion.text[len(typed) :] + extra)
                self.world.request(method)
                self._remember()

    @rule(
        chunk=CHUNKS, rests=st.booleans(), accepts=st.booleans(), extra=st.sampled_from(["", "", "al", "x"])
    )
    def offer(self, chunk: str, rests: bool, accepts: bool, extra: str) -> None:
        """Request and get a complete suggestion; the user may look at it, and may accept it."""
        world = self.world
        world.request()
        if world.live is not None and world.live.is_receiving:
            world.chunk(chunk)
            if world.live is not None and world.live.is_receiving:  # the chunk may contradict typed text
                world.finish()
        if rests:
            world.wait(REST_SECONDS)
        live = world.live
        if not accepts or live is None or not live.suggestion.done or world.document is None:
            return
        if live.answered and live.suggestion.find_typed_text(world.document, world.cursor) is not None:
            world.accept()
            if extra:
                world.type(extra)
            self._remember()
            world.request()

    @precondition(lambda self: self.world.ahead is not None)
    @rule(
        event=st.sampled_from(["chunk", "chunk", "draft", "finish", "fail", "lose", "crash", "abort"]),
        chunk=CHUNKS,
    )
    def receive_ahead(self, event: str, chunk: str) -> None:
        """Let an engine answer, or fail to answer, the request for the text after an acceptance."""
        world, ahead = self.world, self.world.ahead
        assert ahead is not None
        if event in ("chunk", "draft"):
            getattr(world, event)(chunk, ahead)
        else:
            self._end(event, ahead)
        if event in ("fail", "lose", "crash", "abort"):
            assert world.ahead is None
            assert not isinstance(world.log[-1], ReportFailure)

    @rule(
        event=st.sampled_from(["type", "delete", "move", "undo", "undo", "request", "close", "down"]),
        text=st.sampled_from(["x", "alpha", "\n", " "]),
        cursor=st.integers(0, 40),
        data=st.data(),
    )
    def disturb(self, event: str, text: str, cursor: int, data: st.DataObject) -> None:
        """Do what ends most streams; one rule for all of it, so that it is rare."""
        world = self.world
        assert world.document is not None
        if event == "delete" and world.cursor > 0:
            world.change(world.cursor - 1, world.cursor, "", world.cursor - 1)
        elif event == "move":
            world.cursor = min(cursor, len(world.document))
        elif event == "undo":
            world.change(0, len(world.document), BASE.text, CURSOR)
        elif event == "type":
            world.type(text)
        elif event == "request":
            world.request(at=data.draw(st.sampled_from(self.earlier)))
        elif event == "close":
            world.close()
        elif event == "down":
            world.is_down = True
            world.request()
            world.is_down = False
        self._remember()

    @precondition(lambda self: self.world.live is not None)
    @rule(chunk=CHUNKS, seconds=st.sampled_from([0.0, 0.0, MORE_LINES_SECONDS]))
    def receive(self, chunk: str, seconds: float) -> None:
        self.world.chunk(chunk)
        self.world.wait(seconds)

    @precondition(lambda self: self.world.live is not None)
    @rule(chunk=CHUNKS)
    def receive_draft(self, chunk: str) -> None:
        self.world.draft(chunk)

    @precondition(lambda self: self.world.live is not None)
    @rule(event=st.sampled_from(["finish", "finish", "fail", "lose", "lose", "crash", "abort"]))
    def end(self, event: str) -> None:
        assert self.world.live is not None
        self._end(event, self.world.live)

    @rule(data=st.data(), event=st.sampled_from(["chunk", "finish", "fail", "lose", "crash", "abort"]))
    def receive_late(self, data: st.DataObject, event: str) -> None:
        """Events of streams that have been dropped change nothing."""
        dropped = [each for each in self.world.streams if each not in (self.world.live, self.world.ahead)]
        if dropped:
            stream, before = data.draw(st.sampled_from(dropped)), len(self.world.log)
            if event == "chunk":
                self.world.chunk("late", stream)
            else:
                self._end(event, stream)
            assert len(self.world.log) == before

    def _end(self, event: str, stream: SuggestionStream) -> None:
        if event in ("fail", "lose"):
            self.world.fail(LOST if event == "lose" else BROKEN, stream)
        else:
            getattr(self.world, event)(stream)

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.1, 0.15]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=st.sampled_from([0.05, 0.2]))
    def wait_with_a_late_timer(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.process_timer()

    @invariant()
    def the_machine_and_the_record_agree(self) -> None:
        world = self.world
        assert world.life.stream is world.live
        methods = [each.method for each in world.pending]
        assert len(methods) == len(set(methods))
        waiting = set(world.live.waiting) if world.live is not None else set[CursorRequest]()
        assert waiting <= set(world.pending)
        delayed = set(world.pending) - waiting
        assert all(each.delay_seconds for each in delayed)
        assert not delayed or world.life.next_due is not None

    @invariant()
    def an_ahead_stream_is_for_an_acceptance_and_nobody_uses_it(self) -> None:
        world, ahead = self.world, self.world.ahead
        assert world.life.speculation.stream is ahead
        if ahead is None:
            return
        assert world.trigger is not Trigger.NEVER
        assert ahead.is_ahead
        assert ahead.is_unused
        assert not ahead.shows_partial_results
        made = ahead.suggestion
        is_next = world.live is not None and world.live.suggestion.accept()[0].text == made.document.text
        assert is_next or (world.document is not None and made.agrees_with(world.document))

    @invariant()
    def no_request_waits_for_a_decided_answer(self) -> None:
        """A repeated request is decided when its first text arrives again."""
        live = self.world.live
        if live is not None and (
            live.suggestion.text or live not in self.world.repeated | self.world.asked_again
        ):
            assert all(live.compare(typed) is Fit.MAY_GROW for typed in live.waiting.values())

    @invariant()
    def an_unused_stream_ends(self) -> None:
        """The tolerance is that of adding times."""
        world = self.world
        if world.live is not None and world.unused_since is not None:
            assert world.now < world.unused_since + LINGER_SECONDS + 1e-9

    @invariant()
    def a_used_stream_does_not_end_by_itself(self) -> None:
        if self.world.live is not None and self.world.unused_since is None:
            assert self.world.live.unused_since is None

    @invariant()
    def ghost_text_is_computed_once_per_chunk(self) -> None:
        for stream in self.world.streams:
            if stream.source is not None:
                shaper = stream.source.shaper
                assert isinstance(shaper, CountingGhost)
                assert shaper.calls["feed"] == self.world.chunks[stream]
                assert shaper.calls["finish"] <= stream.answer_number

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()


AnyOrder.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
