"""The material of a demonstration: a copy of a source file, and for a replay an answer from that file.

The original is never opened for writing, and the server never sees it: the copy is in a separate folder. A
replay has no model; its answers are the text that was removed from the copy. It uses a private configuration
and a private gateway, which ends with the demonstration.
"""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from spark_lsp import runtime
from spark_lsp.client.files import SourceFile, read_source
from spark_lsp.client.places import Target, Typing, target, typings
from spark_lsp.errors import SparkError
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits

PLACES = 4
IDLE_S = 5  # a private gateway ends soon, even if the demonstration is killed and cannot end it


@dataclass(frozen=True, slots=True)
class Script:
    """The plan for a file: documentation to remove beforehand, lines to type, one edit."""

    file: SourceFile
    text: str
    typings: tuple[Typing, ...]
    target: Target | None


def default_file() -> Path:
    """Return a source file that every Python has: a module of the standard library."""
    import textwrap

    return Path(textwrap.__file__)


def script(file: SourceFile, replay: bool) -> Script:
    """Choose the steps for `file`; for a replay, only steps that the file itself can answer."""
    original = Document(file.uri, file.text, language=file.language)
    chosen = target(original, with_answer=replay)
    text = apply_edits(file.text, [chosen.taken_out] if chosen and chosen.taken_out else [])
    document = Document(file.uri, text, language=file.language)
    lines = typings(document, 1 if replay else PLACES)
    if not lines:
        raise SparkError(
            f"{file.path.name} has no line that the demonstration could type again",
            "Nothing was shown",
            "Give a larger source file with --file",
        )
    return Script(file, text, tuple(lines), chosen)


@contextmanager
def copy_file(name: Path) -> Generator[SourceFile]:
    """Copy a file into a separate folder while the block runs."""
    source = read_source(name)
    with TemporaryDirectory(prefix="spark-lsp-demo-") as folder:
        copy = Path(folder).resolve() / source.path.name
        copy.write_bytes(source.raw)
        yield read_source(copy)


@contextmanager
def replaying(played: Script) -> Generator[dict[str, str]]:
    """Prepare a private gateway whose engine `replay` answers with the file's own text.

    Yields the environment for the language server that will start it; afterwards the gateway is gone.
    """
    with TemporaryDirectory(prefix="spark-lsp-replay-") as folder:
        home = Path(folder).resolve()
        (home / "complete.txt").write_text(played.typings[0].rest, encoding="utf-8", newline="")
        answer = played.target.answer if played.target else ""
        (home / "edit.txt").write_text(answer, encoding="utf-8", newline="")
        (home / "config.toml").write_text(_REPLAY, encoding="utf-8")
        run = home / "run"
        private = {
            "SPARK_LSP_CONFIG": str(home / "config.toml"),
            "SPARK_LSP_RUNTIME_DIR": str(run),
            "SPARK_LSP_GATEWAY_IDLE": str(IDLE_S),
        }
        try:
            yield {**os.environ, **private}
        finally:
            stop_gateway(run)


_REPLAY = """\
[engines.replay]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt" }
tokens_per_s = 60
delay_ms = 80
[routes]
completion = ["replay"]
edit = ["replay"]
"""


def stop_gateway(where: Path, patience_s: float = 5.0) -> None:
    """End the gateway that was started in `where`, if one was, and wait until it is gone.

    The server that started it has ended; where that was at once, the gateway itself may still be starting.
    """
    if (where / "gateway.log").exists():
        _wait(lambda: runtime.read_state(where) is not None, patience_s)
    state = runtime.read_state(where)
    if state is None:
        return
    with suppress(OSError):
        os.kill(state.pid, signal.SIGTERM)
    _wait(lambda: runtime.read_state(where) is None, patience_s)
    if os.name == "posix":
        _wait(lambda: not _alive(state.pid), 1.0)  # a moment only: a container may leave it a zombie


def _wait(happened: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
