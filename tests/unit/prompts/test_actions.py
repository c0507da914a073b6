"""Code actions: when they apply, and which lines they are about."""

from collections.abc import Sequence

import pytest

from spark_lsp.prompts import actions
from spark_lsp.prompts.actions import Diagnostic
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
    offers = actions.list_offers(DOCUMENT, offset, offset, diagnostics)
    return [offer.action.name for offer in offers if not offer.obstacle]


def find_target(
    action: str, document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic]
) -> tuple[int, int]:
    return actions.find_target(action, document, SyntaxTree.of(document), start, end, diagnostics)


def find_instruction(
    document: Document, start: int, end: int
) -> tuple[actions.InstructionComment | None, int, int]:
    return actions.find_instruction(document, SyntaxTree.of(document), start, end)


def lines(span: tuple[int, int]) -> str:
    return TEXT[slice(*span)]


def test_what_is_offered_where() -> None:
    inside = TEXT.index("return 1")
    assert names(inside) == ["instruct", "document"]
    assert names(TEXT.index("x = 1")) == ["instruct"]
    assert names(TEXT.index("\n\n\nclass") + 1) == []
    undefined = Diagnostic(inside, inside + 6, "undefined name 'y'")
    assert names(inside, undefined) == ["fix", "instruct", "document"]


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
    (offer,) = [each for each in actions.list_offers(DOCUMENT, 0, 0, [found]) if each.action.name == "fix"]
    assert len(offer.title) < 70
    assert "\n" not in offer.title


@pytest.mark.parametrize(
    "comment", ["# spark: be brief", "// spark: be brief", "-- Spark:be brief", "/* spark: be brief */"]
)
def test_an_instruction_in_a_comment(comment: str) -> None:
    document = Document("file:///a", f"{comment}\n\nx = 1\n")
    below = document.line_start(2)
    note = actions.InstructionComment(0, document.line_start(1), "be brief")
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
