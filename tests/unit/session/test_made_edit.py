"""Undoing an edit restores its own ranges and nothing else, or is refused."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.made_edit import MadeEdit, move_range
from spark_lsp.text.edits import Edit, apply_edits

TEXT = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
ONE, TWO = TEXT.index("1"), TEXT.index("2")
EDITS = [Edit(ONE, ONE + 1, "one()"), Edit(TWO, TWO + 1, "two()")]
AFTER = apply_edits(TEXT, EDITS)


def made(*changes: Edit) -> tuple[MadeEdit, str]:
    """The edit after it landed and after later changes, and the text."""
    edit = MadeEdit(TEXT, EDITS, (0, len(TEXT)))
    text = TEXT
    for change in (*sorted(EDITS, reverse=True), *changes):
        text = apply_edits(text, [change])
        edit.follow(text, [change])
    return edit, text


def undone(*changes: Edit) -> str | None:
    edit, text = made(*changes)
    edits = edit.make_undo(text)
    return None if edits is None else apply_edits(text, edits)


def test_an_edit_is_undone() -> None:
    assert undone() == TEXT


def test_text_typed_elsewhere_stays() -> None:
    at = AFTER.index("def g")
    assert undone(Edit(0, 0, "import os\n"), Edit(at + 10, at + 10, "# here\n")) == (
        "import os\n" + TEXT.replace("def g", "# here\ndef g")
    )


def test_text_typed_at_its_border_stays() -> None:
    end = AFTER.index("one()") + len("one()")
    assert undone(Edit(end, end, " + 1")) == TEXT.replace("return 1", "return 1 + 1")


def test_text_typed_over_it_refuses() -> None:
    at = AFTER.index("one()")
    assert undone(Edit(at + 3, at + 4, "")) is None
    assert undone(Edit(at - 4, at + 4, "x")) is None


def test_what_was_typed_over_it_and_removed_again_does_not_count() -> None:
    at = AFTER.index("one()") + 1
    assert undone(Edit(at, at, "xyz"), Edit(at, at + 3, "")) == TEXT


def test_the_editors_own_undo_and_redo() -> None:
    at = AFTER.index("one()")
    assert undone(Edit(at, at + 5, "1")) is None
    assert undone(Edit(at, at + 5, "1"), Edit(at, at + 1, "one()")) == TEXT


def test_a_removal_is_undone_unless_text_was_typed_in_its_place() -> None:
    start, end = TEXT.index("\n\n\n"), TEXT.index("def g")
    for typed, expected in ((None, TEXT), (Edit(start, start, "x"), None)):
        edit = MadeEdit(TEXT, [Edit(start, end, "")], (0, len(TEXT)))
        text = apply_edits(TEXT, [Edit(start, end, "")])
        edit.follow(text, [Edit(start, end, "")])
        if typed is not None:
            text = apply_edits(text, [typed])
            edit.follow(text, [typed])
        edits = edit.make_undo(text)
        assert (None if edits is None else apply_edits(text, edits)) == expected


def test_an_editor_that_sends_the_full_text() -> None:
    edit = MadeEdit(TEXT, EDITS, (0, len(TEXT)))
    edit.follow(AFTER, [Edit(0, len(TEXT), AFTER)])
    typed = "import os\n" + AFTER + "# end\n"
    edit.follow(typed, [Edit(0, len(AFTER), typed)])
    edits = edit.make_undo(typed)
    assert edits is not None
    assert apply_edits(typed, edits) == "import os\n" + TEXT + "# end\n"


def test_typed_text_in_the_same_message() -> None:
    edit = MadeEdit(TEXT, EDITS, (0, len(TEXT)))
    edit.follow("# \n" + AFTER, [EDITS[1], EDITS[0], Edit(0, 0, "# \n")])
    edits = edit.make_undo("# \n" + AFTER)
    assert edits is not None
    assert apply_edits("# \n" + AFTER, edits) == "# \n" + TEXT


def test_an_edit_that_did_not_land_is_not_undone() -> None:
    edit = MadeEdit(TEXT, EDITS, (0, len(TEXT)))
    assert edit.make_undo(TEXT) is None
    edit.confirm()
    assert edit.make_undo(TEXT) is None  # the editor says so, but the text is not there
    assert edit.make_undo(AFTER) is not None


def test_a_reopened_document_is_compared() -> None:
    edit, _ = made()
    later = "# new\n" + AFTER
    edits = edit.make_undo(later)
    assert edits is not None
    assert apply_edits(later, edits) == "# new\n" + TEXT


@given(st.data())
def test_undo_after_typing_anywhere_restores_its_own_ranges_or_refuses(data: st.DataObject) -> None:
    edit, text = made()
    marks = "\ue000", "\ue001"  # what the user types does not contain them, so they show what is touched
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 4)))
        change = Edit(start, end, data.draw(st.text("abc\n()", max_size=4)))
        text = apply_edits(text, [change])
        edit.follow(text, [change])
    edits = edit.make_undo(text)
    if edits is None:
        return
    assert [text[each.start : each.end] for each in edits] == ["one()", "two()"]
    assert [each.new for each in edits] == ["1", "2"]
    outside = apply_edits(text, [Edit(e.start, e.end, m) for e, m in zip(edits, marks, strict=True)])
    restored = apply_edits(text, edits)
    assert outside.replace(marks[0], "1").replace(marks[1], "2") == restored


@given(st.data())
def test_typing_outside_never_prevents_it(data: st.DataObject) -> None:
    edit, text = made()
    for _ in range(data.draw(st.integers(0, 6))):
        hunks = edit.hunks
        borders = [0, hunks[0].start, hunks[0].end, hunks[1].start, hunks[1].end, len(text)]
        gap = data.draw(st.sampled_from([0, 2, 4]))
        start = data.draw(st.integers(borders[gap], borders[gap + 1]))
        end = data.draw(st.integers(start, borders[gap + 1]))
        change = Edit(start, end, data.draw(st.text("abc\n", max_size=4)))
        text = apply_edits(text, [change])
        edit.follow(text, [change])
    edits = edit.make_undo(text)
    assert edits is not None
    assert [each.new for each in edits] == ["1", "2"]


def test_ranges_and_changes() -> None:
    assert move_range(3, 5, Edit(0, 3, "x")) == (1, 3)
    assert move_range(3, 5, Edit(5, 9, "x")) == (3, 5)
    assert move_range(3, 5, Edit(3, 3, "xy")) == (5, 7)
    assert move_range(3, 5, Edit(4, 8, "xy")) == (3, 6)
    assert move_range(3, 3, Edit(3, 3, "xy")) == (3, 5)
    assert move_range(3, 3, Edit(1, 3, "")) == (1, 1)
