"""The exclusion policy reads ignore files and names, never documents, and nothing can hold it up."""

import os
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp import programs
from spark_lsp.codes import Code, Reason
from spark_lsp.lsp import repository, routes
from spark_lsp.lsp.exclusion import ExclusionPolicy, is_file, path_of
from tests.unit.lsp.editors import recording_parts


@pytest.fixture
def parts() -> Any:
    return recording_parts()[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def policy_of(parts: Any) -> ExclusionPolicy:
    return parts.exclusion


def reason(parts: Any, file: Path | str) -> Reason | None:
    policy_of(parts).forget()
    verdict = policy_of(parts).find_reason(file if isinstance(file, str) else file.as_uri())
    return verdict and verdict[0]


def test_names_git_and_project(parts: Any, project: Path) -> None:
    (project / ".gitignore").write_text("build/\n")
    (project / ".spark.toml").write_text('exclude = ["*.sql"]\n')
    assert reason(parts, project / "main.py") is None
    assert reason(parts, project / ".env") is Code.SECRET_FILE
    assert reason(parts, project / "build" / "x.py") is Code.GIT_IGNORED
    assert reason(parts, project / "sub" / "schema.sql") is Code.EXCLUDED_BY_PROJECT


def test_the_settings_come_first(parts: Any, project: Path) -> None:
    parts.settings.apply({"context": {"exclude": ["main.py"]}})
    assert reason(parts, project / "main.py") is Code.EXCLUDED_BY_SETTINGS


def test_a_link_to_a_secret_is_one(parts: Any, project: Path) -> None:
    (project / ".env").write_text("A=1")
    (project / "notes.txt").symlink_to(project / ".env")
    assert reason(parts, project / "notes.txt") is Code.SECRET_FILE


def test_without_a_repository_the_open_folder_counts(parts: Any, tmp_path: Path) -> None:
    (tmp_path / ".spark.toml").write_text('exclude = ["*"]\n')
    (tmp_path / "sub").mkdir()
    assert reason(parts, tmp_path / "sub" / "a.py") is None
    parts.workspace.roots = (tmp_path.as_uri(),)
    assert reason(parts, tmp_path / "sub" / "a.py") is Code.EXCLUDED_BY_PROJECT


@pytest.mark.parametrize(
    "uri",
    [
        "untitled:Untitled-1",
        "vscode-notebook-cell:/p/a.ipynb#1",
        "file://server/share/a.py",
        "file:///a%2520b.py",
        "x",
    ],
)
def test_other_documents_are_opaque(parts: Any, uri: str) -> None:
    assert reason(parts, uri) is None


def test_names_count_in_other_schemes_too(parts: Any) -> None:
    assert reason(parts, "vscode-remote://host/home/me/.env") is Code.SECRET_FILE
    assert path_of("file:///a%2520b.py") == "/a%20b.py"
    assert not is_file("file://server/share/a.py")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_an_ignore_file_holds_nobody_up(parts: Any, project: Path) -> None:
    os.mkfifo(project / ".gitignore")
    os.mkfifo(project / ".spark.toml")
    assert reason(parts, project / "main.py") is None


def test_a_broken_project_file_keeps_everything_in_and_says_so(
    parts: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(parts.messages, "show_once", lambda kind, topic, text: said.append(text))
    (project / ".spark.toml").write_text("exclude = [")
    assert reason(parts, project / "main.py") is Code.EXCLUDED_BY_PROJECT
    assert "not valid TOML" in said[0]


def test_a_verdict_is_kept_until_forgotten(parts: Any, project: Path) -> None:
    policy, uri = policy_of(parts), (project / "main.py").as_uri()
    assert policy.find_reason(uri) is None
    (project / ".gitignore").write_text("*\n")
    assert policy.find_reason(uri) is None
    policy.forget(uri)
    assert policy.find_reason(uri) == (Code.GIT_IGNORED, "")


def test_nothing_is_looked_up_for_a_verdict(parts: Any, project: Path) -> None:
    policy, uri = policy_of(parts), (project / "main.py").as_uri()
    assert policy.verdict(uri) == (Code.GIT_UNDECIDED, "")
    policy.inspect(uri)
    assert policy.verdict(uri) is None
    parts.settings.apply({"context": {"exclude": ["main.py"]}})
    assert policy.verdict(uri) == (Code.EXCLUDED_BY_SETTINGS, "main.py")


def test_an_open_folder_that_is_closed_again(parts: Any, tmp_path: Path) -> None:
    (tmp_path / ".spark.toml").write_text('exclude = ["*"]\n')
    (tmp_path / "sub").mkdir()
    folder = types.WorkspaceFolder(tmp_path.as_uri(), "w")
    for added, removed, expected in (([folder], [], Code.EXCLUDED_BY_PROJECT), ([], [folder], None)):
        event = types.WorkspaceFoldersChangeEvent(added=added, removed=removed)
        routes.change_folders(parts, types.DidChangeWorkspaceFoldersParams(event))
        assert reason(parts, tmp_path / "sub" / "a.py") is expected


def test_outside_of_a_repository_git_is_not_asked(
    parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "git", lambda *_, **__: pytest.fail("git was asked"))
    assert not policy_of(parts).needs_git((tmp_path / "a.py").as_uri())
    assert reason(parts, tmp_path / "a.py") is None


def test_a_git_that_does_not_answer_is_left_alone_for_a_while(
    parts: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(repository, "GIT_TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr(programs, "git", lambda *words, **_: asked.append(words[0]))
    (project / ".gitignore").write_text("a.py\n")
    assert reason(parts, project / "a.py") is Code.GIT_IGNORED
    assert reason(parts, project / "b.py") is None
    assert asked == ["check-ignore"]
