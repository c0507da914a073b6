"""The family of a model, whose prompt templates it was trained with, from its names."""

from collections.abc import Iterable
from pathlib import Path

from spark_lsp.errors import ModelError
from spark_lsp.models.gguf import ENOUGH_BYTES, read_header

PLAIN = "plain"
_NAMES = ("general.name", "general.basename", "general.architecture")
# Words, all of which a name has, and the family. The first row that fits counts.
_FAMILIES = (
    (("codellama",), "codellama"),
    (("code", "llama"), "codellama"),
    (("codegemma",), "codegemma"),
    (("codestral",), "codestral"),
    (("starcoder",), "starcoder"),
    (("granite", "code"), "starcoder"),
    (("deepseek", "coder"), "deepseek"),
    (("qwen",), "qwen"),
    (("smollm",), "smollm"),
)


def guess_family(names: Iterable[str]) -> str:
    """Return the family that the first telling one of `names` indicates; `plain` if none does."""
    for name in names:
        text = name.lower()
        for words, family in _FAMILIES:
            if all(word in text for word in words):
                return family
    return PLAIN


def family_of_file(file: Path, name: str = "") -> str:
    """Return the family of a model from its file's name, or else from the metadata inside the file."""
    family = guess_family((name, file.name))
    return family if family != PLAIN else guess_family(_read_names(file))


def _read_names(file: Path) -> list[str]:
    """Return the names inside a GGUF file; none if it cannot be read."""
    try:
        if not file.is_file():  # a pipe would block
            return []
        with file.open("rb") as stream:
            header = read_header(stream.read(ENOUGH_BYTES))
    except (OSError, ModelError):
        return []
    return [header.text(key) for key in _NAMES]
