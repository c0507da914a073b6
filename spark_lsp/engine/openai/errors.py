"""From what an HTTP server does wrong to an error with words for a person. No I/O.

The server's own message is never passed on: it may quote the prompt. Whether another engine may be asked
instead is what `retryable` says; `retry_after` are the seconds after which the server may be asked again.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError

LONGEST_WAIT = 3600.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_RESET, _REMAINING = "x-ratelimit-reset", "x-ratelimit-remaining"
_LOADING = re.compile(rb"loading model|model [^\"]{0,80}loading|still loading|warming up|starting up", re.I)
_LIMITED = re.compile(rb'"code": *"?429|rate[_ ]limit', re.I)
_CONTEXT_WORDS = (b"context_length", b"context length", b"maximum context", b"exceed_context", b"too long")


def of_status(
    name: str, status: int, headers: Mapping[str, str], body: bytes, now: float = 0.0
) -> EngineError:
    """Return the error for a response that is not 200; `now` is Unix time, for dates in headers."""
    if status in (401, 403):
        return _of_key(name, status)
    if status == 407:
        return EngineError(
            f"The proxy before the engine {name!r} wants a user name and a password (status 407)",
            "It is passed over",
            "Put them into HTTPS_PROXY, as in http://USER:PASSWORD@proxy:3128, or add the host to NO_PROXY",
            code=Code.ENGINE_UNAVAILABLE,
        )
    if status == 503 and _LOADING.search(body):
        return loading(name)
    if status == 404:
        return EngineError(
            f"The engine {name!r} has no such model, or its `base_url` is not that of an API (status 404)",
            "It is passed over",
            f"Check `base_url` and `model` of engines.{name}; the URL usually ends in /v1",
            code=Code.MODEL_NOT_FOUND,
        )
    if status in (400, 413, 422):
        return _of_request(name, status, body)
    if status == 429:
        return EngineError(
            f"The engine {name!r} has had too many requests (status 429)",
            "It is passed over for a while",
            "Nothing to do, or use another plan of its provider",
            code=Code.RATE_LIMIT_EXCEEDED,
            retry_after=retry_after(headers, now),
        )
    if status < 400:
        return EngineError(
            f"The engine {name!r} sends us elsewhere (status {status}), where code may not go",
            "It is passed over",
            f"Set `base_url` of engines.{name} to its true address, if you trust that",
            code=Code.ENGINE_UNAVAILABLE,
        )
    return EngineError(
        f"The engine {name!r} failed (status {status})",
        "It is passed over if that stays so",
        "See the log of that server",
        retry_after=retry_after(headers, now) if status == 503 and "retry-after" in headers else 0.0,
    )


def _of_key(name: str, status: int) -> EngineError:
    return EngineError(
        f"The engine {name!r} refused our key (status {status})",
        "It is passed over",
        f"Check `key_env` or `key_file` of engines.{name}, and `key_header` if it wants another header",
        code=Code.ENGINE_UNAVAILABLE,
    )


def _of_request(name: str, status: int, body: bytes) -> EngineError:
    if status == 413 or any(word in body.lower() for word in _CONTEXT_WORDS):
        return EngineError(
            f"The text is longer than the engine {name!r} can read",
            "It was not answered by it",
            f"Set `context_tokens` of engines.{name}, so that it is not asked in vain",
            code=Code.CONTEXT_LENGTH_EXCEEDED,
        )
    return EngineError(
        f"The engine {name!r} does not understand the request (status {status})",
        "It was not answered by it",
        f"Set `flavour` of engines.{name} to what runs there",
    )


def retry_after(headers: Mapping[str, str], now: float = 0.0) -> float:
    """Return the seconds that the server asks to be left alone.

    That is `retry-after`, in seconds or as a date. Else, where there are several limits (requests a day and
    tokens a minute), the time until all that are used up are reset; where none is said to be, the first.
    """
    if (given := _seconds(headers.get("retry-after", ""), now)) > 0:
        return min(given, LONGEST_WAIT)
    resets = {key.removeprefix(_RESET): value for key, value in headers.items() if key.startswith(_RESET)}
    waits = {limit: wait for limit, value in resets.items() if (wait := _seconds(value, now)) > 0}
    used_up = [wait for limit, wait in waits.items() if headers.get(_REMAINING + limit, "").strip() == "0"]
    wait = max(used_up) if used_up else min(waits.values(), default=1.0)
    return min(wait, LONGEST_WAIT)


def _seconds(value: str, now: float) -> float:
    """Return a duration: `12.5`, `6m30s`, `20ms`, or the time until a date; 0 for anything else."""
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", value):
        return float(value)
    if value and not _DURATION.sub("", value):
        numbers = [(number, unit) for number, unit in _DURATION.findall(value) if number.count(".") <= 1]
        return sum(float(number) * _UNITS[unit] for number, unit in numbers if number != ".")
    return max(date.timestamp() - now, 0.0) if (date := _date(value)) else 0.0


def _date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def no_stream(name: str, kind: str) -> EngineError:
    """The error for a 200 that is no stream of events, such as a login page."""
    return EngineError(
        f"What answers at the address of the engine {name!r} is no such engine (it sent {kind[:40]!r})",
        "It is passed over",
        f"Check `base_url` of engines.{name}, and whether a proxy or a login stands before it",
        code=Code.ENGINE_UNAVAILABLE,
    )


def unreachable(name: str, why: str = "", remedy: str = "") -> EngineError:
    """The error for a connection that cannot be had; `why`, where that is known."""
    return EngineError(
        f"The engine {name!r} cannot be reached" + (f": {why}" if why else ""),
        "It is passed over until it answers again",
        remedy or f"Check that its server runs, and `base_url` of engines.{name}",
        code=Code.ENGINE_UNAVAILABLE,
    )


def unreachable_by_proxy(name: str, proxy: str, why: str = "") -> EngineError:
    """The error for a connection that cannot be had through a proxy."""
    return EngineError(
        f"The engine {name!r} cannot be reached through the proxy {proxy}" + (f": {why}" if why else ""),
        "It is passed over until it answers again",
        "Check the proxy's address, user name and password, or add the engine's host to NO_PROXY",
        code=Code.ENGINE_UNAVAILABLE,
    )


def rate_limited_for(name: str, seconds: float) -> EngineError:
    """The error for a server that has asked to be left alone for so long."""
    return EngineError(
        f"The engine {name!r} has had too many requests, and wants none for another {seconds:.0f} s",
        "It is passed over for so long",
        "Nothing to do, or use another plan of its provider",
        code=Code.RATE_LIMIT_EXCEEDED,
        retry_after=seconds,
    )


def no_list(name: str) -> EngineError:
    """The error for a list of models that is none."""
    return EngineError(
        f"What answers at the address of the engine {name!r} lists no models",
        "It is passed over",
        f"Check `base_url` of engines.{name}; the URL usually ends in /v1",
        code=Code.ENGINE_UNAVAILABLE,
    )


def too_long() -> EngineError:
    """The error for a request that the context cannot hold."""
    return EngineError(
        "The text is longer than the model can read",
        "This engine was not asked",
        "Select less, or let a route name an engine with a larger context",
        code=Code.CONTEXT_LENGTH_EXCEEDED,
    )


def unreadable() -> EngineError:
    """The error for an event that is none."""
    return EngineError(
        "The engine's answer cannot be read",
        "It was given up",
        "Check that `base_url` is that of an OpenAI-compatible server",
        code=Code.ANSWER_BROKE_OFF,
    )


def in_the_stream(body: bytes) -> EngineError:
    """The error for one that the server tells in its stream, as some do even of a text that is too long."""
    if any(word in body.lower() for word in _CONTEXT_WORDS):
        return too_long()
    if _LIMITED.search(body):
        return EngineError(
            "The engine has had too many requests",
            "Its answer was given up",
            "Wait a little, or use another plan of its provider",
            code=Code.RATE_LIMIT_EXCEEDED,
        )
    return EngineError(
        "The engine reported an error in mid-answer",
        "Its answer was given up",
        "See the log of that server",
        code=Code.ANSWER_BROKE_OFF,
    )


def broke_off(name: str) -> EngineError:
    """The error for an answer that ends in its middle."""
    return EngineError(
        f"The answer of the engine {name!r} broke off",
        "What came is not complete, so nothing of it is applied",
        "Ask again",
        code=Code.ANSWER_BROKE_OFF,
    )


def silent(name: str, seconds: float, *, begun: bool = False) -> EngineError:
    """The error for an engine that says nothing, or nothing more of an answer that it has begun."""
    return EngineError(
        f"The engine {name!r} has said nothing for {seconds:g} s",
        "Its answer was given up",
        "It may be overloaded; another engine of the route is asked if there is one",
        code=Code.ANSWER_BROKE_OFF if begun else Code.ENGINE_SILENT,
    )


def loading(name: str, model: str = "") -> EngineError:
    """The error for a server that has not loaded its model yet."""
    what = f"the model {model!r}" if model else "its model"
    return EngineError(
        f"The engine {name!r} is loading {what}",
        "Suggestions and edits come once it is loaded",
        "Wait a little; a large model may take minutes",
        code=Code.ENGINE_LOADING,
    )


def only_thought(name: str) -> EngineError:
    """The error for an answer that holds nothing but the model's thinking."""
    return EngineError(
        f"The model of the engine {name!r} only thought and gave no answer",
        "Nothing was inserted",
        f"Raise the budget: set `thinking_tokens` of engines.{name}, or choose a model that does not think",
        code=Code.ENGINE_ONLY_THOUGHT,
    )


def filtered(name: str) -> EngineError:
    """The error for an answer that the provider's content filter ended."""
    return EngineError(
        f"The content filter of the engine {name!r} stopped its answer",
        "What came is not complete, so nothing of it is applied",
        "Ask in other words, or use another engine",
        code=Code.CONTENT_FILTER,
    )
