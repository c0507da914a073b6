"""From answers to edits: what is taken off, what is put where, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import reply
from spark_lsp.prompts.action_targets import find_target
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

MUL = "import os\n\n\ndef mul(a, b):\n    return a * b\n\n\nx = 1\n"


def changed(
    text: str, action: str, form: EditFormat, answer: str, *, at: str = "def", instruction: str = ""
) -> str:
    """Apply an answer for the definition at `at`, as the server would."""
    document = Document("file:///a.py", text, language="python")
    start = text.index(at)
    tree = SyntaxTree.of(document)
    target = find_target(action, document, tree, start, start, ())
    edits = reply.propose_edits(action, document, tree, *target, form, answer, instruction=instruction)
    return apply_edits(text, edits)


@pytest.mark.parametrize(
    "answer",
    [
        "def mul(a, b):\n    return b * a",
        "```python\ndef mul(a, b):\n    return b * a\n```",
        "Sure! Here it is:\n\n```python\ndef mul(a, b):\n    return b * a\n```\nHope this helps.",
        "```python\ndef mul(a, b):\n    return b * a",  # a fence that never ends
        "```python\n    def mul(a, b):\n        return b * a\n```",  # another indentation
        "def mul(a, b):\r\n    return b * a\r\n",
        "def mul(a, b):\n    return b * a<|im_end|>noise",
    ],
)
def test_what_models_add_is_taken_off(answer: str) -> None:
    assert changed(MUL, "instruct", EditFormat.FENCED, answer) == MUL.replace("a * b", "b * a")


@pytest.mark.parametrize("odd", ["\u2028", "\f", "\x85", "\x1c"])
def test_what_is_no_line_end_is_not_indented_behind(odd: str) -> None:
    document = Document("file:///a.py", "def f():\n    x = 'a'\n    return x\n", language="python")
    answer = f"x = 'a{odd}b'\nreturn x"
    edits = reply.propose_edits(
        "instruct", document, SyntaxTree.of(document), 9, len(document), EditFormat.REPLACE, answer
    )
    assert apply_edits(document.text, edits) == document.text.replace("'a'", f"'a{odd}b'")


def test_line_ends_stay_the_documents() -> None:
    text = MUL.replace("\n", "\r\n")
    new = changed(text, "instruct", EditFormat.REPLACE, "def mul(a, b):\n    return b * a\n")
    assert new == text.replace("a * b", "b * a")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        ("```python\n```", "empty"),
        ("def mul(a, b):\n    return a * b", "no change"),
        ("def mul(a, b:\n    return b * a", "does not parse"),
        ("def mul(a, b):\n    # ... rest of the code\n    return b * a", "leaves code out"),
        ("def mul(a, b):\n    return b * a  # \u202e", "invisible"),
        ("import os", "only repeated"),
    ],
)
def test_what_is_refused(answer: str, why: str) -> None:
    with pytest.raises(EditRefused, match=why):
        changed(MUL, "instruct", EditFormat.REPLACE, answer)


def test_the_lines_above_that_an_answer_repeats_are_left_out() -> None:
    new = changed(MUL, "instruct", EditFormat.REPLACE, "import os\n\n\ndef mul(a, b):\n    return b * a")
    assert new == changed(MUL, "instruct", EditFormat.REPLACE, "def mul(a, b):\n    return b * a")


def test_removing_most_of_the_code_must_be_asked_for() -> None:
    long = "def f(a):\n" + "".join(f"    value_{i} = a + {i}\n" for i in range(9)) + "    return value_8\n"
    with pytest.raises(EditRefused, match="removes most"):
        changed(
            long, "instruct", EditFormat.REPLACE, "def f(a):\n    return a + 8", instruction="add a comment"
        )
    new = changed(
        long, "instruct", EditFormat.REPLACE, "def f(a):\n    return a + 8", instruction="simplify it"
    )
    assert new == "def f(a):\n    return a + 8\n"


@pytest.mark.parametrize(
    ("answer", "docstring"),
    [
        ("Multiply two numbers.", '"""Multiply two numbers."""'),
        ('"""Multiply two numbers."""', '"""Multiply two numbers."""'),
        ('Say "hello"', '"""Say "hello" """'),
        ("First line.\n\n    More of it.", '"""First line.\n\n    More of it.\n    """'),
        ("```\nMultiply.\n```", '"""Multiply."""'),
    ],
)
def test_documentation_is_put_in_its_place(answer: str, docstring: str) -> None:
    new = changed(MUL, "document", EditFormat.DOCSTRING, answer)
    assert new == MUL.replace("    return", f"    {docstring}\n    return")


def test_a_docstring_that_is_there_stays() -> None:
    text = 'def f():\n    """Here."""\n    return 1\n'
    with pytest.raises(EditRefused, match="docstring already"):
        changed(text, "document", EditFormat.DOCSTRING, "Another.")


@pytest.mark.parametrize("answer", ["", '"""', "```", "   \n"])
def test_no_documentation_is_no_edit(answer: str) -> None:
    with pytest.raises(EditRefused, match="no documentation"):
        changed(MUL, "document", EditFormat.DOCSTRING, answer)


