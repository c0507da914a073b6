"""An engine that answers with a given text at a given pace: for tests, demonstrations and benchmarks.

A token is four characters. Token `i` is due `delay_ms + i / tokens_per_s` after the request, by one
schedule from the start, so that neither a slow reader nor a coarse clock adds up to drift; a token is
never early. Late tokens are sent at once, with a regular pause for other tasks.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

import anyio

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.config import ReplaySettings
from spark_lsp.engine.continuation import find_continuation
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, EngineInfo, Focus, PartKind, Request, Task

TOKEN_CHARS = 4
TURN = 32  # tokens that may be late at once: a turn of the loop costs as much as a few tokens


class ReplayEngine:
    """`kind = "replay"`: see the module's text."""

    def __init__(self, name: str, settings: ReplaySettings) -> None:
        self._name = name
        self._settings = settings
        self._cache: dict[str, str] = {}

    @property
    def info(self) -> EngineInfo:
        """A replay is always ready; a missing text is an error of the request."""
        return EngineInfo(self._name, "replay", "replay", context_tokens=131_072, free=True)

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer with the text for the request's task."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        text = self._text(request.task)
        if self._settings.continues and request.task is Task.COMPLETE:
            text = find_continuation(text, request.text_of(PartKind.PREFIX))
        async with aclosing(self._play(request, text)) as events:
            yield events

    async def _play(self, request: Request, text: str) -> AsyncGenerator[Event, None]:
        asked = time.monotonic()
        yield Started(self._name, "replay", edit_format(request, text))
        there = -(-len(text) // TOKEN_CHARS)
        confidence = (self._settings.confidence or None) if request.scored else None
        limit = 0 if request.warm else min(request.max_tokens or there, there)
        for number in range(limit):
            await _sleep_until(asked + self._compute_due(number), number)
            yield Chunk(text[number * TOKEN_CHARS : (number + 1) * TOKEN_CHARS], confidence)
        decode_ms = (time.monotonic() - asked) * 1000 - self._settings.delay_ms
        yield Finished(
            "stop" if limit == there or request.warm else "length",
            Usage(request.characters() // TOKEN_CHARS, limit),
            Timing(prefill_ms=self._settings.delay_ms, decode_ms=max(decode_ms, 0.0)),
        )

    def _compute_due(self, number: int) -> float:
        pace = self._settings.tokens_per_s
        return self._settings.delay_ms / 1000 + (number / pace if pace else 0.0)

    def _text(self, task: Task) -> str:
        path = self._settings.texts.get(task.value) or self._settings.text
        if path not in self._cache:
            self._cache[path] = read_text(self._name, path)
        return self._cache[path]

    def observe(self, focus: Focus) -> None:
        """A replay has nothing to warm."""

    async def aclose(self) -> None:
        """A replay holds nothing."""


async def _sleep_until(due: float, number: int) -> None:
    """Sleep until token `number` is due; give others a turn now and then even if it is late."""
    early = due - time.monotonic()
    if early > 0 or number % TURN == TURN - 1:
        await anyio.sleep(max(early, 0.0))


def read_text(name: str, path: str) -> str:
    """Return a replay's text. Raises `EngineError` if the file cannot be read."""
    if not path:
        return ""
    try:
        return Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(
            f"Replay engine {name!r} cannot read its text {path}",
            "It cannot answer",
            f"Correct `text` of engines.{name} in config.toml",
            code=Code.ENGINE_UNAVAILABLE,
        ) from error


def edit_format(request: Request, text: str) -> EditFormat:
    """Return the format of a text, which a replay derives from the text, not from the request."""
    if request.task is not Task.EDIT:
        return EditFormat.TEXT
    if text.lstrip().startswith("```"):
        return EditFormat.FENCED
    return EditFormat.DOCSTRING if request.action == "document" else EditFormat.REPLACE
