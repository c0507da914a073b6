"""The embedded models that the settings use: whether each exists, is intact and fits this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from spark_lsp.config import LocalSettings, Settings, source_chain
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import ModelError
from spark_lsp.models import memory, paths
from spark_lsp.models.pinned import find_model
from spark_lsp.models.registry import Model
from spark_lsp.privacy.approvals import model_path

SUBJECT = "model"


def look(settings: Settings) -> Iterator[Finding]:
    """Give a finding for each embedded engine."""
    routed = {engine for names in settings.routes.values() for engine in names}
    needed = {each for engine in routed for each in source_chain(engine, settings.engines)}
    for name, table in settings.engines.items():
        if isinstance(table, LocalSettings):
            yield _model(name, table.model, used=name in needed)


def _model(engine: str, name: str, *, used: bool) -> Finding:
    if path := model_path(name):
        return _find_own_weights(engine, Path(path).expanduser())
    try:
        model = find_model(name)
    except ModelError as error:
        return Finding(
            "error" if used else "warning", SUBJECT, f"engines.{engine}: {error.what}", error.remedy
        )
    if not paths.looks_present(model):
        return _report_absent_model(model, used=used)
    if not paths.verify(model):
        what = f"{paths.file_of(model)} is damaged: its sha256 is not the known one"
        return Finding("error", SUBJECT, what, f"Run: spark-lsp model remove {model.name}, then model pull")
    return _fits(model)


def _find_own_weights(engine: str, file: Path) -> Finding:
    if file.is_file():
        return Finding("ok", SUBJECT, f"engines.{engine}: your own file {file}")
    what = f"engines.{engine}: the file {file} is not there"
    return Finding("error", SUBJECT, what, "Correct its path in the settings")


def _report_absent_model(model: Model, *, used: bool) -> Finding:
    part = paths.file_of(model).with_name(paths.file_of(model).name + ".part")
    begun = f" ({part.stat().st_size / 1e6:.0f} MB of it are)" if part.is_file() else ""
    what = f"{model.summary} is not on this machine{begun}"
    folder = paths.directory()
    while not folder.exists():
        folder = folder.parent
    remedy = f"Run: spark-lsp model pull {model.name}"
    if not os.access(folder, os.W_OK):
        remedy = f"{folder} is not writable: name another directory in {paths.DIRECTORY_VARIABLE}. {remedy}"
    elif (free := shutil.disk_usage(folder).free) < model.size * 2:
        remedy = f"Free some space ({free / 1e6:.0f} MB are left, twice its size is needed). {remedy}"
    return Finding("error" if used else "warning", SUBJECT, what, remedy)


def _fits(model: Model) -> Finding:
    what = f"{model.name} is verified: {paths.file_of(model)}"
    if not memory.carries(model):
        wanted, free = memory.estimate_bytes(model) / 1e6, memory.available() / 1e6
        what = f"{what}; it needs {wanted:.0f} MB to run, {free:.0f} MB are free"
        return Finding("warning", SUBJECT, what, "Close something, or choose a smaller model")
    return Finding("ok", SUBJECT, what)
