"""Removes a model: its weights, their markers, and the remains of a broken download."""

import shutil
from pathlib import Path

from spark_lsp.errors import ModelError
from spark_lsp.models import paths
from spark_lsp.models.registry import Model

_ENDINGS = ("", ".verified", ".NOTICE", ".part", ".part.wheels", ".lock", ".source")


def find_leavings(model: Model) -> list[Path]:
    """Return everything of `model` that is on this machine."""
    file = paths.file_of(model)
    return [each for ending in _ENDINGS if (each := file.with_name(file.name + ending)).exists()]


def remove(model: Model) -> int:
    """Remove `model`; return the freed bytes. A running model continues until its gateway ends.

    Raises `ModelError` if something cannot be removed.
    """
    found = find_leavings(model)
    freed = sum(map(paths.size_of, found))
    for path in found:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(
                f"{path} cannot be removed: {error.strerror}",
                "The model is partly there",
                "Remove it by hand",
            ) from error
    return freed
