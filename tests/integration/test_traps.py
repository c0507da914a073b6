"""Every command, run in a directory full of traps: nothing of the directory is executed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from spark_lsp import programs
from tests.conftest import private_home, write_replay_config
from tests.every_command import ARGUMENTS, EXIT_CODES, leaves
from tests.traps import Traps

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the traps are written for POSIX"),
    pytest.mark.timeout(150),
]
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# Runs the command line as its program would, in a Python that ignores the environment itself: what relative
# entries of PYTHONPATH do to the very first Python is over before a line of ours runs.
INSIDE = """
import os, sys
os.environ.update(eval(sys.argv.pop(1)))
from spark_lsp.cli import main
sys.exit(main())
"""
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Traps:
    return Traps(tmp_path_factory.mktemp("traps"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("home")
    with private_home(folder) as home:
        write_replay_config(folder / "config" / "spark-lsp")
        offline = {"PIP_NO_INDEX": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
        yield {**home, **offline, "SPARK_LSP_MODELS": str(folder / "models")}


@pytest.fixture
def fresh(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """What gives a test a gateway that it starts itself, and that soon ends."""
    own = f"{environment['SPARK_LSP_RUNTIME_DIR']}/{tmp_path.name[-12:]}"
    return {"SPARK_LSP_RUNTIME_DIR": own, "SPARK_LSP_GATEWAY_IDLE": "15"}


def run(command: list[str], traps: Traps, environment: Mapping[str, str]) -> Done:
    return subprocess.run(
        command, cwd=traps.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=110, check=False,
    )  # fmt: skip


def inside(words: str, traps: Traps, given: Mapping[str, str]) -> Done:
    """Run a command line with this environment, whatever that would do to the first Python itself."""
    return run([sys.executable, "-I", "-c", INSIDE, repr(given), *words.split()], traps, {})


def hostile(environment: Mapping[str, str], pythonpath: str | None = f":.:{ROOT}") -> dict[str, str]:
    """Return an environment that has the working directory on every search path."""
    relative = {
        "PYTHONUSERBASE": ".",
        "PIP_CONFIG_FILE": "pip.conf",
        "BASH_ENV": "trap",
        "XDG_DATA_HOME": ".",
    }
    interactive = {"PYTHONSTARTUP": "json.py", "PYTHONINSPECT": "1"}
    found = {**environment, **relative, **interactive, "PATH": f".::{environment['PATH']}"}
    del found["PYTHONPATH"]
    return found if pythonpath is None else {**found, "PYTHONPATH": pythonpath}


def test_every_command_is_tried() -> None:
    assert set(leaves()) == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_command_executes_nothing_of_its_directory(
    name: str, traps: Traps, environment: dict[str, str]
) -> None:
    done = inside(f"{name} {ARGUMENTS[name]}", traps, hostile(environment))
    assert traps.sprung() == []
    assert done.returncode in EXIT_CODES.get(name, (0,)), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("pythonpath", [None, "", ".", f":{ROOT}", f"{ROOT}:lib:."])
def test_no_pythonpath_brings_the_directory_in(
    pythonpath: str | None, traps: Traps, environment: dict[str, str], fresh: dict[str, str]
) -> None:
    done = inside("complete sums.py:2:5", traps, {**hostile(environment, pythonpath), **fresh})
    assert traps.sprung() == []
    assert done.stdout == "return a + b\n", done.stderr


@pytest.mark.parametrize("start", [[str(BIN / "spark-lsp")], [sys.executable, "-P", "-m", "spark_lsp"]])
@pytest.mark.parametrize("pythonpath", ["", str(ROOT)])
def test_the_program_itself_is_not_taken_from_the_directory(
    start: list[str], pythonpath: str, traps: Traps, environment: dict[str, str]
) -> None:
    given = {**environment, "PATH": f".:{environment['PATH']}", "PYTHONPATH": pythonpath}
    done = run([*start, "complete", "sums.py:2:5", "--json"], traps, given)
    assert traps.sprung() == []
    assert json.loads(done.stdout)["text"] == "return a + b", done.stderr


def test_python_m_takes_nothing_more_from_the_directory_once_it_runs(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """`python -m` loads from here what it needs to start, before a line of ours; nothing after that."""
    traps = Traps(tmp_path)
    needed = "import runpy, sys, importlib.util, pkgutil; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", needed], capture_output=True, text=True, check=True)
    tops = {each.split(".")[0] for each in loaded.stdout.split()}
    traps.take_away(tops | {"spark_lsp", "sitecustomize", "usercustomize"})
    assert (traps.folder / "json.py").exists()
    done = run([sys.executable, "-m", "spark_lsp", "complete", "sums.py:2:5"], traps, environment)
    assert traps.sprung() == []
    assert done.stdout == "return a + b\n", done.stderr


BENCH = """
import os, sys
os.environ.update(eval(sys.argv[1]))
from spark_lsp.bench import peers, sandbox
from spark_lsp.config import ReplaySettings
for server in (peers.echo(), peers.plain({"a": ReplaySettings()}), peers.tuned({"a": ReplaySettings()})):
    with server as peer:
        assert peer.url
assert sandbox.judge("assert 1 + 1 == 2") is sandbox.Verdict.PASSED
"""


def test_the_benchmark_s_programs_execute_nothing_of_the_directory(
    traps: Traps, environment: dict[str, str]
) -> None:
    pytest.importorskip("aiohttp", reason="the baselines need aiohttp")
    done = run([sys.executable, "-I", "-c", BENCH, repr(hostile(environment))], traps, {})
    assert traps.sprung() == []
    assert done.returncode == 0, done.stderr


@pytest.mark.model
def test_the_embedded_model_executes_nothing_of_the_directory(
    model: Path, traps: Traps, environment: dict[str, str], fresh: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[routes]\ncompletion = ["local"]\n')
    own = {"SPARK_LSP_MODELS": str(model.parent), "SPARK_LSP_CONFIG": str(config)}
    done = inside("complete sums.py:2:5 --json", traps, {**hostile(environment), **fresh, **own})
    assert traps.sprung() == []
    assert json.loads(done.stdout)["engine"] == "local", done.stderr


@pytest.mark.parametrize("words", ["status --porcelain", "check-ignore -v nothing", "ls-files -o", "diff"])
def test_git_runs_no_program_of_a_repository(
    words: str, traps: Traps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("HOME", ".")
    monkeypatch.chdir(traps.folder)
    done = programs.git(*words.split(), cwd=traps.folder)
    assert done is not None
    assert done.returncode == 0, done.stderr
    assert traps.sprung() == []


def test_the_git_trap_works(traps: Traps) -> None:
    subprocess.run(["git", "status"], cwd=traps.folder, capture_output=True, check=False)
    assert any(name.startswith("trap") for name in traps.sprung())


def test_the_python_traps_work(traps: Traps, environment: dict[str, str]) -> None:
    run([sys.executable, "-m", "spark_lsp", "--version"], traps, environment)
    assert traps.sprung()
