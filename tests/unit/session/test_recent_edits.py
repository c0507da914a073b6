"""Recent edits: hunks that follow their documents, checked against the texts themselves."""

import difflib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.session.recent_edits import (
    JOIN_SECONDS,
    MAX_AGE_SECONDS,
    MAX_HUNK_CHARS,
    MAX_HUNKS,
    RecentEdits,
    render_hunk,
)
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

LINES = "".join(f"line {number}\n" for number in range(40))


def document(text: str, uri: str = "file:///a.py") -> Document:
    return Document(uri, text, 1, "python")


def change(edits: RecentEdits, old: Document, *made: Edit, now: float = 0.0) -> Document:
    new = old
    for edit in made:
        new = new.splice(edit.start, edit.end, edit.new)
    edits.note(old, new, made, now)
    return new


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[tuple[list[Edit], float]]]:
    """A text, and changes of it with their times; each edit refers to the result of the one before."""
    text = draw(st.text("ab\n", max_size=60))
    steps: list[tuple[list[Edit], float]] = []
    length, now = len(text), 0.0
    for _ in range(draw(st.integers(0, 6))):
        made: list[Edit] = []
        for _ in range(draw(st.integers(1, 2))):
            start = draw(st.integers(0, length))
            end = draw(st.integers(start, min(length, start + 6)))
            edit = Edit(start, end, draw(st.text("xy\n", max_size=5)))
            length += edit.growth
            made.append(edit)
        now += draw(st.sampled_from([0.0, 1.0, JOIN_SECONDS + 1]))
        steps.append((made, now))
    return text, steps


@given(histories())
def test_undoing_all_hunks_gives_the_first_text(history: tuple[str, list[tuple[list[Edit], float]]]) -> None:
    text, steps = history
    edits, current, now = RecentEdits(), document(text), 0.0
    for made, now in steps:
        current = change(edits, current, *made, now=now)
    hunks = sorted(edits.list_hunks(now), key=lambda hunk: (hunk.start, hunk.end))
    for hunk in hunks:
        assert hunk.new == current.text[hunk.start : hunk.end]
    assert all(one.end <= other.start for one, other in itertools.pairwise(hunks))
    undone = current.text
    for hunk in reversed(hunks):
        undone = undone[: hunk.start] + hunk.old + undone[hunk.end :]
    assert undone == text


def test_edits_at_one_place_are_one_hunk() -> None:
    edits, current = RecentEdits(), document(LINES)
    for at, letter in enumerate("new "):
        current = change(edits, current, Edit(7 + at, 7 + at, letter), now=float(at))
    (hunk,) = edits.list_hunks(5.0)
    assert (hunk.old, hunk.new) == ("line 1\n", "new line 1\n")
    assert render_hunk(hunk, "a.py") == "@@ -2 +2 @@\n-line 1\n+new line 1"


def test_edits_at_other_places_are_other_hunks_and_move() -> None:
    edits = RecentEdits()
    current = change(edits, document(LINES), Edit(len(LINES) - 3, len(LINES) - 3, "x"))
    current = change(edits, current, Edit(0, 0, "first\n"), now=1.0)
    newest, older = edits.list_hunks(2.0)
    assert newest.new == "first\nline 0\n"
    assert older.new == current.text[older.start : older.end] == "line x39\n"


def test_an_undone_edit_is_none() -> None:
    edits = RecentEdits()
    current = change(edits, document(LINES), Edit(0, 0, "x"))
    change(edits, current, Edit(0, 1, ""))
    assert edits.list_hunks(0.0) == []


def test_limits() -> None:
    edits = RecentEdits()
    current = change(edits, document(LINES), Edit(0, 0, "x" * MAX_HUNK_CHARS))
    assert edits.list_hunks(0.0) == []
    for number in range(MAX_HUNKS + 3):
        change(edits, document(LINES, f"file:///{number}.py"), Edit(0, 0, "x"), now=float(number))
    assert [hunk.uri for hunk in edits.list_hunks(20.0)] == [
        f"file:///{number}.py" for number in reversed(range(3, MAX_HUNKS + 3))
    ]
    assert edits.list_hunks(MAX_AGE_SECONDS + 20) == []
    edits.forget_places("file:///5.py")
    assert "file:///5.py" not in [hunk.uri for hunk in edits.list_hunks(20.0)]
    edits.clear()
    assert edits.list_hunks(20.0) == []
    assert current.text.startswith("x")


@given(
    st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=8),
    st.lists(st.sampled_from(["a\n", "d\n"]), max_size=8),
)
def test_a_diff_has_all_changed_lines(before: list[str], after: list[str]) -> None:
    edits, old = RecentEdits(), document("".join(before))
    new = "".join(after)
    change(edits, old, Edit(0, len(old), new))
    for hunk in edits.list_hunks(0.0):
        shown = render_hunk(hunk, "a.py").split("\n")
        removed = [line[1:] for line in shown if line.startswith("-")]
        added = [line[1:] for line in shown if line.startswith("+")]
        wanted = list(difflib.ndiff(hunk.old.splitlines(), hunk.new.splitlines()))
        assert sorted(removed) == sorted(line[2:] for line in wanted if line.startswith("- "))
        assert sorted(added) == sorted(line[2:] for line in wanted if line.startswith("+ "))
