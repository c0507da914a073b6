"""The files of weights, and their verification.

Hashing half a gigabyte takes most of a second, so a verified file gets a marker beside it with its
size and modification time; while these are the same, the file is not hashed again.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

from spark_lsp.models.registry import Model

DIRECTORY_VARIABLE = "SPARK_LSP_MODELS"
_BLOCK = 1 << 20


def directory() -> Path:
    """Return the directory of weights: `SPARK_LSP_MODELS`, or a folder of the user's cache directory."""
    given = os.environ.get(DIRECTORY_VARIABLE)
    return Path(given or Path(platformdirs.user_cache_dir("spark-lsp")) / "models").absolute()


def file_of(model: Model) -> Path:
    """Return the path for the weights of `model`, whether or not they exist."""
    return directory() / model.file


def is_installed(model: Model) -> bool:
    """Tell whether verified weights are in their place. Cheap: it reads the marker, not the weights."""
    return _marker_fits(file_of(model), model)


def looks_present(model: Model) -> bool:
    """Tell whether a file of the right size, if that is known, is in its place, verified or not."""
    try:
        size = file_of(model).stat().st_size
        return size == model.size if model.size else size > 0
    except OSError:
        return False


def verify(model: Model) -> bool:
    """Tell whether the weights in their place are the right ones; hash them if they have no marker."""
    file = file_of(model)
    if _marker_fits(file, model):
        return True
    if not looks_present(model) or digest(file) != model.sha256:
        return False
    mark_verified(file, model)
    return True


def digest(file: Path, tick: Callable[[int], None] = lambda done: None) -> str:
    """Return the sha256 of a file; `tick` is called with the number of bytes read so far."""
    state, done = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
            done += len(block)
            tick(done)
    return state.hexdigest()


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files below a directory; some may vanish during it."""
    folders = (
        [(path.parent, [path.name])] if path.is_file() else ((f, names) for f, _, names in os.walk(path))
    )
    total = 0
    for folder, names in folders:
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def mark_verified(file: Path, model: Model) -> None:
    """Record that `file` has the digest of `model`; without a record, the file is hashed again."""
    try:
        _marker(file).write_text(json.dumps(_fingerprint(file, model)), "utf-8")
    except OSError:
        return


def _marker(file: Path) -> Path:
    return file.with_name(file.name + ".verified")


def _marker_fits(file: Path, model: Model) -> bool:
    try:
        return json.loads(_marker(file).read_text("utf-8")) == _fingerprint(file, model)
    except (OSError, ValueError):
        return False


def _fingerprint(file: Path, model: Model) -> dict[str, object]:
    stat = file.stat()
    return {"sha256": model.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
