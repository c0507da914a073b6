"""What holds for any answer at any cursor: no bracket too many, nothing broken, no flicker."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.prompts.ghost import GhostText
from spark_lsp.prompts.syntax import SyntaxTree

LANGUAGES = st.sampled_from(
    ["python", "javascript", "typescriptreact", "rust", "go", "c", "lua", "ruby", "markdown"]
)
PIECES = st.sampled_from(
    [
        *"ab )(]}[{\"'`;,:/#<>=\n\t",
        "\n    ",
        "\n  ",
        "\n\t",
        '"""',
        "//",
        "/*",
        "*/",
        "--",
        "[[",
        "${",
        "#{",
        "f'{",
        "x = ",
        "if a:",
        *("```", "<|", "|>", "<think>", "\u200d", "é", "return a", "foo(", "});", "\\", "<<A", 'R"(', "'a"),
    ]
)
CODE = st.lists(PIECES, max_size=14).map("".join)
PAIRS = {"(": ")", "[": "]", "{": "}"}
INDENTS = st.sampled_from(["", "  ", "    ", "\t"])


def run(text: str, offset: int, language: str, pieces: list[str]) -> tuple[list[str], str]:
    """Return what is shown after each piece and at the end, and the document after accepting it."""
    ghost = GhostText(text, offset, language)
    shown = [""]
    for piece in pieces:
        is_complete = ghost.feed(piece)
        shown.append(ghost.text)
        if is_complete:
            break
    inserted = ghost.finish() or ""
    shown.append(inserted)
    end = ghost.end if inserted else offset
    assert offset <= end <= len(text)
    assert "\n" not in text[offset:end]
    return shown, text[:offset] + inserted + text[end:]


@example("python", "", "\na)aa", "\na)aa\n")  # a bracket too many in the line below
@given(LANGUAGES, CODE, CODE, CODE)
def test_the_pieces_of_an_answer_do_not_matter(language: str, before: str, after: str, reply: str) -> None:
    text = before + after
    shown, by_character = run(text, len(before), language, list(reply))
    assert run(text, len(before), language, [reply])[1] == by_character
    assert all(new.startswith(old) or old.startswith(new) for old, new in pairwise(shown)), shown


@st.composite
def balanced_code(draw: st.DrawFn) -> tuple[str, str]:
    """A text in which all brackets are closed, and a cursor in it: the texts before and after."""
    openers = draw(st.lists(st.sampled_from("([{"), max_size=4))
    closers = [PAIRS[opener] for opener in reversed(openers)]
    before = "".join(f"a{opener}" for opener in openers)
    at = draw(st.integers(0, len(closers)))
    after = "".join(closers[:at]) + "\n" + "".join(f"{closer}\n" for closer in closers[at:])
    head = draw(st.sampled_from(["", "b = 1\n", "f()\n"]))
    return head + before, after


BRACKETS = st.lists(st.sampled_from([*"ab )(]}[{;,\n", "x = ", "\n  "]), max_size=12).map("".join)


def count_unbalanced(text: str) -> int:
    """Return the number of brackets without a counterpart."""
    stack: list[str] = []
    excess = 0
    for char in text:
        if char in PAIRS:
            stack.append(PAIRS[char])
        elif char in PAIRS.values():
            if stack and stack[-1] == char:
                stack.pop()
            else:
                excess += 1
    return len(stack) + excess


@given(st.sampled_from(["c", "go", "rust", "lua", "java"]), balanced_code(), BRACKETS)
def test_no_accepted_answer_unbalances_brackets(language: str, code: tuple[str, str], reply: str) -> None:
    before, after = code
    assert count_unbalanced(before + after) == 0
    _, accepted = run(before + after, len(before), language, [reply])
    assert count_unbalanced(accepted) == 0, accepted


PYTHON = [
    "x = 1",
    "def f(a):",
    "    return a",
    "    if a:",
    "        b(a, [1, 2])",
    "y = {'a': (1,)}",
    "",
    "class A:",
    "    x = '('",
]
SCRIPT = [
    "let x = 1;",
    "function f(a) {",
    "  return a;",
    "}",
    "if (x) { f([1]); }",
    "",
    "const y = `a${x}`;",
    "f('(');",
]


@example(["x = 1", "    return a"], 2, "a")  # the second line is indented without reason
@given(
    st.lists(st.sampled_from(PYTHON), max_size=6),
    st.integers(0, 200),
    CODE | st.lists(st.sampled_from(PYTHON), max_size=4).map("\n".join),
)
def test_no_accepted_answer_breaks_python_that_parsed(lines: list[str], at: int, reply: str) -> None:
    check_parses("python", "\n".join(lines) + "\n", at, reply)


@example(["let x = 1;", "if (x) { f([1]); }"], 24, "//\n\n    a")  # the line end that is cut ends a comment
@given(
    st.lists(st.sampled_from(SCRIPT), max_size=6),
    st.integers(0, 200),
    CODE | st.lists(st.sampled_from(SCRIPT), max_size=4).map("\n".join),
)
def test_no_accepted_answer_breaks_javascript_that_parsed(lines: list[str], at: int, reply: str) -> None:
    check_parses("javascript", "\n".join(lines) + "\n", at, reply)


def check_parses(language: str, text: str, at: int, reply: str) -> None:
    offset = min(at, len(text))
    _, accepted = run(text, offset, language, [reply])
    if SyntaxTree(language, text).count_errors() == 0:
        assert SyntaxTree(language, accepted).count_errors() == 0, accepted
