"""Judges an answer to a task of the suite `edits`: what failed, and whether it damaged the file."""

import ast
import re
import warnings
from dataclasses import dataclass

from spark_lsp.bench.edit_programs import run_tests
from spark_lsp.bench.edit_tasks import EditTask, Group, TaskFile
from spark_lsp.bench.sandbox import Verdict
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.lines import LINE_END

_IMPORT = re.compile(r"import\b|from\b")
_LONE_FEED = re.compile(r"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Findings:
    """The groups of checks that an answer fails, each with the first reason, and the damage it does."""

    failed: dict[Group, str]
    damage: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the answer passes all checks."""
        return not self.failed


def check_answer(file: TaskFile, task: EditTask, after: str) -> Findings:
    """Judge the file's text after an edit."""
    failed: dict[Group, str] = {}
    damage: list[str] = []
    changed = changed_lines(file, task, after)
    parses = _parses(file.language, after)
    if changed is None:
        damage.append("other lines changed")
    elif problem := _find_untidy(file, task, changed):
        failed[Group.OTHER] = problem
    if not parses and _parses(file.language, file.source):
        damage.append("it no longer parses")
    if missing := _find_missing(task, after if changed is None else changed):
        failed[Group.CHANGE] = missing
    if task.same_code and _code(file, after) != _code(file, file.source):
        damage.append("code changed")
    _run(file, task, after, failed, damage)
    if damage:
        failed[Group.OTHER] = damage[0]
    return Findings(failed, tuple(damage))


def changed_lines(file: TaskFile, task: EditTask, after: str) -> str | None:
    """Return the new text of the lines that may change, or None if other text changed too."""
    source = file.source
    fixed: list[str] = []
    at = 0
    for start, end in file.allowed(task):
        fixed.append(source[at:start])
        at = max(at, end)
    pattern = "(.*?)".join(re.escape(part) for part in (*fixed, source[at:]))
    match = re.fullmatch(pattern, after, re.DOTALL)
    if match is None or source.endswith("\n") != after.endswith("\n"):
        return None
    return "".join(match.groups())


def _find_untidy(file: TaskFile, task: EditTask, changed: str) -> str | None:
    """Return the first fault in the form of the changed lines."""
    if file.crlf and _LONE_FEED.search(changed):
        return "other line ends"
    has_tabs = any(line.startswith("\t") for line in LINE_END.split(file.source))
    has_spaces = any(line.startswith("  ") for line in LINE_END.split(file.source))
    if has_tabs and not has_spaces and any(line.startswith("  ") for line in LINE_END.split(changed)):
        return "spaces in place of tabs"
    lines = [line.strip() for line in LINE_END.split(changed)]
    lost = next((line for line in task.keeps if line not in lines), None)
    if lost is not None:
        return f"the line {lost!r} is missing"
    expected = changed_lines(file, task, file.right(task)) or ""
    old = "".join(file.source[start:end] for start, end in file.allowed(task))
    known = {*LINE_END.split(old), *LINE_END.split(expected)}
    added = [line for line in LINE_END.split(changed) if _IMPORT.match(line) and line not in known]
    return f"an import in another place: {added[0]!r}" if added and file.language == "python" else None


def _find_missing(task: EditTask, changed: str) -> str | None:
    flags = re.MULTILINE
    absent = next((each for each in task.must if not re.search(each, changed, flags)), None)
    if absent is not None:
        return f"no {absent!r}"
    present = next((each for each in task.must_not if re.search(each, changed, flags)), None)
    return f"still {present!r}" if present is not None else None


def _run(file: TaskFile, task: EditTask, after: str, failed: dict[Group, str], damage: list[str]) -> None:
    """Run the task's checks and the file's own, and add their results."""
    kept = {name: text for name, text in file.kept.items() if name not in task.breaks}
    shapes = [task.shape] if task.shape else []
    own = [task.tests] if task.tests else []
    verdicts = run_tests(file.language, after, [*kept.values(), *own], shapes)
    if len(verdicts) != len(shapes) + len(kept) + len(own):
        return  # a language that is not run
    if task.shape and (verdict := verdicts.pop(0)) is not Verdict.PASSED:
        failed.setdefault(Group.CHANGE, f"its form: {verdict}")
    if task.tests and (verdict := verdicts.pop()) is not Verdict.PASSED:
        failed[Group.BEHAVIOUR] = str(verdict)
    broken = [name for name, verdict in zip(kept, verdicts, strict=True) if verdict is not Verdict.PASSED]
    if broken:
        damage.append(f"the behaviour of {broken[0]} changed")


def _parses(language: str, text: str) -> bool:
    if language == "python":
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return True
    return not SyntaxTree(language, text).count_errors()


def _code(file: TaskFile, text: str) -> list[str] | None:
    return SyntaxTree(file.language, text).code_tokens()
