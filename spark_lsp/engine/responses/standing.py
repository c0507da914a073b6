"""Whether a service may get a request now: it may have refused the key, or asked for a pause. No I/O.

A refused key stays refused until it is changed, so further requests would only repeat the refusal: the
engine is off for a while, then one request tries again. `now` is any monotonic clock, in seconds.
"""

from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.engine.openai.errors import RATE_REMEDY
from spark_lsp.engine.responses.errors import RefusedError
from spark_lsp.errors import EngineError

FIRST_PAUSE_S = 30.0  # after a refused key
LONGEST_PAUSE_S = 600.0
_KEY_REFUSED = (401, 403)


def refuses_key(error: EngineError) -> bool:
    """Return whether the service rejects the key, rather than the request."""
    return (
        isinstance(error, RefusedError)
        and error.code == Code.ENGINE_UNAVAILABLE
        and (error.refusal.status in _KEY_REFUSED or error.refusal.code == "invalid_api_key")
    )


@dataclass(slots=True)
class Standing:
    """`problem` is the failure of the latest attempt to use the service; None after a success."""

    problem: EngineError | None = None
    _until: float = 0.0
    _key: int | None = None  # hash of the refused key; None if the service asked for a pause
    _pause_s: float = FIRST_PAUSE_S

    def note_failure(self, name: str, error: EngineError, key: int, now: float, clock: str) -> None:
        """Note a failure with the key of that hash. `clock` is the time of day at its end."""
        if refuses_key(error):
            self.problem, self._key = error, key
            self._until = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        elif error.code == Code.RATE_LIMIT_EXCEEDED:
            self._key = None
            self._until = now + error.retry_after
            self.problem = EngineError(
                f"Engine {name!r} is rate-limited until {clock}",
                "Until then, the route uses its next engine",
                RATE_REMEDY,
                code=Code.RATE_LIMIT_EXCEEDED,
            )
        elif error.code == Code.ENGINE_UNAVAILABLE:
            self.problem = error

    def note_success(self) -> None:
        """Note that the service answers."""
        self.problem = None
        self._until = 0.0
        self._pause_s = FIRST_PAUSE_S

    def obstacle(self, key: int, now: float) -> EngineError | None:
        """Return why no request may be sent now, None if one may."""
        if self.problem is None or now >= self._until or (self._key is not None and self._key != key):
            return None
        waits = self.problem.code == Code.RATE_LIMIT_EXCEEDED
        return EngineError(
            self.problem.what,
            self.problem.meaning,
            self.problem.remedy,
            code=self.problem.code,
            retry_after=self._until - now if waits else 0.0,
        )
