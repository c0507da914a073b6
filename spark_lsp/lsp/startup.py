"""Lets the engine side start when the editor's settings are known, or when the editor does not send them.

The settings must be known first, because they can withhold documents.
"""

import asyncio

from spark_lsp.lsp.settings_store import SettingsStore

INITIALIZED_TIMEOUT_SECONDS = 3.0  # after `initialize`; some editors never send `initialized`


class Startup:
    """Sets `ready` once. Nothing that the editor does, or fails to do, prevents that."""

    def __init__(self, settings: SettingsStore) -> None:
        self._settings = settings
        self._begun = False
        self._task: asyncio.Future[None] | None = None
        self.ready = asyncio.Event()

    def begin_soon(self) -> None:
        """Begin after a timeout, unless `initialized` arrives before that."""

        def begin_late() -> None:
            if not self._begun:
                self._task = asyncio.ensure_future(self.begin())

        asyncio.get_running_loop().call_later(INITIALIZED_TIMEOUT_SECONDS, begin_late)

    async def begin(self) -> None:
        """Request the editor's settings and wait for them; then let the engine side start."""
        if self._begun:
            return
        self._begun = True
        try:
            self._settings.request()
            await self._settings.wait_for_answer()
        finally:
            self.ready.set()
