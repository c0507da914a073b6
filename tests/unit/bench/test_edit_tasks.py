"""The tasks of the suite `edits`: right answers pass all checks, and each kind of check can fail."""

from collections import Counter
from collections.abc import Iterator

import pytest

from spark_lsp.bench.edit_checks import Findings, changed_lines, check_answer
from spark_lsp.bench.edit_programs import needs_node, node_command
from spark_lsp.bench.edit_tasks import EditTask, Group, TaskFile, read_task_files

FILES = read_task_files()
TASKS = [(file, task) for file in FILES for task in file.task]


@pytest.fixture(params=TASKS, ids=[task.id for _, task in TASKS])
def given(request: pytest.FixtureRequest) -> tuple[TaskFile, EditTask]:
    file, task = request.param
    if needs_node(file.language) and node_command() is None:
        pytest.skip("node is not installed, or has no permission model")
    return file, task


def groups_of(file: TaskFile, task: EditTask) -> set[Group]:
    """Return the groups in which a task has checks of its own."""
    found = {Group.OTHER}
    if task.tests:
        found.add(Group.BEHAVIOUR)
    if task.shape or task.must or task.must_not:
        found.add(Group.CHANGE)
    return found


def spoiled(file: TaskFile, task: EditTask) -> Iterator[str]:
    """Give the right answer with a change in text that must stay."""
    right = file.right(task)
    for at in {0, len(file.source)} - {at for each in file.allowed(task) for at in each}:
        yield right + file.with_line_ends("\n") if at else file.with_line_ends("\n") + right


@pytest.mark.slow
def test_right_answers_pass_and_wrong_ones_fail(given: tuple[TaskFile, EditTask]) -> None:
    file, task = given
    assert check_answer(file, task, file.right(task)) == Findings({})
    unchanged = check_answer(file, task, file.source)
    assert unchanged.failed
    assert not unchanged.damage
    failed = set(unchanged.failed)
    for wrong in task.wrong:
        findings = check_answer(file, task, file.wrong(task, wrong))
        assert findings.failed.keys() >= set(wrong.fails), wrong
        failed |= set(wrong.fails)
    for text in spoiled(file, task):
        findings = check_answer(file, task, text)
        assert findings.damage
        failed.add(Group.OTHER)
    assert failed >= groups_of(file, task)
    assert task.wrong


def test_there_are_tasks_of_each_kind() -> None:
    kinds = Counter(task.kind for _, task in TASKS)
    assert len(TASKS) >= 80
    assert kinds["instruct"] >= 35
    assert kinds.keys() >= {
        *("fix", "document", "types", "tests", "simplify", "extract", "inline", "rename"),
        *("complete", "translate", "optimise"),
    }
    assert len({task.id for _, task in TASKS}) == len(TASKS)


def test_files_have_line_ends_tabs_and_letters_of_all_kinds() -> None:
    assert any(file.crlf for file in FILES)
    assert any("\n\t" in file.text for file in FILES)
    assert sum(not file.text.isascii() for file in FILES) >= 3
    assert len({file.language for file in FILES}) >= 6


def test_checks_of_a_file_name_what_a_task_may_break() -> None:
    for file, task in TASKS:
        assert set(task.breaks) <= file.kept.keys(), task.id


def test_an_answer_that_does_not_parse_is_damage() -> None:
    file, task = next((file, task) for file, task in TASKS if file.language == "python" and task.select)
    start, end = file.lines_between(task.select)
    broken = file.source[:start] + file.source[start:end].rstrip() + " (\n" + file.source[end:]
    assert "it no longer parses" in check_answer(file, task, broken).damage
    assert changed_lines(file, task, broken) is not None
