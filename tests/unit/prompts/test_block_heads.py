"""The heads of blocks that fit between the lines around a place."""

import pytest

from spark_lsp.prompts.block_heads import list_heads

BODY = "\n        x = 1\n"


@pytest.mark.parametrize(
    ("above", "branches"),
    [
        ("    y = 1\n", set[str]()),
        ("    if y:\n        z = 1\n", {"elif ", "else:"}),
        ("    for y in z:\n        z = 1\n\n", {"else:"}),
        ("    try:\n        z = 1\n    # a comment\n", {"except", "finally:"}),
        ("    try:\n        z = 1\n    except ValueError:\n        z = 2\n", {"except", "else:", "finally:"}),
        ("    if y:\n        z = 1\n    else:\n        z = 2\n", {"finally:"}),
        ("def f(y):\n", set[str]()),
    ],
)
def test_a_branch_needs_its_statement_above(above: str, branches: set[str]) -> None:
    heads = set(list_heads(above, BODY, "    "))
    assert heads & {"elif ", "else:", "except", "finally:", "case "} == branches
    assert {"if ", "for ", "def "} <= heads


@pytest.mark.parametrize(
    ("below", "heads"),
    [
        ("    else:\n", ("if ", "for ", "while ", "async ")),
        ("\n    elif y:\n", ("if ",)),
        ("    except ValueError:\n", ("try:",)),
        ("    finally:\n", ("try:",)),
    ],
)
def test_a_branch_below_needs_a_head_that_may_have_it(below: str, heads: tuple[str, ...]) -> None:
    assert list_heads("def f(y):\n", BODY + below, "    ") == heads
    assert "def " in list_heads("def f(y):\n", BODY + "    y = 1\n" + below, "    ")


def test_the_head_in_a_match_statement_is_a_case() -> None:
    assert list_heads("match y:\n", BODY, "    ") == ("case ",)
    assert "case " in list_heads("match y:\n    case 1:\n        z = 1\n", BODY, "    ")


def test_at_the_beginning_of_a_file_nothing_is_excluded() -> None:
    assert "class " in list_heads("", "\n    x = 1\n", "")
