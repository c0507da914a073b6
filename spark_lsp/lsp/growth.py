"""`spark/inlineCompletion`: the answer while it grows, for clients that say they can show that.

Each notification *replaces* what the one before said; LSP's own partial results could only append. All of
them speak of the version and the cursor that the answer was made for: what was typed since is the
beginning of the text. They are thinned to what an eye can follow, and the latest is never kept back for
longer than that. The last one has `done`: with the whole text, or with no item where there is none or
what was typed has contradicted it.
"""

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

from spark_lsp.lsp import convert
from spark_lsp.session.suggestions import Suggestion

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

INTERVAL = 0.03  # seconds between notifications


class Growth:
    """Tells of one answer."""

    def __init__(self, ls: "SparkServer") -> None:
        self.shown = ls.growing and ls.settings.completion.stream  # whether the client hears of it at all
        self._ls = ls
        self._sequence = itertools.count()
        self._said = ""  # the text that was told last
        self._at = 0.0  # when that was
        self._ended = False
        self._next: Suggestion | None = None  # what the timer will tell
        self._timer: asyncio.TimerHandle | None = None

    def show(self, suggestion: Suggestion) -> None:
        """Show how far it has grown; soon, if the last time was just now."""
        if not self.shown or self._ended:
            return
        if suggestion.done:
            self._say(suggestion)
        elif suggestion.text != self._said:
            self._next = suggestion
            wait = self._at + INTERVAL - time.monotonic()
            if wait <= 0:
                self._say_next()
            elif self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(wait, self._say_next)

    def end(self, suggestion: Suggestion) -> None:
        """Take back what is shown and still grows: it is contradicted, or its work has failed."""
        shows = self.shown and not self._ended and self._said
        self._ended, self._next = True, None
        if shows:
            self._message(suggestion, "", done=True)

    def _say_next(self) -> None:
        self._timer = None
        if self._next is not None:
            self._say(self._next)

    def _say(self, suggestion: Suggestion) -> None:
        self._next = None
        self._said, self._at = suggestion.text, time.monotonic()
        self._message(suggestion, suggestion.text, done=suggestion.done)
        self._ended = suggestion.done

    def _message(self, suggestion: Suggestion, text: str, *, done: bool) -> None:
        document, encoding = suggestion.document, self._ls.documents.encoding
        message: dict[str, Any] = {
            "token": suggestion.token,
            "uri": document.uri,
            "version": document.version,
            "seq": next(self._sequence),
            "item": convert.item(suggestion, encoding) if text else None,
            "done": done,
        }
        self._ls.notify("spark/inlineCompletion", message)
