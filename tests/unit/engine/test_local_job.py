"""The calls of the embedded model for first and second answers."""

from dataclasses import replace

from spark_lsp.engine.local.job import job_of
from spark_lsp.engine.local.slots import Slots
from spark_lsp.prompts.grammar import make_grammar
from spark_lsp.request import EditFormat, Part, PartKind, Request, Task

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


def test_a_second_answer_that_must_begin_otherwise_needs_no_other_prompt() -> None:
    slots = Slots("qwen")
    second = job_of(replace(REQUEST, attempt=2, avoided="return", scored=True), slots)
    assert second.prompt == job_of(REQUEST, slots).prompt
    assert second.body["grammar"] == make_grammar(" ", avoided="return")
    assert "n_probs" not in second.body


LINE = Request(
    Task.EDIT,
    (Part(PartKind.PREFIX, ""), Part(PartKind.TARGET, "x = 1"), Part(PartKind.SUFFIX, "\nprint(x)\n")),
    "Double x",
    "instruct",
    "python",
)


def test_a_line_that_was_copied_is_filled_in() -> None:
    slots = Slots("qwen")
    first, second = job_of(LINE, slots), job_of(replace(LINE, attempt=2), slots)
    assert (first.format, second.format) == (EditFormat.REPLACE, EditFormat.FILLED)
    assert second.prompt.startswith("<|fim_prefix|>")
    assert second.body["n_predict"] > 0
    assert second.reply.feed("x = 2\nprint(x)\n") == "x = 2"
    assert second.reply.done


def test_a_model_that_cannot_fill_in_is_asked_in_words_again() -> None:
    assert job_of(replace(LINE, attempt=2), Slots("smollm")).format is EditFormat.REPLACE


def test_a_fill_in_that_only_warms_the_cache_has_no_answer() -> None:
    assert job_of(replace(LINE, attempt=2, warm=True), Slots("qwen")).body["n_predict"] == 0
