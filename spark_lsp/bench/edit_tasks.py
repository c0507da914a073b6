"""The tasks of the suite `edits`: real-looking files, and changes of them with their checks.

Each file of `data/edits` has one source file (`text`), checks of its behaviour (`kept`, by the name of the
checked part) and tasks. An anchor names a line by its text or, if no line has just that, by its beginning. A
task has checks in three groups (`Group`), an answer that passes all of them, and answers that must fail.
"""

import importlib.resources
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from spark_lsp.errors import ConfigError
from spark_lsp.text.lines import LINE_END, indentation_of

FOLDER = importlib.resources.files("spark_lsp.bench") / "data" / "edits"
BLOCK_ENDS = ("}", "end")  # as an anchor: the end of the block whose first line is the first anchor


class Group(StrEnum):
    """What a check looks at; the values are the printed texts."""

    BEHAVIOUR = "behaviour"  # of the requested change, by running the code
    CHANGE = "change"  # the requested change is there
    OTHER = "nothing else"  # all other text and behaviour is as before


class WrongAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer that must fail the checks of the groups `fails`.

    `text` replaces the task's lines in the file; without it, `swap` replaces texts in the right answer.
    """

    fails: tuple[Group, ...]
    text: str = ""
    swap: tuple[tuple[str, str], ...] = ()


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The diagnostic of a task: `at` is a text in the first selected line that it marks."""

    message: str
    at: str
    code: str = ""
    source: str = ""


class EditTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of a file.

    `select` are the anchors of the first and the last selected line; `cursor` is a text at whose beginning
    the cursor is, in a task without a selection. The change may touch the selected lines and those of
    `allow` (pairs of anchors). `right` replaces the task's lines: the selected ones, or else the first of
    `allow`; then each pair of `right_also` replaces one text by another.

    Checks: `tests` is run after the file; `shape` is run with `SOURCE` and its syntax tree `TREE` (Python
    only); `must` and `must_not` are patterns for the changed lines; `keeps` are lines that must stay.
    `breaks` names the file's own checks that the change makes invalid. With `same_code`, only comments and
    documentation may change.
    """

    id: str
    kind: str
    instruction: str
    right: str
    select: tuple[str, ...] = ()
    cursor: str = ""
    allow: tuple[tuple[str, str], ...] = ()
    action: str = "instruct"
    right_also: tuple[tuple[str, str], ...] = ()
    diagnostic: Problem | None = None
    tests: str = ""
    shape: str = ""
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    same_code: bool = False
    wrong: tuple[WrongAnswer, ...] = ()


class TaskFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source file with its tasks; `crlf`: its lines end with a carriage return and a line feed."""

    name: str
    language: str
    text: str
    task: tuple[EditTask, ...]
    kept: dict[str, str] = {}
    crlf: bool = False

    @property
    def source(self) -> str:
        """The text as the editor has it."""
        return self.with_line_ends(self.text)

    def with_line_ends(self, text: str) -> str:
        """Return a text of the task with the file's line ends."""
        return text.replace("\n", "\r\n") if self.crlf else text

    def lines_between(self, anchors: Sequence[str]) -> tuple[int, int]:
        """Return the complete lines from the first anchor to the last one, with the last line end."""
        first, *rest = anchors
        start, end = self._line_of(first, 0)
        indent = indentation_of(self.source[start:end])
        for anchor in rest:
            _, end = self._line_of(f"{indent}{anchor}" if anchor in BLOCK_ENDS else anchor, start)
        return start, end

    def _line_of(self, anchor: str, start: int) -> tuple[int, int]:
        lines = [each for each in _lines(self.source) if each[0] >= start]
        texts = [self.source[begun:ended].rstrip() for begun, ended in lines]
        for line, text in zip(lines, texts, strict=True):
            if text == anchor if anchor.strip() in BLOCK_ENDS else text.strip() == anchor:
                return line
        for line, text in zip(lines, texts, strict=True):
            if text.strip().startswith(anchor) and anchor.strip() not in BLOCK_ENDS:
                return line
        raise ConfigError(f"{self.name} has no line {anchor!r}", "The suite edits cannot run")

    def lines_of(self, task: EditTask) -> tuple[int, int]:
        """Return the lines that the right answer replaces."""
        return self.lines_between(task.select or task.allow[0])

    def allowed(self, task: EditTask) -> list[tuple[int, int]]:
        """Return the ranges that may change, in order."""
        chosen = [self.lines_between(task.select)] if task.select else []
        return sorted([*chosen, *(self.lines_between(each) for each in task.allow)])

    def selection(self, task: EditTask) -> tuple[int, int]:
        """Return the selected characters: complete lines without the last line end, or the cursor."""
        if not task.select:
            at = self.source.index(task.cursor)
            return at, at
        start, end = self.lines_between(task.select)
        return start, start + len(self.source[start:end].rstrip("\r\n"))

    def right(self, task: EditTask) -> str:
        """Return the file's text after the right answer."""
        return self._replace(self._with_lines(task, task.right), task.right_also)

    def wrong(self, task: EditTask, answer: WrongAnswer) -> str:
        """Return the file's text after a wrong answer."""
        base = self._with_lines(task, answer.text) if answer.text else self.right(task)
        return self._replace(base, answer.swap)

    def _with_lines(self, task: EditTask, text: str) -> str:
        start, end = self.lines_of(task)
        return self.source[:start] + self.with_line_ends(text) + self.source[end:]

    def _replace(self, text: str, pairs: Sequence[tuple[str, str]]) -> str:
        for old, new in pairs:
            before, found, after = text.partition(self.with_line_ends(old))
            if not found:
                raise ConfigError(f"{self.name} has no text {old!r}", "The suite edits cannot run")
            text = before + self.with_line_ends(new) + after
        return text


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Give the ranges of all lines, their line ends included."""
    start = 0
    for match in LINE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def read_task_files() -> list[TaskFile]:
    """Return all files of tasks, in the order of their names."""
    found = [each for each in FOLDER.iterdir() if each.name.endswith(".toml")]
    return [_read(each) for each in sorted(found, key=lambda each: each.name)]


def _read(path: Any) -> TaskFile:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=TaskFile)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path.name} cannot be read: {error}", "The suite edits cannot run") from error
