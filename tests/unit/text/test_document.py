"""The document against a plain-string oracle, and the cases that break `splitlines`."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import TextError
from spark_lsp.text.document import Document, line_starts

LINE_ENDS = ["\n", "\r", "\r\n"]
PIECES = [*LINE_ENDS, "a", "bc", " ", "\f", "\v", "\x85", "\u2028", "\u2029", "é", "語", "😀", "\ud800"]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def oracle_lines(text: str) -> list[str]:
    """Lines as LSP has them, by the plainest means: one regular expression over the whole text."""
    return re.split(r"\r\n|\n|\r", text)


def check(document: Document, text: str) -> None:
    lines = oracle_lines(text)
    assert document.text == text
    assert document.line_count == len(lines)
    assert [document.line(i) for i in range(len(lines))] == lines
    assert all(document.line_at(document.line_start(i)) == i for i in range(len(lines)))


class TestLines:
    @pytest.mark.parametrize("separator", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
    def test_what_is_no_line_end(self, separator: str) -> None:
        document = Document("file:///a", f"one{separator}still one\ntwo")
        assert document.line_count == 2
        assert document.line(0) == f"one{separator}still one"

    def test_all_three_line_ends(self) -> None:
        document = Document("file:///a", "a\nb\r\nc\rd")
        assert [document.line(i) for i in range(4)] == ["a", "b", "c", "d"]

    def test_past_the_end(self) -> None:
        document = Document("file:///a", "a\nb")
        assert document.line_start(7) == 3
        assert document.line(7) == ""

    @pytest.mark.parametrize(("text", "eol"), [("a\r\nb", "\r\n"), ("a\rb\n", "\r"), ("", "\n")])
    def test_eol_is_that_of_the_first_line(self, text: str, eol: str) -> None:
        assert Document("file:///a", text).eol == eol


class TestSplice:
    @pytest.mark.parametrize(("start", "end"), [(2, 1), (0, 4), (-1, 0)])
    def test_a_range_that_does_not_fit_is_refused(self, start: int, end: int) -> None:
        with pytest.raises(TextError, match="does not fit a text of 3 characters"):
            Document("file:///a", "abc").splice(start, end, "x")

    def test_joins_and_parts_a_line_end(self) -> None:
        document = Document("file:///a", "a\rb\nc")
        joined = document.splice(2, 3, "")
        check(joined, "a\r\nc")
        check(joined.splice(2, 2, "x"), "a\rx\nc")

    def test_the_old_document_stays_as_it_was(self) -> None:
        old = Document("file:///a", "a\nb\nc", version=1)
        new = old.splice(2, 3, "x\ny", version=2)
        check(old, "a\nb\nc")
        check(new, "a\nx\ny\nc")
        assert (old.version, new.version) == (1, 2)

    @settings(max_examples=150, deadline=None)
    @given(text=texts, data=st.data())
    def test_equals_the_oracle_over_6_000_operations(self, text: str, data: st.DataObject) -> None:
        """150 examples of 40 splices; some old documents are checked at the end, because they share memory.

        `tests/fuzz/test_documents.py` runs many more.
        """
        document = Document("file:///a", text)
        random = data.draw(st.randoms(use_true_random=False))
        kept: list[tuple[Document, str]] = []
        for step in range(40):
            start, end = sorted(random.choices(range(len(text) + 1), k=2))
            end = min(end, start + random.randrange(12))
            new = "".join(random.choices(PIECES, k=random.randrange(4)))
            if step % 8 == 0:
                kept.append((document, text))
            document = document.splice(start, end, new)
            text = text[:start] + new + text[end:]
            check(document, text)
        for old, old_text in kept:
            check(old, old_text)


@given(
    st.lists(st.sampled_from(["a", "", "é\f"]), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.text("\r\na"),
)
def test_lines_begin_where_the_simplest_rule_says(lines: list[str], eol: str, end: str) -> None:
    text = eol.join(lines) + end
    assert list(line_starts(text)) == [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
