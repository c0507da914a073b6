"""The child process that makes refactorings: its answers, and its failures."""

import pytest

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.refactor import run
from spark_lsp.lsp.refactor.run import refactor
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

pytestmark = pytest.mark.anyio
TEXT = "def f(p):\r\n\tgröße = p + 1\r\n\treturn größe\r\n"


def document(text: str) -> Document:
    return Document("file:///a.py", text, language="python")


async def test_the_edits_are_those_of_the_text() -> None:
    start = TEXT.index("größe")
    edits = await refactor("inline", document(TEXT), start, start, "")
    assert apply_edits(TEXT, edits) == "def f(p):\r\n\treturn p + 1\r\n"
    edits = await refactor(
        "extract_function", document(TEXT), TEXT.index("p + 1"), TEXT.index("\r\n\tret"), "q"
    )
    assert apply_edits(TEXT, edits).startswith("def q(p):\r\n\treturn p + 1\r\n\r\n\r\ndef f(p):\r\n")
    at = TEXT.index("p + 1")
    edits = await refactor("extract_variable", document(f"g({TEXT[at : at + 5]}, 1)"), 2, 7, "sum_")
    assert apply_edits("g(p + 1, 1)", edits) == "sum_ = p + 1\ng(sum_, 1)"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\n", "not a variable of a function"),
        ("\udcff = 1\n", "does not parse"),
        ("x = " + "(" * 100_000, r"does not parse|failed"),
        ("x = " + "-" * 100_000 + "1\n", r"does not parse|failed|nested too deeply"),
        ("x = 1\n" * 40_000, "too long"),
    ],
)
async def test_a_text_that_cannot_be_refactored_is_refused(text: str, why: str) -> None:
    with pytest.raises(EditRefused, match=why) as refused:
        await refactor("inline", document(text), 0, 0, "")
    assert refused.value.code == Code.REFACTORING_UNSAFE


async def test_a_child_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.01)
    with pytest.raises(EditRefused, match="The refactoring failed"):
        await refactor("inline", document(TEXT), 0, 0, "")


async def test_the_parameters_must_be_those_that_were_requested() -> None:
    at = TEXT.index("p + 1")
    wanted = ("extract_function", document(TEXT), at, at + 5, "q")
    edits = await refactor(*wanted, frozenset({"p"}))
    assert len(edits) == 2
    with pytest.raises(EditRefused, match="other parameters"):
        await refactor(*wanted, frozenset({"p", "rate"}))
