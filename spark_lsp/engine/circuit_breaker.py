"""Decides whether an engine or server should get a request, by the outcome of earlier ones.

Theory. A circuit breaker guards each engine. It is *closed* while the engine answers. After a few failures in
a row it is *open*: a request would only cost the user time, so the engine is skipped. When its pause is over,
the breaker is *half open*: it allows one trial request. Success closes it; failure opens it again for twice
as long. Some failures open it at once, because each of them costs the user a long wait (silence) or an answer
(one that broke off). An engine that named a time to come back (429 with `retry-after`) is skipped until then.

A `RetryBudget` bounds retries: each request earns a fifth of a retry, so a failing engine does not get twice
the load of a healthy one.

`now` is any monotonic clock, in seconds. No I/O.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_FAILURES = 2  # in a row, after which the breaker opens
FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 120.0
MAX_RETRY_AFTER_S = 3600.0  # a wrong number from a server must not disable it permanently
EARNED_RETRIES = 0.2  # per request
MAX_SAVED_RETRIES = 3.0
FIRST_RETRIES = 2.0  # saved from the start: two failures are what opens the breaker


class BreakerState(StrEnum):
    """Whether requests pass: all (closed), none (open), or one at a time (half open)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class CircuitBreaker:
    """The breaker of one engine or server. `reason` describes its last failure to the user; empty after a
    success."""

    reason: str = ""
    _failures: int = 0
    _open_until: float = 0.0
    _retry_at: float = 0.0  # the time that the engine itself named
    _pause_s: float = FIRST_PAUSE_S
    _trial_is_running: bool = False

    def state(self, now: float) -> BreakerState:
        """Return the breaker's state."""
        if self._open_until > now:
            return BreakerState.OPEN
        if self._failures >= MAX_FAILURES:
            return BreakerState.HALF_OPEN
        return BreakerState.CLOSED

    def allows_request(self, now: float) -> bool:
        """Return whether the engine may get a request. A half open breaker allows one at a time."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN:
            return not self._trial_is_running
        return state is BreakerState.CLOSED

    def retry_wait_s(self, now: float) -> float:
        """Return the seconds until the time that the engine itself named; 0 if it named none."""
        return max(self._retry_at - now, 0.0)

    def begin_request(self, now: float) -> None:
        """Note that the engine gets a request. It ends with one of the three methods below."""
        self._trial_is_running = self.state(now) is BreakerState.HALF_OPEN

    def record_success(self) -> None:
        """Close the breaker."""
        self.reason = ""
        self._failures = 0
        self._open_until = 0.0
        self._retry_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._trial_is_running = False

    def record_failure(
        self, now: float, reason: str, retry_after_s: float = 0.0, *, opens: bool = False
    ) -> None:
        """Count a failure, which opens the breaker if it is one of several in a row.

        `retry_after_s` is the pause that the engine itself asked for; `opens` means that this failure alone
        opens the breaker.
        """
        self.reason = reason
        self._trial_is_running = False
        self._failures += 1
        if opens:
            self._failures = max(self._failures, MAX_FAILURES)
        if retry_after_s:
            self._retry_at = now + min(retry_after_s, MAX_RETRY_AFTER_S)
            self._open_until = self._retry_at
        elif self._failures >= MAX_FAILURES:
            self._open_until = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)

    def abandon_request(self) -> None:
        """Note that the reader left before the outcome was known. Harmless after an outcome."""
        self._trial_is_running = False


@dataclass(slots=True)
class RetryBudget:
    """How many retries the requests so far have earned."""

    _saved: float = FIRST_RETRIES

    def earn_share(self) -> None:
        """Add one request's share of a retry."""
        self._saved = min(self._saved + EARNED_RETRIES, MAX_SAVED_RETRIES)

    def spend_retry(self) -> bool:
        """Take one retry out of the budget. Return False if none is left."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
