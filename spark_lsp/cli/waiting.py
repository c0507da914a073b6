"""`--timeout SECONDS`: how long a command waits for a server, a gateway, an engine or the network.

A command that gives up names the missing answer, ends its child processes and returns 1.
"""

import argparse
import math
import threading
from collections.abc import Callable
from typing import TypeVar

from spark_lsp.codes import Code
from spark_lsp.errors import SparkError

T = TypeVar("T")


def add_timeout(parser: argparse.ArgumentParser, default: float, waited_for: str) -> None:
    """Declare `--timeout`; the help names `waited_for` as the purpose of the limit."""
    text = f"time limit for {waited_for} (default: %(default)g)"
    parser.add_argument("--timeout", type=seconds, default=default, metavar="SECONDS", help=text)


def seconds(word: str) -> float:
    """Read a number of seconds above zero."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds above 0")
    return value


def call_within(limit_s: float, waited_for: str, call: Callable[[], T]) -> T:
    """Return the result of a blocking call. Raises `SparkError` if it takes longer than `limit_s` seconds.

    The call then continues in its daemon thread, which ends with the command.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit_s)
    if failed:
        raise failed[0]
    if not done:
        raise SparkError(
            f"Waited {limit_s:g} s for {waited_for}",
            "The command was given up",
            "Run: spark-lsp doctor; or give it longer with --timeout",
            code=Code.TIMED_OUT,
        )
    return done[0]
