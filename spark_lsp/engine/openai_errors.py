"""From what an HTTP server does wrong to an error with words for a person. No I/O.

The server's own message is never passed on: it may quote the prompt. Whether another engine may be asked
instead is what `retryable` says; `retry_after` are the seconds after which the server may be asked again.
"""

from collections.abc import Mapping

from spark_lsp.errors import EngineError

LONGEST_WAIT = 3600.0
_CONTEXT_WORDS = (b"context_length", b"context length", b"maximum context", b"exceed_context", b"too long")


def of_status(name: str, status: int, headers: Mapping[str, str], body: bytes) -> EngineError:
    """Return the error for a response that is not 200."""
    if status in (401, 403):
        return EngineError(
            f"The engine {name!r} refused our key (status {status})",
            "It is passed over",
            f"Check `key_env` or `key_file` of engines.{name}",
            code="engine_unavailable",
        )
    if status == 404:
        return EngineError(
            f"The engine {name!r} has no such model, or its `base_url` is not that of an API (status 404)",
            "It is passed over",
            f"Check `base_url` and `model` of engines.{name}; the URL usually ends in /v1",
            code="model_not_found",
        )
    if status in (400, 413, 422):
        return _of_request(name, status, body)
    if status == 429:
        return EngineError(
            f"The engine {name!r} has had too many requests (status 429)",
            "It is passed over for a while",
            "Nothing to do, or use another plan of its provider",
            code="rate_limit_exceeded",
            retry_after=retry_after(headers),
        )
    return EngineError(
        f"The engine {name!r} failed (status {status})",
        "It is passed over if that stays so",
        "See the log of that server",
        retry_after=retry_after(headers) if status == 503 else 0.0,
    )


def _of_request(name: str, status: int, body: bytes) -> EngineError:
    if status == 413 or any(word in body.lower() for word in _CONTEXT_WORDS):
        return EngineError(
            f"The text is longer than the engine {name!r} can read",
            "It was not answered by it",
            f"Set `context_tokens` of engines.{name}, so that it is not asked in vain",
            code="context_length_exceeded",
        )
    return EngineError(
        f"The engine {name!r} does not understand the request (status {status})",
        "It was not answered by it",
        f"Set `flavour` of engines.{name} to what runs there",
    )


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the server asks to be left alone: `retry-after`, or when a limit is reset."""
    values = [headers.get("retry-after", "")]
    values += [value for key, value in headers.items() if key.startswith("x-ratelimit-reset")]
    for value in values:
        try:
            seconds = float(value.removesuffix("s"))
        except ValueError:
            continue
        if 0 < seconds <= LONGEST_WAIT:
            return seconds
    return 1.0


def no_stream(name: str, kind: str) -> EngineError:
    """The error for a 200 that is no stream of events, such as a login page."""
    return EngineError(
        f"What answers at the address of the engine {name!r} is no such engine (it sent {kind[:40]!r})",
        "It is passed over",
        f"Check `base_url` of engines.{name}, and whether a proxy or a login stands before it",
        code="engine_unavailable",
    )


def unreachable(name: str) -> EngineError:
    """The error for a connection that cannot be had."""
    return EngineError(
        f"The engine {name!r} cannot be reached",
        "It is passed over until it answers again",
        f"Check that its server runs, and `base_url` of engines.{name}",
        code="engine_unavailable",
    )


def broke_off(name: str) -> EngineError:
    """The error for an answer that ends in its middle."""
    return EngineError(
        f"The answer of the engine {name!r} broke off",
        "What came is not complete, so nothing of it is applied",
        "Ask again",
        code="answer_broke_off",
    )


def silent(name: str, seconds: float, *, begun: bool = False) -> EngineError:
    """The error for an engine that says nothing, or nothing more of an answer that it has begun."""
    return EngineError(
        f"The engine {name!r} has said nothing for {seconds:g} s",
        "Its answer was given up",
        "It may be overloaded; another engine of the route is asked if there is one",
        code="answer_broke_off" if begun else "engine_silent",
    )
