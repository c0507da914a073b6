"""Figure 13: resident memory of the server with 50 files open, and of a gateway without a model."""

import os
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from spark_lsp import runtime
from spark_lsp.bench.figures import Figure, at_most
from spark_lsp.client.editor import Editor, editing
from spark_lsp.client.rehearsal import IDLE_S, stop_gateway
from spark_lsp.errors import ConfigError, SparkError

MEGABYTE = 1_000_000
FILES = 50
REPLAY = '[engines.replay]\nkind = "replay"\n[routes]\ncompletion = ["replay"]\nedit = ["replay"]\n'


def run(rounds: int = 3, files: int = FILES) -> list[Figure]:
    """Measure `rounds` times."""
    pairs = [anyio.run(_measure_once, files) for _ in range(rounds)]
    server, gateway = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return [
        at_most(13, f"memory of the server, {files} open files", "MB", server, 80),
        at_most(13, "memory of the gateway without a model", "MB", gateway, 120),
    ]


async def _measure_once(files: int) -> tuple[float, float]:
    with private() as (environment, where):
        async with editing({}, where, env=environment) as editor:
            last = open_files(editor, files, where)
            await editor.complete(last, 0)
            return resident_mb(editor.connection.process.pid), resident_mb(_gateway(where))


def open_files(editor: Editor, count: int, where: Path) -> str:
    """Open `count` modules of the standard library as if they were in `where`; return the last one's URI.

    In their original folder, git may ignore them, and the server would mirror nothing.
    """
    modules = sorted(Path(textwrap.__file__).parent.glob("*.py"))[:count]
    for module in modules:
        editor.open((where / module.name).as_uri(), module.read_text("utf-8", "replace"), "python")
    return (where / modules[-1].name).as_uri()


@contextmanager
def private(configuration: str = REPLAY) -> Generator[tuple[dict[str, str], Path]]:
    """Provide a private runtime directory and configuration; end the gateway in it afterwards."""
    with TemporaryDirectory(prefix="spark-lsp-bench-") as folder:
        where = Path(folder).resolve()
        (where / "config.toml").write_text(configuration, encoding="utf-8")
        private = {
            "SPARK_LSP_CONFIG": str(where / "config.toml"),
            "SPARK_LSP_RUNTIME_DIR": str(where / "run"),
            "SPARK_LSP_GATEWAY_IDLE": str(IDLE_S),
        }
        try:
            yield {**os.environ, **private}, where
        finally:
            stop_gateway(where / "run")


def _gateway(where: Path) -> int:
    state = runtime.read_state(where / "run")
    if state is None:
        raise SparkError("The server has started no gateway", "Its memory cannot be measured")
    return state.pid


def resident_mb(pid: int) -> float:
    """Return the resident memory of one process, in megabytes."""
    try:
        import psutil
    except ImportError:
        raise ConfigError(
            "psutil is not installed", "Memory cannot be measured", "Run pip install 'spark-lsp[bench]'"
        ) from None
    return psutil.Process(pid).memory_info().rss / MEGABYTE
