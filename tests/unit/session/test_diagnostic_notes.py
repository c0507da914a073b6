"""Diagnostics follow their text, and end with it."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.diagnostic_notes import MAX_NOTES, NEAR_LINES, DiagnosticNote, DiagnosticNotes
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

URI = "file:///a.py"
TEXT = "one = 1\ntwo = undefined\nthree = 3\n"
AT = TEXT.index("undefined")
NOTE = DiagnosticNote(AT, AT + 9, "not\n defined")


def document(text: str = TEXT) -> Document:
    return Document(URI, text, 1, "python")


def noted(text: str = TEXT, note: DiagnosticNote = NOTE) -> DiagnosticNotes:
    notes = DiagnosticNotes()
    notes.replace_lines(document(text), note.start, note.end, [note])
    return notes


def test_a_note_names_its_text_and_not_its_line() -> None:
    assert noted().list_near(document(), 0) == [(1, "not defined (at `undefined`)")]


def test_only_near_notes() -> None:
    text = TEXT + "\n" * 30
    assert noted(text).list_near(document(text), AT + NEAR_LINES) != []
    assert noted(text).list_near(document(text), len(text)) == []


def test_later_diagnostics_replace_those_of_their_lines() -> None:
    notes = noted()
    notes.replace_lines(document(), 0, 0, [DiagnosticNote(0, 3, "first")])
    assert len(notes.list_near(document(), 0)) == 2
    notes.replace_lines(document(), AT, AT, [])
    assert notes.list_near(document(), 0) == [(0, "first (at `one`)")]
    notes.forget(URI)
    assert notes.list_near(document(), 0) == []


def test_notes_are_bounded() -> None:
    notes = DiagnosticNotes()
    notes.replace_lines(document(), 0, 0, [DiagnosticNote(0, 1, str(n)) for n in range(MAX_NOTES + 9)])
    assert len(notes.list_near(document(), 0)) == MAX_NOTES


@given(st.integers(0, len(TEXT)), st.integers(0, 12), st.text("ab\n", max_size=5))
def test_a_note_refers_to_its_text_or_is_gone(start: int, length: int, new: str) -> None:
    edit = Edit(start, min(start + length, len(TEXT)), new)
    after = document().splice(edit.start, edit.end, edit.new)
    notes = noted()
    notes.follow_edits(URI, [edit])
    for _, text in notes.list_near(after, 0):
        assert text == "not defined (at `undefined`)"
        assert "undefined" in after.text
