"""Thinking is removed from an answer's start, however its stream is split, and user code is kept."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import reply
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.thinking import ThinkingFilter, remove_thinking, starts_with_thinking
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

HARMONY = "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>x = 1"
CASES = [
    ("x = 1", "x = 1"),
    ("  x = 1\n", "  x = 1\n"),
    ("\n\nx", "\n\nx"),
    ("<think>a</think>x = 1", "x = 1"),
    ("<think>\n\n</think>\n\nx = 1", "x = 1"),
    ("\n <think>a</think>\n\n    x = 1", "    x = 1"),
    ("<Think>a</THINK>x", "x"),
    ("<thinking>a</think> b</thinking>x", "x"),
    ("<thought>a</thought>x", "x"),
    ("◁think▷a◁/think▷x", "x"),
    ("[THINK]a[/THINK]x", "x"),
    ("<seed:think>a</seed:think>x", "x"),
    ("<|START_THINKING|>a<|END_THINKING|>x", "x"),
    ("<think>a</think><think>b</think>\nx", "x"),
    ("<think>```\ndraft\n```</think>\n```\nanswer\n```", "```\nanswer\n```"),
    ("<think>a", ""),
    ("<think>a</think>\n", ""),
    ("<think>a</thin", ""),
    ("<think", "<think"),
    ("<thinker />", "<thinker />"),
    ("x = '<think>'\ny = '</think>'", "x = '<think>'\ny = '</think>'"),
    ("```html\n<think>a</think>\n```", "```html\n<think>a</think>\n```"),
    ("<think>a</think>x <think>b</think>", "x <think>b</think>"),
    (HARMONY, "x = 1"),
    (HARMONY + "<|return|>", "x = 1"),
    (HARMONY + "<|end|>more", "x = 1"),
    ("<|start|>assistant" + HARMONY, "x = 1"),
    ("<|channel|>final<|message|>x < 1 <| 2", "x < 1 <| 2"),
    ("<|channel|>commentary to=me<|message|>a<|end|>", ""),
    ("<|channel|>analysis<|message|>a", ""),
    ("<|channel|>analysis<|message|>a<|end|><|start|>assist", ""),
    ("<|endoftext|>x", "<|endoftext|>x"),
    ("<|channel" + "x" * 200, "<|channel" + "x" * 200),
]
TAGS = ("<think>", "</think>", "<thinking>", "</thinking>", "◁think▷", "◁/think▷", "[THINK]")
TOKENS = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>")
WORDS = st.sampled_from([*TAGS, *TOKENS, "analysis", "final", "\n", " ", "x", "<", "<|", "```", "İ"])
TEXTS = st.lists(WORDS | st.text(max_size=3), max_size=12).map("".join)


def filtered(pieces: list[str], *, prefilled: bool = False) -> tuple[str, bool]:
    thinking = ThinkingFilter(prefilled)
    shown = "".join(thinking.feed(piece) for piece in pieces)
    return shown + thinking.finish(), thinking.removed_thinking


@pytest.mark.parametrize(("answer", "left"), CASES)
def test_thinking_is_removed_and_all_else_is_kept(answer: str, left: str):
    assert filtered([answer])[0] == left
    assert filtered(list(answer))[0] == left
    assert remove_thinking(answer) == left


@given(TEXTS, st.lists(st.integers(0, 80), max_size=8), st.booleans())
@example("<|channel|>final<|message|><", [27], False)
@example("<think>İ</think>x", [8, 10], False)
def test_how_a_stream_is_split_never_matters(text: str, cuts: list[int], prefilled: bool):
    ends = sorted({*(cut for cut in cuts if cut < len(text)), len(text)})
    pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert "".join(pieces) == text
    assert filtered(pieces, prefilled=prefilled) == filtered([text], prefilled=prefilled)


@given(TEXTS)
def test_an_answer_that_does_not_begin_with_thinking_is_passed_on_whole(text: str):
    if not starts_with_thinking(text):
        assert filtered([text]) == (text, False)


@given(st.text(max_size=20), TEXTS)
def test_nothing_of_the_thinking_is_left(thought: str, answer: str):
    if "</think>" not in (thought + "x").lower() and answer.strip() and not starts_with_thinking(answer):
        left = filtered([f"<think>{thought}</think>{answer}"])[0]
        assert left.strip() == answer.strip() or answer.lstrip().startswith("<|")


def test_an_answer_is_passed_on_as_soon_as_the_thinking_has_ended():
    thinking = ThinkingFilter()
    assert [thinking.feed(piece) for piece in ("<th", "ink>a</think", ">\n\n", "x", " = ")] == [
        "",
        "",
        "",
        "x",
        " = ",
    ]
    assert thinking.removed_thinking
    assert not thinking.is_unfinished


def test_thinking_without_an_end_is_no_answer():
    for answer in ("<think>a", "<think>a</think>\n\n"):
        thinking = ThinkingFilter()
        assert thinking.feed(answer) == ""
        assert thinking.is_unfinished


def test_a_model_whose_prompt_opens_the_thinking_only_closes_it():
    assert filtered(["I see.</thi", "nk>\n\nx"], prefilled=True) == ("x", True)
    assert filtered(["<think>I see.</think>x"], prefilled=True) == ("x", True)
    assert filtered(["x = 1"], prefilled=True) == ("x = 1", False)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("hm ```py\ndraft\n```\n</think>\n\n```py\nx\n```", None),
        ("hm\n```py\ndraft\n```\n</think>\n\n```py\nx\n```", "```py\nx\n```"),
        ("```html\n</think>\n```\n", None),
        ("a </think> b", None),
        ("see <think> and </think>\n```\nx\n```", None),
    ],
)
def test_a_lone_closing_tag_counts_only_before_the_answers_fence(answer: str, left: str | None):
    assert remove_thinking(answer) == (answer if left is None else left)


# The same in edits, from any engine.

OLD = "def f():\n    return 1\n"
NEW = "def f():\n    return 2\n"
ANSWER = f"```python\n{NEW}```\n"
DRAFT = "```python\ndef f():\n    return 3\n```\n"


def edited(answer: str, form: EditFormat = EditFormat.FENCED, text: str = OLD) -> str:
    document = Document("file:///a.py", text, language="python")
    return apply_edits(
        text, reply.propose_edits("instruct", document, SyntaxTree.of(document), 0, len(text), form, answer)
    )


@pytest.mark.parametrize(
    "answer",
    [
        f"<think>\n{DRAFT}</think>\n\n{ANSWER}",
        f"<thinking>{DRAFT}</thinking>{ANSWER}",
        f"◁think▷{DRAFT}◁/think▷{ANSWER}",
        f"I will write\n{DRAFT}</think>\n{ANSWER}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
    ],
)
def test_a_draft_in_the_thinking_is_never_applied(answer: str):
    assert edited(answer) == NEW
    assert reply.is_complete(EditFormat.FENCED, answer)
    assert not reply.is_complete(EditFormat.FENCED, answer.removesuffix("```\n"))


@pytest.mark.parametrize("answer", ["<think>\n" + DRAFT, "<think>hm</think>\n"])
def test_an_edit_that_holds_only_thinking_is_refused(answer: str):
    with pytest.raises(EditRefused, match="only thought"):
        edited(answer)


def test_code_that_begins_with_the_tag_itself_is_kept():
    text = "<think>\nint\n</think>\n"
    assert edited("<think>\nstr\n</think>\n", EditFormat.REPLACE, text) == text.replace("int", "str")
    assert edited("```\n<think>\nstr\n</think>\n```", text=text) == text.replace("int", "str")
