"""Errors for the refusals of a service, with messages for the user. No I/O.

The messages are ours: a service's own message may quote the prompt. `openai.errors` has those for a status of
HTTP, which the events of a WebSocket have too. Codes without a status are mapped to the status that they
mean.
"""

import re

from spark_lsp.codes import Code
from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.fields import refused_fields
from spark_lsp.engine.responses.creates import OPTIONAL
from spark_lsp.engine.responses.events import Refusal
from spark_lsp.errors import EngineError

# The codes of `error` and `response.failed` events, as OpenAI's reference and its Codex client list them.
_STATUS_OF = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_denied": 403,
    "model_not_found": 404,
    "context_length_exceeded": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "usage_limit_reached": 429,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "server_error": 500,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
}
_LIMITS = (Code.CONNECTION_LIMIT, Code.STREAM_LIMIT, Code.INVALID_STREAM_ID)
NO_CREDIT_S = 600.0  # an account without credit is not topped up within seconds
_NO_CREDIT = ("insufficient_quota", "usage_limit_reached", "billing_hard_limit_reached")
# "Please try again in 11.054s", "… in 28ms", "… in 1m30s"
_AGAIN = re.compile(r"try again in\s*((?:[0-9.]+(?:ms|s|m|h))+|[0-9.]+\s*seconds?)", re.IGNORECASE)


class RefusedError(EngineError):
    """A service refused a request; `refusal` has its own words."""

    def __init__(self, error: EngineError, refusal: Refusal) -> None:
        super().__init__(
            error.what,
            error.meaning,
            error.remedy,
            code=error.code,
            retryable=error.retryable,
            retry_after=error.retry_after,
        )
        self.refusal = refusal

    @property
    def is_lost_base(self) -> bool:
        """Whether the service does not have the response that the request continues."""
        return self.refusal.code == Code.PREVIOUS_RESPONSE_NOT_FOUND

    @property
    def ends_connection(self) -> bool:
        """Whether another connection would serve the request: this one has reached one of its limits."""
        return self.refusal.code in (Code.CONNECTION_LIMIT, Code.STREAM_LIMIT)

    @property
    def refuses_lanes(self) -> bool:
        """Whether the service has no named lanes."""
        return self.refusal.code == Code.INVALID_STREAM_ID or self.refusal.param == "stream_id"

    def refused_of(self, sent: frozenset[str]) -> frozenset[str]:
        """Return the optional fields among those `sent` that the service does not accept."""
        if self.refusal.status not in (0, 400, 422) or self.code == Code.CONTEXT_LENGTH_EXCEEDED:
            return frozenset()
        return refused_fields(self.refusal.body, sent) & frozenset(OPTIONAL)


def make_refused_error(name: str, refusal: Refusal, now: float = 0.0) -> RefusedError:
    """Return the error for a refusal; `now` is Unix time, for dates in headers."""
    return RefusedError(_make_error(name, refusal, now), refusal)


def _make_error(name: str, refusal: Refusal, now: float) -> EngineError:
    if refusal.code in _LIMITS or refusal.code == Code.PREVIOUS_RESPONSE_NOT_FOUND:
        return EngineError(
            f"The connection of engine {name!r} has reached a limit of its service",
            "This request has no answer",
            "Try again: spark-lsp opens another connection",
            code=Code.ANSWER_BROKE_OFF,
        )
    if refusal.code == Code.CONTENT_FILTER:
        return errors.make_filter_error(name)
    status = refusal.status if refusal.status >= 400 else _STATUS_OF.get(refusal.code, 500)
    if refusal.code in ("context_length_exceeded", "rate_limit_exceeded", "model_not_found"):
        status = _STATUS_OF[refusal.code]
    headers = dict(refusal.headers)
    if status == 429 and "retry-after" not in headers and (wait := _find_wait(refusal)):
        headers["retry-after"] = wait
    return errors.make_status_error(name, status, headers, refusal.body, now)


def _find_wait(refusal: Refusal) -> str:
    """Return the wait that a message names, in the form of `retry-after`; empty if it names no wait."""
    if refusal.code in _NO_CREDIT:
        return str(NO_CREDIT_S)
    found = _AGAIN.search(refusal.message)
    return re.sub(r"\s*seconds?", "s", found[1]) if found else ""


def make_lost_error(name: str) -> EngineError:
    """Return the error of a request whose connection was lost."""
    return EngineError(
        f"The connection to engine {name!r} was lost",
        "This request has no answer",
        "Try again. spark-lsp connects again with the next request",
        code=Code.ANSWER_BROKE_OFF,
    )


def make_busy_error(name: str) -> EngineError:
    """Return the error of a request that found no free lane in time."""
    return EngineError(
        f"All lanes of the connection to engine {name!r} are in use",
        "This request was not sent",
        "Wait for the other requests",
        code=Code.ENGINE_BUSY,
    )


def make_other_peer_error(name: str, why: str) -> EngineError:
    """Return the error of a gateway that does not behave like one."""
    return EngineError(
        f"Engine {name!r}: {why}",
        errors.SKIPPED,
        f"Check `base_url` of engines.{name}",
        code=Code.ENGINE_UNAVAILABLE,
    )
