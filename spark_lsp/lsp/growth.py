"""`spark/inlineCompletion`: the answer while it grows, for clients that say they can show that.

Each notification *replaces* what the one before said; LSP's own partial results could only append. They
are thinned to what an eye can follow; the last one always goes out.
"""

import itertools
import time
from typing import TYPE_CHECKING, Any

from spark_lsp.lsp import convert
from spark_lsp.session.suggestions import Suggestion

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

INTERVAL = 0.03  # seconds between notifications

_tokens = itertools.count(1)


class Growth:
    """Tells of one answer."""

    def __init__(self, ls: "SparkServer") -> None:
        self._ls = ls
        self._token = next(_tokens)
        self._sequence = itertools.count()
        self._shown = ""
        self._at = 0.0

    def show(self, text: str, suggestion: Suggestion) -> None:
        """Show `text` for now; `suggestion` says where, and whether this is the end."""
        if not (self._ls.growing and self._ls.settings.completion.stream):
            return
        if text == self._shown and not suggestion.done:
            return
        now = time.monotonic()
        if not suggestion.done and now - self._at < INTERVAL:
            return
        self._shown, self._at = text, now
        self._ls.notify("spark/inlineCompletion", self._message(text, suggestion))

    def _message(self, text: str, suggestion: Suggestion) -> dict[str, Any]:
        document = suggestion.document
        range_ = convert.range_of(document, suggestion.anchor, suggestion.end, self._ls.documents.encoding)
        return {
            "token": self._token,
            "uri": document.uri,
            "version": document.version,
            "seq": next(self._sequence),
            "item": {"insertText": text, "range": range_} if text else None,
            "done": suggestion.done,
        }