@given(answer=st.text(max_size=60))
def test_documentation_never_changes_code(answer: str) -> None:
    try:
        new = changed(MUL, "document", EditFormat.DOCSTRING, answer)
    except EditRefused:
        return
    assert compile(new, "a", "exec")
    assert new.replace("\n", "").endswith("return a * bx = 1")


@pytest.mark.parametrize(
    ("language", "text", "documented"),
    [
        ("javascript", "  function f() {\n  }\n", "  /**\n   * Do it.\n   */\n  function f() {\n  }\n"),
        ("rust", "fn f() {\n}\n", "/// Do it.\nfn f() {\n}\n"),
        ("lua", "function f()\nend\n", "--- Do it.\nfunction f()\nend\n"),
    ],
)
def test_documentation_in_other_languages(language: str, text: str, documented: str) -> None:
    document = Document("file:///a", text, language=language)
    tree = SyntaxTree.of(document)
    span = find_target("document", document, tree, 3, 3, ())
    edits = reply.propose_edits("document", document, tree, *span, EditFormat.DOCSTRING, "Do it.")
    assert apply_edits(text, edits) == documented


def test_a_fix_stays_in_the_diagnostics_lines() -> None:
    text = "def f(a):\n    b = a\n    return c\n"
    document = Document("file:///a.py", text, language="python")
    at = text.index("c\n")
    found = (Diagnostic(at, at + 1, "undefined name 'c'"),)
    tree = SyntaxTree.of(document)
    span = find_target("fix", document, tree, at, at, found)
    edits = reply.propose_edits(
        "fix", document, tree, *span, EditFormat.REPLACE, "    return b", diagnostics=found
    )
    assert apply_edits(text, edits) == text.replace("return c", "return b")


def test_many_blank_lines_are_looked_at_once() -> None:
    start, end = MUL.index("    return"), MUL.index("\n\n\nx")
    document = Document("file:///a.py", MUL, language="python")
    answer = "    a = b" + "\n" * 100_000 + "    return b * a"
    edits = reply.propose_edits(
        "instruct", document, SyntaxTree.of(document), start, end, EditFormat.REPLACE, answer
    )
    assert apply_edits(MUL, edits) == MUL[:start] + answer + MUL[end:]


@pytest.mark.parametrize(
    ("form", "answer", "whole"),
    [
        (EditFormat.FENCED, "```python\nx = 1\n```\nand so", True),
        (EditFormat.FENCED, "```python\nx = 1\ny =", False),
        (EditFormat.FENCED, "x = 1\ny =", False),
        (EditFormat.REPLACE, "x = 1\ny =", False),
        (EditFormat.DOCSTRING, "Add two", True),
    ],
)
def test_an_answer_that_was_cut_is_used_only_if_no_code_is_lost(
    form: EditFormat, answer: str, whole: bool
) -> None:
    assert reply.is_complete(form, answer) is whole
