"""The content of `spark/status`: the state of the server and of the engine that serves it."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from spark_lsp.codes import Code

State = Literal["starting", "ready", "busy", "degraded", "off"]
REASONS: dict[State, str] = {
    "starting": "the engine's side is being started",
    "ready": "ready to answer",
    "busy": "an answer is on its way",
    "degraded": "the gateway or the engine does not answer as it should",
    "off": "no engine can answer",
}
"""The reason of a state if nothing more specific is known: every status has a reason."""


@dataclass(frozen=True, slots=True)
class Status:
    """The serving engine, its state and the speed of its last answer.

    `reason` explains the state, or the last missing suggestion, in words; `code` does so for programs, and
    `detail` adds information about a missing suggestion.
    `ttft_ms` is the time from the request to the first text at the server. `tok_s` counts the engine's own
    tokens, or one token per 4 characters if the answer was cancelled. `route` is the code of the reason for
    which a route of several engines chose this one. These three are of the last answer.
    """

    engine: str = ""
    model: str = ""
    simulated: bool = False
    state: State = "starting"
    reason: str = ""
    ttft_ms: float | None = None
    tok_s: float | None = None
    queue: int = 0
    budget: str = ""
    code: Code | Literal[""] = ""
    detail: str = ""
    route: str = ""

    def with_values(self, **values: Any) -> "Status":
        """Return the status with some values changed. A new reason clears code and detail."""
        if "reason" in values:
            values = {"code": "", "detail": "", **values}
        return replace(self, **values)

    @property
    def why(self) -> dict[str, Any]:
        """The reason with its code and its detail, as arguments of `with_values`."""
        return {"reason": self.reason, "code": self.code, "detail": self.detail}

    def line(self) -> str:
        """Return one line for users whose editor has no status line."""
        engine = f"{self.engine or 'no engine yet'}{' (simulated)' if self.simulated else ''}"
        return f"spark-lsp: {engine}, {self.state}: {self.message()['reason']}"

    def message(self) -> dict[str, Any]:
        """Return the parameters of `spark/status`."""
        reason, code = self.reason or REASONS[self.state], self.code or Code(self.state)
        return {**asdict(self), "reason": reason, "code": code}
