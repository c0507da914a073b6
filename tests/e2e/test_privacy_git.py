"""What git ignores stays: where git itself is asked, and where its files are read instead."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import private_home
from tests.e2e.recording import Person, person

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on this machine")
WHY = "git ignores this file"


class Desk:
    """A person with a home of their own, and folders that tests make repositories of."""

    def __init__(self, folder: Path, editor: Person) -> None:
        self.folder, self.editor = folder, editor

    def repository(self, name: str, ignore: str | None = None) -> Path:
        place = self.folder / name
        place.mkdir(parents=True)
        self.git(place, "init", "-q")
        if ignore is not None:
            (place / ".gitignore").write_text(ignore, "utf-8")
        return place

    def git(self, place: Path, *words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
        environment = {**os.environ, "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *who, *words], cwd=place, check=True, capture_output=True, env=environment)

    def stays(self, *files: Path) -> None:
        for file in files:
            self.editor.stays(file.as_uri(), WHY)

    def goes(self, *files: Path) -> None:
        for file in files:
            self.editor.goes(file.as_uri())


def started(folder: Path, **environment: str) -> Iterator[Desk]:
    with private_home(folder) as home:
        (folder / "config" / "git").mkdir()
        (folder / "config" / "git" / "ignore").write_text("*.global\n")
        home = {**home, "HOME": str(folder), "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/", **environment}
        with person(home, folder) as editor:
            yield Desk(folder, editor)


@pytest.fixture(scope="module")
def with_git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from started(tmp_path_factory.mktemp("git"))


@pytest.fixture(scope="module")
def without_git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from started(tmp_path_factory.mktemp("none"), PATH="/nowhere")


@pytest.fixture(params=["with_git", "without_git"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """A desk with git, and one whose server finds none."""
    return request.getfixturevalue(request.param)


def test_patterns_of_all_levels(desk: Desk) -> None:
    place = desk.repository("levels", "*.log\n!keep.log\nbuild/\n")
    (place / "sub").mkdir()
    (place / "sub" / ".gitignore").write_text("own.py\r\n")
    desk.stays(place / "a.log", place / "build" / "x" / "new.py", place / "sub" / "own.py")
    desk.goes(place / "keep.log", place / "a.py", place / "own.py", place / "sub" / "not-saved-yet.py")


def test_a_byte_order_mark_before_the_first_pattern(desk: Desk) -> None:
    place = desk.repository("mark", "\ufefffirst.py\nsecond.py\n")
    desk.stays(place / "first.py", place / "second.py")
    desk.goes(place / "third.py")


def test_the_persons_own_ignore_file(desk: Desk) -> None:
    place = desk.repository("global")
    desk.stays(place / "x.global")
    desk.goes(place / "x.py")


def test_an_ignore_file_that_the_configuration_names(desk: Desk) -> None:
    place = desk.repository("named")
    (desk.folder / "mine").write_text("*.named\n")
    desk.git(place, "config", "core.excludesFile", "~/mine")
    desk.stays(place / "x.named")
    desk.goes(place / "x.py")


def test_a_worktree_has_the_excludes_of_its_repository(desk: Desk) -> None:
    place = desk.repository("main")
    desk.git(place, "commit", "-q", "--allow-empty", "-m", "one")
    (place / ".git" / "info").mkdir(exist_ok=True)
    (place / ".git" / "info" / "exclude").write_text("private.py\n")
    desk.git(place, "worktree", "add", "-q", str(desk.folder / "tree"))
    desk.stays(place / "private.py", desk.folder / "tree" / "private.py")
    desk.goes(desk.folder / "tree" / "a.py")


def test_a_repository_in_a_folder_that_the_outer_one_ignores(desk: Desk) -> None:
    outer = desk.repository("outer", "inner/\n")
    inner = desk.repository("outer/inner", "*.log\n")
    desk.goes(inner / "a.py")
    desk.stays(inner / "a.log", outer / "inner.log" / ".." / "inner" / "b.log")


def test_a_submodule_is_a_repository_of_its_own(desk: Desk) -> None:
    part, whole = desk.repository("part", "*.log\n"), desk.repository("whole", "*.sql\n")
    desk.git(part, "add", ".gitignore")
    desk.git(part, "commit", "-q", "-m", "one")
    desk.git(whole, "submodule", "-q", "add", str(part), "part")
    desk.stays(whole / "part" / "a.log", whole / "a.sql")
    desk.goes(whole / "part" / "a.sql", whole / "a.log")


def test_a_link_is_judged_by_both_its_ends(desk: Desk) -> None:
    place = desk.repository("links", "*.log\nout/\n")
    (place / "out").mkdir()
    (place / "real.py").touch()
    (place / "a.log").touch()
    (place / "to-log.py").symlink_to(place / "a.log")
    (place / "to-real.log").symlink_to(place / "real.py")
    (place / "folder").symlink_to(place / "out")
    desk.stays(place / "to-log.py", place / "to-real.log", place / "folder" / "new.py")
    desk.goes(place / "real.py")


def test_names_with_spaces_and_of_other_scripts(desk: Desk) -> None:
    place = desk.repository("names", "my notes/\n秘密.py\n")
    desk.stays(place / "my notes" / "a b.py", place / "秘密.py")
    desk.goes(place / "my notes.py")


def test_a_change_of_an_ignore_file_is_seen(desk: Desk) -> None:
    place = desk.repository("changes", "a.py\n")
    desk.stays(place / "a.py")
    (place / ".gitignore").write_text("b.py\n")
    desk.goes(place / "a.py")
    desk.stays(place / "b.py")


def test_no_ignored_directory_gives_a_file_back(desk: Desk) -> None:
    place = desk.repository("given", "out/\n")
    (place / "out").mkdir()
    (place / "out" / ".gitignore").write_text("!*\n")
    desk.stays(place / "out" / "a.py")


def test_a_pattern_of_what_is_not_ignored(desk: Desk) -> None:
    place = desk.repository("white", "*\n!*/\n!*.py\n")
    desk.goes(place / "sub" / "a.py")
    desk.stays(place / "sub" / "a.sql")


def test_a_tracked_file_is_not_ignored(with_git: Desk) -> None:
    place = with_git.repository("tracked", "*\n")
    (place / "a.py").touch()
    with_git.git(place, "add", "-f", "a.py")
    with_git.goes(place / "a.py")
    with_git.stays(place / "b.py")


def test_case_counts_as_the_repository_says(with_git: Desk) -> None:
    place = with_git.repository("case", "Notes.py\n")
    with_git.git(place, "config", "core.ignorecase", "true")
    with_git.stays(place / "notes.py")
    with_git.git(place, "config", "core.ignorecase", "false")
    with_git.goes(place / "notes.py")


def test_a_repository_cannot_run_a_program(with_git: Desk) -> None:
    place = with_git.repository("hooks", "*.log\n")
    ran = with_git.folder / "ran"
    program = place / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o700)
    (place / "a.py").touch()
    with_git.git(place, "add", "a.py")
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external"):
        with_git.git(place, "config", name, str(program))
    with_git.stays(place / "a.log")
    with_git.goes(place / "a.py")
    assert not ran.exists()


def test_a_broken_repository_is_read_file_by_file(with_git: Desk) -> None:
    place = with_git.folder / "broken"
    (place / ".git").mkdir(parents=True)
    (place / ".gitignore").write_text("a.py\n")
    with_git.stays(place / "a.py")
    with_git.goes(place / "b.py")


def test_what_git_ignores_says_which_rule(with_git: Desk) -> None:
    place = with_git.repository("rule", "# mine\nsecret-notes\n")
    with_git.editor.stays((place / "secret-notes").as_uri(), "secret-notes, line 2 of .gitignore")


def test_a_git_in_the_repository_is_not_run(tmp_path: Path) -> None:
    place, ran = tmp_path / "home" / "w", tmp_path / "ran"
    fake = place / "bin" / "git"
    for desk in started(tmp_path / "home", PATH=f"{fake.parent}:{os.environ['PATH']}"):
        desk.repository("w", "*.log\n")
        fake.parent.mkdir()
        fake.write_text(f"#!/bin/sh\ntouch {ran}\n")
        fake.chmod(0o700)
        desk.stays(place / "a.log")
        desk.goes(place / "a.py")
        assert not ran.exists()


@pytest.mark.parametrize("kind", ["slow", "silent"])
def test_a_git_that_takes_its_time_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    """While it is not decided the document stays, and other requests are answered."""
    released = tmp_path / "released"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    wait = f"while [ ! -e {released} ]; do sleep 0.05; done"
    fake.write_text(f"#!/bin/sh\n{wait if kind == 'slow' else 'sleep 60'}\nexit 128\n")
    fake.chmod(0o700)
    for desk in started(tmp_path / "home", PATH=f"{fake.parent}:{os.environ['PATH']}"):
        place = desk.repository("w", "*.log\n")
        editor, uri = desk.editor, (place / "a.py").as_uri()
        editor.open("def marked_slow(a, b):\n    \n", uri)
        editor.complete("later", uri=uri)
        assert editor.alive() < 2.0
        editor.heard.clear()
        assert not editor.gateway.saw("marked_slow")
        released.touch()
        answer = editor.answer()
        assert answer["id"] == "later"
        assert answer["result"]["items"]
        desk.stays(place / "a.log")
