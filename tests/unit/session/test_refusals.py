"""The memory of refused texts: the same text at the same place, and nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.refusals import MOST, Refusal, Refusals, Verdict, first_line
from spark_lsp.text.document import Document

TEXT = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n"
AT = 19
SAID = "return a + b"


def document(text: str = TEXT, uri: str = "file:///a.py") -> Document:
    return Document(uri, text, 1, "python")


def typed(text: str, at: int = AT) -> tuple[Document, int]:
    """The document after letters were typed, and the cursor behind them."""
    return document(TEXT[:at] + text + TEXT[at:]), at + len(text)


@pytest.fixture
def refusals() -> Refusals:
    made = Refusals(b"salt")
    assert made.refuse(document(), AT, SAID, done=True)
    return made


def judge(
    refusals: Refusals, text: str, *, done: bool = True, at: tuple[Document, int] | None = None
) -> Verdict:
    return refusals.at(*(at or (document(), AT))).judge(text, done=done)


def test_a_refused_text_is_refused_at_its_place(refusals: Refusals) -> None:
    assert judge(refusals, SAID) is Verdict.REFUSED
    assert judge(refusals, SAID + "\n", done=False) is Verdict.REFUSED


@pytest.mark.parametrize("letters", [SAID[:1], SAID[:7], SAID[:-1]])
def test_its_letters_do_not_bring_it_back(refusals: Refusals, letters: str) -> None:
    assert judge(refusals, SAID[len(letters) :], at=typed(letters)) is Verdict.REFUSED


def test_it_counts_as_the_same_whatever_follows_its_first_line(refusals: Refusals) -> None:
    assert judge(refusals, SAID + "\n    # more") is Verdict.REFUSED


@pytest.mark.parametrize("other", ["return a - b", "return a + b + 1", "return", "return a", "x", ""])
def test_another_text_is_new(refusals: Refusals, other: str) -> None:
    assert judge(refusals, other) is Verdict.NEW


@pytest.mark.parametrize(
    "elsewhere",
    [
        (document(uri="file:///b.py"), AT),
        (document(TEXT.replace("add", "sum")), AT),
        (document(TEXT.replace("mul", "div")), AT),
        (document(TEXT[:AT] + " # sum" + TEXT[AT:]), AT),
        (document(), len(TEXT)),
    ],
    ids=["document", "above", "below", "rest", "cursor"],
)
def test_another_place_is_new(refusals: Refusals, elsewhere: tuple[Document, int]) -> None:
    assert judge(refusals, SAID, at=elsewhere) is Verdict.NEW


def test_a_growing_text_is_undecided_until_it_is_as_long(refusals: Refusals) -> None:
    verdicts = [judge(refusals, SAID[:length], done=False) for length in range(1, len(SAID) + 1)]
    assert set(verdicts) == {Verdict.UNDECIDED}  # its line end is missing
    assert judge(refusals, SAID + " + c", done=False) is Verdict.NEW
    assert judge(refusals, "x\n", done=False) is Verdict.NEW


def test_a_text_that_was_refused_while_it_grew_is_refused_as_a_beginning() -> None:
    made = Refusals(b"salt")
    made.refuse(document(), AT, "return a", done=False)
    assert judge(made, SAID, done=False) is Verdict.REFUSED
    assert judge(made, "return b") is Verdict.NEW


def test_an_ignored_text_is_held_back_at_its_cursor_only() -> None:
    made = Refusals(b"salt")
    made.ignore(document(), AT, SAID, done=True)
    assert judge(made, SAID) is Verdict.IGNORED
    assert judge(made, SAID[1:], at=typed(SAID[:1])) is Verdict.NEW


def test_an_ignored_text_is_forgotten_with_its_document_or_when_it_is_accepted() -> None:
    made = Refusals(b"salt")
    made.ignore(document(), AT, SAID, done=True)
    made.allow(document(), AT, SAID)
    assert judge(made, SAID) is Verdict.NEW
    made.ignore(document(), AT, SAID, done=True)
    made.refuse(document(), AT, "pass", done=True)
    made.forget_ignored("file:///b.py")
    assert judge(made, SAID) is Verdict.IGNORED
    made.forget_ignored("file:///a.py")
    assert judge(made, SAID) is Verdict.NEW
    assert judge(made, "pass") is Verdict.REFUSED


def test_a_refusal_is_kept_by_hash_and_comes_back_with_its_salt(refusals: Refusals) -> None:
    kept = refusals.refuse(document(), AT, SAID, done=True)
    assert kept is not None
    assert SAID not in repr(kept)
    again = Refusals()
    again.load(b"salt", [kept])
    assert judge(again, SAID) is Verdict.REFUSED
    other = Refusals()
    other.load(b"other", [kept])
    assert judge(other, SAID) is Verdict.NEW


def test_white_space_is_not_refused() -> None:
    made = Refusals(b"salt")
    assert made.refuse(document(), AT, " \n ", done=True) is None
    assert judge(made, " \n ") is Verdict.NEW


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    made = Refusals()
    made.load(b"", [Refusal(str(place), 1, "x") for place in range(MOST)])
    made.refuse(document(), AT, SAID, done=True)
    assert judge(made, SAID) is Verdict.REFUSED
    assert len(made._known) == MOST
    assert "0" not in made._known


@given(st.text(alphabet="ab \r\n", max_size=12))
def test_the_first_line_is_the_same_for_all_line_ends(text: str) -> None:
    for eol in ("\r\n", "\r"):
        unix = text.replace("\r\n", "\n").replace("\r", "\n")
        assert first_line(unix.replace("\n", eol), done=True) == first_line(unix, done=True)


@given(
    st.text(alphabet="ab\n", max_size=6),
    st.text(alphabet="ab\n", max_size=6),
    st.lists(st.text(alphabet="abc \n", min_size=1, max_size=8), min_size=1, max_size=4),
    st.text(alphabet="abc \n", min_size=1, max_size=8),
)
def test_what_was_refused_is_refused_and_a_new_line_is_not(
    before: str, after: str, refused: list[str], other: str
) -> None:
    at = (document(before + after), len(before))
    made = Refusals(b"salt")
    for text in refused:
        made.refuse(*at, text, done=True)
    known = {first_line(text, done=True) for text in refused if text.strip()}
    for text in refused:
        assert judge(made, text, at=at) is (Verdict.REFUSED if text.strip() else Verdict.NEW)
    expected = Verdict.REFUSED if first_line(other, done=True) in known and other.strip() else Verdict.NEW
    assert judge(made, other, at=at) is expected
    for length in itertools.takewhile(lambda each: each < len(other), itertools.count()):
        if judge(made, other[:length], done=False, at=at) is Verdict.REFUSED:
            assert expected is Verdict.REFUSED  # the beginning of a text never decides against the whole
