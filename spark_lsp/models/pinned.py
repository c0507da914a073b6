"""Any GGUF file of Hugging Face as a model: `OWNER/REPOSITORY/FILE.gguf@SHA256`.

The digest in the name is the trust, as in the table of models. Nothing is known about such a model but its
name, so its licence is the user's to read.
"""

from pathlib import Path

from spark_lsp.errors import ModelError
from spark_lsp.models import paths, registry
from spark_lsp.models.families import family_of_file
from spark_lsp.models.registry import HuggingFace, Model
from spark_lsp.privacy.approvals import PINNED_MODEL

SOURCE_ENDING = ".source"  # of the file beside the weights that has the model's name


def find_model(name: str) -> Model:
    """Return the model called `name`, in the table or on Hugging Face. Raises `ModelError`."""
    return parse_pinned(name) if "@" in name else registry.find(name)


def parse_pinned(name: str) -> Model:
    """Return the model that `name` pins. Raises `ModelError` if it is not such a name."""
    match = PINNED_MODEL.fullmatch(name)
    if match is None:
        raise ModelError(
            f"{name!r} does not name a pinned model",
            "",
            "Write OWNER/REPOSITORY/FILE.gguf@SHA256, with the digest that the file's page shows",
        )
    repository, path, sha256 = match["repository"], match["file"], match["sha256"].lower()
    stem = Path(path).stem
    file = f"{stem}-{sha256[:8]}.gguf"  # two repositories may use the same name for a file
    return Model(
        name=f"{repository}/{path}@{sha256}",
        file=file,
        size=0,
        sha256=sha256,
        family=family_of_file(paths.directory() / file, stem),
        title=f"{path} of {repository}",
        author=repository.partition("/")[0],
        licence=f"licence: see https://huggingface.co/{repository}",
        sources=(HuggingFace(repository, path),),
    )


def list_pinned() -> list[Model]:
    """Return the pinned models on this machine, as the files beside them name them."""
    found = list[Model]()
    for note in sorted(paths.directory().glob(f"*{SOURCE_ENDING}")):
        try:
            model = parse_pinned(note.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError, ModelError):
            continue
        if note.name == model.file + SOURCE_ENDING:
            found.append(model)
    return found
