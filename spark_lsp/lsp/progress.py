"""Work-done progress of one job, for editors that show it.

Reports are thinned: an editor needs a sign of life a few times a second, not one for each token.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

INTERVAL = 0.1  # seconds between reports
PATIENCE = 1.0  # seconds an editor has to say that it will show the job; the job does not need it


class Progress:
    """See the module's text. `cancel` is called when the person stops the job."""

    def __init__(self, ls: "SparkServer", title: str, cancel: Callable[[], object]) -> None:
        self._ls = ls
        self._title = title
        self._cancel = cancel
        self._token: str | None = None
        self._reported = 0.0

    async def begin(self) -> None:
        """Show the job, if the editor can."""
        window = self._ls.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        token = self._ls.progress_token(self._cancel)
        params = types.WorkDoneProgressCreateParams(token)
        with anyio.move_on_after(PATIENCE), suppress(JsonRpcException):
            await self._ls.window_work_done_progress_create_async(params)
            self._token = token
        if self._token is None:
            self._ls.forget_progress(token)
            return
        self._ls.work_done_progress.begin(token, types.WorkDoneProgressBegin(self._title, cancellable=True))

    def report(self, message: str, percent: int | None = None, characters: int | None = None) -> None:
        """Show how the job goes.

        `percent` says how much of it is done, and `characters` for programs how much text has come, where
        that is known.
        """
        now = time.monotonic()
        if self._token is not None and now - self._reported >= INTERVAL:
            self._reported = now
            known = {"percentage": percent, "characters": characters}
            told = {name: value for name, value in known.items() if value is not None}
            value = {"kind": "report", "message": message, **told}
            self._ls.notify("$/progress", {"token": self._token, "value": value})

    def end(self, message: str) -> None:
        """Take the job off the screen."""
        if self._token is not None:
            self._ls.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))
            self._ls.forget_progress(self._token)
