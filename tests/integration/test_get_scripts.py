"""The scripts that bring editors into the cache: two at once, a broken cache, no network."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or not shutil.which("apt-get"), reason="they use Debian's archive"
    ),
    pytest.mark.skipif(not KEYRING.exists(), reason="run: sudo apt-get install debian-archive-keyring"),
]
# Script, its folder and its program in the cache, what that prints for --version.
SCRIPTS = {
    "neovim": ("editors", "bin/nvim", "NVIM v0.12.4"),
    "helix": ("editors", "bin/hx", "helix 25.07.1"),
    "emacs": ("editors", "bin/emacs", "GNU Emacs 30.2"),
    "chromium": ("chromium", "bin/chromium", "Chromium 150.0"),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An empty cache, system programs without any editor, and a network in which nothing answers."""
    nowhere = "http://127.0.0.1:1"
    (tmp_path / "apt.conf").write_text(
        f'Acquire::http::Proxy "{nowhere}"; Acquire::https::Proxy "{nowhere}";\n'
    )
    (tools := tmp_path / "tools").mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name not in EDITORS and not (tools / program.name).exists():
                (tools / program.name).symlink_to(program)
    return {
        "PATH": f"{tools}:/usr/sbin:/sbin",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "APT_CONFIG": str(tmp_path / "apt.conf"),
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }


EDITORS = {
    "nvim",
    "hx",
    "helix",
    "emacs",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
}


def script(name: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [ROOT / "scripts" / f"get_{name}.sh"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_second_one_waits_for_the_first_and_takes_what_it_brought(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folder, program, says = SCRIPTS[name]
    cache = tmp_path / "cache" / "spark-lsp" / folder
    cache.mkdir(parents=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with script(name, environment) as waiting:
            assert waiting.stderr is not None
            assert "waiting for another program" in waiting.stderr.readline()
            write_program(cache / program, says)
            fcntl.flock(lock, fcntl.LOCK_UN)
            out, errors = waiting.communicate()
    assert (waiting.returncode, out.strip(), errors) == (0, str(cache / program), "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_without_a_network_it_says_so_and_leaves_nothing(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with script(name, environment) as fetching:
        out, errors = fetching.communicate()
    assert (fetching.returncode, out) == (3, "")
    assert "could not be fetched from" in errors
    assert "no network" in errors
    assert "install it from" in errors
    assert [each.name for each in (tmp_path / "cache" / "spark-lsp" / SCRIPTS[name][0]).iterdir()] == [
        ".lock"
    ]


@pytest.mark.parametrize("name", ["helix", "chromium"])
def test_a_program_whose_files_are_gone_is_fetched_anew(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folder, program, _ = SCRIPTS[name]
    broken = tmp_path / "cache" / "spark-lsp" / folder / program
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexec /no/such/file\n")
    broken.chmod(0o755)
    with script(name, environment) as fetching:
        out, errors = fetching.communicate()
    assert (fetching.returncode, out) == (3, "")
    assert "fetching" in errors


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root can write everywhere")
def test_a_cache_that_cannot_be_written_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with script("helix", environment) as fetching:
        _, errors = fetching.communicate()
    assert fetching.returncode == 3
    assert "cannot be written" in errors
