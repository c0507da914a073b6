"""Lines below an answer that can never run."""

import pytest

from spark_lsp.prompts.dead_code import makes_code_dead

ABOVE = "def choose(x, y):\n    if y % 2 == 0:\n        return y\n    "


@pytest.mark.parametrize(
    ("answer", "below", "is_dead"),
    [
        ("else:", "        return -1\n    return y - 1\n", True),
        ("if x == y:", "        return -1\n    return y - 1\n", False),
        ("elif x == y:", "        return -1\n    return y - 1\n", False),
        ("else:", "        x += 1\n    return y - 1\n", False),
        ("else:", "        return -1\n", False),
        ("else:", "        return -1\n\n\ny = 1\n", False),
        ("else:", "        return -1\n    # a comment\n", False),
        ("elif x:\n        raise ValueError\n    else:", "        return -1\n    return y - 1\n", True),
        ("return x", "    return y - 1\n", True),
    ],
)
def test_code_below_branches_that_all_leave(answer: str, below: str, is_dead: bool) -> None:
    assert makes_code_dead(ABOVE, answer, f"\n{below}", "python") is is_dead


def test_braces() -> None:
    above, below = (
        "function f(x) {\n  if (x) {\n    return 1;\n  }\n  ",
        "\n    return 2;\n  }\n  return 3;\n}\n",
    )
    assert makes_code_dead(above, "else {", below, "javascript")
    assert not makes_code_dead(above, "if (x > 1) {", below, "javascript")


def test_a_language_without_a_grammar_is_judged_by_its_last_line() -> None:
    assert not makes_code_dead(ABOVE, "else:", "\n        return -1\n    return y\n", "cobol")
    assert makes_code_dead("    ", "return x", "\n    y\n", "cobol")
