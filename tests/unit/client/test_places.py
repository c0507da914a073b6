"""Where a demonstration types, on real files of the standard library."""

import ast
import shlex
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from spark_lsp.client.places import target, typings
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

GO = """package main

func add(a int, b int) int {
\ttotal := compute(a, b, 1)
\treturn total + compute(b, a, 2)
}

func main() {
\tfmt.Println(add(1, 2), add(3, 4))
}
"""


def document(module: ModuleType) -> Document:
    return Document("file:///a.py", Path(module.__file__ or "").read_text("utf-8"), language="python")


@pytest.mark.parametrize("module", [textwrap, shlex])
def test_what_is_typed_and_the_rest_are_the_line(module: ModuleType) -> None:
    source = document(module)
    found = typings(source)
    assert len(found) == 4
    for typing in found:
        assert typing.typed + typing.rest == source.text[typing.start : typing.end]
        assert typing.typed.strip()
        assert len(typing.rest) >= 5


@pytest.mark.parametrize("module", [textwrap, shlex])
def test_taking_documentation_out_leaves_the_same_program_without_it(module: ModuleType) -> None:
    source = document(module)
    chosen = target(source, with_answer=True)
    assert chosen is not None
    assert chosen.taken_out is not None
    text = apply_edits(source.text, [chosen.taken_out])
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    bare = [node for node in functions if node.name == chosen.name and not ast.get_docstring(node)]
    assert bare
    cut = textwrap.dedent(text[chosen.start : chosen.end])
    assert ast.unparse(ast.parse(cut)) in {ast.unparse(node) for node in bare}
    documented = [node for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.FunctionDef)]
    assert chosen.answer in [ast.get_docstring(node) for node in documented]


def test_a_function_without_documentation_is_taken_as_it_is() -> None:
    text = "def f(a):\n    b = a\n    c = b\n    return c\n"
    chosen = target(Document("file:///a.py", text, language="python"))
    assert chosen is not None
    assert chosen.taken_out is None
    assert text[chosen.start : chosen.end] == text.rstrip("\n")


def test_other_languages_go_by_their_looks() -> None:
    source = Document("file:///a.go", GO, language="go")
    assert [typing.typed.strip() for typing in typings(source)][:1] == ["total :="]
    chosen = target(source)
    assert chosen is not None
    assert GO[chosen.start : chosen.end] == GO.split("\n\n")[1]
    assert target(source, with_answer=True) is None


@pytest.mark.parametrize("text", ["", "\n", "def f(:\n", "x = 1\n"])
def test_a_file_without_places_has_none(text: str) -> None:
    source = Document("file:///a.py", text, language="python")
    assert typings(source) == []
    assert target(source) is None
