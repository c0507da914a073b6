"""Which editors the doctor finds, which it judges, and whether it sees that spark-lsp is set up."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp.doctor import editors, installed
from spark_lsp.doctor.finding import Finding

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the editors here are shell scripts")

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without editors, and a working directory that is not on the search path."""
    for name in ("VISUAL", "EDITOR", "NVIM_APPNAME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getppid", lambda: 1)  # pytest may run in an editor's terminal
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a program that prints a version; by default on the search path."""

    def make(name: str, says: str, folder: str = "bin") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{says}\n" if says.startswith("exec ") else f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)
        return path

    return make


def look() -> list[Finding]:
    return list(editors.look())


def only() -> Finding:
    [finding] = look()
    return finding


def test_no_editor_at_all() -> None:
    assert only().what.startswith("none found")


SAYS = {
    "nvim": ("NVIM v0.10.4", "NVIM v0.11.0", "Neovim"),
    "hx": ("helix 24.7 (079f5442)", "helix 25.01.1 (e7ac2fcd)", "Helix"),
    "emacs": ("GNU Emacs 29.4", "GNU Emacs 30.1", "Emacs"),
    "code": ("1.90.2\nabc\nx64", "1.91.0\nabc\nx64", "VS Code"),
    "codium": ("1.90.2\nabc\nx64", "1.104.0\nabc\nx64", "VSCodium"),
}


@pytest.mark.parametrize("name", SAYS)
def test_the_version_is_judged(make: Make, name: str) -> None:
    old, new, editor = SAYS[name]
    make(name, old)
    assert (only().level, "too old" in only().what) == ("warning", True)
    assert "docs/how-to/" in only().remedy
    path = make(name, new)
    assert only().level == "ok"
    assert only().what.startswith(f"{editor} ")
    assert f"at {path} (on the search path)" in only().what
    assert "was not found in its configuration" in only().what


def test_ghost_text_in_neovim_0_11_needs_our_module(make: Make) -> None:
    make("nvim", "NVIM v0.11.4")
    assert "ghost text needs our module" in only().what
    make("nvim", "NVIM v0.12.4")
    assert "module" not in only().what


def test_the_fetched_one_is_the_one_of_the_script(make: Make) -> None:
    path = make("nvim", "NVIM v0.12.4", "cache/spark-lsp/editors/bin")
    what = f"Neovim 0.12.4 at {path} (fetched, used by scripts/nvim)"
    assert only().what == f"{what}; scripts/nvim starts it with spark-lsp set up"


def test_the_one_on_the_path_is_judged_and_the_fetched_one_is_named(make: Make) -> None:
    make("nvim", "NVIM v0.9.5")
    fetched = make("nvim", "NVIM v0.12.4", "cache/spark-lsp/editors/bin")
    first, second = look()
    assert first.level == "warning"
    assert second == Finding(
        "ok", "editor", f"also Neovim 0.12.4 at {fetched} (fetched, used by scripts/nvim)"
    )


@pytest.mark.parametrize("variable", ["VISUAL", "EDITOR"])
def test_the_one_that_the_user_chose_goes_first(
    make: Make, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    make("nvim", "NVIM v0.11.4")
    path = make("nvim", "NVIM v0.12.4", "my own")
    monkeypatch.setenv(variable, f"'{path}' -f")
    first, second = look()
    assert f"at {path} (named by ${variable})" in first.what
    assert second.what.startswith("also Neovim 0.11.4")


@pytest.mark.parametrize("value", ["'", "", "vi", "./nvim", "project/nvim", "/no/such/nvim"])
def test_a_choice_that_names_none_of_them_is_passed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    make("nvim", "NVIM v0.13.0", "project")
    make("nvim", "NVIM v0.12.4")
    monkeypatch.setenv("EDITOR", value)
    assert "0.12.4" in only().what


@pytest.mark.parametrize("entry", [".", "", "../project"])
def test_nothing_of_the_working_directory_is_run(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str
) -> None:
    for name in SAYS:
        make(name, f"exec touch {tmp_path / 'trap'}", "project")
    monkeypatch.setenv("PATH", f"{entry}:{tmp_path / 'bin'}:/usr/bin:/bin")
    look()
    assert not (tmp_path / "trap").exists()


def test_one_that_hangs_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("nvim", "exec /bin/sleep 600")
    monkeypatch.setattr(installed, "VERSION_TIMEOUT_S", 0.2)
    assert only().level == "warning"
    assert "does not report its version" in only().what


@pytest.mark.skipif(sys.platform != "linux", reason="found through /proc")
def test_the_one_that_the_command_runs_in_goes_first(make: Make, tmp_path: Path) -> None:
    make("nvim", "NVIM v0.11.4")
    running = tmp_path / "running" / "nvim"
    running.parent.mkdir()
    running.write_bytes(Path("/bin/sh").read_bytes())
    running.chmod(0o755)
    code = "from spark_lsp.doctor import installed as p; print(p.find_programs(p.KINDS[0]))"
    root = Path(installed.__file__).parents[2]
    done = subprocess.run(
        [running, "-c", f"'{sys.executable}' -c '{code}'; true"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"[Program(path='{running}', how='this command runs in it'")


PLACES = {
    "nvim": (".config/nvim/lua/plugins/ai.lua", "{ dir = '~/spark-lsp/editors/neovim', main = 'spark_lsp' }"),
    "hx": (".config/helix/languages.toml", "[language-server.spark-lsp]"),
    "emacs": (".emacs.d/init.el", '(load "~/spark-lsp/editors/emacs/spark-lsp.el")'),
    "code": (".vscode/extensions/spark-lsp.spark-lsp-0.1.0/package.json", "{}"),
    "codium": (".vscode-oss/extensions/spark-lsp.spark-lsp-0.1.0/package.json", "{}"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_client_that_is_set_up_is_seen(make: Make, tmp_path: Path, name: str) -> None:
    make(name, SAYS[name][1])
    where, text = PLACES[name]
    (file := tmp_path / "home" / where).parent.mkdir(parents=True)
    file.write_text("nothing of it here")
    if name not in ("code", "codium"):
        assert "was not found in its configuration" in only().what
    file.write_text(text)
    assert f"spark-lsp is set up in {tmp_path}" in only().what


def test_a_configuration_that_cannot_be_read_hides_nothing_else(make: Make, tmp_path: Path) -> None:
    make("nvim", "NVIM v0.12.4")
    config = tmp_path / "home" / ".config" / "nvim"
    (config / "init.lua").mkdir(parents=True)
    (config / "plugin.lua").write_bytes(b"\xff\x00require('spark_lsp').setup()")
    assert f"set up in {config / 'plugin.lua'}" in only().what
