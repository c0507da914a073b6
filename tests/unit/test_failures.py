"""What a program tells the one that started it: one line for a failure, whatever else it prints."""

import json

import pytest

from spark_lsp.codes import Code
from spark_lsp.failures import FAILED, PROBLEM, Failure, read, read_all


@pytest.mark.parametrize("message", ["It broke.", 'With "quotes",\nlines and ä', ""])
def test_a_failure_is_one_line_that_is_read_back(message: str) -> None:
    failure = Failure(FAILED, Code.CONFIG_ERROR, message)
    assert "\n" not in failure.line
    assert failure.line.isascii()
    assert read(failure.line) == failure


def test_a_failure_of_a_later_release_keeps_its_words() -> None:
    line = json.dumps({"event": "failed", "code": "of a later release", "message": "It broke.", "more": 1})
    assert read(line) == Failure(FAILED, Code.ERROR, "It broke.")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "spark-lsp: It broke.",
        "7",
        "[]",
        "[" * 100_000,
        '{"event": "ready", "message": "x"}',
        '{"event": "failed", "code": "error"}',
        '{"event": "failed", "code": "error", "message": 7}',
        '{"event": ["failed"], "message": "x"}',
    ],
)
def test_any_other_line_is_none(line: str) -> None:
    assert read(line) is None


def test_failures_are_found_among_other_lines() -> None:
    first = Failure(PROBLEM, Code.CONFIG_ERROR, "a setting")
    last = Failure(FAILED, Code.ERROR, "the end")
    assert list(read_all(f"INFO x\n{first.line}\nspark-lsp: the end\n{last.line}\n")) == [first, last]
