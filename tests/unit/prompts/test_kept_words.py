"""Lines that a model filled in: which words of the old ones they may lack."""

from collections.abc import Sequence

import pytest

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate, reply
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import diff_texts

TEXT = "LIMIT = 3\n\n\ndef area(size, high):\n    total = size * high\n    return print(size, high, total)\n"
LINE = "    total = size * high\n"


def code_of(
    new: str,
    words: str = "",
    diagnostics: Sequence[Diagnostic] = (),
    *,
    text: str = TEXT,
    line: str = LINE,
    action: str = "instruct",
    is_filled_in: bool = True,
) -> Code | None:
    """Return the code with which the gate refuses a new line, or None."""
    document = Document("file:///a", text, language="python")
    start = text.index(line)
    target = (start, start + len(line))
    edits = diff_texts(line, new, start)
    tree = SyntaxTree.of(document)
    try:
        gate.check_proposal(
            action, document, tree, target, edits, words, diagnostics, is_filled_in=is_filled_in
        )
    except EditRefused as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("new", "words", "code"),
    [
        ("    total = size * high + LIMIT\n", "Add the limit", None),
        ("    total = LIMIT * high\n", "Add the limit", Code.PROPOSAL_REMOVES_CODE),
        ("    total = LIMIT * high\n", "Without a size, use the limit", Code.PROPOSAL_REMOVES_CODE),
        ("    total = LIMIT * high\n", "Use LIMIT instead of the size", None),
    ],
)
def test_an_instruction(new: str, words: str, code: Code | None) -> None:
    assert code_of(new, words) is code


def test_a_sign_in_a_text_is_kept() -> None:
    line = "    total = f'{size} €'\n"
    text = TEXT.replace(LINE, line)
    assert code_of("    total = f'{size:.2f} €'\n", "Two digits", text=text, line=line) is None
    assert (
        code_of("    total = f'{size:.2f}'\n", "Two digits", text=text, line=line)
        is Code.PROPOSAL_REMOVES_CODE
    )


def test_words_of_a_diagnostic_may_go() -> None:
    line = "    total = sise * high\n"
    text = TEXT.replace(LINE, line)
    at = text.index("sise")
    found = [Diagnostic(at, at + 4, "undefined name 'sise'")]
    assert code_of(LINE, "", found, text=text, line=line, action="fix") is None
    assert (
        code_of("    total = size\n", "", found, text=text, line=line, action="fix")
        is Code.PROPOSAL_REMOVES_CODE
    )


def test_other_answers_may_lack_words() -> None:
    assert code_of("    total = LIMIT * high\n", "Add the limit", is_filled_in=False) is None


def test_a_body_is_more_than_a_placeholder() -> None:
    text = "def f():\n    pass\n"
    changed = {"text": text, "line": "    pass\n", "action": "complete"}
    assert code_of("    ...\n", **changed) is Code.NO_CHANGE  # type: ignore[arg-type]
    assert code_of("    return 1\n", **changed) is None  # type: ignore[arg-type]


def test_a_filled_line_gets_the_indentation_and_the_line_ends_of_the_file() -> None:
    text = "def f(a):\r\n\treturn a\r\n\r\n\r\nprint(f(1))\r\n"
    document = Document("file:///a", text, language="python")
    start, end = text.index("\treturn"), text.index("\r\n\r\n")
    edits = reply.propose_edits(
        "instruct",
        document,
        SyntaxTree.of(document),
        start,
        end,
        EditFormat.FILLED,
        "if a > 1:\n\treturn 2\nreturn a",
        instruction="Return 2 at most",
    )
    assert [each.new for each in edits] == ["\tif a > 1:\r\n\t\treturn 2\r\n"]
