"""`spark-lsp serve`: the language server on stdio."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spark_lsp.log_format import log_to_stderr

if TYPE_CHECKING:
    import argparse

    from spark_lsp.config import Source
    from spark_lsp.engine.gateway_client.remote import Remote
    from spark_lsp.lsp.parts import Parts


def configure(parser: "argparse.ArgumentParser") -> None:
    """Declare the arguments."""
    parser.add_argument("--stdio", action="store_true", help="use stdin and stdout (always the case)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")


def run(arguments: "argparse.Namespace") -> int:
    """Serve with the given arguments."""
    return serve(arguments.config)


def serve(config: Path | None = None) -> int:
    """Serve until the editor ends it."""
    gc.disable()  # until the answer to `initialize`: collecting while types are built costs a fifth of it
    from spark_lsp.lsp.main_loop import MainLoop, silence_libraries
    from spark_lsp.lsp.server import SparkServer
    from spark_lsp.lsp.turns import new_loop

    stdin, stdout = _claim_stdio()
    log_to_stderr()
    silence_libraries()

    def create_link(parts: "Parts") -> "Remote":
        return _create_link(parts, config)

    async def live() -> int:
        server = SparkServer(lambda: _sources(config))
        return await MainLoop(server, create_link, stdin, stdout).run()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        code = runner.run(live())
    sys.stderr.flush()
    os._exit(code)  # the reader's thread may be blocked in a read that only the editor can end


def _sources(config: Path | None) -> "list[Source]":
    from spark_lsp import app

    return app.sources(config)


def _claim_stdio() -> tuple[int, int]:
    """Keep stdin and stdout for the protocol: all other output goes to stderr."""
    stdin, stdout = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(stdin, os.O_BINARY)
        msvcrt.setmode(stdout, os.O_BINARY)
    return stdin, stdout


def _create_link(parts: "Parts", config: Path | None) -> "Remote":
    """Return the link to the gateway: the user's own, or the one that the settings name."""
    from spark_lsp.engine.gateway_client.remote import Endpoint, Remote
    from spark_lsp.launch import find_or_start

    async def locate() -> Endpoint:
        url = parts.gateway.locate()
        if url == "auto":
            return await find_or_start(config)
        return Endpoint(url, os.environ.get("SPARK_LSP_TOKEN", ""))

    return Remote(locate, parts.link_reporter.report)
