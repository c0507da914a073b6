"""Patterns of file names: braces against an oracle, places, and what is named as a mistake."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config import resolve
from spark_lsp.privacy.patterns import (
    PathContext,
    find_problems,
    find_setting_problems,
    first_match,
    normalise_path,
    parse_pattern,
)

HERE = PathContext("/home/me", ("/home/me/w", "/srv/[x]"))
LETTERS = st.text("abc. -é秘", min_size=1, max_size=3)
Tree = str | list["Tree"] | tuple["Tree", ...]  # a text, alternatives, or a sequence
TREES = st.recursive(
    LETTERS,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, st.just("")), min_size=2, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=6,
)


def written(tree: "Tree") -> str:
    """How a person writes a tree."""
    if isinstance(tree, str):
        return tree
    if isinstance(tree, list):
        return "{" + ",".join(map(written, tree)) + "}"
    return "".join(map(written, tree))


def expanded(tree: "Tree") -> set[str]:
    """Which names a tree stands for."""
    if isinstance(tree, str):
        return {tree}
    if isinstance(tree, list):
        return {name for each in tree for name in expanded(each)}
    names = {""}
    for each in tree:
        names = {before + after for before in names for after in expanded(each)}
    return names


@given(TREES, LETTERS)
def test_braces_stand_for_all_their_alternatives(tree: "Tree", other: str) -> None:
    pattern = f"x{written(tree)}y"  # no name is empty, `.` or `..`
    names = {f"x{name}y" for name in expanded(tree)}
    for name in names:
        assert first_match(f"/w/{name}", [pattern]) == pattern
        assert first_match(f"/w/{name}/below.py", [pattern]) == pattern
    tidy = {name.replace(" ", "") for name in names}  # spaces around commas may be meant or not
    if f"x{other}y".replace(" ", "") not in tidy:
        assert first_match(f"/w/x{other}y", [pattern]) == ""


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_can_be_read(pattern: str, path: str) -> None:
    read = parse_pattern(pattern, HERE)
    assert read.matches(normalise_path(f"/w/{path}")) in (True, False)
    assert read.expression is not None or read.problem


@given(st.text("abcé秘 .-_", min_size=1, max_size=8).filter(lambda name: name.strip(" .")))
def test_a_plain_name_matches_in_either_unicode_form_and_case(name: str) -> None:
    for form in ("NFC", "NFD"):
        path = f"/w/{unicodedata.normalize(form, name).upper()}/a.py"
        assert first_match(path, [unicodedata.normalize("NFD", name)]) != ""


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("~/w/*.py", "/home/me/w/a.py", True),
        ("~/w/*.py", "/home/you/w/a.py", False),
        ("/w/a.py", "/home/me/w/w/a.py", True),
        ("/a.py", "/home/me/w/sub/a.py", False),
        ("/a.py", "/srv/[x]/a.py", True),
        ("/a.py", "/srv/x/a.py", False),
        ("${workspaceFolder}/a.py", "/srv/[x]/a.py", True),
        (".", "/srv/[x]/sub/a.py", True),
        (".", "/other/a.py", False),
        ("../v", "/home/me/v/a.py", True),
        ("a/**/b", "/x/a/b", True),
        ("a/**/b", "/x/a/c/d/b", True),
        ("a/**/b", "/x/a/cb", False),
        ("dir/", "/x/dir", False),
        ("dir/", "/x/dir/a", True),
        ("dir/", "/x/dir/", True),
        ("dir", "/x/dir/", True),
        ("dirs", "/x/dir/", False),
        ("dir", "/x/dirs/a", False),
        ("\\\\server\\share\\*", "//server/share/a.py", True),
        ("//server/share", "//server/share/a.py", True),
        ("a.py", "/x/y/../a.py", True),
        ("y/", "/x/y/../a.py", False),
        ("Untitled-1", "Untitled-1", True),
        (".", "Untitled-1", False),
    ],
)
def test_places(pattern: str, path: str, matches: bool) -> None:
    assert bool(first_match(path, [pattern], HERE)) is matches


def test_a_drive_is_a_place_on_windows_only() -> None:
    windows = PathContext("/c:/Users/me", (), windows=True)
    for pattern in ("C:\\data\\*.sql", "c:/data", "file:///C:/data/"):
        assert first_match("/c:/Data/list.sql", [pattern], windows) == pattern
        assert find_problems([pattern], windows) == []
        assert "path of Windows" in find_problems(["C:\\data"], HERE)[0]
    assert first_match("/c:/Users/me/a.sql", ["~\\a.sql"], windows)


@pytest.mark.parametrize("pattern", ["", "  ", "\t", "!a", "a\nb", "http://x/y", "{1..5000}"])
def test_what_is_left_out_is_named(pattern: str) -> None:
    assert parse_pattern(pattern).expression is None
    assert len(find_problems([pattern, "*.py"])) == 1


@pytest.mark.parametrize("pattern", ["[a", "a]b[", "{a", "a}", "{a,{b}", "~you/a", "${unknown}/a", "[z-a]"])
def test_what_is_read_in_an_unexpected_way_is_named(pattern: str) -> None:
    assert len(find_problems([pattern], HERE)) == 1


@pytest.mark.parametrize(
    "pattern",
    ["*.{sql,csv}", "[!a]*", "[]]", "[[]", "\\[a", "\\{a", "~", "~/a", "${a,b}", "$RECYCLE.BIN", "a b/"],
)
def test_what_is_right_is_not_named(pattern: str) -> None:
    assert find_problems([pattern], HERE) == []


def test_without_a_home_directory_a_tilde_is_named_and_matches_nothing() -> None:
    assert "needs a home directory" in find_problems(["~/a"])[0]
    assert first_match("/home/me/a", ["~/a"]) == ""


def test_the_settings_name_their_lists() -> None:
    values = {"context": {"exclude": [""]}, "completion": {"disabledGlobs": ["[a"]}}
    problems = find_setting_problems(resolve(("editor", values))[0], HERE)
    assert [problem.name for problem in problems] == ["context.exclude", "completion.disabledGlobs"]
