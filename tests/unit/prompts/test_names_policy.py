"""What is done with a suggestion in which names do not exist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts.names import UnresolvedName, find_unresolved
from spark_lsp.prompts.names_policy import (
    MAX_HINT_CHARS,
    AskAgain,
    CutText,
    Decision,
    KeepText,
    NamesVerdict,
    decide,
    make_hint,
)


def decide_in(
    before: str, inserted: str, *, may_ask_again: bool = True, language: str = "python"
) -> Decision:
    found = find_unresolved(before, inserted, "\n", language)
    verdict = NamesVerdict("unresolved" if found else "fine", found)
    return decide(verdict, inserted, language, may_ask_again=may_ask_again)


@pytest.mark.parametrize("state", ["fine", "unknown"])
def test_without_a_wrong_name_the_text_is_kept(state: str) -> None:
    assert decide(NamesVerdict(state), "x", "python", may_ask_again=True) == KeepText()  # type: ignore[arg-type]


def test_complete_lines_before_the_wrong_name_are_kept() -> None:
    assert decide_in("def f(a):\n    ", "b = a\n    return missing") == CutText(len("b = a"))


def test_a_comment_alone_is_not_worth_keeping() -> None:
    assert decide_in("def f(amount):\n    ", "# add it\n    return amounts") == AskAgain(
        "# existing names: amount", "amounts"
    )


def test_the_engine_is_asked_again_once() -> None:
    before = "class Cart:\n    total = 1\n    size = 2\n    def f(self):\n        return "
    assert decide_in(before, "self.totals") == AskAgain("# self has: total, size", "totals")
    assert decide_in(before, "self.totals", may_ask_again=False) == CutText(0)


def test_without_names_to_suggest_nothing_is_asked() -> None:
    assert decide_in("", "zzzzzzzz") == CutText(0)


def test_a_missing_import_hides_nothing() -> None:
    assert decide_in("", "x = np.zeros(3)") == KeepText()
    assert decide_in("amount = 1\n", "np.zeros(amounts)") == AskAgain("# existing names: amount", "amounts")


def test_the_mark_of_a_comment_follows_the_language() -> None:
    before = "export class Cart { total = 1; f() { return "
    found = find_unresolved(before, "this.totals", " } }", "typescript")
    assert make_hint(found[0], "typescript").startswith("// this has: total")
    assert make_hint(found[0], "javascript").startswith("//")


def test_a_long_expression_is_not_part_of_the_hint() -> None:
    name = UnresolvedName("a", 0, "attribute", 0, ("b",), "f(\n1)")
    assert make_hint(name, "python") == "# existing names: b"


@given(st.lists(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=80)), st.text(max_size=60))
def test_a_hint_is_one_short_line(known: list[str], of: str) -> None:
    hint = make_hint(UnresolvedName("a", 0, "attribute", 0, tuple(known), of), "python")
    assert len(hint) <= MAX_HINT_CHARS
    assert len(hint.splitlines()) == 1
    assert hint.count(",") < 12
