"""`spark/editPreview`: the hunks of an edit, for clients that can show them before they are applied.

Each notification replaces the previous one of the same id, except that the first `first` hunks may be left
out because they are the same: a long edit would otherwise send all of itself many times per second.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spark_lsp.codes import Code
from spark_lsp.lsp import convert
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.line_hunks import to_line_hunk
from spark_lsp.text.positions import Encoding

NOTIFY_INTERVAL_SECONDS = 0.03
DROPPED = "You typed in these lines"
State = Literal["growing", "ready", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class ShownHunk:
    """A hunk on the screen; `is_growing` for one whose end is not known yet."""

    index: int
    edit: Edit
    is_growing: bool = False


def describe_hunk(document: Document, hunk: ShownHunk, encoding: Encoding) -> dict[str, Any]:
    """Return a hunk as the exact edit, and as the complete lines that it replaces."""
    edit = hunk.edit
    lines = to_line_hunk(document, edit)
    range_ = convert.to_range(document, edit.start, edit.end, encoding)
    return {
        "index": hunk.index,
        "range": {
            "start": {"line": range_.start.line, "character": range_.start.character},
            "end": {"line": range_.end.line, "character": range_.end.character},
        },
        "newText": edit.new,
        "lines": {"start": lines.first, "end": lines.last},
        "newLines": list(lines.lines),
        "growing": hunk.is_growing,
    }


def count_unchanged(before: Sequence[ShownHunk], now: Sequence[ShownHunk]) -> int:
    """Return how many hunks at the beginning of two lists are the same."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the editor shows of an edit. `seconds` is the time since it began."""

    state: State
    code: Code | None
    reason: str
    tokens: int
    seconds: float
    hunks: tuple[ShownHunk, ...]
    applied: tuple[int, ...]
    dropped: tuple[int, ...]


class PreviewScreen:
    """Sends what `view` returns: at once, or at most once per 30 ms while an answer grows."""

    def __init__(
        self,
        edit_id: str,
        requested: Document,
        documents: Documents,
        client: LanguageClient,
        view: Callable[[], View],
    ) -> None:
        self._id = edit_id
        self._requested = requested
        self._documents = documents
        self._client = client
        self._view = view
        self._version = -1  # of the last message
        self._hunks: tuple[ShownHunk, ...] = ()  # of the last message
        self._has_sent = False
        self._is_over = False  # the preview has left the screen
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def shows_hunks(self) -> bool:
        """Whether there are hunks on the screen."""
        return bool(self._hunks)

    def show_soon(self) -> None:
        """Send the view now, or when the interval since the last message is over."""
        wait = self._sent_at + NOTIFY_INTERVAL_SECONDS - time.monotonic()
        if wait <= 0:
            self.show_now()
        elif self._timer is None and self._client.shows_previews:
            self._timer = asyncio.get_running_loop().call_later(wait, self.show_now)

    def show_now(self) -> None:
        """Send the view, unless there is nothing to show yet, or nothing to remove."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._client.shows_previews or self._is_over:
            return
        view = self._view()
        self._is_over = view.state == "ended"
        is_empty = view.state in ("growing", "ended") and not view.hunks
        if not is_empty or self._hunks or (view.state == "ended" and self._has_sent):
            self._send(view)

    def _send(self, view: View) -> None:
        document = self._documents.get(self._requested.uri)
        text = self._requested if document is None else document
        hunks = () if document is None else view.hunks
        first = count_unchanged(self._hunks, hunks) if self._version == text.version else 0
        self._hunks, self._version, self._has_sent = hunks, text.version, True
        self._sent_at = time.monotonic()
        encoding = self._documents.encoding
        message: dict[str, Any] = {
            "id": self._id,
            "uri": text.uri,
            "version": text.version,
            "state": view.state,
            "code": view.code or "",
            "reason": view.reason,
            "tokens": view.tokens,
            "seconds": view.seconds,
            "first": first,
            "hunks": [describe_hunk(text, each, encoding) for each in hunks[first:]],
            "applied": list(view.applied),
            "dropped": [
                {"index": number, "code": Code.TEXT_CHANGED, "reason": DROPPED} for number in view.dropped
            ],
        }
        self._client.notify("spark/editPreview", message)
