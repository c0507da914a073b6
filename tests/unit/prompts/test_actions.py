"""Code actions: when they apply, and which lines they are about."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.lsp.refactor.extract import DEFAULT_NAME
from spark_lsp.prompts import action_offers, action_targets, actions, instruction_comments
from spark_lsp.prompts.actions import Target
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

TEXT = """import os


class Box:
    @property
    def size(self):
        return 1

    def empty(self):
        return True


x = 1
"""
DOCUMENT = Document("file:///a.py", TEXT, language="python")


def names(offset: int, *diagnostics: Diagnostic) -> list[str]:
    offers = action_offers.list_offers(DOCUMENT, offset, offset, diagnostics)
    return [offer.action.name for offer in offers if not offer.obstacle]


def find_target(
    action: str, document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> tuple[int, int]:
    return action_targets.find_target(action, document, SyntaxTree.of(document), start, end, diagnostics)


def find_instruction(
    document: Document, start: int, end: int
) -> tuple[instruction_comments.InstructionComment | None, int, int]:
    return instruction_comments.find_instruction(document, SyntaxTree.of(document), start, end)


def lines(span: tuple[int, int]) -> str:
    return TEXT[slice(*span)]


def test_what_is_offered_where() -> None:
    inside = TEXT.index("return 1")
    everywhere, code = ["instruct", "explain"], ["document", "types", "tests", "simplify", "optimise"]
    assert names(inside) == ["instruct", *code, "explain"]
    assert names(TEXT.index("x = 1")) == everywhere
    assert names(TEXT.index("\n\n\nclass") + 1) == []
    undefined = Diagnostic(inside, inside + 6, "undefined name 'y'")
    assert names(inside, undefined) == ["fix", "instruct", *code, "explain"]


def test_the_innermost_definition_is_documented_with_its_decorator() -> None:
    span = find_target("document", DOCUMENT, TEXT.index("return 1"), TEXT.index("return 1"), ())
    assert lines(span) == "    @property\n    def size(self):\n        return 1"


def test_a_selection_means_its_whole_lines() -> None:
    start = TEXT.index("size")
    span = find_target("instruct", DOCUMENT, start, TEXT.index("    def empty"), ())
    assert lines(span) == "    def size(self):\n        return 1\n"


def test_a_fix_is_about_the_diagnostics_lines() -> None:
    at = TEXT.index("True")
    found = Diagnostic(at, at + 4, "wrong")
    assert lines(find_target("fix", DOCUMENT, 0, 0, [found])) == "        return True"


def test_long_messages_make_short_titles() -> None:
    found = Diagnostic(0, 1, "a very long\nmessage " * 20)
    offers = action_offers.list_offers(DOCUMENT, 0, 0, [found])
    (offer,) = [each for each in offers if each.action.name == "fix"]
    assert len(offer.title) < 70
    assert "\n" not in offer.title


@pytest.mark.parametrize(
    "comment", ["# spark: be brief", "// spark: be brief", "-- Spark:be brief", "/* spark: be brief */"]
)
def test_an_instruction_in_a_comment(comment: str) -> None:
    document = Document("file:///a", f"{comment}\n\nx = 1\n")
    below = document.line_start(2)
    note = instruction_comments.InstructionComment(0, document.line_start(1), "be brief")
    assert find_instruction(document, document.line_start(1), below) == (
        note,
        document.line_start(1),
        below,
    )
    assert find_instruction(document, 0, 1) == (note, below, below)  # the cursor is in the comment
    assert find_instruction(document, below, below)[0] is None
    assert find_instruction(Document("file:///a", "# other\nx = 1\n"), 9, 9)[0] is None


def test_an_instruction_above_the_definition_around_the_cursor() -> None:
    document = Document("file:///a.py", f"# spark: be brief\n{TEXT[12:]}", language="python")
    inside = document.text.index("class")
    note, start, end = find_instruction(document, inside + 3, inside + 4)
    assert note is not None
    assert (note.instruction, start, end) == ("be brief", inside + 3, inside + 4)


def test_one_selected_character_is_a_cursor() -> None:
    at = TEXT.index("return 1")
    span = find_target("instruct", DOCUMENT, at, at + 1, ())
    assert lines(span) == "    @property\n    def size(self):\n        return 1"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "function add(a, b) {\n  return a + b;\n}\n"),
        ("typescript", "export function add(a: number): number {\n  return a;\n}\n"),
        ("rust", "pub fn add(a: i32) -> i32 {\n    a\n}\n"),
        ("go", "func Add(a int) int {\n\treturn a\n}\n"),
        ("lua", "local function add(a)\n  return a\nend\n"),
    ],
)
def test_definitions_of_other_languages(language: str, text: str) -> None:
    document = Document("file:///a", text, language=language)
    span = find_target("document", document, 3, 3, ())
    assert document.text[slice(*span)] == text.rstrip("\n")


PYTHON = """import os


