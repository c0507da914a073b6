"""The suite `edits` with a replay engine: both ways run through all processes and are judged."""

from pathlib import Path

import pytest

from spark_lsp.bench import edits
from spark_lsp.bench.edits import OURS, PLAIN, Attempt, Outcome
from spark_lsp.bench.plain_edit import apply_answer, build_prompt

ROOT = Path(__file__).parents[2]
REPLAY = """
[engines.replay]
kind = "replay"
texts = {{ edit = "{0}/edit.txt", chat = "{0}/chat.txt", complete = "{0}/edit.txt" }}
delay_ms = 0
[routes]
completion = ["replay"]
edit = ["replay"]
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def attempt(tmp_path: Path, name: str, edit: str, chat: str) -> dict[str, Attempt]:
    """Attempt a task with an engine that gives these answers."""
    (tmp_path / "edit.txt").write_text(edit, "utf-8")
    (tmp_path / "chat.txt").write_text(chat, "utf-8")
    chosen = [(file, task) for file, task in edits.choose_tasks() if task.id == name]
    found = edits.measure(chosen, REPLAY.format(tmp_path))
    return {each.way: each for each in found}


def test_a_right_answer_a_wrong_one_and_their_figures(tmp_path: Path) -> None:
    found = attempt(
        tmp_path,
        "stock-unit-optional",
        '```python\n\tname, count, *rest = line.split(";")\n'
        '\treturn name, int(count), rest[0] if rest else "Stück"\n```',
        "Here it is:\n```python\nreturn line.split(';')\n```\n",
    )
    assert (found[OURS].outcome, found[PLAIN].outcome) == (Outcome.SOLVED, Outcome.DAMAGE)
    assert "the behaviour of lines changed" in found[PLAIN].why
    figures = {figure.name: figure for figure in edits.figures(list(found.values()))}
    solved = figures["edits solved; baseline: plain prompt"]
    assert (solved.value, solved.baseline, solved.met) == (100.0, 0.0, True)
    damage = figures["edits that damage the file; baseline: plain prompt"]
    assert (damage.value, damage.baseline) == (0.0, 100.0)
    table = edits.format_details(list(found.values()))
    assert "| all | plain prompt | 1 | 0 | 0 | 1 | 0 | 0 |" in table


def test_a_refusal_keeps_its_code(tmp_path: Path) -> None:
    found = attempt(tmp_path, "fetch-retry-backoff", "```python\nsleep((\n```", "```python\nsleep((\n```")
    assert (found[OURS].outcome, found[OURS].why) == (Outcome.REFUSED, "proposal_does_not_parse")
    assert found[PLAIN].outcome is Outcome.DAMAGE
    assert found[PLAIN].why.startswith("it no longer parses")


def test_a_diagnostic_is_sent_with_its_task(tmp_path: Path) -> None:
    found = attempt(
        tmp_path,
        "bus-fix-undefined-function",
        "    years = years_between(day, today)",
        "```\nyears = years_between(day, today)\n```",
    )
    assert [each.outcome for each in found.values()] == [Outcome.SOLVED] * 2


def test_tasks_are_chosen_across_the_files() -> None:
    chosen = edits.choose_tasks(5)
    assert len({file.name for file, _ in chosen}) == 5


def test_the_plain_prompt_holds_the_file_and_its_answer_is_indented() -> None:
    file, task = next(pair for pair in edits.choose_tasks() if pair[1].id == "bus-elif")
    prompt = build_prompt(file, task)
    assert task.instruction in prompt
    assert "\r" not in prompt
    answer = "Sure:\n```python\nif minutes == 0:\n    pass\n```\nDone."
    assert "\r\n    if minutes == 0:\r\n        pass\r\n    return text" in apply_answer(file, task, answer)
