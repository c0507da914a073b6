"""No refactoring changes the behaviour of code: every one that is possible in real-looking files is made.

The files are those of the suite `edits`, whose own tests run on each result.
"""

import ast
from collections.abc import Callable, Iterator

import pytest

from spark_lsp.bench.edit_programs import run_programs
from spark_lsp.bench.edit_tasks import TaskFile, read_task_files
from spark_lsp.bench.sandbox import Verdict
from spark_lsp.lsp.refactor.extract import extract_variable
from spark_lsp.lsp.refactor.extract_function import extract_function
from spark_lsp.lsp.refactor.inline import Edit, inline_variable
from spark_lsp.lsp.refactor.source import Refused, Source
from spark_lsp.text import edits

FILES = [file for file in read_task_files() if file.language == "python"]
BATCH = 40

Refactoring = Callable[[str, int, int], list[Edit]]


def expressions(source: Source) -> Iterator[tuple[int, int]]:
    """Give every third expression, so that the test takes seconds."""
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.expr)]
    for node in nodes[::3]:
        yield source.span(node)


def statements(source: Source) -> Iterator[tuple[int, int]]:
    """Give every sequence of up to three statements of a block."""
    for node in ast.walk(source.tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and not isinstance(node, ast.Module | ast.ClassDef):
                for first in range(len(block)):
                    for last in range(first, min(first + 3, len(block))):
                        yield source.span(block[first])[0], source.span(block[last])[1]


def variables(source: Source) -> Iterator[tuple[int, int]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            start, _ = source.span(node)
            yield start, start


CASES: dict[str, tuple[Callable[[Source], Iterator[tuple[int, int]]], Refactoring, int]] = {
    "inline": (variables, inline_variable, 5),
    "extract_variable": (expressions, extract_variable, 50),
    "extract_expression": (expressions, extract_function, 100),
    "extract_statements": (statements, extract_function, 100),
}


def results(file: TaskFile, name: str) -> dict[str, None]:
    """Return the different texts that a refactoring can make of a file."""
    places, refactoring, _ = CASES[name]
    found: dict[str, None] = {}
    for span in sorted(set(places(Source(file.source)))):
        try:
            made = refactoring(file.source, *span)
        except Refused:
            continue
        found[edits.apply_edits(file.source, [edits.Edit(*each) for each in sorted(made)])] = None
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_no_result_breaks_the_tests_of_its_file(name: str) -> None:
    count = 0
    for file in FILES:
        texts = list(results(file, name))
        count += len(texts)
        for at in range(0, len(texts), BATCH):
            batch = texts[at : at + BATCH]
            pairs = [(text, test) for text in batch for test in file.kept.values()]
            verdicts = run_programs(pairs)
            for (text, test), verdict in zip(pairs, verdicts, strict=True):
                assert verdict is Verdict.PASSED, f"{verdict}\n{test}\n{text}"
        assert all(("\r\n" in text) == file.crlf for text in texts)
    assert count >= CASES[name][2]
