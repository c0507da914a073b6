"""Which files stay in the editor by their name, by git's rules, and by the project's own file."""

import pytest

from spark_lsp.privacy.files import Ignores, Narrowing, ignored, matching, read_project, secret_file


@pytest.mark.parametrize(
    "path",
    [
        "/p/.env",
        "/p/.env.local",
        "/p/prod.env",
        "/p/id_rsa",
        "/p/ID_ED25519.bak",
        "/p/server.pem",
        "/p/a.key",
        "/home/me/.ssh/config",
        "/home/me/.aws/credentials",
        "/p/credentials.json",
        "/p/secrets.yaml",
        "/p/.netrc",
    ],
)
def test_files_that_hold_secrets(path: str) -> None:
    assert secret_file(path)


@pytest.mark.parametrize(
    "path",
    [
        "/p/.env.example",
        "/p/main.py",
        "/p/environment.py",
        "/p/secrets.py",
        "/p/credentials.ts",
        "/p/id_rsa.pub",
        "/p/keys.py",
        "",
    ],
)
def test_files_that_do_not(path: str) -> None:
    assert secret_file(path) == ""


def test_globs_match_the_whole_path_or_the_name() -> None:
    assert matching("/p/build/a.py", ["*/build/*"]) == "*/build/*"
    assert matching("/p/A.PY", ["a.py"]) == "a.py"
    assert matching("/p/b.py", ["a.py"]) == ""
    assert matching("/p/src/customers/list.py", ["customers/*"]) == "customers/*"
    assert matching("/p/customers.py", ["customers/*"]) == ""
    assert matching("/p/a/b.py", ["/q/*"]) == ""
    assert matching("/p/a/b.py", ["./a/*"]) == "./a/*"


def test_git_rules() -> None:
    root = Ignores("/p", ("*.log", "build/", "/only-here", "!keep.log"))
    assert ignored("/p/a.log", [root])
    assert ignored("/p/build/x/y.py", [root])
    assert ignored("/p/only-here", [root])
    assert not ignored("/p/sub/only-here", [root])
    assert not ignored("/p/keep.log", [root])
    assert not ignored("/elsewhere/a.log", [root])
    assert not ignored("/p/sub/a.log", [root, Ignores("/p/sub", ("!a.log",))])


def test_a_project_may_only_take_away() -> None:
    values = {
        "exclude": ["*.sql"],
        "completion": {"enabled": False},
        "edit": {"enabled": True},
        "engine": {"url": "ws://evil.example"},
        "engines": {"x": {"kind": "openai"}},
    }
    narrowing, problems = read_project(values, "/p/.spark.toml")
    assert narrowing == Narrowing(("*.sql",), ghost_text=False, edits=True)
    assert [problem.name for problem in problems] == ["edit", "engine", "engines"]
    assert all("only take away" in problem.reason for problem in problems)


def test_two_projects_take_away_together() -> None:
    both = Narrowing(("a",), ghost_text=False).and_(Narrowing(("b",), edits=False))
    assert both == Narrowing(("a", "b"), ghost_text=False, edits=False)


@pytest.mark.parametrize("value", ["*.sql", [1], {"a": 1}])
def test_an_exclude_that_is_no_list_of_globs_is_named(value: object) -> None:
    narrowing, [problem] = read_project({"exclude": value}, "f")
    assert narrowing == Narrowing()
    assert problem.name == "exclude"
