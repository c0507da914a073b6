"""Decides whether an answer on its way is worth waiting for after the user has typed some letters.

Before its first text, an answer says nothing about those letters. If it confirms them, waiting gains the time
that the answer is on its way already. If it does not, waiting loses the time until its first text. While the
user types faster than the engine answers, a new request for each letter would never get an answer.
"""

from dataclasses import dataclass

from spark_lsp.session.suggestion_stream import CursorRequest, SuggestionStream

CONFIRMED_SHARE = 0.6  # of the letters that are typed while an answer is on its way: an estimate
MAX_LETTERS = 3
_NEWEST_SHARE = 0.3  # of the newest measurement in the average


@dataclass(slots=True)
class Patience:
    """`latency` is the usual time to an answer's first text, in seconds; None before the first answer."""

    latency: float | None = None

    def note_first_text(self, stream: SuggestionStream, now: float) -> None:
        """Include the time to the first text of a stream in the average."""
        if stream.attempts == 1 and stream.adopted_at is None and not stream.is_ahead:
            seconds = now - stream.started_at
            before = seconds if self.latency is None else self.latency
            self.latency = before + (seconds - before) * _NEWEST_SHARE

    def allow_letters(self, stream: SuggestionStream, request: CursorRequest, now: float) -> None:
        """Let a stream without text wait for the letters typed before a request, if that is worth it."""
        made = stream.suggestion
        if made.text or made.done or self.latency is None:
            return
        typed = made.find_typed_text(request.document, request.offset)
        is_near = now - stream.started_at >= self.latency * (1 - CONFIRMED_SHARE)
        if typed and len(typed) <= MAX_LETTERS and "\n" not in typed and is_near:
            stream.awaited_letters = max(stream.awaited_letters, len(typed))
