"""The calls of the embedded model for first and second answers."""

from dataclasses import replace

from spark_lsp.engine.local.job import job_of
from spark_lsp.engine.local.slots import Slots
from spark_lsp.request import Part, PartKind, Request, Task

BEFORE = "def shift(x, shift):\n    "
REQUEST = Request(
    Task.COMPLETE,
    (Part(PartKind.PREFIX, BEFORE), Part(PartKind.SUFFIX, "\n    return text[shift:]\n")),
    language="python",
    max_lines=1,
)


def test_a_second_answer_reads_the_text_in_another_order() -> None:
    slots = Slots("qwen")
    first, second = job_of(REQUEST, slots), job_of(replace(REQUEST, attempt=2), slots)
    assert second.prompt != first.prompt


def test_a_second_answer_with_a_known_start_needs_no_other_prompt() -> None:
    slots = Slots("qwen")
    second = job_of(replace(REQUEST, attempt=2, starts=("text = ", "text: ")), slots)
    assert second.prompt == job_of(REQUEST, slots).prompt
    assert second.body["grammar"] == 'root ::= " " ("text = " | "text: ") [^\\x00]*'
