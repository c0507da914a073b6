"""What the server tells of itself: `spark/status`, sent whenever it changes."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from spark_lsp.codes import Code
from spark_lsp.errors import SparkError

State = Literal["starting", "ready", "busy", "degraded", "off"]
REASONS: dict[State, str] = {
    "starting": "the engine's side is being started",
    "ready": "ready to answer",
    "busy": "an answer is on its way",
    "degraded": "the gateway or the engine does not answer as it should",
    "off": "no engine can answer",
}
"""What a status says where nothing more is known: no state is without a reason."""


@dataclass(frozen=True, slots=True)
class Status:
    """Which engine serves, whether it is simulated, how fast it was last, and why it does not.

    `reason` says in words why it is in this state, or why there was no suggestion; `code` says the same for
    programs, and `detail` what more is known of a missing suggestion.
    `ttft_ms` is from the request to the first text at the server; `tok_s` counts the engine's own
    tokens, or a token for 4 characters where the answer was left early. Both are of the last answer.
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

    def changed(self, **values: Any) -> "Status":
        """Return the status with some values changed; a new reason takes code and detail along."""
        if "reason" in values:
            values = {"code": "", "detail": "", **values}
        return replace(self, **values)

    @property
    def why(self) -> dict[str, Any]:
        """The reason with its code and its detail, as `changed` takes them."""
        return {"reason": self.reason, "code": self.code, "detail": self.detail}

    def line(self) -> str:
        """Return what a person reads where there is no statusline."""
        engine = f"{self.engine or 'no engine yet'}{' (simulated)' if self.simulated else ''}"
        return f"spark-lsp: {engine}, {self.state}: {self.message()['reason']}"

    def message(self) -> dict[str, Any]:
        """Return what goes over LSP."""
        reason, code = self.reason or REASONS[self.state], self.code or Code(self.state)
        return {**asdict(self), "reason": reason, "code": code}


def engine_side_down() -> SparkError:
    """Return the error of a request that comes while the engine side is being started."""
    return SparkError(
        "The engine side is being started",
        "This was not done",
        "Try again in a moment",
        code=Code.ENGINE_SIDE_DOWN,
    )
