"""Errors for the failures of an HTTP server, with messages for the user. No I/O.

A message never contains the server's own message, which may quote the prompt. `retryable` means that another
engine may answer instead; `retry_after` is the number of seconds until the server accepts requests again.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError

MAX_RETRY_AFTER_S = 3600.0
SKIPPED = "The route uses its next engine"
RATE_REMEDY = "No action needed. To avoid this, raise the provider's limit"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_RESET = "x-ratelimit-reset"
_REMAINING = "x-ratelimit-remaining"
_LOADING = re.compile(rb"loading model|model [^\"]{0,80}loading|still loading|warming up|starting up", re.I)
_LIMITED = re.compile(rb'"code": *"?429|rate[_ ]limit', re.I)
_CONTEXT_WORDS = (b"context_length", b"context length", b"maximum context", b"exceed_context", b"too long")


def make_status_error(
    name: str, status: int, headers: Mapping[str, str], body: bytes, now: float = 0.0
) -> EngineError:
    """Return the error for a response that is not 200; `now` is Unix time, for dates in headers."""
    if status in (401, 403):
        return _make_key_error(name, status)
    if status == 407:
        return EngineError(
            f"The proxy for engine {name!r} requires a user name and a password (status 407)",
            SKIPPED,
            "Add them to HTTPS_PROXY, as in http://USER:PASSWORD@proxy:3128, or add the host to NO_PROXY",
            code=Code.ENGINE_UNAVAILABLE,
        )
    if status == 503 and _LOADING.search(body):
        return make_loading_error(name)
    if status == 404:
        return EngineError(
            f"Engine {name!r} does not have this model, or its `base_url` is not an API (status 404)",
            SKIPPED,
            f"Check `base_url` and `model` of engines.{name}; the URL usually ends in /v1",
            code=Code.MODEL_NOT_FOUND,
        )
    if status in (400, 413, 422):
        return _make_request_error(name, status, body)
    if status == 429:
        return EngineError(
            f"Engine {name!r} is rate-limited (status 429)",
            "The route uses its next engine for a while",
            RATE_REMEDY,
            code=Code.RATE_LIMIT_EXCEEDED,
            retry_after=find_retry_after(headers, now),
        )
    if status < 400:
        return EngineError(
            f"Engine {name!r} redirects to another address (status {status}), which must not get your code",
            SKIPPED,
            f"If you trust that address, set `base_url` of engines.{name} to it",
            code=Code.ENGINE_UNAVAILABLE,
        )
    return EngineError(
        f"Engine {name!r} failed (status {status})",
        "If it fails again, the route uses its next engine",
        "Check the log of that server",
        retry_after=find_retry_after(headers, now) if status == 503 and "retry-after" in headers else 0.0,
    )


def _make_key_error(name: str, status: int) -> EngineError:
    return EngineError(
        f"Engine {name!r} rejected the API key (status {status})",
        SKIPPED,
        f"Check `key_env` or `key_file` of engines.{name}, and `key_header` if it expects another header",
        code=Code.ENGINE_UNAVAILABLE,
    )


def _make_request_error(name: str, status: int, body: bytes) -> EngineError:
    if status == 413 or any(word in body.lower() for word in _CONTEXT_WORDS):
        return EngineError(
            f"The request is longer than the context of engine {name!r}",
            "The route uses its next engine",
            f"Set `context_tokens` of engines.{name}, to avoid such requests",
            code=Code.CONTEXT_LENGTH_EXCEEDED,
        )
    return EngineError(
        f"Engine {name!r} rejected the request as invalid (status {status})",
        "The route uses its next engine",
        f"Set `flavour` of engines.{name} to the kind of that server",
    )


def find_retry_after(headers: Mapping[str, str], now: float = 0.0) -> float:
    """Return the seconds until the server accepts requests again.

    `retry-after`, in seconds or as a date, has precedence. Without it, the result is the time until all
    exhausted limits (such as requests per day and tokens per minute) are reset; if the headers mark no limit
    as exhausted, the time until the first reset.
    """
    if (given := _read_duration(headers.get("retry-after", ""), now)) > 0:
        return min(given, MAX_RETRY_AFTER_S)
    resets = {key.removeprefix(_RESET): value for key, value in headers.items() if key.startswith(_RESET)}
    waits = {limit: wait for limit, value in resets.items() if (wait := _read_duration(value, now)) > 0}
    used_up = [wait for limit, wait in waits.items() if headers.get(_REMAINING + limit, "").strip() == "0"]
    wait = max(used_up) if used_up else min(waits.values(), default=1.0)
    return min(wait, MAX_RETRY_AFTER_S)


def _read_duration(value: str, now: float) -> float:
    """Return a duration: `12.5`, `6m30s`, `20ms`, or the time until a date; 0 for anything else."""
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", value):
        return float(value)
    if value and not _DURATION.sub("", value):
        numbers = [(number, unit) for number, unit in _DURATION.findall(value) if number.count(".") <= 1]
        return sum(float(number) * _UNITS[unit] for number, unit in numbers if number != ".")
    return max(date.timestamp() - now, 0.0) if (date := _read_date(value)) else 0.0


def _read_date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def make_no_stream_error(name: str, kind: str) -> EngineError:
    """Return the error for a response with status 200 that is not an event stream, such as a login page."""
    return EngineError(
        f"The server of engine {name!r} is not an OpenAI-compatible API (it sent {kind[:40]!r})",
        SKIPPED,
        f"Check `base_url` of engines.{name}, and whether a proxy or a login page answers there",
        code=Code.ENGINE_UNAVAILABLE,
    )


def make_unreachable_error(name: str, why: str = "", remedy: str = "") -> EngineError:
    """Return the error for a failed connection; `why` is its cause, if known."""
    return EngineError(
        f"Engine {name!r} cannot be reached" + (f": {why}" if why else ""),
        "Until it answers again, the route uses its next engine",
        remedy or f"Check that its server runs, and `base_url` of engines.{name}",
        code=Code.ENGINE_UNAVAILABLE,
    )


def make_proxy_error(name: str, proxy: str, why: str = "") -> EngineError:
    """Return the error for a failed connection through a proxy."""
    return EngineError(
        f"Engine {name!r} cannot be reached through the proxy {proxy}" + (f": {why}" if why else ""),
        "Until it answers again, the route uses its next engine",
        "Check the proxy's address, user name and password, or add the engine's host to NO_PROXY",
        code=Code.ENGINE_UNAVAILABLE,
    )


def make_rate_limit_error(name: str, seconds: float) -> EngineError:
    """Return the error for a server that named a time to come back, `seconds` from now."""
    return EngineError(
        f"Engine {name!r} is rate-limited. It will be used again in {seconds:.0f} s",
        "Until then, the route uses its next engine",
        RATE_REMEDY,
        code=Code.RATE_LIMIT_EXCEEDED,
        retry_after=seconds,
    )


def make_no_list_error(name: str) -> EngineError:
    """Return the error for a response to `/models` that is not a list of models."""
    return EngineError(
        f"The server of engine {name!r} sent no list of models",
        SKIPPED,
        f"Check `base_url` of engines.{name}; the URL usually ends in /v1",
        code=Code.ENGINE_UNAVAILABLE,
    )


def make_too_long_error() -> EngineError:
    """Return the error for a request that does not fit into the context."""
    return EngineError(
        "The request is longer than the context of the model",
        "The route uses its next engine",
        "Select less code, or add an engine with a larger context to the route",
        code=Code.CONTEXT_LENGTH_EXCEEDED,
    )


def make_invalid_event_error() -> EngineError:
    """Return the error for an event that is not a JSON object."""
    remedy = "Check that `base_url` is the address of an OpenAI-compatible server"
    return _make_discarded_error("The engine sent an invalid event", remedy)


def make_stream_error(body: bytes) -> EngineError:
    """Return the error for an error event in the stream. Some servers even report a long prompt this way."""
    if any(word in body.lower() for word in _CONTEXT_WORDS):
        return make_too_long_error()
    if _LIMITED.search(body):
        return _make_discarded_error("The engine is rate-limited", RATE_REMEDY, Code.RATE_LIMIT_EXCEEDED)
    what = "The engine reported an error in the middle of its answer"
    return _make_discarded_error(what, "Check the log of that server")


def _make_discarded_error(what: str, remedy: str, code: Code = Code.ANSWER_BROKE_OFF) -> EngineError:
    return EngineError(what, "The answer was discarded", remedy, code=code)


def make_broken_off_error(name: str) -> EngineError:
    """Return the error for an answer that ended before it was complete."""
    return EngineError(
        f"The answer of engine {name!r} ended before it was complete",
        "Nothing was changed",
        "Try again",
        code=Code.ANSWER_BROKE_OFF,
    )


def make_silence_error(name: str, seconds: float, *, begun: bool = False) -> EngineError:
    """Return the error for a server that sends no token in time; `begun`: it had sent some before."""
    return EngineError(
        f"Engine {name!r} sent nothing for {seconds:g} s",
        "The request timed out",
        "Check the load of that server; raise `first_token_s` or `next_token_s` if it needs more time",
        code=Code.ANSWER_BROKE_OFF if begun else Code.ENGINE_SILENT,
    )


def make_loading_error(name: str, model: str = "") -> EngineError:
    """Return the error for a server that has not loaded its model yet."""
    what = f"the model {model!r}" if model else "its model"
    return EngineError(
        f"Engine {name!r} is loading {what}",
        "Suggestions and edits start when the model is loaded",
        "Wait; a large model may take minutes",
        code=Code.ENGINE_LOADING,
    )


def make_only_thought_error(name: str) -> EngineError:
    """Return the error for an answer that contains only reasoning."""
    return EngineError(
        f"The model of engine {name!r} used all its tokens for reasoning and gave no answer",
        "Nothing was inserted",
        f"Raise `thinking_tokens` of engines.{name}, or choose a model that does not reason",
        code=Code.ENGINE_ONLY_THOUGHT,
    )


def make_filter_error(name: str) -> EngineError:
    """Return the error for an answer that the provider's content filter ended."""
    return EngineError(
        f"The content filter of engine {name!r} stopped the answer",
        "The answer is incomplete, so nothing was changed",
        "Rephrase the instruction, or use another engine",
        code=Code.CONTENT_FILTER,
    )
