"""The machine: Python, the embedded model's runtime, directories, memory."""

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from spark_lsp import __version__, home, runtime
from spark_lsp.config import LocalSettings, Settings, source_chain
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import GatewayError
from spark_lsp.store.approvals import Approvals


def look(settings: Settings) -> Iterator[Finding]:
    """Give the findings about this machine."""
    yield _system()
    if any(isinstance(table, LocalSettings) for table in settings.engines.values()):
        yield _llama(needed=_only_local(settings))
    yield from _home()
    yield from _output()
    yield _runtime()
    yield _approvals()


def _system() -> Finding:
    what = f"spark-lsp {__version__}, Python {platform.python_version()}, {platform.system()}"
    if sys.platform == "linux":
        return Finding("ok", "system", what)
    return Finding("warning", "system", f"{what}; tested on Linux only", "Report anything that does not work")


def _only_local(settings: Settings) -> bool:
    ends = [source_chain(name, settings.engines)[-1] for name in settings.routes.get("completion", ())]
    tables = [settings.engines.get(name) for name in ends]
    return all(isinstance(table, LocalSettings) for table in tables if table is not None)


def _llama(*, needed: bool) -> Finding:
    if importlib.util.find_spec("xllamacpp") is not None:
        return Finding("ok", "embedded runtime", "xllamacpp is installed")
    level = "error" if needed else "warning"
    what = "xllamacpp is not installed; the embedded model cannot run"
    return Finding(level, "embedded runtime", what, "Run: pip install 'spark-lsp[local]'")


def _home() -> Iterator[Finding]:
    where = Path(os.path.expanduser("~"))
    if home.is_temporary():
        what = f"there is no home directory; approvals and models are kept in {where}, until that is cleared"
        yield Finding("warning", "home", what, "Set HOME to a directory of yours")
    elif not os.access(where, os.W_OK | os.X_OK):
        what = f"{where} cannot be written to; no approval is remembered and no model is kept"
        remedy = "Make it writable, or name other places in SPARK_LSP_STATE_DIR and SPARK_LSP_MODELS"
        yield Finding("warning", "home", what, remedy)


def _output() -> Iterator[Finding]:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "✓é→".encode(encoding)
    except UnicodeEncodeError:
        what = f"it takes {encoding} only; other characters are printed as escapes"
        yield Finding("warning", "output", what, "Set PYTHONIOENCODING=utf-8, or a UTF-8 locale")


def _runtime() -> Finding:
    subject = "runtime directory"
    wanted = os.environ.get("SPARK_LSP_RUNTIME_DIR")
    try:
        path = runtime.directory()
    except GatewayError as error:
        return Finding("error", subject, f"{error.what}. {error.meaning}".rstrip(". "), error.remedy)
    usual = os.environ.get("XDG_RUNTIME_DIR")
    wanted = wanted or (os.path.join(usual, "spark-lsp") if usual else None)
    if wanted and path != Path(wanted).absolute():
        what = f"{wanted} cannot be used (not yours, not writable, or too long for a socket); {path} is"
        return Finding("warning", subject, what, "Name a short, writable path in SPARK_LSP_RUNTIME_DIR")
    return Finding("ok", subject, f"{path}, yours alone")


def _approvals() -> Finding:
    approvals = Approvals()
    if damage := approvals.damage():
        what = f"{approvals.file} cannot be read ({damage}); nothing counts as approved"
        return Finding("error", "approvals", what, "Delete it, and approve again when asked")
    count = len(approvals.all())
    return Finding("ok", "approvals", f"{count} given; `spark-lsp trust --list` shows them")
