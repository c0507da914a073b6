"""Work-done progress of jobs, for editors that show it.

Reports are throttled: an editor needs a few updates per second, not one for each token.
"""

import itertools
import time
from collections.abc import Callable
from contextlib import suppress

import anyio
from lsprotocol.types import ProgressToken
from pygls.exceptions import JsonRpcException

from spark_lsp.lsp.language_client import LanguageClient

REPORT_INTERVAL_SECONDS = 0.1
CREATE_TIMEOUT_SECONDS = 1.0  # for the editor to accept the progress; the job continues without it


class ProgressRegistry:
    """Creates `Progress` objects, and cancels their jobs by token."""

    def __init__(self, client: LanguageClient) -> None:
        self._client = client
        self._cancels: dict[ProgressToken, Callable[[], object]] = {}
        self._numbers = itertools.count(1)

    def create(self, title: str, cancel: Callable[[], object]) -> "Progress":
        """Return the progress of a job; `cancel` is called when the user stops the job."""
        return Progress(self._client, self._cancels, f"spark-{next(self._numbers)}", title, cancel)

    def cancel(self, token: ProgressToken) -> None:
        """Stop the job with this token, if there is one."""
        if cancel := self._cancels.get(token):
            cancel()


class Progress:
    """The progress of one job. All methods do nothing in an editor that does not show it."""

    def __init__(
        self,
        client: LanguageClient,
        cancels: dict[ProgressToken, Callable[[], object]],
        token: str,
        title: str,
        cancel: Callable[[], object],
    ) -> None:
        self._client = client
        self._cancels = cancels
        self._token = token
        self._title = title
        self._cancel = cancel
        self._is_shown = False
        self._reported_at = 0.0

    async def begin(self) -> None:
        """Show the job, if the editor accepts that within a second."""
        if not self._client.abilities.shows_progress:
            return
        self._cancels[self._token] = self._cancel
        with anyio.move_on_after(CREATE_TIMEOUT_SECONDS), suppress(JsonRpcException):
            await self._client.create_progress(self._token)
            self._is_shown = True
        if self._is_shown:
            self._client.begin_progress(self._token, self._title)
        else:
            del self._cancels[self._token]

    def report(
        self,
        message: str,
        percent: int | None = None,
        characters: int | None = None,
        *,
        always: bool = False,
    ) -> None:
        """Show the state of the job; with `always`, also right after another report.

        `percent` is the completed part of the job, and `characters` the length of the received text; None
        if unknown.
        """
        now = time.monotonic()
        if not self._is_shown or (now - self._reported_at < REPORT_INTERVAL_SECONDS and not always):
            return
        self._reported_at = now
        value: dict[str, object] = {"kind": "report", "message": message}
        if percent is not None:
            value["percentage"] = percent
        if characters is not None:
            value["characters"] = characters
        self._client.notify("$/progress", {"token": self._token, "value": value})

    def end(self, message: str) -> None:
        """Remove the job from the screen; later calls do nothing."""
        if self._is_shown:
            self._is_shown = False
            self._client.end_progress(self._token, message)
            self._cancels.pop(self._token, None)
