"""One live suggestion: it follows the letters that are typed, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.suggestions import Fit, Suggestion
from spark_lsp.text.document import Document

BASE = Document("file:///a.py", "x = \ny = 2\n", 1)
MADE = Suggestion(BASE, 4, 4, "1 + 2", done=True)


def typed(text: str, at: int = 4, base: Document = BASE) -> Document:
    return base.splice(at, at, text, base.version + 1)


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.integers(0, 8))
def test_typing_its_letters_leaves_the_rest_and_the_whole_is_the_same(
    before: str, after: str, text: str, count: int
) -> None:
    base = Document("u", before + after, 1)
    made = Suggestion(base, len(before), len(before), text)
    count = min(count, len(text))
    later = typed(text[:count], len(before), base)
    here = made.move_to(later, len(before) + count)
    assert here is not None
    assert here.text == text[count:]
    assert here.document is later
    assert later.splice(here.anchor, here.end, here.text).text == before + text + after


@given(st.text("ab", max_size=4), st.text("ab", max_size=4), st.text("ab", max_size=4), st.integers(0, 8))
def test_what_it_says_for_a_later_text_always_gives_the_text_it_meant(
    before: str, text: str, new: str, at: int
) -> None:
    base = Document("u", before + "ba", 1)
    made = Suggestion(base, len(before), len(before), text)
    later = typed(new, min(at, len(base)), base)
    for offset in range(len(later) + 1):
        here = made.move_to(later, offset)
        if here is not None:
            assert later.splice(here.anchor, here.end, here.text).text == before + text + "ba"


@pytest.mark.parametrize(
    ("document", "offset"),
    [
        (typed("2"), 5),
        (typed("1"), 4),
        (typed("1", 0), 5),
        (typed("1", 6), 4),
        (BASE.splice(0, 1, "z", 2), 4),
        (BASE.splice(3, 4, "", 2), 3),
        (BASE, 3),
        (typed("1 + 2 + 3"), 13),
    ],
)
def test_any_other_change_or_cursor_contradicts_it(document: Document, offset: int) -> None:
    assert MADE.move_to(document, offset) is None


def test_when_all_of_it_is_typed_nothing_is_left() -> None:
    here = MADE.move_to(typed("1 + 2"), 9)
    assert here is not None
    assert here.text == ""


def test_text_that_it_replaces_stays_in_its_range() -> None:
    base = Document("u", "f()\n", 1)
    here = Suggestion(base, 2, 3, "a, b)").move_to(typed("a", 2, base), 3)
    assert here is not None
    assert (here.anchor, here.end, here.text) == (3, 4, ", b)")


@pytest.mark.parametrize(
    ("text", "typed_text", "added", "rest"),
    [
        ("(1 + 2)", "(", ")", "1 + 2)"),
        ('"hello"', '"', '"', 'hello"'),
        ('f("a")', 'f("', '")', 'a")'),
        ("(a) + g(b)", "(", ")", "a) + g(b)"),
        ("{ a }", "{ a", "}", " }"),
    ],
)
def test_closers_that_the_editor_adds_while_it_is_typed_are_replaced(
    text: str, typed_text: str, added: str, rest: str
) -> None:
    made = Suggestion(BASE, 4, 4, text, done=True)
    later = typed(typed_text + added)
    assert made.agrees_with(later)
    here = made.move_to(later, 4 + len(typed_text))
    assert here is not None
    assert (here.text, here.end) == (rest, 4 + len(typed_text + added))
    assert later.splice(here.anchor, here.end, here.text).text == f"x = {text}\ny = 2\n"


@pytest.mark.parametrize(
    ("text", "typed_text", "added"),
    [
        ("(1 + 2", "(", ")"),  # the suggestion lacks it
        ("[1]", "(", ")"),
        ("1)", "1", ")"),  # it closes nothing that was typed
        ("(1)", "(", "1"),
        ("(((((a)))))", "(((((", ")))))"),  # too many for an editor
    ],
)
def test_other_text_right_of_the_cursor_contradicts_it(text: str, typed_text: str, added: str) -> None:
    made = Suggestion(BASE, 4, 4, text, done=True)
    assert made.move_to(typed(typed_text + added), 4 + len(typed_text)) is None


@given(st.text("(a)[", max_size=6), st.text("(a)[", max_size=6), st.integers(0, 8))
def test_with_added_closers_it_still_gives_the_text_it_meant(text: str, new: str, offset: int) -> None:
    made = Suggestion(BASE, 4, 4, text, done=True)
    later = typed(new)
    here = made.move_to(later, 4 + offset)
    if here is not None:
        assert made.agrees_with(later)
        assert later.splice(here.anchor, here.end, here.text).text == f"x = {text}\ny = 2\n"


def test_what_still_grows_may_catch_up_with_the_typist() -> None:
    growing = Suggestion(BASE, 4, 4, "1")
    assert growing.agrees_with(typed("1 + "))
    assert not growing.agrees_with(typed("2"))
    assert not growing.agrees_with(typed("1", 0))
    assert Suggestion(BASE, 4, 4, "").agrees_with(typed("anything"))
    assert MADE.agrees_with(typed("1 +"))
    assert not MADE.agrees_with(typed("1 + 2 + 3"))
    assert not MADE.agrees_with(BASE.splice(2, 4, "", 2))


@pytest.mark.parametrize(
    ("known", "offered", "done", "typed", "fit"),
    [
        ("return a", "return a", True, "", Fit.HAS_TEXT),
        ("return a", "return a", True, "ret", Fit.HAS_TEXT),
        ("return a", "return a", True, "return a", Fit.IS_EMPTY),
        ("return a", "return a", True, "return a + b", Fit.IS_CONTRADICTED),
        ("return a", "return a", False, "return a + b", Fit.MAY_GROW),  # who types ahead of a growing text
        ("return a", "return a", False, "x", Fit.IS_CONTRADICTED),
        ("a = 1\nb", "a = 1", False, "a", Fit.HAS_TEXT),
        ("a = 1\nb", "a = 1", False, "a = 1", Fit.MAY_GROW),  # the next line is not whole yet
        ("a = 1\nb", "", False, "a", Fit.MAY_GROW),
        ("", "", False, "", Fit.MAY_GROW),
        ("", "", False, "x", Fit.IS_CONTRADICTED),  # nothing says that it will be an x
        ("", "", True, "", Fit.IS_EMPTY),
    ],
)
def test_how_an_answer_stands_to_what_was_typed(
    known: str, offered: str, done: bool, typed: str, fit: Fit
) -> None:
    assert Suggestion(BASE, 4, 4, known, done).compare(typed, offered) is fit


def test_its_token_stays_with_it() -> None:
    made = Suggestion(BASE, 4, 4, "1 + 2", done=True, token=7)
    here = made.move_to(typed("1 "), 6)
    assert here is not None
    assert here.token == 7
