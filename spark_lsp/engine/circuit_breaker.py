"""How an engine has fared, and whether it should be asked.

Theory. A breaker stands before each engine. It is *closed* while the engine answers. After a few failures in
a row it is *open*: asking would only cost the person time, so the engine is passed over. When its pause is
over it is *half open*: one request may try; success closes it, failure opens it again for twice as long. Some
failures say enough by themselves, because each costs the person long (silence) or an answer (one that broke
off): they open it at once. An engine that has said when to come back (429 with `retry-after`) is passed over
until then.

Asking the same engine a second time is bounded by a budget: each request earns a fifth of a retry, so that an
engine in trouble is not asked twice as often as one that is well.

`now` is any clock that only goes forward, in seconds.
"""

from dataclasses import dataclass
from typing import Literal

FAILURES = 2  # in a row, after which the breaker opens
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 120.0
LONGEST_WAIT = 3600.0  # however long an engine asks for: a wrong number must not switch it off for ever
RETRY_SHARE = 0.2
MOST_RETRIES = 3.0

State = Literal["closed", "open", "half open"]


@dataclass(slots=True)
class Health:
    """See the module's text. `reason` says why the engine is not well, in words for a person."""

    reason: str = ""
    _failures: int = 0
    _until: float = 0.0
    _named: float = 0.0  # until when the engine itself has asked to be left alone
    _pause: float = FIRST_PAUSE
    _trying: bool = False
    _retries: float = 2.0  # a few from the start: two failures are what opens the breaker

    def state(self, now: float) -> State:
        """Return how the breaker stands."""
        if self._failures < FAILURES and self._until <= now:
            return "closed"
        return "open" if self._until > now else "half open"

    def allows(self, now: float) -> bool:
        """Return whether the engine may be asked; in the half open state one request at a time may."""
        state = self.state(now)
        return state == "closed" or (state == "half open" and not self._trying)

    def wants(self, now: float) -> float:
        """Return for how many seconds the engine itself has asked to be left alone."""
        return max(self._named - now, 0.0)

    def asked(self, now: float) -> None:
        """Note that the engine is being asked."""
        self._retries = min(self._retries + RETRY_SHARE, MOST_RETRIES)
        self._trying = self.state(now) == "half open"

    def answered(self) -> None:
        """Note that it has answered."""
        self.reason, self._failures, self._pause = "", 0, FIRST_PAUSE
        self._until, self._named, self._trying = 0.0, 0.0, False

    def gave_up(self) -> None:
        """Note that whoever asked has gone before anything was known."""
        self._trying = False

    def failed(self, now: float, reason: str, retry_after: float = 0.0, *, plain: bool = False) -> None:
        """Note that it has failed.

        `retry_after` are the seconds that it asked for itself; a `plain` failure opens the breaker alone.
        """
        self.reason, self._trying = reason, False
        self._failures = max(self._failures + 1, FAILURES if plain else 0)
        if retry_after:
            self._until = self._named = now + min(retry_after, LONGEST_WAIT)
        elif self._failures >= FAILURES:
            self._until = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def may_retry(self) -> bool:
        """Take one retry out of the budget, if there is one."""
        if self._retries < 1:
            return False
        self._retries -= 1
        return True
