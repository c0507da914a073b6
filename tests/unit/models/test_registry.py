"""The table of models."""

import re
from pathlib import Path

import pytest

from spark_lsp.errors import ModelError
from spark_lsp.models import registry
from spark_lsp.models.registry import Wheels

DATA = Path(registry.__file__).parent / "data"


@pytest.mark.parametrize(
    "name", ["auto", "", "qwen2.5-coder-0.5b", "Qwen2.5-Coder-0.5B", "qwen2.5-coder-0.5b-instruct"]
)
def test_the_default_has_several_names(name: str) -> None:
    assert registry.find(name).size == 491_400_064


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"qwen2.5-coder-0.5b.*smollm2-135m"):
        registry.find("gpt-9")


@pytest.mark.parametrize(
    ("file", "family"),
    [("Qwen2.5-Coder-7B.gguf", "qwen"), ("SmolLM2.gguf", "smollm"), ("other.gguf", "plain")],
)
def test_the_family_of_an_own_file_comes_from_its_name(file: str, family: str) -> None:
    assert registry.from_file(Path(file)).family == family


def test_a_model_under_a_research_licence_has_terms() -> None:
    models = {model.name: model for model in registry.MODELS}
    assert "no commercial use" in models["qwen2.5-coder-3b"].terms
    assert {name for name, model in models.items() if model.terms} == {"qwen2.5-coder-3b"}
    assert all(model.licence == "Apache-2.0" for model in models.values() if not model.terms)


@pytest.mark.parametrize("model", registry.MODELS, ids=lambda model: model.name)
def test_every_model_has_a_source_and_a_digest(model: registry.Model) -> None:
    assert model.sources
    assert re.fullmatch("[0-9a-f]{64}", model.sha256)
    assert model.size > 0


ON_THE_INDEX = [model for model in registry.MODELS if any(isinstance(each, Wheels) for each in model.sources)]


def test_the_small_models_are_on_the_package_index_too() -> None:
    assert [model.name for model in ON_THE_INDEX] == [
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-1.5b",
        "smollm2-135m",
    ]


@pytest.mark.parametrize("model", ON_THE_INDEX, ids=lambda model: model.name)
def test_every_lock_pins_every_wheel_by_digest(model: registry.Model) -> None:
    locks = [source.lock for source in model.sources if isinstance(source, Wheels)]
    assert locks
    for lock in locks:
        lines = (DATA / lock).read_text("utf-8").split("\n")
        pins = [line for line in lines if line]
        assert pins
        assert all("==" in pin and len(pin.partition(" --hash=sha256:")[2].strip()) == 64 for pin in pins)


def test_the_summary_says_size_and_licence() -> None:
    assert registry.find("auto").summary == "qwen2.5-coder-0.5b (491 MB, Apache-2.0)"
