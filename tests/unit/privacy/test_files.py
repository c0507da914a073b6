"""Which files stay in the editor by their name, by git's rules, and by the project's own file."""

import pytest

from spark_lsp.privacy.files import (
    IgnoreFile,
    ProjectRestrictions,
    first_match,
    is_ignored,
    read_project_file,
    secret_file_rule,
)


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
    assert secret_file_rule(path)


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
    assert secret_file_rule(path) == ""


def test_globs_match_the_whole_path_or_the_name() -> None:
    assert first_match("/p/build/a.py", ["*/build/*"]) == "*/build/*"
    assert first_match("/p/A.PY", ["a.py"]) == "a.py"
    assert first_match("/p/b.py", ["a.py"]) == ""
    assert first_match("/p/src/customers/list.py", ["customers/*"]) == "customers/*"
    assert first_match("/p/customers.py", ["customers/*"]) == ""
    assert first_match("/p/a/b.py", ["/q/*"]) == ""
    assert first_match("/p/a/b.py", ["./a/*"]) == "./a/*"


def test_git_rules() -> None:
    root = IgnoreFile("/p", ("*.log", "build/", "/only-here", "!keep.log"))
    assert is_ignored("/p/a.log", [root])
    assert is_ignored("/p/build/x/y.py", [root])
    assert is_ignored("/p/only-here", [root])
    assert not is_ignored("/p/sub/only-here", [root])
    assert not is_ignored("/p/keep.log", [root])
    assert not is_ignored("/elsewhere/a.log", [root])
    assert not is_ignored("/p/sub/a.log", [root, IgnoreFile("/p/sub", ("!a.log",))])


def test_a_project_may_only_take_away() -> None:
    values = {
        "exclude": ["*.sql"],
        "completion": {"enabled": False},
        "edit": {"enabled": True},
        "engine": {"url": "ws://evil.example"},
        "engines": {"x": {"kind": "openai"}},
    }
    narrowing, problems = read_project_file(values, "/p/.spark.toml")
    assert narrowing == ProjectRestrictions(("*.sql",), ghost_text=False, edits=True)
    assert [problem.name for problem in problems] == ["edit, engine, engines"]
    assert all("only take away" in problem.reason for problem in problems)


def test_a_project_may_limit_what_its_files_use() -> None:
    narrowing, problems = read_project_file(
        {"budget": {"tokensPerDay": 500, "costPerDay": 1}}, "/p/.spark.toml"
    )
    (limit,) = narrowing.limits
    assert (limit.tokens, limit.money, limit.currency, problems) == (500, 1.0, "USD", [])
    assert "/p" not in limit.project
    other = read_project_file({"budget": {"costPerDay": 2.5}}, "/q/.spark.toml")[0]
    both = narrowing.combined_with(other).combined_with(narrowing)
    assert [each.money for each in both.limits] == [1.0, 2.5]
    assert len({each.project for each in both.limits}) == 2


@pytest.mark.parametrize(
    "budget",
    [{"tokensPerDay": -1}, {"tokensPerDay": "9"}, {"soft": 0.5}, {"day": "utc"}, {}, 3, {"costPerDay": 0}],
)
def test_a_limit_that_cannot_be_used_is_named(budget: object) -> None:
    narrowing, [problem] = read_project_file({"budget": budget}, "f")
    assert (narrowing, problem.name) == (ProjectRestrictions(), "budget")


def test_two_projects_take_away_together() -> None:
    both = ProjectRestrictions(("a",), ghost_text=False).combined_with(
        ProjectRestrictions(("b",), edits=False)
    )
    assert both == ProjectRestrictions(("a", "b"), ghost_text=False, edits=False)


@pytest.mark.parametrize("value", ["*.sql", [1], {"a": 1}])
def test_an_exclude_that_is_no_list_of_globs_is_named(value: object) -> None:
    narrowing, [problem] = read_project_file({"exclude": value}, "f")
    assert narrowing == ProjectRestrictions()
    assert problem.name == "exclude"
