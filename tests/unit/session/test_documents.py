"""The editor's documents against a plain oracle: the same text, whatever is sent and however counted."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import TextError
from spark_lsp.session import documents as documents_module
from spark_lsp.session.documents import Change, Documents, Unusable
from spark_lsp.text.edits import apply_edits
from spark_lsp.text.positions import Encoding

URI = "file:///a.py"
ODD = ["\n", "\r\n", "\r", "\f", "\v", "\x85", "\u2028", "\u2029", "\x1c"]
LETTERS = ["a", "é", "ß", "漢", "👍", "👩‍💻", "e\u0301", " ", "\ud800"]
texts = st.lists(st.sampled_from([*ODD, *LETTERS]), max_size=12).map("".join)
encodings = st.sampled_from(list(Encoding))
positions = st.tuples(st.integers(0, 8), st.integers(0, 12))


def encoded(text: str, encoding: Encoding) -> int:
    """Length in code units, counted in the most direct way."""
    if encoding is Encoding.UTF32:
        return len(text)
    if encoding is Encoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def oracle_offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    """Where a position is, by cutting the text at every line end of LSP."""
    pieces = re.split(r"(\r\n|\n|\r)", text)
    if line >= len(pieces[::2]):
        return len(text)
    start = len("".join(pieces[: 2 * line]))
    here = pieces[2 * line]
    fitting = [count for count in range(len(here) + 1) if encoded(here[:count], encoding) <= character]
    return start + max(fitting)


@settings(max_examples=200, deadline=None)
@given(
    texts,
    encodings,
    st.lists(st.lists(st.tuples(positions, positions, texts), min_size=1, max_size=3), max_size=6),
)
def test_every_text_is_the_oracles(
    text: str,
    encoding: Encoding,
    turns: list[list[tuple[tuple[int, int], tuple[int, int], str]]],
) -> None:
    documents = Documents(encoding)
    documents.open(URI, "python", 0, text)
    for version, turn in enumerate(turns, 1):
        before, changes = text, list[Change]()
        for one, other, new in turn:
            first, last = sorted((one, other))
            changes.append(Change(new, (first, last)))
            start, end = (oracle_offset(text, *place, encoding) for place in (first, last))
            text = text[:start] + new + text[end:]
        document, edits = documents.change(URI, version, changes)
        assert document.text == text
        assert (document.version, document.language) == (version, "python")
        assert document.line_count == len(re.findall(r"\r\n|\n|\r", text)) + 1
        for edit in edits:  # the same changes, one after another, as edits
            before = apply_edits(before, [edit])
        assert before == text
    assert documents.get(URI) is not None


@settings(max_examples=100, deadline=None)
@given(texts, encodings, positions, positions, texts)
def test_a_reversed_range_changes_nothing_and_wants_the_whole_text(
    text: str, encoding: Encoding, one: tuple[int, int], other: tuple[int, int], new: str
) -> None:
    if one == other:
        return
    documents = Documents(encoding)
    documents.open(URI, "python", 1, text)
    with pytest.raises(TextError):
        documents.change(URI, 2, [Change(new, (max(one, other), min(one, other)))])
    assert documents.get(URI) is None
    assert documents.find_problem(URI) is Unusable.OUT_OF_SYNC
    with pytest.raises(TextError):
        documents.change(URI, 3, [Change("x", ((0, 0), (0, 0)))])
    document, _ = documents.change(URI, 4, [Change(new), Change("!", ((0, 0), (0, 0)))])
    assert document.text == f"!{new}"
    assert documents.get(URI) is document


@pytest.mark.parametrize("version", [5, 4, 0, -1])
def test_a_version_that_is_not_newer_is_refused(version: int) -> None:
    documents = Documents()
    documents.open(URI, "python", 5, "a")
    with pytest.raises(TextError):
        documents.change(URI, version, [Change("b", ((0, 0), (0, 1)))])
    assert documents.get(URI) is None
    documents.open(URI, "python", 1, "again")
    found = documents.get(URI)
    assert found is not None
    assert found.text == "again"


def test_versions_may_be_skipped_and_changes_may_be_none() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "a")
    document, edits = documents.change(URI, 9, [])
    assert (document.text, document.version, edits) == ("a", 9, [])
    with pytest.raises(TextError):  # the version counts although nothing changed
        documents.change(URI, 5, [Change("b", ((0, 0), (0, 1)))])


@pytest.mark.parametrize("version", [None, 1, 0, -7])
def test_a_whole_text_is_taken_with_any_version(version: int | None) -> None:
    documents = Documents()
    document = documents.open(URI, "python", 1, "a")
    assert document is not None
    assert documents.version_of(document) == 1
    for text in ("b", "c", "d"):
        document, _ = documents.change(URI, version, [Change(text)])
        assert document.text == text
        assert documents.version_of(document) is None
    document, _ = documents.change(URI, None, [Change("e", ((0, 0), (0, 0)))])
    assert (document.text, document.version) == ("ed", 5)


def test_a_change_that_cannot_be_read_puts_a_document_out_of_sync() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "a")
    for uri, why in ((URI, Unusable.OUT_OF_SYNC), ("file:///other", Unusable.UNKNOWN)):
        with pytest.raises(TextError):
            documents.reject_change(uri)
        assert documents.get(uri) is None
        assert documents.find_problem(uri) is why
    document, _ = documents.change(URI, None, [Change("b")])
    assert document.text == "b"


def test_a_failing_change_leaves_nothing_of_the_ones_before_it() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "abc")
    with pytest.raises(TextError):
        documents.change(URI, 2, [Change("X", ((0, 0), (0, 1))), Change("Y", ((1, 0), (0, 0)))])
    assert documents.get(URI) is None


def test_a_change_to_what_was_never_opened_is_refused_even_if_it_is_whole() -> None:
    documents = Documents()
    with pytest.raises(TextError):
        documents.change(URI, 1, [Change("text")])
    assert documents.get(URI) is None
    assert documents.find_problem(URI) is not Unusable.TOO_LARGE


def test_an_empty_document_is_a_document() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "")
    document, _ = documents.change(URI, 2, [Change("x", ((0, 0), (0, 0)))])
    assert document.text == "x"
    document, _ = documents.change(URI, 3, [Change("", ((0, 0), (9, 9)))])
    assert document.text == ""
    assert documents.change(URI, 4, [Change("y", ((0, 0), (0, 0)))])[0].text == "y"


def test_too_large_a_text_is_refused_until_it_is_small_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "MAX_CHARS", 10)
    documents = Documents()
    assert documents.open(URI, "python", 1, "x" * 11) is None
    assert documents.find_problem(URI) is Unusable.TOO_LARGE
    assert documents.open(URI, "python", 2, "x" * 10) is not None
    with pytest.raises(TextError):
        documents.change(URI, 3, [Change("y", ((0, 0), (0, 0)))])
    assert documents.get(URI) is None
    assert documents.change(URI, 4, [Change("short")])[0].text == "short"


def test_a_document_that_is_sent_whole_again_keeps_its_language() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "a")
    with pytest.raises(TextError):
        documents.change(URI, 2, [Change("b", ((1, 0), (0, 0)))])
    document, _ = documents.change(URI, 3, [Change("def f(): ...")])
    assert document.language == "python"


def test_closing_forgets_and_documents_are_apart() -> None:
    documents = Documents()
    documents.open(URI, "python", 1, "a")
    documents.open("untitled:1", "c", 1, "b")
    documents.close(URI)
    documents.close("never:opened")
    assert [each.uri for each in documents.list_usable()] == ["untitled:1"]
    assert documents.find_problem(URI) is Unusable.UNKNOWN


def test_a_binary_text_is_refused_however_it_comes() -> None:
    documents = Documents()
    assert documents.open(URI, "python", 1, "a\0b") is None
    assert documents.find_problem(URI) is Unusable.BINARY
    assert documents.change(URI, 2, [Change("text")])[0].text == "text"
    with pytest.raises(TextError):
        documents.change(URI, 3, [Change("\0", ((0, 2), (0, 2)))])
    assert documents.get(URI) is None
    assert documents.find_problem(URI) is Unusable.BINARY


@given(
    st.lists(st.sampled_from(["a", "é", "\n", "\r\n", "\r"]), max_size=12).map("".join),
    st.lists(
        st.tuples(positions, positions, st.sampled_from(["", "x", "xxx", "\n", "xx\nxx"])),
        min_size=1,
        max_size=3,
    ),
)
def test_a_line_that_has_become_too_long_is_noticed_wherever_it_is(
    text: str, changes: list[tuple[tuple[int, int], tuple[int, int], str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents_module, "MAX_LINE", 5)
        documents = Documents(Encoding.UTF32)
        if documents.open(URI, "", 0, text) is None:
            assert documents.find_problem(URI) is Unusable.LONG_LINE
            return
        ordered = [Change(new, (min(one, other), max(one, other))) for one, other, new in changes]
        oracle = Documents(Encoding.UTF32)
        patch.setattr(documents_module, "MAX_LINE", 10_000)
        oracle.open(URI, "", 0, text)
        wanted = oracle.change(URI, 1, ordered)[0].text
        patch.setattr(documents_module, "MAX_LINE", 5)
        try:
            assert documents.change(URI, 1, ordered)[0].text == wanted
            assert max(map(len, re.split(r"\r\n|\n|\r", wanted))) <= 5
        except TextError:
            assert max(map(len, re.split(r"\r\n|\n|\r", wanted))) > 5
