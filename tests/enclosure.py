"""The environment of the process that runs tests: nothing in it names the user's own files.

Whoever runs the tests may use spark-lsp in an editor at the same moment. `enclose` therefore gives the test
process the home of a made-up user, and `fresh` gives each test an empty home. Only the caches that `make`
fills (editors, clients, the model) are the real ones, reached by symbolic links.

`REAL` keeps the environment as it was, for tools of development (pip, npm, the `scripts/get_*.sh`).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

REAL: Mapping[str, str] = dict(os.environ)

# Variables that steer the tests themselves; every other SPARK_LSP_ variable belongs to the user's set-up.
STEERING = (
    "SPARK_LSP_REQUIRE_",
    "SPARK_LSP_TEST_",
    "SPARK_LSP_SOAK_",
    "SPARK_LSP_FUZZ_",
    "SPARK_LSP_KILLS",
    "SPARK_LSP_FAULTS",
    "SPARK_LSP_EDITS",
    "SPARK_LSP_SEED",
    "SPARK_LSP_SCREENS",
    "SPARK_LSP_FLEET",
    "SPARK_LSP_VLLM",
    "SPARK_LSP_CLIENTS",
)
FOREIGN = ("XDG_", "SPARK_LSP_", "NVIM", "VIM", "VSCODE_", "TMUX", "OPENAI_", "ANTHROPIC_")


class Enclosure:
    """The made-up user's home, the linked caches, and the homes of the tests, all below one directory."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="spark-tests-"))
        self.user = self.root / "user"
        self._cache = self.root / "cache"
        self._count = 0
        link_cache(self._cache / "spark-lsp")

    def variables(self, home: Path) -> dict[str, str]:
        """Return the variables that name `home` and its parts, which are created."""
        parts = {
            "HOME": home,
            "XDG_CONFIG_HOME": home / ".config",
            "XDG_STATE_HOME": home / ".local" / "state",
            "XDG_DATA_HOME": home / ".local" / "share",
            "XDG_RUNTIME_DIR": home / "run",
        }
        for path in parts.values():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {name: str(path) for name, path in parts.items()} | {"XDG_CACHE_HOME": str(self._cache)}

    def next_home(self) -> dict[str, str]:
        """Return the variables of a home that nobody has used."""
        self._count += 1
        return self.variables(self.root / str(self._count))

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def link_cache(place: Path) -> None:
    """Fill `place` with links to what the real cache holds; a file written beside them stays here.

    The models are linked file by file, so that a model that a test fetches or removes is not the user's.
    """
    real = Path(REAL.get("XDG_CACHE_HOME") or Path(REAL.get("HOME", "/nonexistent")) / ".cache") / "spark-lsp"
    weights = Path(REAL.get("SPARK_LSP_MODELS") or real / "models")
    (place / "models").mkdir(parents=True)
    for folder, into in ((real, place), (weights, place / "models")):
        with suppress(OSError):
            for entry in folder.iterdir():
                if entry != real / "models":
                    (into / entry.name).symlink_to(entry)


def _belongs_to_tests(name: str) -> bool:
    return name.startswith(STEERING) or not name.startswith(FOREIGN)


_enclosure: Enclosure | None = None


def enclose() -> Enclosure:
    """Give this process the made-up user's environment, once; returns the enclosure."""
    global _enclosure
    if _enclosure is None:
        _enclosure = Enclosure()
        for name in [name for name in os.environ if not _belongs_to_tests(name)]:
            del os.environ[name]
        os.environ.update(_enclosure.variables(_enclosure.user))
        config = _enclosure.user / ".config" / "spark-lsp" / "config.toml"
        config.parent.mkdir()
        config.write_text("A test that reads this reads the user's own configuration.\n")
    return _enclosure


@contextmanager
def fresh() -> Iterator[None]:
    """Give this process an empty home for as long as the block runs."""
    here = enclose()
    home = here.next_home()
    before = {name: os.environ[name] for name in home}
    os.environ.update(home)
    try:
        yield
    finally:
        os.environ.update(before)


def leave() -> None:
    """Remove everything that `enclose` made."""
    if _enclosure is not None:
        _enclosure.remove()


def fetched_programs() -> dict[str, str]:
    """Return the variable by which the `scripts/` find the editors that they have fetched."""
    return {"XDG_CACHE_HOME": REAL.get("XDG_CACHE_HOME") or str(Path(REAL.get("HOME", "/")) / ".cache")}
