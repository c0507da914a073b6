"""What is known of code: also of code that is nested as deeply as a generated table is."""

from spark_lsp.prompts import syntax


def test_a_long_sum_has_tokens_however_deep_its_tree_is() -> None:
    text = "def f():\n    return " + " + ".join(["a"] * 3_000)
    tokens = syntax.code_tokens("python", text)
    assert tokens is not None
    assert tokens[-3:] == ["a", "+", "a"]
    assert len(tokens) == len(["def", "f", "(", ")", ":", "return"]) + 5_999


def test_comments_and_docstrings_are_no_tokens_and_strings_are_whole() -> None:
    text = 'def f():\n    """Says."""  # once\n    return "a b"\n'
    assert syntax.code_tokens("python", text) == ["def", "f", "(", ")", ":", "return", '"a b"']
