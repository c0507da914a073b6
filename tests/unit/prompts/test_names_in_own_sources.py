"""No false alarm in real code: a line of our own sources, as inserted text, has no unresolved name."""

from pathlib import Path

import pytest

import spark_lsp
from spark_lsp.prompts.names import find_unresolved
from spark_lsp.text.lines import LINE_END

ROOT = Path(spark_lsp.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
EVERY = 7  # lines of a file; all of them take minutes
GROUPS = 12


def false_alarms(file: Path, first: int, every: int) -> tuple[int, list[str]]:
    """Return how many lines were examined, and the names that were reported."""
    text = file.read_text("utf-8")
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    count, found = 0, list[str]()
    for start, end in list(zip(starts, [*starts[1:], len(text)], strict=True))[first::every]:
        line = text[start:end].rstrip("\n")
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        count += 1
        for each in find_unresolved(
            text[: start + indent], line[indent:], text[start + len(line) :], "python"
        ):
            found.append(f"{file.name}: {each.kind} {each.name}: {line.strip()}")
    return count, found


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_line_of_the_package_is_reported(group: int) -> None:
    results = [
        false_alarms(file, number % EVERY, EVERY)
        for number, file in enumerate(FILES)
        if number % GROUPS == group
    ]
    assert sum(count for count, _ in results) > 100
    assert [each for _, found in results for each in found] == []
