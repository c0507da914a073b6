"""Every command in unusual environments: it does its work or says why not, and never a traceback."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import end_gateways, write_replay_config
from tests.every_command import ARGUMENTS, EXIT_CODES

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="user ids, modes and descriptors of POSIX"),
    pytest.mark.timeout(150),
]
ROOT = Path(__file__).parents[2]
NOBODY = 54321  # a user id that no user database knows
SLOW = (
    "bench",
    "demo",
    "simulate capacity",
    "simulate feel",
    "simulate validate",
)  # their output is the same
QUICK = [name for name in ARGUMENTS if name not in SLOW]
STRIDE = 1 if os.environ.get("SPARK_LSP_TEST_ALL") else 3  # each command meets every third environment
as_root = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can be another user")


@dataclass
class Place:
    """A folder for one user's files: sources, settings and home; `environment` leads there."""

    folder: Path
    prefix: tuple[str, ...] = ()  # of each command
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], Any] | None = None  # runs in the child, before the program

    def run(self, words: str, **more: Any) -> "subprocess.CompletedProcess[bytes]":
        found = {"cwd": self.folder / "work", "stdin": subprocess.DEVNULL, "capture_output": True, **more}
        command = [*self.prefix, sys.executable, "-P", "-m", "spark_lsp", *words.split()]
        return subprocess.run(
            command, env=self.environment, preexec_fn=self.before, timeout=110, check=False, **found
        )

    def own(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


@pytest.fixture
def place() -> Iterator[Place]:
    """Below /tmp: pytest's own folders are closed to other users, and too deep for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="spark-env-"))
    folder.chmod(0o755)
    (folder / "work").mkdir()
    (folder / "work" / "sums.py").write_text("def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n")
    (folder / "work" / ".spark.toml").write_text('command = "x"\n')
    (folder / "config").mkdir()
    write_replay_config(folder / "config")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_RUNTIME_DIR": str(folder / "tmp"),
        "SPARK_LSP_CONFIG": str(folder / "config" / "config.toml"),
        "SPARK_LSP_GATEWAY_IDLE": "20",
        "PIP_NO_INDEX": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    made = Place(folder, environment=environment)
    yield made
    for run in (folder / "tmp").glob("*"):
        end_gateways(run)
    shutil.rmtree(folder, ignore_errors=True)


def become_nobody(place: Place) -> None:
    """Run as a user whom no database knows; such a one may read all here, but writes only their own.

    The Python of these tests may lie in a home that only its owner can enter.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (of util-linux) is missing: no way to become another user")
    reading = "dac_read_search"
    place.prefix = (
        *(setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *(f"--inh-caps=-all,+{reading}", f"--ambient-caps=+{reading}"),
    )


def nobody(place: Place) -> None:
    become_nobody(place)
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        del place.environment[name]
    place.own()


def read_only(place: Place) -> None:
    become_nobody(place)
    place.own()
    for name in ("home", "work"):
        os.chown(place.folder / name, 0, 0)


def relative(place: Place) -> None:
    place.environment |= {"HOME": ".", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
    place.environment |= {"XDG_RUNTIME_DIR": "run", "TMPDIR": "../tmp"}
    place.environment |= {"SPARK_LSP_RUNTIME_DIR": "../tmp/run", "SPARK_LSP_STATE_DIR": "../tmp/state"}


def deep(place: Place) -> None:
    long = place.folder / "tmp" / ("x" * 60) / ("y" * 60)
    long.mkdir(parents=True)
    place.environment |= {"TMPDIR": str(long), "XDG_RUNTIME_DIR": str(long)}


def foreign(place: Place) -> None:
    """As `sudo` leaves it: the runtime directory is another user's."""
    theirs = place.folder / "theirs"
    (theirs / "spark-lsp").mkdir(parents=True)
    become_nobody(place)
    place.own()
    os.chown(theirs / "spark-lsp", 0, 0)
    place.environment["XDG_RUNTIME_DIR"] = str(theirs)


def ascii_only(place: Place) -> None:
    place.environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}


def old_windows(place: Place) -> None:
    place.environment["PYTHONIOENCODING"] = "cp1252"


def c_locale(place: Place) -> None:
    place.environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def no_output(place: Place) -> None:
    place.before = lambda: os.closerange(1, 3)


def nothing_open(place: Place) -> None:
    place.before = lambda: os.closerange(0, 3)


def deleted(place: Place) -> None:
    place.environment["PYTHONPATH"] = str(ROOT)

    def leave() -> None:
        gone = tempfile.mkdtemp(dir=place.folder)  # one for each command: they run side by side
        os.chdir(gone)
        os.rmdir(gone)

    place.before = leave


def full_disk(place: Place) -> None:
    place.before = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


ENVIRONMENTS = {
    "nobody without a home": nobody,
    "a read-only home": read_only,
    "relative paths": relative,
    "deep directories": deep,
    "another user's runtime directory": foreign,
    "ASCII": ascii_only,
    "cp1252": old_windows,
    "the C locale": c_locale,
    "closed output": no_output,
    "everything closed": nothing_open,
    "a deleted working directory": deleted,
    "a full disk": full_disk,
}
ROOTS = ("nobody without a home", "a read-only home", "another user's runtime directory")
NO_GATEWAY = ("a full disk",)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "environment", [pytest.param(each, marks=as_root if each in ROOTS else ()) for each in ENVIRONMENTS]
)
def test_every_command(environment: str, place: Place) -> None:
    ENVIRONMENTS[environment](place)
    commands = QUICK[list(ENVIRONMENTS).index(environment) % STRIDE :: STRIDE]
    with ThreadPoolExecutor(4) as pool:
        ended = pool.map(lambda name: place.run(f"{name} {ARGUMENTS[name]}"), commands)
    for name, done in zip(commands, ended, strict=True):
        told = done.stderr.decode("utf-8", "replace")
        assert "Traceback" not in told, f"{name}: {told}"
        assert "~" not in os.listdir(place.folder / "work"), name
        assert done.returncode in (0, 1, 2, 3, *EXIT_CODES.get(name, ())), (
            f"{name}: {done.returncode}: {told}"
        )
        if done.returncode == 1 and environment not in ("closed output", "everything closed"):
            assert name == "serve" or told or b"\xe2\x9c\x97" in done.stdout or b"x " in done.stdout, name


def completed(place: Place) -> "subprocess.CompletedProcess[bytes]":
    return place.run("complete sums.py:2:5")


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(each, marks=as_root if each in ROOTS else ())
        for each in ("nobody without a home", "a read-only home", "relative paths", "deep directories")
    ]
    + [pytest.param("another user's runtime directory", marks=as_root), "ASCII", "the C locale"],
)
def test_a_suggestion_comes(environment: str, place: Place) -> None:
    ENVIRONMENTS[environment](place)
    done = completed(place)
    assert done.stdout == b"return a + b\n", done.stderr.decode()