# Gibt die Summe.
def total(prices, rate):
    \"\"\"Add the prices.\"\"\"
    result = 0
    # noch ohne Steuer
    for each in prices:
        result += each
    return result


def todo(a):
    pass
"""
RUST = """/// Adds.
fn add(a: i32) -> i32 {
    todo!()
}
"""


def offer_of(name: str, language: str, text: str, at: str, length: int = 0) -> action_offers.ActionOffer:
    """Return the offer of an action at a text, with `length` selected characters."""
    document = Document("file:///a", text, language=language)
    start = text.index(at)
    offers = action_offers.list_offers(document, start, start + length, ())
    return next(each for each in offers if each.action.name == name)


@pytest.mark.parametrize(
    ("name", "language", "text", "at", "obstacle"),
    [
        ("types", "python", PYTHON, "result = 0", ""),
        ("types", "python", PYTHON, "import os", action_offers.NO_CODE),
        ("types", "rust", RUST, "todo", "This language has no optional type annotations"),
        ("types", "typescript", "function f(a) {\n  return a;\n}\n", "return", ""),
        ("document", "vue", "<script>\nfunction f() {\n}\n</script>\n", "func", "not known"),
        ("document", "python", PYTHON, "result = 0", "already"),
        ("document", "rust", RUST, "todo", "already"),
        ("tests", "csharp", "class A { }\n", "class", "The place of tests is not known"),
        ("tests", "rust", RUST, "todo", ""),
        ("tests", "python", PYTHON, "import os", action_offers.NO_DEFINITION),
        ("complete", "python", PYTHON, "pass", ""),
        ("complete", "python", PYTHON, "result = 0", action_offers.NO_STUB),
        ("complete", "rust", RUST, "todo", ""),
        ("translate", "python", PYTHON, "result = 0", ""),
        ("translate", "python", PYTHON, "import os", action_offers.NO_COMMENTS),
        ("translate", "markdown", "# Guten Tag\n", "Guten", ""),
        ("simplify", "markdown", "# Guten Tag\n", "Guten", action_offers.NO_CODE),
        ("rename", "python", PYTHON, "result = 0", ""),
        ("rename", "python", PYTHON, "prices, rate", "Calls may use"),
        ("rename", "python", PYTHON, "total(", "Other files"),
        ("rename", "python", PYTHON, "return", "Put the cursor on a variable"),
        ("rename", "go", "func f() {\n\tab := 1\n\tg(ab)\n}\n", "ab :=", ""),
        ("rename", "go", "func fab() {\n\tg(1)\n}\n", "fab", "Other files"),
        ("explain", "plaintext", "\n\nx\n", "\n", action_offers.NO_TEXT),
        ("fix", "python", PYTHON, "pass", action_offers.NO_DIAGNOSTIC),
        ("fix_all", "python", PYTHON, "pass", action_offers.NOTHING_FIXABLE),
    ],
)
def test_where_each_action_applies(name: str, language: str, text: str, at: str, obstacle: str) -> None:
    found = offer_of(name, language, text, at).obstacle
    assert (obstacle in found) if obstacle else not found, found


def test_selected_code_needs_no_definition() -> None:
    assert offer_of("simplify", "python", "x = 1 + 1\n", "x = 1", 9).obstacle == ""
    assert offer_of("simplify", "python", "x = 1 + 1\n", "x = 1", 1).obstacle == action_offers.NO_CODE


def test_every_action_has_a_reason_where_it_does_not_apply() -> None:
    for language in ("python", "vue", "go", "plaintext"):
        offers = action_offers.list_offers(Document("file:///a", "", language=language), 0, 0, ())
        assert all(offer.obstacle for offer in offers)
        assert not any(offer.obstacle.endswith(".") for offer in offers)  # as in a menu


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        (
            "translate",
            "result = 0",
            '# Gibt die Summe.\ndef total(prices, rate):\n    """Add the prices."""\n',
        ),
        ("complete", "pass", "    pass"),
        ("rename", "result = 0", "def total"),
        ("fix_all", "pass", PYTHON),
        ("explain", "result = 0", "def total"),
    ],
)
def test_the_lines_that_an_action_may_change(name: str, at: str, expected: str) -> None:
    document = Document("file:///a.py", PYTHON, language="python")
    start = PYTHON.index(at)
    first, last = find_target(name, document, start, start, ())
    assert document.text[first:last].startswith(expected)


def test_a_selection_of_the_blanks_before_a_name_means_the_name() -> None:
    assert offer_of("rename", "python", PYTHON, "    result = 0", 4).title == "Rename `result`"
    assert offer_of("rename", "python", PYTHON, "result = 0", 6).title == "Rename `result`"


def test_own_actions_follow_the_instruction_and_heed_their_languages() -> None:
    brief = actions.own_action("Be brief", "Make this shorter", frozenset({"python"}), "refactor.rewrite")
    at = TEXT.index("return 1")
    offers = action_offers.list_offers(DOCUMENT, at, at, (), own=[brief])
    assert [offer.action.name for offer in offers[:3]] == ["fix", "instruct", "own:Be brief"]
    other = Document("file:///a.go", TEXT, language="go")
    assert "own:Be brief" not in [
        offer.action.name for offer in action_offers.list_offers(other, at, at, (), own=[brief])
    ]


def test_the_table_is_consistent() -> None:
    assert {each.target for each in actions.ACTIONS} == set(Target)
    assert len({each.name for each in actions.ACTIONS}) == len({each.title for each in actions.ACTIONS})
    for each in actions.ACTIONS:
        assert each.kind.partition(".")[0] in ("quickfix", "refactor", "source", "spark")
        assert not each.instruction.endswith(".")
        assert each.languages or not each.elsewhere
    assert actions.find_action("extract_variable").default == DEFAULT_NAME


@given(
    action=st.sampled_from([each.name for each in actions.ACTIONS]),
    language=st.sampled_from(["python", "javascript", "rust", "java", "markdown", "lua", "unknown"]),
    text=st.lists(
        st.sampled_from(
            ["def f(a):", "{", "}", "\n", "    ", "#", "x", '"""', "// b", "\r\n", "fn f() ", "é"]
        ),
        max_size=30,
    ).map("".join),
    ends=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_a_target_is_always_complete_lines_of_the_document(
    action: str, language: str, text: str, ends: tuple[int, int]
) -> None:
    start, end = sorted(min(each, len(text)) for each in ends)
    document = Document("file:///a", text, language=language)
    first, last = find_target(action, document, start, end, (Diagnostic(start, end, "odd"),))
    assert 0 <= first <= last <= len(text)
    assert first == document.line_start(document.line_at(first))
    assert last == document.line_end(document.line_at(last))
    offers = action_offers.list_offers(document, start, end, ())
    assert {offer.action.name for offer in offers} <= {each.name for each in actions.ACTIONS}
