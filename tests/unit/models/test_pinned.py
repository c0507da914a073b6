"""Names of files on Hugging Face with their digest."""

from pathlib import Path

import pytest

from spark_lsp.errors import ModelError
from spark_lsp.models.pinned import SOURCE_ENDING, find_model, list_pinned
from spark_lsp.privacy.approvals import model_path

SHA = "ab" * 32
NAME = f"Qwen/Qwen2.5-Coder-7B-Instruct-GGUF/qwen2.5-coder-7b-instruct-q4_k_m.gguf@{SHA}"


def test_a_pinned_name_says_everything() -> None:
    model = find_model(NAME.replace(SHA, SHA.upper()))
    assert (model.name, model.sha256, model.family, model.size) == (NAME, SHA, "qwen", 0)
    assert model.file == "qwen2.5-coder-7b-instruct-q4_k_m-abababab.gguf"
    assert str(model.sources[0]) == "Hugging Face, Qwen/Qwen2.5-Coder-7B-Instruct-GGUF"


def test_a_pinned_name_is_no_path() -> None:
    assert model_path(NAME) == ""
    assert model_path("models/mine.gguf")


@pytest.mark.parametrize(
    "name",
    [
        NAME[:-1],
        NAME + "0",
        f"repo/file.gguf@{SHA}",
        f"owner/repo/file.bin@{SHA}",
        f"owner/../file.gguf@{SHA}",
        f"owner/repo/../file.gguf@{SHA}",
        f"owner/repo/.gguf@{SHA}",
        f"owner//file.gguf@{SHA}",
        f"https://example.com/a/b/file.gguf@{SHA}",
        f"owner/repo/fi?le.gguf@{SHA}",
        f"owner/repo/file.gguf@{SHA}\n",
    ],
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"FILE\.gguf@SHA256"):
        find_model(name)


def test_a_note_that_does_not_fit_its_file_is_passed_over(place: Path) -> None:
    place.mkdir()
    (place / f"other.gguf{SOURCE_ENDING}").write_text(NAME)
    (place / f"odd.gguf{SOURCE_ENDING}").write_bytes(b"\xff")
    assert list_pinned() == []