def test_a_full_disk_is_named(place: Place) -> None:
    full_disk(place)
    done = completed(place)
    assert b"nothing can be written to" in done.stderr
    assert b"SPARK_LSP_RUNTIME_DIR" in done.stderr


def test_marks_have_stand_ins_where_they_cannot_be_shown(place: Place) -> None:
    ascii_only(place)
    done = place.run("doctor --no-trial")
    assert done.stdout.isascii()
    assert b"ok system: " in done.stdout
    assert b"output: " in done.stdout


def test_a_name_that_is_not_utf_8(place: Place) -> None:
    file = os.fsencode(place.folder / "work") + b"/\xff.py"
    with open(file, "w", encoding="utf-8") as out:
        out.write("def add(a, b):\n    \n")
    for words in ("doctor --no-trial", "config check", "trust", "edit --action document --range 1:2 --diff"):
        command = [sys.executable, "-P", "-m", "spark_lsp", *words.split(), file]
        done = subprocess.run(
            command, env=place.environment, cwd=place.folder / "work", capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr, (words, done.stderr)
        done.stdout.decode("utf-8")


def test_the_unknown_home_is_named(place: Place) -> None:
    if os.getuid():
        pytest.skip("only root can be another user")
    nobody(place)
    done = place.run("doctor --no-trial")
    assert b"home" in done.stdout
    assert b"HOME" in done.stdout
