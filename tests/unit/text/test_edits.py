"""Edits: applied, found, carried over typing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import TextError
from spark_lsp.text.edits import Edit, apply_edits, diff_texts, rebase_edits

PIECES = ["foo", "bar", " ", "\n", "\r\n", "é", "😀", "x = 1"]
texts = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


class TestApply:
    def test_all_refer_to_the_old_text(self) -> None:
        assert apply_edits("abcdef", [Edit(4, 6, "Z"), Edit(0, 1, "xyz")]) == "xyzbcdZ"

    @pytest.mark.parametrize(
        "edits", [[Edit(0, 3, ""), Edit(2, 4, "")], [Edit(3, 2, "")], [Edit(0, 9, "")], [Edit(-1, 0, "")]]
    )
    def test_refuses_what_cannot_be(self, edits: list[Edit]) -> None:
        with pytest.raises(TextError):
            apply_edits("abcdef", edits)


class TestDiff:
    @given(old=texts, new=texts)
    def test_applied_gives_the_new_text(self, old: str, new: str) -> None:
        assert apply_edits(old, diff_texts(old, new)) == new

    @given(old=texts)
    def test_nothing_for_no_change(self, old: str) -> None:
        assert diff_texts(old, old) == []

    def test_one_word_is_one_whole_word(self) -> None:
        old = "def f():\n    return counter\n"
        assert diff_texts(old, old.replace("counter", "counts")) == [Edit(20, 27, "counts")]

    def test_lines_far_apart_are_two_edits(self) -> None:
        old = "a\nb\nc\nd\n"
        assert diff_texts(old, "A\nb\nc\nD\n", at=100) == [Edit(100, 101, "A"), Edit(106, 107, "D")]

    def test_a_line_end_is_never_cut_in_two(self) -> None:
        assert diff_texts("a\r\n", "a\n") == [Edit(1, 3, "\n")]
        assert diff_texts("a\n", "a\r\n") == [Edit(1, 2, "\r\n")]


class TestRebase:
    def test_typing_above_moves_an_edit(self) -> None:
        assert rebase_edits([Edit(10, 12, "x")], [Edit(0, 0, "abc")]) == [Edit(13, 15, "x")]

    def test_typing_below_leaves_it(self) -> None:
        assert rebase_edits([Edit(1, 2, "x")], [Edit(5, 9, "")]) == [Edit(1, 2, "x")]

    @pytest.mark.parametrize("typed", [Edit(2, 2, "y"), Edit(1, 3, ""), Edit(4, 4, "z"), Edit(3, 3, "q")])
    def test_typing_inside_or_at_the_border_is_a_conflict(self, typed: Edit) -> None:
        assert rebase_edits([Edit(2, 4, "x")], [typed]) is None

    @given(text=texts, data=st.data())
    def test_a_rebased_edit_replaces_the_same_characters(self, text: str, data: st.DataObject) -> None:
        a, b, c, d = (data.draw(st.integers(0, len(text))) for _ in range(4))
        edit, typed = Edit(min(a, b), max(a, b), "NEW"), Edit(min(c, d), max(c, d), data.draw(texts))
        moved = rebase_edits([edit], [typed])
        if moved is not None:
            now = apply_edits(text, [typed])
            assert now[moved[0].start : moved[0].end] == text[edit.start : edit.end]
