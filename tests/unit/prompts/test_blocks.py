"""Blocks that indentation marks, and how a second answer must begin."""

import pytest

from spark_lsp.prompts.answer_faults import count_faults
from spark_lsp.prompts.blocks import (
    closes_bracket_above,
    find_outer_indentation,
    has_line_below_too_deep,
    makes_lines_unreachable,
)
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.prompts.second_start import find_starts


@pytest.mark.parametrize(
    ("before", "answer", "after", "too_deep"),
    [
        ("    ", "return x", "\n        break\n", True),
        ("    ", "if x:", "\n        break\n", False),
        ("    ", "if x:  # why: because", "\n        break\n", False),
        ("    ", "x = (", "\n        1)\n", False),
        ("    ", "x = 1 + \\", "\n        1\n", False),
        ("    ", "x = 1", "\n    break\n", False),
        ("    ", "x = 1", "\n\n        # a comment\n    break\n", False),
        ("", "", "\n    x\n", False),
        ("if x:\n", "", "\n    x\n", False),
        ("x = 1\n", "", "\n    x\n", True),
        ("\t", "x = 1", "\n\t\ty\n", True),
        ("\t", "x = 1", "", False),
    ],
)
def test_a_line_below_that_no_block_has(before: str, answer: str, after: str, too_deep: bool) -> None:
    assert has_line_below_too_deep(before, answer, after) is too_deep


@pytest.mark.parametrize(
    ("answer", "below", "unreachable"),
    [
        ("return x", "    y = 1", True),
        ("return x;", "    y = 1;", True),
        ("raise ValueError(", "    y", False),
        ("x = 1\n    break", "    y = 1", True),
        ("if x:\n        return y", "    y = 1", False),
        ("return x", "    else:", False),
        ("return x", "    case 2:", False),
        ("return x", "    }", False),
        ("return x", "    def f():", False),
        ("return x", "y = 1", False),
        ("returned = x", "    y = 1", False),
        ("return x", "", False),
    ],
)
def test_lines_below_that_are_never_reached(answer: str, below: str, unreachable: bool) -> None:
    assert makes_lines_unreachable("def f(x, y):\n    ", answer, f"\n{below}\n") is unreachable


def test_dead_code_is_a_fault() -> None:
    before, after = "def f(l):\n    ", "\n    l[::3] = sorted(l[::3])\n    return l\n"
    assert count_faults(before, "return l", after, "python") == 1
    assert count_faults(before, "l = list(l)", after, "python") == 0


def test_the_block_above_that_is_less_deep() -> None:
    before = "def f():\n    if x:\n        y = 1\n            z = 1\n"
    assert find_outer_indentation(before, "        w") == "    "
    assert find_outer_indentation(before, "    w") == ""
    assert find_outer_indentation(before, "w") is None
    assert find_outer_indentation("\tif x:\n", "\t\tw") == "\t"


BLOCK = "def f(n):\n    total = 0\n    while n:\n        n -= 1\n        if n:\n            total += n\n"


def test_an_answer_before_a_deeper_line_must_open_its_block() -> None:
    starts = find_starts(BLOCK, "        return total", "\n            total -= 1\n", "python")
    assert "        else:" in starts
    assert all(each.startswith("        ") for each in starts)
    assert find_starts(BLOCK + "        ", "return total", "\n            total -= 1\n", "python")[0] == "if "


def test_an_answer_below_the_head_of_a_block_must_be_in_the_block() -> None:
    before = BLOCK + "        if n > 3:\n"
    assert find_starts(before, "    return 1", "\n            total -= 1\n", "python") == ("            ",)


def test_an_answer_before_the_use_of_a_name_must_bind_it() -> None:
    after = "\n    if shift > len(text):\n        return text[::-1]\n"
    before = "def f(x, shift):\n"
    assert "    text = " in find_starts(before, "    return x", after, "python")
    assert "text = " in find_starts(before + "    ", "return x", after, "python")
    assert find_starts(before, "    text = str(x)", after, "python") == ()
    deeper = "\n        total += idx\n    return total\n"
    starts = find_starts(
        "def f(xs):\n    total = 0\n", "    while xs:\n        pass\n    x = 1", deeper, "python"
    )
    assert "    for idx in " in starts


def test_an_answer_before_the_block_that_uses_a_name_opens_it_with_that_name() -> None:
    before, after = "def f(xs):\n    total = 0\n", "\n        total += idx\n    return total\n"
    assert count_faults(before, "    while total < idx:", after, "python") == 1
    starts = find_starts(before, "    while total < idx:", after, "python")
    assert "    for idx in " in starts
    assert "    idx = " not in starts  # that opens no block
    rest = '\n           "V", "X"]\n    return sym\n'
    assert "    sym = " in find_starts("def f(n):\n    n = 2\n", "    n = 12", rest, "python")


@pytest.mark.parametrize(
    ("text", "closes"),
    [("\n  1, 2]\n", True), ("\n  f(1)\n", False), (")\n  x\n", False), ("\n})\n", True), ("", False)],
)
def test_lines_below_that_close_a_bracket_above(text: str, closes: bool) -> None:
    assert closes_bracket_above(text) is closes


@pytest.mark.parametrize(
    ("before", "after", "language"),
    [
        ("x = ", "\n    y\n", "python"),  # in the middle of a line
        ("", " + 1\n    y\n", "python"),  # text right of the cursor
        ("", "\n    y\n", "go"),
        ("\t", "\n        y\n", "python"),  # tabs and blanks
        ("", "", "python"),
    ],
)
def test_a_start_that_is_not_known(before: str, after: str, language: str) -> None:
    assert find_starts(before, "z", after, language) == ()


def test_ghost_text_before_a_line_that_is_too_deep_is_not_shown() -> None:
    after = "\n            total -= 1\n    return total\n"
    ghost = GhostText(BLOCK + "    " + after, len(BLOCK) + 4, "python")
    ghost.feed("return total")
    assert ghost.finish() is None
    assert ghost.deserves_second_answer
    ghost = GhostText(BLOCK + "        " + after, len(BLOCK) + 8, "python")
    ghost.feed("else:")
    assert ghost.finish() == "else:"
