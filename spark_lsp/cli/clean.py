"""`spark-lsp clean`: show or remove everything that spark-lsp keeps on this machine."""

import argparse
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from spark_lsp import app, runtime
from spark_lsp.cli import ERROR, OK
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.errors import GatewayError
from spark_lsp.launch import alive
from spark_lsp.models import paths
from spark_lsp.store import place

TIMEOUT_S = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--yes", action="store_true", help="remove everything; otherwise only show it")
    add_timeout(parser, TIMEOUT_S, "the running gateway's end")


def run(arguments: argparse.Namespace) -> int:
    """Show or remove; your own config.toml is never touched."""
    found = [(path, what) for path, what in _places() if path.exists()]
    for path, what in found:
        print(f"{path}  {what}, {paths.size_of(path) / 1e6:.1f} MB")
    if not found:
        print("spark-lsp keeps nothing on this machine.")
    if (own := app.config_path()).exists():
        print(f"{own}  your own configuration; it is left as it is")
    if not arguments.yes:
        if found:
            print("To remove all of this: spark-lsp clean --yes")
        return OK
    _end_gateway(arguments.timeout)
    return _remove([path for path, _ in found])


def _places() -> Iterator[tuple[Path, str]]:
    import platformdirs

    models, cache = paths.directory(), platformdirs.user_cache_path("spark-lsp")
    if not models.is_relative_to(cache):
        yield models, "models"
    yield cache, "models and tools"
    yield (
        place.directory(),
        "your approvals, budgets, refusals, instructions, history and recording, the demonstration's file",
    )
    try:
        yield runtime.directory(), "the gateway's socket, state and log"
    except GatewayError:
        return


def _end_gateway(limit_s: float) -> None:
    """End the user's own gateway, and wait for its end. Raises `GatewayError` if it does not end in time."""
    try:
        state = runtime.read_state(runtime.directory())
    except GatewayError:
        return
    if state is None or not alive(state.pid):
        return
    for number in (signal.SIGTERM, signal.SIGTERM):  # the second signal does not wait for running requests
        try:
            os.kill(state.pid, number)
        except OSError:
            return
        end = time.monotonic() + limit_s / 2
        while alive(state.pid) and time.monotonic() < end:
            time.sleep(0.05)
    if os.name == "posix" and alive(state.pid):
        raise GatewayError(
            f"Waited {limit_s:g} s for the gateway (process {state.pid}) to end",
            "Nothing was removed",
            f"End it with: kill -9 {state.pid}; then run the command again",
        )


def _remove(found: list[Path]) -> int:
    left = 0
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            left += 1
            print(f"{path} could not be removed; remove it by hand")
    print("Removed." if not left else "Not all of it could be removed.")
    return ERROR if left else OK
