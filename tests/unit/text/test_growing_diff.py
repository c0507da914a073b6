"""The edits of a text that arrives line by line: what is certain is never taken back."""

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, GrowingDiff, apply_edits, diff_texts, split_lines
from spark_lsp.text.line_hunks import to_line_hunk

LINES = ["a = 1\n", "bb = 2\n", "ccc = 3\n", "dddd = 4\n", "return x\n", "\n", "}\n", "  if a:\n", "no end"]
texts = st.lists(st.sampled_from(LINES), max_size=14).map("".join)
named = st.lists(st.integers(0, 30), max_size=20).map(lambda ns: "".join(f"line {n}\n" for n in ns))


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, str]:
    """Return distinct lines, and the same after some were removed, moved, replaced and inserted."""
    old = [f"line {n}\n" for n in range(draw(st.integers(0, 25)))]
    new = list(old)
    for _ in range(draw(st.integers(0, 4))):
        at, size = draw(st.integers(0, len(new))), draw(st.integers(0, 5))
        cut = new[at : at + size]
        kind = draw(st.sampled_from(["delete", "insert", "move", "copy"]))
        fresh = [f"fresh {draw(st.integers(0, 9))}\n" for _ in range(size)]
        if kind in ("delete", "move"):
            del new[at : at + size]
        to = draw(st.integers(0, len(new)))
        new[to:to] = {"delete": [], "insert": fresh, "move": cut, "copy": cut}[kind]
    return "".join(old), "".join(new)


pairs = st.one_of(st.tuples(texts, texts), st.tuples(named, named), changed())


@settings(max_examples=200)
@given(pair=pairs, before=st.sampled_from(["", "head\n"]))
def test_certain_edits_are_never_taken_back(pair: tuple[str, str], before: str) -> None:
    old, new = pair
    final = diff_texts(old, new, len(before))
    document = Document("file:///a", before + old, 1, "")
    diff = GrowingDiff(old, len(before))
    for line in split_lines(new):
        diff.add(line)
        assert diff.certain == final[: len(diff.certain)]
        if diff.growing is not None and line.endswith("\n"):
            begun = to_line_hunk(document, diff.growing)
            complete = to_line_hunk(document, final[len(diff.certain)])
            assert complete.first == begun.first
            assert complete.lines[: len(begun.lines)] == begun.lines
    assert diff.finish() == final
    assert apply_edits(before + old, final) == before + new


def test_a_change_is_certain_two_lines_after_it() -> None:
    old = "".join(f"line {n}\n" for n in range(20))
    diff = GrowingDiff(old)
    shown = []
    for line in split_lines(old.replace("line 3\n", "other 3\n")):
        diff.add(line)
        shown.append((len(diff.certain), diff.growing is not None))
    assert shown[2:6] == [(0, False), (0, True), (0, True), (1, False)]


def test_a_line_moved_up_does_not_delete_the_lines_between() -> None:
    lines = [f"line {n}\n" for n in range(40)]
    moved = [*lines[:2], *lines[30:32], *lines[2:30], *lines[32:]]
    edits = diff_texts("".join(lines), "".join(moved))
    assert sum(edit.end - edit.start for edit in edits) == len("line 30\nline 31\n")


def test_two_thousand_lines_cost_the_same_at_the_end() -> None:
    chance = random.Random(7)
    old = [f"    value_{n} = {chance.randrange(5)}\n" if n % 3 else "\n" for n in range(2000)]
    new = [line.replace("value", "total") if chance.random() < 0.1 else line for line in old]
    diff = GrowingDiff("".join(old))
    begun = time.process_time()
    for line in new:
        diff.add(line)
    seconds = time.process_time() - begun
    assert apply_edits("".join(old), diff.finish()) == "".join(new)
    assert seconds < 2.0  # comparing all of it for each line takes minutes


def test_lines_of_one_kind_are_bounded_too() -> None:
    old, new = ["}\n", "\n"] * 1000, ["x\n", *["}\n", "\n", "\n"] * 700]
    diff = GrowingDiff("".join(old))
    begun = time.process_time()
    for line in new:
        diff.add(line)
    assert time.process_time() - begun < 2.0
    assert diff.growing == Edit(0, 0, "x\n")
