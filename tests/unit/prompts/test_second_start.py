"""A second answer continues the first one with the most similar name that exists."""

import pytest

from spark_lsp.prompts.ghost import GhostText
from spark_lsp.prompts.names import UnresolvedName
from spark_lsp.prompts.second_start import find_beginning, find_existing_start


@pytest.mark.parametrize(
    ("answer", "beginning"),
    [
        ("    total = 1", "to"),
        ("x = 1", "x"),
        ("self.total = 1", "self.to"),
        ("rows[0] = 1", "rows["),
        ("print('a', 1)", "print('a"),
        ("rows.append(total)", "rows.append(total"),
        ("return total", "return"),
        ("returned = total", "re"),
        ("else:", "else"),
        ("if total > 1:", "if total"),
        ("import os", "import os"),
        ("}", "}"),
        ("", ""),
    ],
)
def test_the_beginning_that_makes_a_statement(answer: str, beginning: str) -> None:
    assert find_beginning(answer) == beginning


@pytest.mark.parametrize(
    ("answer", "below", "avoided"),
    [
        ("best = value", "    best = value", "be"),  # a copy of the line below
        ("return value", "    best = value", "return"),  # the line below could never run
        ("rows = [value]", "    best = value", ""),
        ("rows = (", "    best = value", ""),
    ],
)
def test_another_answer_must_be_another_statement(answer: str, below: str, avoided: str) -> None:
    before = "def f(value):\n    "
    ghost = GhostText(f"{before}\n{below}\n    return best\n", len(before), "python")
    ghost.feed(answer)
    ghost.finish()
    assert ghost.find_avoided_start() == avoided


CLASS = "class Cart {\n  total = 0;\n  addItem(price) {\n    this.total += price;\n  }\n  print() {\n"


def attribute(name: str, offset: int, *known: str) -> UnresolvedName:
    return UnresolvedName(name, offset, "attribute", 0, known)


def test_the_first_wrong_name_is_replaced_by_the_closest_one() -> None:
    wrong = [attribute("prize", 20, "price"), attribute("totl", 5, "apply", "total", "tot_count")]
    assert find_existing_start("cart.totl() + cart.prize", wrong) == ("cart.total",)


def test_line_ends_are_those_of_the_engine() -> None:
    assert find_existing_start("x = 1\r\ny = cart.totl", [attribute("totl", 16, "total")]) == (
        "x = 1\ny = cart.total",
    )


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("cart.total", []),
        ("cart.checkout()", [attribute("checkout", 5, "total", "items")]),  # nothing is similar
        ("otl()", [attribute("totl", 0, "total")]),  # the user wrote its beginning
        ("cart.nothing", [attribute("nothing", 5)]),
    ],
)
def test_nothing_is_known_of_the_second_answer(answer: str, wrong: list[UnresolvedName]) -> None:
    assert find_existing_start(answer, wrong) == ()


@pytest.mark.parametrize(
    ("language", "before", "answer", "after", "start"),
    [
        ("python", "def add(number):\n    ", "return numbr + 1", "\n", "return number"),
        ("javascript", f"{CLASS}    ", "console.log(this.totl);", "\n  }\n}\n", "console.log(this.total"),
        ("typescript", "export const limit = 3;\nconsole.log(", "limt", ")\n", "limit"),
    ],
)
def test_names_of_the_file(language: str, before: str, answer: str, after: str, start: str) -> None:
    ghost = GhostText(before + after, len(before), language)
    ghost.feed(answer)
    assert ghost.finish()
    assert ghost.count_faults() == 1
    assert ghost.find_second_starts() == (start,)


def test_attributes_that_another_check_has_marked() -> None:
    before, answer = "cart = Cart()\n", "cart.totl()"
    ghost = GhostText(before, len(before), "python")
    ghost.feed(answer)
    text = ghost.finish()
    assert text == answer
    ghost.mark_wrong(text, [attribute("totl", 5, "total")])
    assert ghost.find_second_starts() == ("cart.total",)
    ghost.mark_wrong("another text", [attribute("totl", 5, "total")])
    assert ghost.find_second_starts() == ()
