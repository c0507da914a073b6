"""The conversation of an edit that continues an earlier one."""

from spark_lsp.prompts.going_on import MAX_CHARACTERS, join_instructions, limit_turns, make_turns
from spark_lsp.request import Message


def test_an_edit_is_a_question_and_its_answer() -> None:
    assert make_turns("python", "Swap them.", "a, b", "b, a") == (
        Message("user", "Swap them.\n\n```python\na, b\n```"),
        Message("assistant", "```python\nb, a\n```"),
    )


def test_the_newest_pairs_are_kept_within_the_limit() -> None:
    old, new = make_turns("", "old", "x" * MAX_CHARACTERS, "y"), make_turns("", "new", "a", "b")
    assert limit_turns((*old, *new)) == new
    assert limit_turns((*new, *new)) == (*new, *new)
    assert limit_turns(old) == ()
    assert limit_turns(()) == ()


def test_instructions_are_joined() -> None:
    assert join_instructions("first ", "", " second") == "first\nsecond"
