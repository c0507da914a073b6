"""The fence reads ignore files and names, never documents, and nothing can hold it up."""

import os
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp import programs
from spark_lsp.codes import Code, Reason
from spark_lsp.lsp import repository
from spark_lsp.lsp.features import did_change_workspace_folders
from spark_lsp.lsp.fence import Fence, is_file, path_of
from spark_lsp.lsp.server import SparkServer


@pytest.fixture
def server() -> Any:
    return SparkServer()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def fence_of(server: Any) -> Fence:
    return server.outgoing.fence


def reason(server: Any, file: Path | str) -> Reason | None:
    fence_of(server).forget()
    verdict = fence_of(server).why(file if isinstance(file, str) else file.as_uri())
    return verdict and verdict[0]


def test_names_git_and_project(server: Any, project: Path) -> None:
    (project / ".gitignore").write_text("build/\n")
    (project / ".spark.toml").write_text('exclude = ["*.sql"]\n')
    assert reason(server, project / "main.py") is None
    assert reason(server, project / ".env") is Code.SECRET_FILE
    assert reason(server, project / "build" / "x.py") is Code.GIT_IGNORED
    assert reason(server, project / "sub" / "schema.sql") is Code.EXCLUDED_BY_PROJECT


def test_the_settings_come_first(server: Any, project: Path) -> None:
    server.settings = server.resolved({"context": {"exclude": ["main.py"]}})[0]
    assert reason(server, project / "main.py") is Code.EXCLUDED_BY_SETTINGS


def test_a_link_to_a_secret_is_one(server: Any, project: Path) -> None:
    (project / ".env").write_text("A=1")
    (project / "notes.txt").symlink_to(project / ".env")
    assert reason(server, project / "notes.txt") is Code.SECRET_FILE


def test_without_a_repository_the_open_folder_counts(server: Any, tmp_path: Path) -> None:
    (tmp_path / ".spark.toml").write_text('exclude = ["*"]\n')
    (tmp_path / "sub").mkdir()
    assert reason(server, tmp_path / "sub" / "a.py") is None
    server.roots = (tmp_path.as_uri(),)
    assert reason(server, tmp_path / "sub" / "a.py") is Code.EXCLUDED_BY_PROJECT


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
def test_other_documents_are_opaque(server: Any, uri: str) -> None:
    assert reason(server, uri) is None


def test_names_count_in_other_schemes_too(server: Any) -> None:
    assert reason(server, "vscode-remote://host/home/me/.env") is Code.SECRET_FILE
    assert path_of("file:///a%2520b.py") == "/a%20b.py"
    assert not is_file("file://server/share/a.py")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_an_ignore_file_holds_nobody_up(server: Any, project: Path) -> None:
    os.mkfifo(project / ".gitignore")
    os.mkfifo(project / ".spark.toml")
    assert reason(server, project / "main.py") is None


def test_a_broken_project_file_keeps_everything_in_and_says_so(
    server: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(server, "say_once", lambda kind, topic, text: said.append(text))
    (project / ".spark.toml").write_text("exclude = [")
    assert reason(server, project / "main.py") is Code.EXCLUDED_BY_PROJECT
    assert "not valid TOML" in said[0]


def test_a_verdict_is_kept_until_forgotten(server: Any, project: Path) -> None:
    fence, uri = fence_of(server), (project / "main.py").as_uri()
    assert fence.why(uri) is None
    (project / ".gitignore").write_text("*\n")
    assert fence.why(uri) is None
    fence.forget(uri)
    assert fence.why(uri) == (Code.GIT_IGNORED, "")


def test_nothing_is_looked_up_for_a_verdict(server: Any, project: Path) -> None:
    fence, uri = fence_of(server), (project / "main.py").as_uri()
    assert fence.verdict(uri) == (Code.GIT_UNDECIDED, "")
    fence.look(uri)
    assert fence.verdict(uri) is None
    server.settings = server.resolved({"context": {"exclude": ["main.py"]}})[0]
    assert fence.verdict(uri) == (Code.EXCLUDED_BY_SETTINGS, "main.py")


def test_an_open_folder_that_is_closed_again(server: Any, tmp_path: Path) -> None:
    (tmp_path / ".spark.toml").write_text('exclude = ["*"]\n')
    (tmp_path / "sub").mkdir()
    folder = types.WorkspaceFolder(tmp_path.as_uri(), "w")
    for added, removed, expected in (([folder], [], Code.EXCLUDED_BY_PROJECT), ([], [folder], None)):
        event = types.WorkspaceFoldersChangeEvent(added=added, removed=removed)
        did_change_workspace_folders.handle(server, types.DidChangeWorkspaceFoldersParams(event))
        assert reason(server, tmp_path / "sub" / "a.py") is expected


def test_outside_of_a_repository_git_is_not_asked(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "git", lambda *_, **__: pytest.fail("git was asked"))
    assert not fence_of(server).needs_git((tmp_path / "a.py").as_uri())
    assert reason(server, tmp_path / "a.py") is None


def test_a_git_that_does_not_answer_is_left_alone_for_a_while(
    server: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(repository, "PATIENCE", 0.0)
    monkeypatch.setattr(programs, "git", lambda *words, **_: asked.append(words[0]))
    (project / ".gitignore").write_text("a.py\n")
    assert reason(server, project / "a.py") is Code.GIT_IGNORED
    assert reason(server, project / "b.py") is None
    assert asked == ["check-ignore"]
