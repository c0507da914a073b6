"""Ghost text: golden cases of each step, in the words a model uses."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.ghost import GhostText
from spark_lsp.prompts.shaping.stops import find_fence_lines


def ghost(around: str, said: str, max_lines: int = 0) -> str | None:
    """Say something at the cursor `|` and return what would be inserted."""
    before, _, after = around.partition("|")
    made = GhostText(before + after, len(before), "python", max_lines=max_lines)
    for char in said:
        if made.feed(char):
            break
    return made.finish()


@pytest.mark.parametrize(
    ("around", "said", "inserted"),
    [
        ("x = |\n", "1 + 2", "1 + 2"),
        ("x = |\n", " 1", "1"),  # the space stands there already
        ("print(|)\n", "a, b)", "a, b"),  # no bracket twice
        ("print(|)\n", "f(a))", "f(a)"),
        ("print(|)\n", "f(a)", "f(a)"),  # the bracket is the call's own
        ("f(|)\n", "x)\ng(y)", "x"),
        ('d["|"]\n', 'key"]', "key"),
        ("x = |\n", "1<|endoftext|>y = 2", "1"),
        ("x = |\n", "1<|fim_pad|>", "1"),
        ("x = |\n", "1\n```\nThis sets x", "1"),
        ("x = |\n", "1\r```\rThis sets x", "1"),
        ("def f():\n    |\nend\n", "\nendo", "\nendo"),  # a growing line is not yet the line below
        ("def f():\n    |\n", "return 1\n\ndef g():\n    return 2", "return 1"),  # the block ends
        (
            "def f():\n    |\n",
            "a = 1\n    b = 2\n    return a + b\nx = 3",
            "a = 1\n    b = 2\n    return a + b",
        ),
        ("a = 1\n|\nc = 3\n", "b = 2\nc = 3\nd = 4", "b = 2"),  # the line below is there already
        ("for x in y:\n    |\n", "f(x)\n    g(x)\n    g(x)\n    g(x)\n    g(x)", "f(x)\n    g(x)\n    g(x)"),
        ("def f():\n    |\n", "a = 1\n    b = 2 # \u202e gnorw\n    c = 3", "a = 1"),
        ("x = |.strip()\n", "name\ny = 2", "name"),  # text right of the cursor allows one line
    ],
)
def test_golden(around: str, said: str, inserted: str) -> None:
    assert ghost(around, said) == inserted


@pytest.mark.parametrize(
    ("around", "said"),
    [
        ("x = |\n", ""),
        ("x = |\n", "  \n \t"),
        ("x = |\n", "<|endoftext|>"),
        ("|\nimport os\n", "import os"),  # says only what stands below
        ("print(a)\nprint(a)\n|\n", "print(a)"),  # says a third time what stands above twice
        ("x = |\n", "1 # \u202e gnorw"),  # text that shows other than it is
    ],
)
def test_nothing(around: str, said: str) -> None:
    assert ghost(around, said) is None


def test_the_lines_that_were_asked_for() -> None:
    assert ghost("def f():\n    |\n", "a = 1\n    b = 2\n    c = 3", max_lines=2) == "a = 1\n    b = 2"


def test_line_ends_are_the_documents() -> None:
    assert ghost("def f():\r\n    |\r\n", "a = 1\n    b = 2") == "a = 1\r\n    b = 2"


def feed_all(made: GhostText, said: str, size: int = 1) -> list[str]:
    """Feed text in chunks of `size` characters and return the text shown after each; none of it vanishes."""
    shown = [""]
    for at in range(0, len(said), size):
        made.feed(said[at : at + size])
        assert made.text.startswith(shown[-1])
        shown.append(made.text)
    return shown


def test_what_is_shown_only_grows_and_never_shows_a_control_token() -> None:
    shown = feed_all(GhostText("x = \n", 4), "alpha\nbeta<|endoftext|>")
    assert shown[-1] == "alpha\nbeta"
    assert not any("<" in text for text in shown)


def test_each_chunk_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def count_calls(name: str) -> None:
        method = getattr(GhostText, name)

        def counted(self: GhostText, *arguments: Any, **options: Any) -> Any:
            counts[name] += 1
            return method(self, *arguments, **options)

        monkeypatch.setattr(GhostText, name, counted)

    count_calls("_find_cut")
    count_calls("_shape_text")
    made = GhostText("def f():\n    \n", 13)
    for chunk in ("a = 1\n", "    b = 2\n", "    return"):
        counts.clear()
        made.feed(chunk)
        assert (made.text, made.whole_lines, made.is_useful) == (made.text, made.whole_lines, True)
        # The text to show, and the complete lines if there are more of them:
        assert counts == {"_find_cut": 1, "_shape_text": 1 + chunk.endswith("\n")}
    counts.clear()
    assert made.finish() == "a = 1\n    b = 2\n    return"
    assert counts == {"_find_cut": 1, "_shape_text": 1}


def growth(around: str, said: str) -> list[str]:
    """What is shown while something is said letter by letter, each once, and what is inserted at the end."""
    before, _, after = around.partition("|")
    made = GhostText(before + after, len(before), "python")
    shown = [""]
    for char in said:
        made.feed(char)
        shown.append(made.text)
    shown.append(made.finish() or "")
    return [text for number, text in enumerate(shown) if not number or text != shown[number - 1]]


@pytest.mark.parametrize(
    ("around", "said", "shown"),
    [
        ("print(|)\n", "f(a))", ["", "f", "f(", "f(a", "f(a)"]),  # never a bracket too many
        ("x = |\n", " 1", ["", "1"]),  # never two spaces
        ("def f():\r\n|\r\n", "a\nb", ["", "a", "a\r\nb"]),
        ("|\nimport os\n", "import os", [""]),  # never what stands below
        ("|\nimport os\n", "import re", ["", "import r", "import re"]),
        ("f(a)\nf(a)\n|\n", "f(b)", ["", "f(b", "f(b)"]),
        ("x = |\n", "1 # \u202e gnorw", ["", "1", "1 #", ""]),  # seen to deceive, it goes
    ],
)
def test_what_grows_is_shaped_as_the_end_will_be(around: str, said: str, shown: list[str]) -> None:
    assert growth(around, said) == shown


CODE = st.text('ab )(]"\n ', max_size=24)


@given(before=CODE, after=CODE, said=CODE)
def test_what_is_shown_is_only_extended_trimmed_or_removed(before: str, after: str, said: str) -> None:
    shown = growth(f"{before}|{after}", said)
    assert all(new.startswith(old) or old.startswith(new) for old, new in pairwise(shown)), shown


@pytest.mark.parametrize(
    ("said", "inserted"),
    [("x" * 50_000, None), ("\n" * 50_000, None), ("a = 1\n" + " " * 50_000 + "b", "a = 1")],
)
def test_what_nobody_would_read_is_read_no_further(said: str, inserted: str | None) -> None:
    made = GhostText("", 0)
    pieces = (said[at : at + 100] for at in range(0, len(said), 100))
    assert next(count for count, piece in enumerate(pieces, 1) if made.feed(piece)) < 100
    assert made.finish() == inserted


def test_only_whole_lines_count_as_lines() -> None:
    made = GhostText("def f():\n    \n", 13)
    made.feed("a = 1\n    b =")
    assert made.whole_lines == "a = 1"


@given(before=st.text(max_size=40), after=st.text(max_size=40), said=st.text(max_size=80))
def test_whatever_is_said_is_cut_never_invented(before: str, after: str, said: str) -> None:
    made = GhostText(before + after, len(before))
    made.feed(said)
    inserted = made.finish()
    assert inserted is None or inserted.replace("\r\n", "\n").strip() in said.replace("\r\n", "\n").replace(
        "\r", "\n"
    )


@pytest.mark.parametrize(
    ("language", "before", "said", "shown"),
    [
        ("markdown", "To install:\n\n", "```sh\npip install demo\n```", "```sh\npip install demo\n```"),
        ("mdx", "To install:\n\n", "~~~\npip install demo\n~~~", "~~~\npip install demo\n~~~"),
        ("markdown", "```py\nx = 1\n", "y = 2\n```", "y = 2\n```"),
        ("markdown", "# Demo\n\n", "It is small.\n```\n", "It is small."),  # a wrapper's end
        ("markdown", "# Demo\n\n", "```\n", None),
        ("python", 'def f():\n    """Do it.\n\n    ```\n    ', "f()\n    ```\n", "f()\n    ```"),
        ("python", "x = 1\n", "y = 2\n```\nThat is it", "y = 2"),
    ],
)
def test_fences_are_text_where_the_text_has_fences(
    language: str, before: str, said: str, shown: str | None
) -> None:
    for size in (1, 3, len(said)):
        made = GhostText(before, len(before), language)
        feed_all(made, said, size)
        assert made.finish() == shown


@given(
    st.sampled_from(
        ["def area(w, h):", "const total = width * height;", "    return [item for item in items]"]
    ),
    st.integers(0, 40),
    st.sampled_from(["", "}", "x", "é"]),
    st.integers(0, 2),
)
def test_text_that_was_shown_does_not_vanish_when_its_line_nears_the_one_below(
    below: str, at: int, replacement: str, removed: int
) -> None:
    feed_all(GhostText(f"\n{below}\n", 0), below[:at] + replacement + below[at + removed :])


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (".strip()", "name.strip().lower()"),
        ("))", "f(a)) + g(b))"),
        (";", "a; b;"),
        ('"]', 'key"]["other"]'),
    ],
)
def test_text_that_was_shown_does_not_vanish_when_it_repeats_the_rest_of_the_line(
    rest: str, said: str
) -> None:
    feed_all(GhostText(f"x = {rest}\n", 4), said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```a\r  ~~~b\r\nx```\n\t````", ["```a", "  ~~~b", "\t````"]),
        ("  ```", ["  ```"]),
        ("~~ ~~\n``", []),
    ],
)
def test_the_lines_that_may_be_fences(text: str, found: list[str]) -> None:
    assert find_fence_lines(text) == found
