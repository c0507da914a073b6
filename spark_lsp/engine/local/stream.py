"""Reads the stream of llama.cpp's `/completion`: from server-sent events to values.

An answer is complete only after an event with `"stop": true`: the end of the stream alone looks the same
whether the model has finished or its process was killed.
"""

import contextlib
import json
import math
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import httpx

from spark_lsp.codes import Code
from spark_lsp.engine.sse import EventParser, EventTooLong
from spark_lsp.errors import EngineError

CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Progress in the prompt: `done` of `total` tokens are in the cache, `cached` were before."""

    total: int
    cached: int
    done: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Text:
    """Generated text; may be empty when a token is only a part of a character.

    `logprob` is the natural logarithm of the probability that the model gave the token, if it was wanted.
    """

    text: str
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete; `cut` if it ended at the bound of tokens."""

    cut: bool
    total: int
    cached: int
    output: int


StreamEvent = Reading | Text | End


async def read_events(response: httpx.Response) -> AsyncGenerator[StreamEvent, None]:
    """Give the events of one answer. Raises `EngineError` if it is incomplete or reports an error."""
    if response.status_code != 200:
        raise _make_rejection(response.status_code, await response.aread())
    parser = EventParser()
    try:
        async for chunk in response.aiter_bytes():
            for server_event in parser.feed(chunk):
                event = _read_event(json.loads(server_event.data))
                yield event
                if isinstance(event, End):
                    return
    except httpx.ReadTimeout as error:
        raise _timed_out() from error
    except (httpx.HTTPError, EventTooLong) as error:
        raise process_died() from error
    raise process_died()


class Closable(Protocol):
    """A generator or a response."""

    def aclose(self) -> Awaitable[None]:
        """End it."""
        ...


async def close_stream(*parts: Closable) -> None:
    """Close the parts of an answer's stream, which cancels it; never raises, waits `CLOSE_S` at most."""
    with anyio.move_on_after(CLOSE_S, shield=True), contextlib.suppress(Exception):
        for part in parts:
            await part.aclose()


def process_died() -> EngineError:
    """Return the error for an answer whose model process ended."""
    return EngineError(
        "The embedded model's process ended in the middle of an answer",
        "The answer was discarded; nothing was changed",
        "Try again. The gateway restarts the model automatically",
        code=Code.ANSWER_BROKE_OFF,
    )


def _timed_out() -> EngineError:
    return EngineError(
        "The embedded model sent nothing for two minutes",
        "The request timed out; nothing was changed",
        "Check the load of this machine, then try again",
        code=Code.ENGINE_SILENT,
    )


def _read_event(data: dict[str, Any]) -> StreamEvent:
    if "error" in data or "code" in data:
        raise _reported_error(data.get("error", data))
    if data.get("stop"):
        timings = data.get("timings", {})
        cached = int(timings.get("cache_n", 0))
        total = int(data.get("tokens_evaluated", cached + int(timings.get("prompt_n", 0))))
        return End(data.get("stop_type") == "limit", total, cached, int(timings.get("predicted_n", 0)))
    if "prompt_progress" in data:
        progress = data["prompt_progress"]
        seconds = progress["time_ms"] / 1000
        return Reading(progress["total"], progress["cache"], progress["processed"], seconds)
    return Text(data.get("content", ""), _read_logprob(data.get("completion_probabilities")))


def _read_logprob(tokens: Any) -> float | None:
    """Return the log-probability of the token of an event; None without one, as after a cut text."""
    try:
        said = float(tokens[0]["logprob"])
    except (TypeError, ValueError, LookupError):
        return None
    return said if math.isfinite(said) and said <= 0 else None


def _make_rejection(status: int, body: bytes) -> EngineError:
    try:
        return _reported_error(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return EngineError(
            f"The embedded model rejected the request (status {status})", code=Code.ENGINE_FAILED
        )


def _reported_error(error: dict[str, Any]) -> EngineError:
    """Return the error without the server's message, which may quote the prompt."""
    kind = str(error.get("type", "error"))
    if kind == "exceed_context_size_error":
        return EngineError(
            "The request is longer than the context of the embedded model",
            "Nothing was changed",
            "Select less code",
            code=Code.CONTEXT_LENGTH_EXCEEDED,
        )
    return EngineError(f"The embedded model reported an error ({kind})", code=Code.ENGINE_FAILED)
