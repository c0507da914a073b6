"""Faults of an answer: names that nothing binds, in it and below it."""

import pytest

from spark_lsp.prompts.answer_faults import count_faults, find_wrong_names
from spark_lsp.prompts.ghost import GhostText

BEFORE = "def parse(value):\n    "
BELOW = "\n    if number > 3:\n        return number\n    return None\n"


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ("number = float(value)", 0),
        ("other = float(value)", 1),  # the lines below use a name that this does not bind
        ("number = flaot(value)", 1),
        ("other = flaot(value)", 2),
        ("", 0),
    ],
)
def test_names_in_the_answer_and_below_it_count(answer: str, faults: int) -> None:
    assert count_faults(BEFORE, answer, BELOW, "python") == faults


def test_a_module_without_its_import_is_no_fault() -> None:
    assert count_faults("x = ", "os.getcwd()", "\n", "python") == 0


def test_other_languages_and_large_documents_are_not_judged() -> None:
    assert count_faults("x = ", "nothing_like_that", "\n", "cobol") == 0
    assert count_faults("x = 1\n" * 20_000, "nothing_like_that", "\n", "python") == 0


def test_an_answer_is_cut_before_its_first_wrong_name() -> None:
    answer = "number = float(value)\n    number = clamp_it(number)"
    (wrong,) = find_wrong_names(BEFORE, answer, BELOW, "python")
    assert answer[: wrong.cut].strip() == "number = float(value)"
    ghost = GhostText(BEFORE + BELOW, len(BEFORE), "python")
    ghost.feed(answer)
    assert ghost.finish() == answer
    assert ghost.count_faults() == 1
    assert ghost.cut_wrong_names() == "number = float(value)"


def test_an_answer_that_begins_with_a_wrong_name_is_not_shown() -> None:
    ghost = GhostText(BEFORE + BELOW, len(BEFORE), "python")
    ghost.feed("number = clamp_it(value)")
    assert ghost.finish()
    assert ghost.cut_wrong_names() is None
