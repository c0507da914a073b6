"""Show or hide: one suggestion's gate, and the life cycle with a gate under any order of chunks."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spark_lsp.codes import Code
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.session.effects import AnswerNothing, AnswerText, Effect, ShowText, StartStream
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.refusals import Refusals
from spark_lsp.session.showing import EARLY_MARGIN, EARLY_REPORTS, Ruling, ShowGate, ShowPolicy
from spark_lsp.session.stream_source import StreamSource
from spark_lsp.session.suggestion_stream import CursorRequest, StreamState, SuggestionStream
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

BASE = Document("file:///a.txt", "one\n\n\ntwo\n", 1, "plaintext")
CURSOR = 4
SAID = "first line"


def gate(threshold: float = 0.5, refusals: Refusals | None = None) -> ShowGate:
    return ShowPolicy(threshold, refusals or Refusals()).gate(BASE, CURSOR)


def ruling(
    made: ShowGate, text: str, *, confidence: float | None, shown: str = "", done: bool = False
) -> Ruling:
    made.confidence = confidence
    return made.judge(text, shown=shown, done=done)


@pytest.mark.parametrize(
    ("text", "confidence", "shown", "done", "expected"),
    [
        (SAID, 0.2, "", False, Ruling.WAIT),
        (SAID, 0.2, "", True, Ruling.HIDE),
        (f"{SAID}\nx", 0.2, "", False, Ruling.HIDE),
        (f"\n{SAID}", 0.2, "", False, Ruling.WAIT),
        (f"{SAID}\n", 0.5, "", False, Ruling.SHOW),
        (SAID, 0.9, "", True, Ruling.SHOW),
        (SAID, None, "", False, Ruling.SHOW),
        (f"{SAID}\nx", 0.2, SAID, False, Ruling.KEEP),
        (f"{SAID}\nx", 0.9, SAID, False, Ruling.SHOW),
        ("", 0.2, "", True, Ruling.SHOW),
    ],
)
def test_the_confidence_decides_once_for_the_first_line(
    text: str, confidence: float | None, shown: str, done: bool, expected: Ruling
) -> None:
    made = gate()
    assert ruling(made, text, confidence=confidence, shown=shown, done=done) is expected
    assert made.reason == (Code.LOW_CONFIDENCE if expected is Ruling.HIDE else None)


@pytest.mark.parametrize("confidence", [0.0, 0.01, 1.0, None])
def test_a_threshold_of_zero_shows_everything_at_once(confidence: float | None) -> None:
    assert ruling(gate(0.0), "f", confidence=confidence) is Ruling.SHOW


def test_a_refused_text_is_hidden_even_if_something_is_on_the_screen() -> None:
    refusals = Refusals()
    refusals.refuse(BASE, CURSOR, SAID, done=True)
    made = gate(refusals=refusals)
    assert ruling(made, SAID[:3], confidence=1.0) is Ruling.WAIT
    assert ruling(made, SAID, confidence=1.0, shown=SAID + " more", done=True) is Ruling.HIDE
    assert made.reason == Code.DISMISSED


@pytest.mark.parametrize(
    ("reports", "confidence", "expected"),
    [
        (EARLY_REPORTS, 0.5 + EARLY_MARGIN, Ruling.SHOW),
        (EARLY_REPORTS - 1, 1.0, Ruling.WAIT),
        (EARLY_REPORTS, 0.5 + EARLY_MARGIN / 2, Ruling.WAIT),
    ],
)
def test_a_model_that_is_very_sure_need_not_complete_the_line(
    reports: int, confidence: float, expected: Ruling
) -> None:
    made = gate()
    for _ in range(reports):
        made.note_confidence(confidence)
    made.note_confidence(None)
    assert made.judge("first", shown="", done=False) is expected
    made.forget_confidence()
    assert (made.confidence, made.reports) == (None, 0)


class Screen:
    """A life cycle with one stream: what the client was shown and answered."""

    def __init__(
        self,
        made: ShowGate | None,
        *,
        partial: bool,
        allows: Callable[[Suggestion], bool] = lambda _: True,
    ) -> None:
        self.life = LifeCycle(itertools.count(1), allows)
        self.shown: list[str] = []
        self.answers: list[AnswerText | AnswerNothing] = []
        self.stream: SuggestionStream
        self.perform(self.life.add_request(CursorRequest("inlineCompletion", BASE, CURSOR), 0.0))
        ghost = GhostText(BASE.text, CURSOR, BASE.language)
        source = StreamSource(ghost, RedactedDocument.from_document(BASE), partial, None, made)
        self.perform(self.life.begin(self.stream, source))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartStream):
                self.stream = effect.stream
            elif isinstance(effect, ShowText):
                self.shown.append(effect.suggestion.text)
            elif isinstance(effect, AnswerText | AnswerNothing):
                self.answers.append(effect)

    def play(self, chunks: list[tuple[str, float | None]], step: float = 0.03) -> None:
        now = 0.0
        for text, confidence in chunks:
            now += step
            self.perform(self.life.process_timer(now))
            self.perform(self.life.add_text(self.stream, text, now, confidence))
        self.perform(self.life.finish(self.stream, now))

    @property
    def last(self) -> AnswerText | AnswerNothing:
        [answer] = self.answers
        return answer


def test_nothing_is_shown_before_the_first_line_is_decided() -> None:
    screen = Screen(gate(), partial=True)
    screen.play([("first ", 0.2), ("line", 0.3), ("\n", 0.4), ("second", 0.4)])
    assert not any(screen.shown)
    assert screen.last == AnswerNothing(screen.last.request, Code.LOW_CONFIDENCE, "")


def test_a_sure_first_line_is_shown_and_a_later_fall_only_ends_the_text() -> None:
    screen = Screen(gate(), partial=True)
    screen.play(
        [("first line", 0.9), ("\nsecond", 0.9), (" line\n", 0.3), ("third line\n", 0.2), ("fourth", 0.1)]
    )
    assert isinstance(screen.last, AnswerText)
    assert screen.shown[-1] == "first line\nsecond line"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(screen.shown))


def test_a_dismissed_stream_answers_its_cursor_without_an_engine() -> None:
    screen = Screen(gate(0.0), partial=True)
    screen.play([(SAID, None)])
    token = screen.stream.suggestion.token
    screen.perform(screen.life.dismiss(token + 1, 1.0))
    assert screen.shown[-1] == SAID
    screen.perform(screen.life.dismiss(token, 1.0))
    assert screen.shown[-1] == ""
    first = screen.stream
    screen.perform(screen.life.add_request(CursorRequest("inlineCompletion", BASE, CURSOR), 1.1))
    assert screen.stream is first
    assert isinstance(screen.answers[-1], AnswerNothing)
    assert screen.answers[-1].reason == Code.DISMISSED


CHUNKS = st.lists(st.tuples(st.text(alphabet="ab \n", min_size=1, max_size=5), st.floats(0, 1)), max_size=8)
TEXTS = st.text(alphabet="ab \n", min_size=1, max_size=8)


@pytest.mark.slow
@given(CHUNKS, st.floats(0, 1), st.lists(TEXTS, max_size=3), st.booleans(), st.booleans())
def test_what_is_shown_only_grows_or_is_cut_and_no_refused_text_is_shown(
    chunks: list[tuple[str, float]], threshold: float, refused: list[str], partial: bool, reported: bool
) -> None:
    refusals = Refusals(b"salt")
    for text in refused:
        refusals.refuse(BASE, CURSOR, text, done=True)
    made = gate(threshold, refusals)
    screen = Screen(made, partial=partial)
    screen.play([(text, confidence if reported else None) for text, confidence in chunks])
    said = [each for each in screen.shown if each]
    if isinstance(screen.last, AnswerText):
        said.append(screen.last.suggestion.text)
    for earlier, later in itertools.pairwise(screen.shown):
        assert later.startswith(earlier) or earlier.startswith(later)
    for text in said[-1:] if said else []:
        here = refusals.at(BASE, CURSOR)
        assert here.judge(text, done=True).name != "REFUSED"
    if not reported and not refused:
        free = Screen(None, partial=partial)
        free.play([(text, None) for text, _ in chunks])
        assert screen.shown == free.shown  # an engine without confidence: as without a gate


@given(CHUNKS, st.lists(TEXTS, min_size=1, max_size=3))
def test_a_refused_first_line_is_never_on_the_screen_for_a_moment(
    chunks: list[tuple[str, float]], refused: list[str]
) -> None:
    refusals = Refusals(b"salt")
    for text in refused:
        refusals.refuse(BASE, CURSOR, text, done=True)
    assume(any(text.strip() for text in refused))
    screen = Screen(gate(0.0, refusals), partial=True)
    screen.play([(text, None) for text, _ in chunks])
    here = refusals.at(BASE, CURSOR)
    for text in screen.shown:
        assert here.judge(text, done="\n" in text.strip("\n")).name != "REFUSED", text


def test_the_confidence_of_a_repeated_answer_is_its_own() -> None:
    made = gate()
    screen = Screen(made, partial=True)
    screen.perform(screen.life.add_text(screen.stream, "first", 0.01, 0.1))
    screen.stream.repeat()
    assert made.confidence is None
    screen.play([(SAID, None)])
    assert isinstance(screen.last, AnswerText)


@pytest.mark.parametrize("allowed", [True, False])
def test_an_earlier_answer_that_was_refused_since_is_not_shown_again(allowed: bool) -> None:
    screen = Screen(gate(0.0), partial=False, allows=lambda _: allowed)
    screen.play([(SAID, None)])
    screen.perform(screen.life.change_document(BASE.splice(CURSOR, CURSOR, "z", 2), 0.2))
    screen.perform(screen.life.add_request(CursorRequest("inlineCompletion", BASE, CURSOR), 0.3))
    texts = [answer.suggestion.text for answer in screen.answers if isinstance(answer, AnswerText)]
    assert texts == [SAID, SAID][: 1 + allowed]
    assert (screen.stream.state is StreamState.STARTING) is not allowed  # the engine may know another text
