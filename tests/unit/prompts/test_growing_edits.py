"""Edits while their answer grows: they are those of the complete answer, however it was split."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import reply
from spark_lsp.prompts.growing_edits import GrowingEdits
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

BODY = [
    "x = 1",
    "yy = 2",
    "zzz = f(x)",
    "",
    "if x:",
    "    return yy",
    "}",
    "   ",
    "total = x + yy",
    "x = 1  ",
]
bodies = st.lists(st.sampled_from(BODY), min_size=1, max_size=10)
indents = st.sampled_from(["", "    ", "\t"])
wrappers = st.sampled_from(
    [
        "```python\n{}\n```",
        "```\n{}\n```\n",
        "Here it is:\n\n```python\n{}\n```\nDone.",
        "```python\n{}",
        "{}",
        "<think>\nx = 1\n```\n</think>\n```python\n{}\n```",
        "```python\n{}\n```\n\nUsage:\n\n```sh\nrun it\n```",
    ]
)


def indented(lines: list[str], indent: str) -> str:
    return "\n".join(indent + line if line.strip() else line for line in lines)


def final_edits(document: Document, start: int, end: int, form: EditFormat, answer: str) -> list[Edit] | None:
    """Return the edits of the complete answer before the gate; None if it is refused."""
    try:
        return reply.read_edits("instruct", document, SyntaxTree.of(document), start, end, form, answer)
    except EditRefused:
        return None


@settings(max_examples=150, deadline=None)
@given(
    old=bodies,
    new=bodies,
    shares=st.integers(0, 4),
    old_indent=indents,
    new_indent=indents,
    wrapper=wrappers,
    form=st.sampled_from([EditFormat.FENCED, EditFormat.REPLACE]),
    eol=st.sampled_from(["\n", "\r\n"]),
    around=st.sampled_from([("", ""), ("head = 0\n\n", "\ntail = 9\n"), ("", "\n")]),
    seed=st.integers(0, 999),
)
def test_certain_edits_begin_the_final_ones(
    old: list[str],
    new: list[str],
    shares: int,
    old_indent: str,
    new_indent: str,
    wrapper: str,
    form: EditFormat,
    eol: str,
    around: tuple[str, str],
    seed: int,
) -> None:
    chance = random.Random(seed)
    new = old[:shares] + new + old[shares:]
    before, target, after = (
        text.replace("\n", eol) for text in (around[0], indented(old, old_indent), around[1])
    )
    document = Document("file:///a.py", before + target + after, 1, "python")
    start, end = len(before), len(before) + len(target)
    answer = wrapper.format(indented(new, new_indent))
    final = final_edits(document, start, end, form, answer)
    growing = GrowingEdits(document, start, end, form)
    seen: list[list[Edit]] = []
    at = 0
    while at < len(answer):
        size = chance.choice([1, 2, 5, 40])
        growing.feed(answer[at : at + size])
        seen.append(growing.certain)
        at += size
    if growing.is_withdrawn or final is None:
        return
    assert all(edits == final[: len(edits)] for edits in seen)
    assert not growing.is_complete or growing.certain == final


def test_a_changed_line_is_shown_before_the_answer_ends() -> None:
    text = "def f():\n" + "".join(f"    value_{n} = {n}\n" for n in range(20))
    document = Document("file:///a.py", text, 1, "python")
    growing = GrowingEdits(document, 0, len(text), EditFormat.FENCED)
    changed = text.replace("value_3 = 3", "value_3 = 33").splitlines(keepends=True)
    growing.feed("```python\n" + "".join(changed[:5]) + "    v")
    at = text.index("    value_3")
    assert growing.certain == []
    assert growing.growing == Edit(at, at, "    value_3 = 33\n")
    growing.feed("".join(changed[5:8])[5:])
    assert growing.certain == [Edit(text.index(" = 3\n") + 3, text.index(" = 3\n") + 4, "33")]
    assert growing.growing is None


def test_a_shallower_line_withdraws_the_edits() -> None:
    text = "class A:\n    def f(self):\n        return 1\n"
    document = Document("file:///a.py", text, 1, "python")
    growing = GrowingEdits(document, 9, len(text), EditFormat.FENCED)
    growing.feed("```python\n    def f(self):\n        log()\n        return 1\n")
    assert growing.growing is not None
    growing.feed("x = 1\n```\n")
    assert growing.is_withdrawn
    assert growing.certain == []


def test_text_with_fences_of_its_own_waits_for_the_complete_answer() -> None:
    text = "# Demo\n\n```sh\nrun\n```\n\nEnd.\n"
    document = Document("file:///a.md", text, 1, "markdown")
    growing = GrowingEdits(document, 0, len(text), EditFormat.FENCED)
    growing.feed("```markdown\n# Other\n\n```sh\nrun\n```\n\nEnd.\n```")
    assert (growing.certain, growing.growing, growing.is_complete) == ([], None, False)


def test_white_space_before_bare_code_is_part_of_it() -> None:
    document = Document("file:///a.py", "   \nx = 1\ny = 2\n", 1, "python")
    growing = GrowingEdits(document, 0, len(document), EditFormat.FENCED)
    growing.feed("   \nx = 1\nz = 3\ny = 2\n")
    assert (growing.certain, growing.growing) == ([], None)


def test_a_second_block_withdraws_the_edits_of_the_first() -> None:
    document = Document("file:///a.py", "x = 1\n", 1, "python")
    growing = GrowingEdits(document, 0, len(document), EditFormat.FENCED)
    growing.feed("```python\nx = 2\n```\n")
    assert growing.certain == [Edit(4, 5, "2")]
    growing.feed("\nOr:\n\n```python\n")
    assert growing.is_withdrawn
    assert growing.certain == []
