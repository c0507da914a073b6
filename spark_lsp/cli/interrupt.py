"""Ends a command in the same orderly way on Ctrl-C, `kill` and a closed terminal."""

import signal
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Generator[None]:
    """Let SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in the block, so that it can clean up.

    SIGINT works even if this process was started with SIGINT ignored, as shells start background jobs:
    SIGTERM is delivered as SIGINT, and would otherwise be lost too. An ignored SIGHUP (`nohup`)
    stays ignored.
    """
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_signal: int, _frame: object) -> None:
    signal.raise_signal(signal.SIGINT)
