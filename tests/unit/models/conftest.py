"""A small model, and a place of its own for weights."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp.models.registry import HuggingFace, Model, Source

WEIGHTS = os.urandom(3_000_000)


@pytest.fixture
def weights() -> bytes:
    return WEIGHTS


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "models"
    monkeypatch.setenv("SPARK_LSP_MODELS", str(place))
    return place


@pytest.fixture
def make_model() -> Callable[..., Model]:
    def make(*sources: Source) -> Model:
        return Model(
            name="tiny",
            file="tiny.gguf",
            size=len(WEIGHTS),
            sha256=hashlib.sha256(WEIGHTS).hexdigest(),
            family="qwen",
            title="Tiny",
            author="Nobody",
            sources=sources or (HuggingFace("someone/tiny", "tiny.gguf"),),
        )

    return make
