"""Edits as filling in: when, with which prompt, and which lines of an answer belong into the hole."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.actions import find_action
from spark_lsp.prompts.fill_in import FillIn, HoleFilter, build_fill_in
from spark_lsp.request import Message, Objection, Part, PartKind, Request, Task

COMPLETE = find_action("complete").instruction
HEAD = 'def area(side):\n    """Return the area of a square."""\n'
AFTER = "\n\ndef show(side):\n    print(area(side))\n"
STUB = Request(
    Task.EDIT,
    (Part(PartKind.PREFIX, HEAD), Part(PartKind.TARGET, "    pass"), Part(PartKind.SUFFIX, AFTER)),
    f"{COMPLETE}:\n\n```python\n{HEAD}    pass\n```\n\nAnswer with the lines of the body",
    "complete",
    "python",
)
LINE = Request(
    Task.EDIT,
    (
        Part(PartKind.PREFIX, "def is_free(day):\n"),
        Part(PartKind.TARGET, "    return day > 5"),
        Part(PartKind.SUFFIX, "\n\nprint(is_free(3))\n"),
    ),
    "Saturday is free, too.",
    "instruct",
    "python",
    attempt=2,
)


def with_target(request: Request, target: str) -> Request:
    parts = tuple(Part(each.kind, target) if each.kind is PartKind.TARGET else each for each in request.parts)
    return replace(request, parts=parts)


def build(request: Request) -> FillIn:
    found = build_fill_in(request, "qwen")
    assert found is not None
    return found


def read(answer: HoleFilter, text: str, size: int = 1) -> str:
    """Return the part of a text that a filter passes on, fed in pieces."""
    shown = ""
    for start in range(0, len(text), size):
        shown += answer.feed(text[start : start + size])
        if answer.done:
            return shown
    return shown + answer.finish()


def test_the_body_of_a_stub_is_a_hole_below_its_documentation() -> None:
    found = build(STUB)
    assert found.prompt == f"<|fim_prefix|><|fim_suffix|>{AFTER}<|fim_middle|>{HEAD}"


def test_a_copied_line_is_a_hole_below_a_comment() -> None:
    note = "    # Saturday is free, too\n    # Before:\n    # return day > 5\n    # After:\n"
    assert build(LINE).prompt.endswith(f"<|fim_middle|>def is_free(day):\n{note}")


def test_a_line_with_a_diagnostic_is_a_hole_at_once() -> None:
    parts = (*LINE.parts, Part(PartKind.DIAGNOSTIC, "undefined name 'dya'"))
    note = "    # Correct this problem: undefined name 'dya'\n    # Before:\n"
    assert note in build(replace(LINE, parts=parts, action="fix", instruction="", attempt=1)).prompt


def test_the_comment_has_the_form_of_the_language() -> None:
    parts = (Part(PartKind.PREFIX, ""), Part(PartKind.TARGET, "return 1;"), Part(PartKind.SUFFIX, "\r\n"))
    request = replace(LINE, parts=parts, language="typescript", instruction="Return\r\n2")
    note = "// Return\n// 2\n// Before:\n// return 1;\n// After:\n"
    assert build(request).prompt.endswith(f"<|fim_middle|>{note}")


@pytest.mark.parametrize(
    ("request_", "family"),
    [
        (replace(LINE, attempt=1), "qwen"),
        (LINE, "smollm"),
        (replace(LINE, language="markdown"), "qwen"),
        (replace(LINE, action="fix"), "qwen"),
        (replace(LINE, action="simplify"), "qwen"),
        (replace(LINE, instruction="Write a test for this"), "qwen"),
        (replace(LINE, history=(Message("user", "Make it shorter"),)), "qwen"),
        (replace(LINE, objection=Objection("return 1", "It does not parse")), "qwen"),
        (with_target(LINE, "    # Saturday is not free"), "qwen"),
        (with_target(LINE, "    x = 1\n    return day > x"), "qwen"),
        (with_target(LINE, ""), "qwen"),
        (with_target(LINE, "    return '<|fim_middle|>'"), "qwen"),
        (replace(STUB, attempt=2), "qwen"),
        (replace(STUB, instruction=f"The side may be negative:\n\n{HEAD}"), "qwen"),
        (with_target(STUB, "    return side * side"), "qwen"),
        (with_target(STUB, "    # TODO: round it\n    pass"), "qwen"),
        (with_target(STUB, f"{HEAD}    pass"), "qwen"),
        (replace(LINE, task=Task.CHAT), "qwen"),
    ],
)
def test_these_questions_are_put_in_words(request_: Request, family: str) -> None:
    assert build_fill_in(request_, family) is None


def test_control_tokens_of_the_user_are_only_text() -> None:
    parts = (Part(PartKind.PREFIX, "x = '<|fim_middle|>'\n"), *LINE.parts[1:])
    assert build(replace(LINE, parts=parts)).prompt.count("<|fim_middle|>") == 1


@pytest.mark.parametrize("size", [1, 3, 200])
@pytest.mark.parametrize(
    ("target", "text", "wanted"),
    [
        ("    return day > 5", "    return day >= 5\n\nprint(is_free(3))\n", "    return day >= 5"),
        ("    return day > 5", "    # return day > 5\n    return day > 4", "    return day > 4"),
        ("    return day > 5", "    return day > 4\n    print(day)\n    print(1)\n", "    return day > 4"),
        (
            "    return day > 5",
            "    if day < 0:\n        raise ValueError\n    return day > 5\n    x = 1\n",
            "    if day < 0:\n        raise ValueError\n    return day > 5",
        ),
        ("    return day > 5", "    # a\n    # b\n    # c\n    # d\n    # e\n    x = 1\n", ""),
        ("    return day > 5", "    return f(\n        day\n    )\n    x = 1\n    y = 1\n", None),
    ],
)
def test_an_answer_for_a_line_ends_after_it(target: str, text: str, wanted: str | None, size: int) -> None:
    shown = read(build(with_target(LINE, target)).answer, text, size)
    assert shown == wanted or (wanted is None and shown.startswith("    return f(\n        day\n    )"))


def test_an_answer_for_the_head_of_a_block_ends_with_the_head() -> None:
    request = with_target(LINE, "    for n in days:")
    parts = (*request.parts[:2], Part(PartKind.SUFFIX, "\n        print(n)\n"))
    answer = build(replace(request, parts=parts)).answer
    assert (
        read(answer, "    for n in set(days):\n        print(n)\n        x = 1\n")
        == "    for n in set(days):"
    )


@pytest.mark.parametrize("size", [1, 7])
def test_a_body_ends_before_the_next_definition(size: int) -> None:
    body = "    # A square\n    both = side * side\n\n    return both"
    assert read(build(STUB).answer, f"{body}\n\n\ndef other():\n    pass\n", size) == body


@given(st.text(alphabet=" \tab:\n#}"), st.integers(1, 5))
def test_the_pieces_of_an_answer_do_not_matter(text: str, size: int) -> None:
    for request in (STUB, LINE):
        answer = build(request).answer
        assert read(answer.make_another(), text, size) == read(answer.make_another(), text, max(len(text), 1))
