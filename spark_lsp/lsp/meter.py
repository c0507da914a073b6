"""Measures one answer as the server sees it, for the status.

That the server is busy is told only once an answer takes long enough to be waited for: told of each
answer it would go out before the request does.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from spark_lsp.errors import SparkError
from spark_lsp.request import Chunk, Event, Finished, Started

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

NOTICED = 0.03  # seconds that nobody notices
CHARS_PER_TOKEN = 4  # where an answer is left before the engine has said its own count


class Meter:
    """Measures one answer for the status."""

    def __init__(self, ls: "SparkServer") -> None:
        self._ls = ls
        self._asked = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self._characters = 0
        self._finished: Finished | None = None
        self._started: Started | None = None
        self._engine_then = ""  # who the status named when the answer began

    def __enter__(self) -> "Meter":
        self._before = self._standing = self._ls.status
        self._ls.status = self._before.changed(reason="")
        self._timer = asyncio.get_running_loop().call_later(NOTICED, self._tell_busy)
        return self

    def _tell_busy(self) -> None:
        if self._ls.status.state != self._standing.state:
            self._standing = self._ls.status
        self._ls.tell(state="busy", reason="")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._timer.cancel()
        if isinstance(error, SparkError):
            self._ls.tell(state=self._before.state, **self._before.why)
        else:
            self._ls.tell(**self._figures(), **self._state())

    def _state(self) -> dict[str, object]:
        """Return how things are now: ready, unless another engine than the preferred one has answered."""
        now = self._ls.status
        if now.state not in ("busy", self._standing.state):
            return {}  # told meanwhile, by who knows
        if self._standing.state == "degraded":
            return {"state": "degraded", **(now if now.reason else self._standing).why}
        return {"state": "ready"}

    def take(self, event: Event) -> None:
        """Note an event."""
        now = time.monotonic()
        if isinstance(event, Started):
            self._started = event
            self._engine_then = self._ls.status.engine
        elif isinstance(event, Chunk):
            if self._first is None:
                self._first = now
            self._last = now
            self._characters += len(event.text)
        else:
            self._finished = event

    def _figures(self) -> dict[str, object]:
        values: dict[str, object] = {}
        told_otherwise = self._ls.status.engine != self._engine_then  # who answers from now on is news
        if self._started is not None and not told_otherwise:
            values |= {
                "engine": self._started.engine,
                "model": self._started.model,
                "simulated": self._started.simulated,
            }
        if self._first is not None:
            values["ttft_ms"] = round((self._first - self._asked) * 1000, 1)
            values["tok_s"] = self._rate()
        return values

    def _rate(self) -> float | None:
        if self._finished is not None and self._finished.timing.pace_ms > 0:
            tokens = self._finished.usage.output_tokens
            return round(tokens / self._finished.timing.pace_ms * 1000, 1)
        if self._first is None or self._last <= self._first:
            return None
        return round(self._characters / CHARS_PER_TOKEN / (self._last - self._first), 1)
