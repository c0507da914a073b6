"""What is taken off what a chat model says around what it was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.chat import AnswerFilter, BareCompletionFilter, FencedAnswerFilter, build_chat_prompt
from spark_lsp.prompts.target_text import target_in_request
from spark_lsp.request import Part, PartKind, Request, Task

CODE = "```python\ndef f():\n    return 1\n```"


def whole(reader: AnswerFilter, *pieces: str) -> str:
    return "".join(reader.feed(piece) for piece in pieces) + reader.finish()


@pytest.mark.parametrize("before", ["", "Here it is:\n\n", "\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_an_edit_ends_where_its_fence_closes(before: str, size: int) -> None:
    reader = FencedAnswerFilter()
    said = before + CODE + "\n\nThis returns 1, see ```f```.\n"
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    assert whole(reader, *pieces) == before + CODE
    assert reader.done


@pytest.mark.parametrize("said", ["no fence at all\n", "```python\nx = 1\n", "a ``` b\n``` c", ""])
def test_what_has_no_closed_fence_is_passed_on_whole(said: str) -> None:
    reader = FencedAnswerFilter()
    assert whole(reader, *said) == said
    assert not reader.done


@pytest.mark.parametrize(
    ("line", "said", "expected"),
    [
        ("    return ", "a + b", "a + b"),
        ("    return ", "return a + b", " a + b"),
        ("    return ", "    return a + b\n", " a + b\n"),
        ("    return ", "```python\nreturn a + b\n```", " a + b\n```"),  # ghost text ends at a fence
        ("    return ", "\n```\na + b", "a + b"),
        ("x", "x = 1", "x = 1"),
        ("", "\n    pass", "\n    pass"),
        ("def f", "def", "def"),
        ("", "```python", ""),
        ("", "``", "``"),
        ("", "", ""),
    ],
)
def test_a_completion_is_freed_of_what_stands_before_it(line: str, said: str, expected: str) -> None:
    assert whole(BareCompletionFilter(line), said) == expected
    assert whole(BareCompletionFilter(line), *said) == expected


@given(st.lists(st.sampled_from(["```", "`", "\n", "return ", "re", "x = 1", " "]), max_size=8), st.data())
def test_how_an_answer_is_cut_does_not_matter(words: list[str], data: st.DataObject) -> None:
    said = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    for make in (FencedAnswerFilter, lambda: BareCompletionFilter("return ")):
        assert whole(make(), *pieces) == whole(make(), said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("```sh\npip install demo\n```", "```sh\npip install demo\n```"),
        ("```markdown\nIt is small.\n```", "It is small.\n```"),  # ghost text takes off the last line
        ("```", "```"),
        ("```md", ""),
    ],
)
def test_in_markdown_a_fence_is_part_of_a_completion(said: str, expected: str) -> None:
    assert whole(BareCompletionFilter("", "markdown"), said) == expected
    assert whole(BareCompletionFilter("", "markdown"), *said) == expected


def test_a_text_with_fences_is_asked_about_in_a_longer_one_and_passed_on_whole() -> None:
    target = "Try it:\n\n```sh\ndemo\n```\n"
    request = Request(Task.EDIT, (Part(PartKind.TARGET, target),), "translate", "instruct", "markdown")
    asked = build_chat_prompt(request, 1000).messages[-1].text
    assert f"````markdown\n{target}\n````" in asked
    assert asked.endswith("a fence of 4 backticks.")
    said = f"```markdown\n{target}```\nThat is it.\n"
    reader = FencedAnswerFilter(target_in_request(request))
    assert whole(reader, *said) == said
    assert not reader.done
