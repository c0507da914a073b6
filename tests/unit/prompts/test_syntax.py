"""What is known of code: also of code that is nested as deeply as a generated table is."""

import pytest

from spark_lsp.prompts.syntax import SyntaxTree

CODE = {
    "python": "import os\n\nx = 1\ndef f(a):\n    return a\n",
    "javascript": "const x = 1\n\nfunction f(a) {\n  return a // once\n}\n",
    "lua": "x = 1\nlocal function f(a)\n  return a\nend\n",
}


def test_a_long_sum_has_tokens_however_deep_its_tree_is() -> None:
    text = "def f():\n    return " + " + ".join(["a"] * 3_000)
    tokens = SyntaxTree("python", text).code_tokens()
    assert tokens is not None
    assert tokens[-3:] == ["a", "+", "a"]
    assert len(tokens) == len(["def", "f", "(", ")", ":", "return"]) + 5_999


def test_comments_and_docstrings_are_no_tokens_and_strings_are_whole() -> None:
    text = 'def f():\n    """Says."""  # once\n    return "a b"\n'
    assert SyntaxTree("python", text).code_tokens() == ["def", "f", "(", ")", ":", "return", '"a b"']


@pytest.mark.parametrize("language", CODE)
def test_a_carriage_return_alone_ends_a_line(language: str) -> None:
    text = CODE[language]
    old = text.replace("\n", "\r")
    at = text.index("return")
    old_tree = SyntaxTree(language, old)
    tree = SyntaxTree(language, text)
    assert old_tree.definition_at(at) == tree.definition_at(at)
    assert old_tree.definition_at(at) is not None
    assert old_tree.count_errors() == tree.count_errors()
    assert old_tree.code_tokens() == tree.code_tokens()
    assert SyntaxTree("python", CODE["python"].replace("\n", "\r")).find_import_offset() == len("import os\n")
