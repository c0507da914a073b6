"""The answers of the last minutes: which text and cursor they fit, and how many are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.recent_answers import KEPT_ANSWERS, KEPT_SECONDS, NEAR_CHARACTERS, RecentAnswers
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document

TEXT = "def f():\n    x = ()\n"
AT = 18


def document(text: str = TEXT) -> Document:
    return Document("file:///a.py", text, 7, "python")


def kept(text: str = "1)", end: int = AT + 1) -> RecentAnswers:
    answers = RecentAnswers()
    answers.add(Suggestion(document(), AT, end, text, done=True), 0.0)
    return answers


def test_an_answer_is_found_for_its_text_and_after_its_letters() -> None:
    for typed in ("", "1"):
        later = document().splice(AT, AT, typed)
        found = kept().find(later, AT + len(typed), 1.0)
        assert found is not None
        assert (found.anchor, found.end, found.text, found.done) == (AT, AT + 1, "1)", True)
        assert found.document.text == TEXT
        assert found.move_to(later, AT + len(typed)) is not None


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        (TEXT, AT - 1),
        (TEXT[:AT] + "2" + TEXT[AT:], AT + 1),
        (TEXT[:AT] + "1)" + TEXT[AT:], AT + 2),  # nothing of it is left
        (TEXT + "#", AT),
        ("g" + TEXT[1:], AT),
        (TEXT[:-1] + " ", AT),
    ],
)
def test_any_other_text_or_cursor_has_none(text: str, offset: int) -> None:
    assert kept().find(document(text), offset, 1.0) is None


def test_an_answer_is_forgotten_after_some_minutes() -> None:
    assert kept().find(document(), AT, KEPT_SECONDS) is not None
    assert kept().find(document(), AT, KEPT_SECONDS + 1) is None


def test_a_later_answer_for_the_same_cursor_replaces_the_earlier_one() -> None:
    answers = kept()
    answers.add(Suggestion(document(), AT, AT, "2", done=True), 1.0)
    found = answers.find(document(), AT, 1.0)
    assert found is not None
    assert found.text == "2"


def test_an_answer_that_the_user_has_dismissed_can_be_discarded() -> None:
    answers = kept()
    answers.discard(document(TEXT + "#"), AT)
    assert answers.find(document(), AT, 1.0) is not None
    answers.discard(document(), AT)
    assert answers.find(document(), AT, 1.0) is None


def test_the_number_of_answers_is_bounded() -> None:
    answers = RecentAnswers()
    texts = [TEXT + "#" * number for number in range(KEPT_ANSWERS + 3)]
    for text in texts:
        answers.add(Suggestion(document(text), AT, AT, "1", done=True), 0.0)
    found = [answers.find(document(text), AT, 0.0) is not None for text in texts]
    assert found == [False] * 3 + [True] * KEPT_ANSWERS


def test_an_empty_answer_is_not_kept() -> None:
    assert kept("").find(document(), AT, 0.0) is None


@given(
    st.text("ab\n", max_size=12),
    st.integers(0, 12),
    st.text("ab\n", max_size=3),
    st.text("ab\n", max_size=12),
)
def test_a_found_answer_fits_as_a_suggestion_does(text: str, at: int, typed: str, other: str) -> None:
    at = min(at, len(text))
    made = Suggestion(document(text), at, at, "abab", done=True)
    answers = RecentAnswers()
    answers.add(made, 0.0)
    for later in (document(text).splice(at, at, typed), document(other)):
        for offset in range(len(later) + 1):
            moved = made.move_to(later, offset)
            found = answers.find(later, offset, 0.0)
            assert (found is not None) == (moved is not None and bool(moved.text))
            assert found is None or found.move_to(later, offset) == moved


def test_a_far_change_of_the_length_counts_too() -> None:
    long = "x" * (2 * NEAR_CHARACTERS)
    answers = RecentAnswers()
    answers.add(Suggestion(document(long + TEXT), len(long) + AT, len(long) + AT, "1", done=True), 0.0)
    assert answers.find(document(long + TEXT), len(long) + AT, 0.0) is not None
    assert answers.find(document("x" + long + TEXT), len(long) + AT + 1, 0.0) is None
