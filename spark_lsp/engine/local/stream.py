"""The stream of llama.cpp's `/completion`: server-sent events, read into small values.

An answer is complete only when an event with `"stop": true` was seen: the end of the stream alone looks
the same whether the model has finished or its process was killed.
"""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx

from spark_lsp.codes import Code
from spark_lsp.engine.sse import EventParser, EventTooLong
from spark_lsp.errors import EngineError


@dataclass(frozen=True, slots=True)
class Reading:
    """Progress in the prompt: `done` of `total` tokens are in the cache, `cached` were before."""

    total: int
    cached: int
    done: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Text:
    """Generated text; may be empty when a token is only a part of a character."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete; `cut` if it ended at the bound of tokens."""

    cut: bool
    total: int
    cached: int
    output: int


StreamEvent = Reading | Text | End


async def events(response: httpx.Response) -> AsyncGenerator[StreamEvent, None]:
    """Yield the events of one answer; raises `EngineError` if it breaks off or reports an error."""
    if response.status_code != 200:
        raise _refused(response.status_code, await response.aread())
    parser = EventParser()
    try:
        async for chunk in response.aiter_bytes():
            for server_event in parser.feed(chunk):
                event = _event(json.loads(server_event.data))
                yield event
                if isinstance(event, End):
                    return
    except httpx.ReadTimeout as error:
        raise _silent() from error
    except (httpx.HTTPError, EventTooLong) as error:
        raise broken_off() from error
    raise broken_off()


def broken_off() -> EngineError:
    """The error of an answer whose model died."""
    return EngineError(
        "The embedded model's process ended in the middle of an answer",
        "This answer is lost; nothing was changed",
        "Ask again: the model is started once more by itself",
        code=Code.ANSWER_BROKE_OFF,
    )


def _silent() -> EngineError:
    return EngineError(
        "The embedded model has said nothing for two minutes",
        "This answer is given up; nothing was changed",
        "The machine may be overloaded; ask again later",
        code=Code.ENGINE_SILENT,
    )


def _event(data: dict[str, Any]) -> StreamEvent:
    if "error" in data or "code" in data:
        raise _failed(data.get("error", data))
    if data.get("stop"):
        timings = data.get("timings", {})
        cached = int(timings.get("cache_n", 0))
        total = int(data.get("tokens_evaluated", cached + int(timings.get("prompt_n", 0))))
        return End(data.get("stop_type") == "limit", total, cached, int(timings.get("predicted_n", 0)))
    if "prompt_progress" in data:
        progress = data["prompt_progress"]
        seconds = progress["time_ms"] / 1000
        return Reading(progress["total"], progress["cache"], progress["processed"], seconds)
    return Text(data.get("content", ""))


def _refused(status: int, body: bytes) -> EngineError:
    try:
        return _failed(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return EngineError(f"The embedded model refused the request ({status})", code=Code.ENGINE_FAILED)


def _failed(error: dict[str, Any]) -> EngineError:
    """Name the error without its message, which may quote the prompt."""
    kind = str(error.get("type", "error"))
    if kind == "exceed_context_size_error":
        return EngineError(
            "The text is longer than the embedded model can read",
            "Nothing was changed",
            "Select less",
            code=Code.CONTEXT_LENGTH_EXCEEDED,
        )
    return EngineError(f"The embedded model reported an error ({kind})", code=Code.ENGINE_FAILED)
