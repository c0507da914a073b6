"""Keeps the user's instructions, and gives them back, if `edit.history` is on."""

from functools import partial

from spark_lsp.errors import StoreError
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.store_queue import StoreQueue
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.store.instructions import Instructions

MAX_CHARACTERS = 2_000  # a longer one is a text, not an instruction to offer again


class EditHistory:
    """See the module's text."""

    def __init__(self, settings: SettingsStore, queue: StoreQueue, instructions: Instructions) -> None:
        self._settings = settings
        self._queue = queue
        self._instructions = instructions

    def add(self, instruction: str) -> None:
        """Keep an instruction that the user typed, without its secrets; never raises."""
        instruction = instruction.strip()
        if self._settings.current.edit.history and instruction and len(instruction) <= MAX_CHARACTERS:
            self._queue.put(partial(self._instructions.add, redact_secrets(instruction)))

    async def list(self) -> list[str]:
        """Return the instructions, the newest first; none if the history is off or cannot be read."""
        if not self._settings.current.edit.history:
            return []
        try:
            return await run_in_thread(self._instructions.load)
        except StoreError as error:
            self._queue.report(error)
            return []
