"""Writes to the files of our own state, one after another on a worker thread; a failure costs one write.

A full disk, a damaged file or another process that holds it too long is reported once. After `MOST_FAILURES`
failures in a row there are no more attempts: suggestions do not depend on these files.
"""

from collections import deque
from collections.abc import Callable

from lsprotocol.types import MessageType

from spark_lsp.errors import SparkError, StoreError
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.threads import run_in_thread

MOST_WAITING = 256  # writes; the oldest are lost first
MOST_FAILURES = 3


class StoreQueue:
    """The writes that wait. `spawn` starts background work."""

    def __init__(self, spawn: Callable[..., None], messages: UserMessages) -> None:
        self._spawn = spawn
        self._messages = messages
        self._waiting = deque[Callable[[], object]](maxlen=MOST_WAITING)
        self._is_running = False
        self._failures = 0

    def put(self, write: Callable[[], object]) -> None:
        """Write when it is the turn of this write; never raises."""
        if self._failures >= MOST_FAILURES:
            return
        self._waiting.append(write)
        if self._is_running:
            return
        try:
            self._spawn(self._write_all)
            self._is_running = True
        except SparkError:
            self._waiting.clear()  # the engine side is down, and with it all suggestions

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write(self._waiting.popleft())
        finally:
            self._is_running = False

    async def _write(self, write: Callable[[], object]) -> None:
        try:
            await run_in_thread(write)
            self._failures = 0
        except StoreError as error:
            self.report(error)

    def report(self, error: StoreError) -> None:
        """Count a failure, and show it once."""
        self._failures += 1
        self._messages.show_once(MessageType.Warning, "store", f"spark-lsp: {error}")
