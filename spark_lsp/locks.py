"""Locks between processes: one gateway is started at a time, and one download of a model runs."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def try_lock(path: Path) -> Generator[bool, None, None]:
    """Hold the lock file `path` while the block runs; yields False at once if another process holds it.

    The system releases the lock when the process ends in any way.

    Raises `OSError` if the file cannot be made.
    """
    from filelock import FileLock, Timeout  # 30 ms, which only a program that starts another needs

    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
