"""Functions whose body is still to be written, and answers that repeat the function around the body."""

import pytest

from spark_lsp.prompts import reply
from spark_lsp.prompts.action_questions import build_question
from spark_lsp.prompts.action_targets import find_target
from spark_lsp.prompts.stubs import find_stub
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

FUNCTION = 'def add(a, b):\n    """Add two numbers."""\n    raise NotImplementedError\n\n\nx = 1\n'


def stub_text(language: str, text: str) -> str | None:
    """Return the text of the stub around the mark `|`, or None."""
    at = text.index("|")
    document = Document("file:///a", text.replace("|", "", 1), language=language)
    stub = find_stub(document, SyntaxTree.of(document), at)
    return None if stub is None else document.text[stub.start : stub.end]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "def f():\n    |pass\n", "    pass"),
        ("python", "class A:\n    async def f(self):\n        |...  # later\n", "        ...  # later"),
        ("python", 'def f():\n    """Doc."""\n    # TODO: write\n    |pass\n', "    # TODO: write\n    pass"),
        (
            "python",
            "def f():\n    # TODO\n    |raise NotImplementedError('x')\n",
            "    # TODO\n    raise NotImplementedError('x')",
        ),
        ("python", "def f(a):\n    # why\n    |b = a + 1\n    return b\n", None),
        ("javascript", "function f(a) {\n  // why\n  |return a + 1;\n}\n", None),
        ("python", 'def |f():\n    """Doc."""\n', 'def f():\n    """Doc."""'),
        ("python", "@a\ndef f(): |...\n", "@a\ndef f(): ..."),
        ("rust", "#[test]\nfn f() {\n    |todo!()\n}\n", "    todo!()"),
        (
            "rust",
            "fn f() -> u8 {\n    // TODO: write\n    |unimplemented!();\n}\n",
            "    // TODO: write\n    unimplemented!();",
        ),
        ("rust", "fn |f() {}\n", "fn f() {}"),
        ("go", 'func f(a struct{}) int {\n\t|panic("not implemented")\n}\n', '\tpanic("not implemented")'),
        ("javascript", "const f = (a) => {\n  // |TODO\n};\n", "  // TODO"),
        ("javascript", "const f = ({ a }) => {\n  |throw new Error('x');\n};\n", "  throw new Error('x');"),
        ("typescript", "class A {\n  f(): number {|\n  }\n}\n", "  f(): number {\n  }"),
        (
            "java",
            "class A {\n    int f() {\n        |throw new UnsupportedOperationException();\n    }\n}\n",
            "        throw new UnsupportedOperationException();",
        ),
        ("kotlin", 'fun f(): Int {\n    |TODO("write")\n}\n', '    TODO("write")'),
        (
            "csharp",
            "int F()\n{\n    |throw new NotImplementedException();\n}\n",
            "    throw new NotImplementedException();",
        ),
        ("ruby", "def f\n  |raise NotImplementedError\nend\n", "  raise NotImplementedError"),
        ("lua", "function f()\n  |-- TODO\nend\n", "  -- TODO"),
        ("shellscript", "f() {\n  |# TODO\n}\n", "  # TODO"),
    ],
)
def test_a_stub_is_found(language: str, text: str, expected: str) -> None:
    assert stub_text(language, text) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "def f():\n    |return 1\n"),
        ("python", "class A:\n    |pass\n"),
        ("python", "def f():\n    x = 1\n    |pass\n"),
        ("python", "x = |1\n"),
        ("rust", "struct |A {}\n"),
        ("rust", "fn f() {\n    |g();\n    todo!()\n}\n"),
        ("javascript", "const a = {|};\n"),
        ("java", "interface A {\n    int f();|\n}\n"),
        ("lua", "function f()\n  |return 1\nend\n"),
    ],
)
def test_other_code_is_no_stub(language: str, text: str) -> None:
    assert stub_text(language, text) is None


def completed(text: str, answer: str, language: str = "python") -> str:
    document = Document("file:///a", text, language=language)
    tree = SyntaxTree.of(document)
    target = find_target("complete", document, tree, 3, 3, ())
    edits = reply.propose_edits("complete", document, tree, *target, EditFormat.FENCED, answer)
    return apply_edits(text, edits)


@pytest.mark.parametrize(
    "answer",
    [
        "```python\n    return a + b\n```",
        "```python\nreturn a + b\n```",
        '```python\ndef add(a, b):\n    """Add two numbers."""\n    return a + b\n```',
        "```python\ndef add(a, b):\n    return a + b\n```",
        '```python\ndef add(a, b):\n    """Add two numbers."""\n\n    return a + b\n```',
    ],
)
def test_only_the_body_is_replaced(answer: str) -> None:
    assert completed(FUNCTION, answer) == FUNCTION.replace("raise NotImplementedError", "return a + b")


def test_the_head_and_the_closing_brace_of_an_answer_are_taken_off() -> None:
    text = "fn add(a: i32) -> i32 {\n    todo!()\n}\n"
    answer = (
        "```rust\nfn add(a: i32) -> i32 {\n    if a > 0 {\n        1\n    } else {\n        2\n    }\n}\n```"
    )
    new = completed(text, answer, "rust")
    assert new == "fn add(a: i32) -> i32 {\n    if a > 0 {\n        1\n    } else {\n        2\n    }\n}\n"


def test_the_question_has_the_function() -> None:
    document = Document("file:///a.py", FUNCTION, language="python")
    question = build_question("complete", "Write it", document, SyntaxTree.of(document), 3)
    assert question.startswith("Write it:\n\n```python\ndef add(a, b):\n")
    assert "x = 1" not in question
    assert not question.endswith(".")
