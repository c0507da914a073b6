"""The page of code actions has the actions of the code, with their kinds and languages."""

import re
from pathlib import Path

from spark_lsp.prompts import actions
from spark_lsp.prompts.documentation_forms import DOCUMENTED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "code-actions.md").read_text("utf-8")
ROWS = re.findall(r"^\| \*(.+?)\* \| `(\w+)` \| `([\w.]+)` \| (.*?) \|", PAGE, re.MULTILINE)


def test_the_table_has_each_action_once() -> None:
    names = [name for _, name, _, _ in ROWS]
    assert sorted(names) == sorted(each.name for each in actions.ACTIONS)


def test_titles_and_kinds_are_those_of_the_code() -> None:
    for title, name, kind, _ in ROWS:
        action = actions.find_action(name)
        assert action.kind == kind
        shown = title.removesuffix(" `x`") if name != "fix" else action.title
        assert shown == action.title


def test_the_languages_of_types_are_named() -> None:
    (where,) = [where for _, name, _, where in ROWS if name == "types"]
    known = {"python": "Python", "typescript": "TypeScript", "php": "PHP", "dart": "Dart"}
    named = actions.find_action("types").languages - {"typescriptreact"}
    assert named == set(known)
    assert all(word in where for word in known.values())


def test_the_changelog_does_not_promise_too_many_languages() -> None:
    found = re.search(r"knows the form of (\d+) languages", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert found is not None
    assert len(DOCUMENTED) >= int(found[1])
