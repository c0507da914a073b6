"""The right new text in the shapes in which models give it: the edit is right, or refused.

The tasks are those of the suite `edits`. Models put the text into a fence, talk around it, lose its
indentation, and repeat lines around the selection, up to the complete file. None of that may reach the
document.
"""

import textwrap
from collections import Counter
from collections.abc import Callable

import pytest

from spark_lsp.bench.edit_tasks import EditTask, TaskFile, read_task_files
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import action_targets, reply
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

MIN_RIGHT = 0.93
# Their tools answer or their targets differ from the selection.
WITHOUT_MODEL = ("fix", "translate")
Shape = Callable[[TaskFile, EditTask, list[str], list[str]], str]
TASKS = [
    (file, task)
    for file in read_task_files()
    for task in file.task
    if task.select and not task.right_also and task.kind not in WITHOUT_MODEL
]


def talk(file: TaskFile, task: EditTask, above: list[str], below: list[str]) -> str:
    code = textwrap.dedent(task.right).strip("\n")
    return f"Here is the new code:\n\n```{file.language}\n{code}\n```\n\nIt does what you asked for."


def lines_around(count: int, *, is_above: bool = True, is_below: bool = True) -> Shape:
    def shape(file: TaskFile, task: EditTask, above: list[str], below: list[str]) -> str:
        head = above[-count:] if is_above else []
        tail = below[:count] if is_below else []
        return "\n".join([*head, task.right.rstrip("\n"), *tail])

    return shape


def fenced_file(file: TaskFile, task: EditTask, above: list[str], below: list[str]) -> str:
    return "\n".join(["```", *above, task.right.rstrip("\n"), *below]).rstrip() + "\n```"


def indented(file: TaskFile, task: EditTask, above: list[str], below: list[str]) -> str:
    return textwrap.indent(textwrap.dedent(task.right), "    ")


def propose(file: TaskFile, task: EditTask, answer: str) -> str:
    """Return the document after the edit of an answer. Raises `EditRefused`."""
    document = Document(f"file:///w/{file.name}", file.source, language=file.language)
    tree = SyntaxTree.of(document)
    target = action_targets.find_target(task.action, document, tree, *file.selection(task), ())
    words = task.instruction
    edits = reply.propose_edits(
        task.action, document, tree, *target, EditFormat.REPLACE, answer, instruction=words
    )
    return apply_edits(file.source, edits)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(talk, id="talk"),
        pytest.param(indented, id="indented"),
        pytest.param(lines_around(1), id="a line around it"),
        pytest.param(lines_around(3, is_below=False), id="three lines above"),
        pytest.param(lines_around(3, is_above=False), id="three lines below"),
        pytest.param(fenced_file, id="the complete file"),
    ],
)
def test_the_right_text_is_applied_and_nothing_else(shape: Shape) -> None:
    results: Counter[str] = Counter()
    for file, task in TASKS:
        start, end = file.lines_of(task)
        above = file.source[:start].replace("\r\n", "\n").split("\n")[:-1]
        below = file.source[end:].replace("\r\n", "\n").split("\n")
        try:
            after = propose(file, task, shape(file, task, above, below))
        except EditRefused as refusal:
            results[refusal.code] += 1
            continue
        assert "".join(after.split()) == "".join(file.right(task).split()), task.id
        results["right"] += 1
    assert results["right"] >= MIN_RIGHT * len(TASKS), results
