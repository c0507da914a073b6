"""Weights are used only if their digest fits, and are not hashed at every start."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp.models import paths
from spark_lsp.models.registry import Model


@pytest.fixture
def model(make_model: Callable[..., Model], place: Path, weights: bytes) -> Model:
    place.mkdir()
    model = make_model()
    (place / model.file).write_bytes(weights)
    return model


def test_good_weights_are_hashed_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not paths.is_installed(model)
    assert paths.verify(model)
    assert paths.is_installed(model)
    monkeypatch.setattr(paths, "digest", lambda file: pytest.fail("hashed again"))
    assert paths.verify(model)


def test_changed_weights_are_hashed_again_and_refused(model: Model, weights: bytes) -> None:
    assert paths.verify(model)
    file = paths.file_of(model)
    file.write_bytes(bytes([weights[0] ^ 1]) + weights[1:])
    os.utime(file, ns=(1, 1))
    assert not paths.is_installed(model)
    assert not paths.verify(model)
    assert paths.looks_present(model)


def test_weights_of_another_size_are_not_even_hashed(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.file_of(model).write_bytes(b"short")
    monkeypatch.setattr(paths, "digest", lambda file: pytest.fail("hashed"))
    assert not paths.looks_present(model)
    assert not paths.verify(model)


def test_without_the_variable_weights_are_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.DIRECTORY_VARIABLE)
    assert paths.directory().name == "models"
    assert "spark-lsp" in paths.directory().parts


def test_a_directory_that_changes_meanwhile_is_measured_all_the_same(tmp_path: Path) -> None:
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            folder = tmp_path / "a" / "b" / "c"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "file").write_bytes(b"x" * 100)
            shutil.rmtree(tmp_path / "a", ignore_errors=True)

    thread = threading.Thread(target=churn)
    thread.start()
    sizes = {paths.size_of(tmp_path) for _ in range(2000)}
    done.set()
    thread.join()
    assert sizes <= {0, 100}
    assert paths.size_of(tmp_path / "gone") == 0
