"""When refactorings are offered, and the names that their instructions hold."""

import pytest

from spark_lsp.prompts.refactorings import (
    NO_CODE,
    NO_EXPRESSION,
    NO_VARIABLE,
    list_refactorings,
    read_name,
    read_parameters,
    read_refactoring,
)
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

TEXT = (
    "é = 1\n\n\ndef f(p, q):\n    total = p + (q * 2)\n    twice = 1\n    twice = 2\n    return g(total).x\n"
)


def offers(start: int, end: int, language: str = "python") -> dict[str, str]:
    """Return the subject of each refactoring that applies, and the obstacle of all others."""
    document = Document("file:///a.py", TEXT, language=language)
    found = list_refactorings(document, SyntaxTree.of(document), start, end)
    return {each.action: each.obstacle or each.subject for each in found}


def around(part: str) -> tuple[int, int]:
    return TEXT.index(part), TEXT.index(part) + len(part)


@pytest.mark.parametrize(
    ("part", "inline", "variable", "function"),
    [
        ("p + (q * 2)", NO_VARIABLE, "", ""),
        ("(q * 2)", NO_VARIABLE, "", ""),
        ("q * 2", NO_VARIABLE, "", ""),
        ("    total = p + (q * 2)\n", "total", NO_EXPRESSION, ""),
        ("total = p", "total", NO_EXPRESSION, NO_CODE),
        ("g(total)", NO_VARIABLE, "", ""),
        ("total).x", "total", NO_EXPRESSION, NO_CODE),
        ("    twice = 1\n    twice = 2\n", NO_VARIABLE, NO_EXPRESSION, ""),
        ("    return g(total).x\n", NO_VARIABLE, NO_EXPRESSION, NO_CODE),
        ("é = 1", NO_VARIABLE, NO_EXPRESSION, NO_CODE),
        ("\n\n", NO_VARIABLE, NO_EXPRESSION, NO_CODE),
    ],
)
def test_what_applies_to_a_selection(part: str, inline: str, variable: str, function: str) -> None:
    assert list(offers(*around(part)).values()) == [inline, variable, function]


@pytest.mark.parametrize(("place", "name"), [("total =", "total"), ("total)", "total"), ("x\n", NO_VARIABLE)])
def test_a_cursor_may_be_on_any_use_of_a_variable(place: str, name: str) -> None:
    at = TEXT.index(place)
    assert offers(at, at)["inline"] == name


def test_other_languages_have_none() -> None:
    assert offers(0, 1, "javascript") == {}


@pytest.mark.parametrize(
    ("action", "instruction", "name"),
    [
        ("extract_function", "area", "area"),
        ("extract_function", "Extract this into `area(w, h)`", "area"),
        ("extract_function", "Extract this, please", ""),
        ("inline", "Inline the variable `x`", "x"),
        ("inline", "inline x", "x"),
        ("inline", "", ""),
    ],
)
def test_the_name_in_an_instruction(action: str, instruction: str, name: str) -> None:
    assert read_name(action, instruction) == name


def test_the_parameters_in_an_instruction() -> None:
    assert read_parameters("Extract this into `area(w, h: int)`") == {"w", "h"}
    assert read_parameters("Extract this into `area()`") == frozenset()
    assert read_parameters("Extract this into `area`") is None


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Inline the variable `x`.", ("inline", "x")),
        ("inline x", ("inline", "x")),
        ("Inline this and rename y", None),
        ("Extract this into a function", ("extract_function", "")),
        ("Extract the selected lines into a function `area(w, h)`", ("extract_function", "area")),
        ("extract the selection into a variable named total", ("extract_variable", "total")),
        ("Extract this into a new method", ("extract_function", "")),
        ("Extract this into a function and document it", None),
        ("Make this a function", None),
    ],
)
def test_an_instruction_that_asks_for_a_refactoring(
    instruction: str, expected: tuple[str, str] | None
) -> None:
    assert read_refactoring(instruction) == expected
