"""Changes of a document as diffs: whoever has the text before and the diffs has the text after, exactly."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.responses.lineage import MOST_CHARS, Base, Lineage
from spark_lsp.engine.responses.splices import extend, find_splice, render
from spark_lsp.request import Part, PartKind
from tests.conformance.changes import apply, split_changes

LETTERS = st.text("ab\n\r\x0b\u2028+-@\\ <>/\t😀", max_size=40)
EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), LETTERS), max_size=12)


def edited(text: str, edit: tuple[int, int, str]) -> str:
    at, length, new = edit
    at = min(at, len(text))
    return text[:at] + new + text[at + length :]


@given(LETTERS, LETTERS)
def test_one_splice_leads_from_any_text_to_any_other(old: str, new: str) -> None:
    splice = find_splice(old, new)
    assert (splice is None) == (old == new)
    if splice is not None:
        assert "".join(splice.removed) in old
        assert apply(old, render([splice])) == new


@given(LETTERS, EDITS)
def test_steps_lead_to_the_latest_text_however_it_was_typed(start: str, edits: list[tuple[int, int, str]]):
    now, steps = start, ()
    for edit in edits:
        text = edited(now, edit)
        steps = extend(start, steps, now, text)
        now = text
        assert apply(start, render(step.splice for step in steps)) == text


@given(
    LETTERS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), LETTERS, st.booleans()), max_size=12)
)
def test_a_base_and_its_changes_are_the_text_over_checkpoints_and_losses(
    start: str, edits: list[tuple[int, int, str, bool]]
) -> None:
    lineage = Lineage()
    lineage.note(start, "python")
    lineage.adopt(Base("r0", start))
    known = {"r0": start}  # what the service has
    text = start
    for number, (at, length, new, checkpoint) in enumerate(edits, 1):
        text = edited(text, (at, length, new))
        lineage.note(text, "python")
        fork = lineage.fork()
        assert fork is not None
        rendered, rest = split_changes(fork.changes)
        assert rest == ""
        assert apply(known[fork.base.response], rendered) == text
        if checkpoint:
            known[f"r{number}"] = text
            text = edited(text, (at, 1, "x"))  # typed while the checkpoint was prepared
            lineage.note(text, "python")
            lineage.adopt(Base(f"r{number}", known[f"r{number}"], drift=len(fork.changes)))


def test_typing_in_one_line_stays_one_short_diff() -> None:
    start = "def f():\n    return\n" * 100
    lineage = Lineage()
    lineage.note(start, "python")
    lineage.adopt(Base("r", start))
    text, at = start, start.index("return") + 6
    for letter in " 1 + 2":
        text = text[:at] + letter + text[at:]
        at += 1
        lineage.note(text, "python")
    assert [splice.added for splice in lineage.splices] == [("    return 1 + 2\n",)]
    assert render(lineage.splices) == "@@ -2 +2 @@\n-    return\n+    return 1 + 2\n"


def test_two_places_are_two_short_diffs_and_not_all_between() -> None:
    start = "".join(f"line {number}\n" for number in range(500))
    lineage = Lineage()
    lineage.note(start, "python")
    lineage.adopt(Base("r", start))
    for old, new in (("line 10\n", "line ten\n"), ("line 400\n", "line four hundred\n")):
        lineage.note(lineage.text.replace(old, new), "python")
    fork = lineage.fork()
    assert fork is not None
    assert len(fork.changes) < 120


def test_removed_lines_are_quoted_by_their_beginnings() -> None:
    old = "".join(f"{number} {'x' * 100}\n" for number in range(50))
    splice = find_splice(old, "")
    assert splice is not None
    rendered = render([splice])
    assert len(rendered) < 350
    assert rendered.startswith("@@ -1,50 +0,0 @@\n-0 xxx")
    assert apply(old, rendered) == ""


def test_a_root_is_due_after_much_change_and_a_checkpoint_after_some() -> None:
    start = "a = 1\n" * 2_000
    lineage = Lineage()
    assert lineage.needs_root
    lineage.note(start, "python")
    lineage.adopt(Base("r", start))
    assert (lineage.needs_root, lineage.needs_checkpoint) == (False, False)
    lineage.note(start + "b = 2\n" * 40, "python")
    assert (lineage.needs_root, lineage.needs_checkpoint) == (False, True)
    lineage.note(start + "b = 2\n" * MOST_CHARS, "python")
    assert lineage.needs_root
    assert lineage.fork() is None
    lineage.note(start, "python")
    lineage.adopt(Base("r", start, drift=10_000))
    assert lineage.needs_root
    assert lineage.fork() is not None  # until the next root is ready


def test_context_beside_the_document_is_sent_once() -> None:
    part = Part(PartKind.FILE, "def g(): ...\n", "g.py")
    lineage = Lineage()
    lineage.note("a\n", "python", (part,))
    lineage.adopt(Base("r", "a\n", (part,)))
    lineage.note("a\n", "python", (part,))
    assert (fork := lineage.fork()) is not None
    assert fork.changes == ""
    other = Part(PartKind.RECENT_EDIT, "-x\n+y\n", "h.py")
    lineage.note("a\n", "python", (part, other))
    assert (fork := lineage.fork()) is not None
    assert fork.changes == '<edit_elsewhere path="h.py">\n-x\n+y\n</edit_elsewhere>\n'


def test_a_very_long_line_is_found() -> None:
    start = "x" * 5_000 + "\nshort\n"
    lineage = Lineage()
    lineage.note(start, "javascript")
    lineage.adopt(Base("r", start))
    lineage.note(start + "more\n", "javascript")
    assert not lineage.has_long_lines
    lineage.note("y" + start, "javascript")
    assert lineage.has_long_lines


def test_much_context_is_sent_once_and_no_cause_for_the_full_text() -> None:
    start = "a = 1\n" * 500
    lineage = Lineage()
    lineage.note(start, "python")
    lineage.adopt(Base("r", start))  # prepared where the cursor rested, without context
    parts = tuple(Part(PartKind.FILE, "x" * 1_000, f"{number}.py") for number in range(12))
    lineage.note(start, "python", parts)
    assert (lineage.needs_root, lineage.needs_checkpoint, lineage.drift) == (False, True, 0)
    assert (fork := lineage.fork()) is not None
    assert len(fork.changes) > 12_000
    lineage.adopt(Base("s", start, parts, lineage.drift))
    assert (fork := lineage.fork()) is not None
    assert fork.changes == ""
