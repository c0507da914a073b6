"""Patterns as people write them keep a file in, and only such files: against a gateway that records."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import private_home
from tests.e2e.recording import Person, person

NFD = unicodedata.normalize("NFD", "é.sql")
FILES = {
    "my notes/list.sql": [
        *("*.{sql,csv}", "*.{sql, csv}", "*.{csv,{txt,sql}}", "list.{s,t}ql", "list{.sql,}", "list{,.sql}"),
        *(
            "my notes/",
            "my notes",
            "My Notes",
            "./my notes",
            "/my notes",
            "my notes/*",
            "my notes/**",
            "my*/",
        ),
        *(
            "my notes/**",
            "**/my notes/**",
            "**/my notes",
            "**/list.sql",
            "~/w/my notes/*",
            "~/w/**/*.sql",
            "~/w",
            "~",
        ),
        *("$HOME/w/my notes", "${userHome}/w/", "${workspaceFolder}/my notes/**", "{home}/w/my notes/*"),
        *("{home}/w/**", "file://{home}/w/my%20notes/", "file://{home}/w/my notes/**", "my%20notes/*"),
        *("my notes\\*", "my\\ notes/*", " *.sql", "*.sql ", "*.SQL", "*.s[a-z]l", "*.s[!a]l", "*.s[^a]l"),
        *("list.sq?", "*", "**", "**/*", "../w/my notes/", "my notes/../my notes/list.sql", "l*t.sql"),
    ],
    "データ/秘密.txt": ["データ/", "データ", "*/秘密.*", "秘密.{txt,csv}", "~/w/データ/*", "秘?.txt"],
    "é.sql": [NFD, "é.sql", "É.sql", "[é].sql"],
    "a{b}.sql": ["a\\{b\\}.sql", "a[{]b[}].sql"],
    "a[1].sql": ["a\\[1\\].sql", "a[[]1].sql"],
    "n3.sql": ["n{1..3}.sql", "n[0-9].sql"],
}
HARMLESS = [
    "*.{csv,txt}",
    "other notes/",
    "list.sql/",
    "/notes",
    "notes",
    "~/v/**",
    "*.sq",
    "!list.sql",
    "[z-a]*",
]
CASES = [(name, pattern) for name, patterns in FILES.items() for pattern in patterns]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory with an open folder `w`."""
    place = tmp_path_factory.mktemp("place")
    for name in FILES:
        (place / "w" / name).parent.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="module")
def editor(place: Path) -> Iterator[Person]:
    with private_home(place) as home:
        folders = [{"uri": (place / "w").as_uri(), "name": "w"}, {"uri": "file:///elsewhere", "name": "e"}]
        home = {**home, "HOME": str(place)}
        with person(home, place, workspaceFolders=folders) as made:
            yield made


def settings(place: Path, **lists: list[str]) -> dict[str, Any]:
    def written(names: list[str]) -> list[str]:
        return [name.replace("{home}", str(place)) for name in names]

    exclude, disabled = (written(lists.get(name, [])) for name in ("exclude", "disabled"))
    return {
        "settings": {"spark": {"context": {"exclude": exclude}, "completion": {"disabledGlobs": disabled}}}
    }


def uri_of(place: Path, name: str) -> str:
    return f"file://{quote(str(place / 'w' / name))}"


@pytest.mark.parametrize(("name", "pattern"), CASES)
def test_a_file_that_a_pattern_excludes(editor: Person, place: Path, name: str, pattern: str) -> None:
    editor.push(settings(place, exclude=[pattern]))
    editor.stays(uri_of(place, name), "context.exclude", control=False)


@pytest.mark.parametrize(("name", "pattern"), CASES)
def test_a_file_without_ghost_text(editor: Person, place: Path, name: str, pattern: str) -> None:
    editor.push(settings(place, disabled=[pattern]))
    _, items, actions = editor.written(uri_of(place, name))
    assert items == []
    assert "disabledGlobs" in editor.reason()
    assert actions
    editor.closed(uri_of(place, name))


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_file_that_a_pattern_does_not_exclude(editor: Person, place: Path, pattern: str) -> None:
    editor.push(settings(place, exclude=[pattern], disabled=[pattern]))
    editor.goes(uri_of(place, "my notes/list.sql"))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (" ", "is empty"),
        ("[abc", "bracket"),
        ("*.{sql,csv", "brace"),
        ("!keep.sql", "re-include"),
        ("C:\\w\\*", "path of Windows"),
        ("~nobody/x", "another user"),
        ("${x}/y", "does not know"),
        ("https://a/b", "is an address"),
        ("[z-a]", "runs backwards"),
        ("{1..9999}", "alternatives"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_named_once(
    editor: Person, place: Path, pattern: str, why: str
) -> None:
    for _ in range(2):
        editor.push(settings(place, exclude=[pattern, "*.sql"]))
    told = [each["message"] for each in editor.told("window/showMessage")]
    assert len([text for text in told if repr(pattern) in text and why in text]) == 1
    editor.stays(uri_of(place, "my notes/list.sql"), "context.exclude")
