"""Counts the requests for suggestions, those that waited for an engine, and the cost of requests ahead."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from spark_lsp.answer_events import Chunk, Event, Finished, Usage
from spark_lsp.request import Request

CHARACTERS_PER_TOKEN = 4  # for answers that end before the engine reports its own count


@dataclass(slots=True)
class CompletionCounts:
    """Counts since the start.

    `requests`: of the editor, of which `at_once` were answered without waiting for an engine, and `replaced`
    not at all, because of a newer change or request.
    `engine_requests`: to engines, of which `ahead_requests` were sent before the editor's request, and
    `ahead_used` of these were of use. Their tokens are the engine's own count, or one per 4 characters.
    """

    requests: int = 0
    at_once: int = 0
    replaced: int = 0
    engine_requests: int = 0
    ahead_requests: int = 0
    ahead_used: int = 0
    ahead_input_tokens: int = 0
    ahead_output_tokens: int = 0

    def count_request(self, *, is_at_once: bool) -> None:
        """Count a request of the editor."""
        self.requests += 1
        self.at_once += is_at_once

    @contextmanager
    def count_tokens_ahead(self, request: Request) -> "Generator[AheadTokens, None, None]":
        """Count the tokens of an answer that was requested ahead, when the context ends."""
        tokens = AheadTokens()
        try:
            yield tokens
        finally:
            usage = tokens.usage
            read, written = usage.input_tokens, usage.output_tokens
            self.ahead_input_tokens += read or request.characters() // CHARACTERS_PER_TOKEN
            self.ahead_output_tokens += written or tokens.characters // CHARACTERS_PER_TOKEN

    def message(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


@dataclass(slots=True)
class AheadTokens:
    """The tokens of one answer: the engine's count, and the characters until that comes."""

    usage: Usage = field(default_factory=Usage)
    characters: int = 0

    async def watch(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """Give the events of the answer."""
        async for event in events:
            if isinstance(event, Chunk):
                self.characters += len(event.text)
            elif isinstance(event, Finished):
                self.usage = event.usage
            yield event
