"""`spark/inlineCompletion`: the text of an answer while it is streamed, for clients that can show it.

Each notification *replaces* the previous one; LSP's own partial results could only append. All of them refer
to the version and the cursor of the request, so text typed since then is the beginning of the suggestion.
Notifications are throttled to one per 30 ms, and the newest text is always delivered. The last one has
`done`: with the complete text, or without an item if it is empty or contradicted.
"""

import asyncio
import itertools
import time
from typing import Any

from spark_lsp.lsp import convert
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.positions import Encoding

NOTIFY_INTERVAL_SECONDS = 0.03


class PartialResults:
    """Sends the notifications of one answer; none if `enabled` is False."""

    def __init__(self, client: LanguageClient, encoding: Encoding, *, enabled: bool) -> None:
        self.enabled = enabled
        self._client = client
        self._encoding = encoding
        self._sequence = itertools.count()
        self._sent_text = ""
        self._sent_at = 0.0
        self._ended = False
        self._next: Suggestion | None = None  # the timer will send it
        self._timer: asyncio.TimerHandle | None = None

    def show(self, suggestion: Suggestion) -> None:
        """Send the text so far: now, or when the interval since the last notification is over."""
        if not self.enabled or self._ended:
            return
        if suggestion.done:
            self._send(suggestion)
        elif suggestion.text != self._sent_text:
            self._next = suggestion
            wait = self._sent_at + NOTIFY_INTERVAL_SECONDS - time.monotonic()
            if wait <= 0:
                self._send_next()
            elif self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(wait, self._send_next)

    def withdraw(self, suggestion: Suggestion) -> None:
        """Remove an incomplete suggestion from the screen: it is contradicted, or its work has failed."""
        is_visible = self.enabled and not self._ended and self._sent_text
        self._ended, self._next = True, None
        if is_visible:
            self._notify(suggestion, "", done=True)

    def _send_next(self) -> None:
        self._timer = None
        if self._next is not None:
            self._send(self._next)

    def _send(self, suggestion: Suggestion) -> None:
        self._next = None
        self._sent_text, self._sent_at = suggestion.text, time.monotonic()
        self._notify(suggestion, suggestion.text, done=suggestion.done)
        self._ended = suggestion.done

    def _notify(self, suggestion: Suggestion, text: str, *, done: bool) -> None:
        document = suggestion.document
        message: dict[str, Any] = {
            "token": suggestion.token,
            "uri": document.uri,
            "version": document.version,
            "seq": next(self._sequence),
            "item": convert.to_inline_item(suggestion, self._encoding) if text else None,
            "done": done,
        }
        self._client.notify("spark/inlineCompletion", message)
