"""What the server tells of itself: `spark/status`, sent whenever it changes."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

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

    def changed(self, **values: Any) -> "Status":
        """Return the status with some values changed."""
        return replace(self, **values)

    def line(self) -> str:
        """Return what a person reads where there is no statusline."""
        engine = f"{self.engine or 'no engine yet'}{' (simulated)' if self.simulated else ''}"
        return f"spark-lsp: {engine}, {self.state}: {self.message()['reason']}"

    def message(self) -> dict[str, Any]:
        """Return what goes over LSP."""
        return {**asdict(self), "reason": self.reason or REASONS[self.state]}


def engine_side_down() -> SparkError:
    """Return the error of a request that comes while the engine side is being started."""
    return SparkError("The engine side is being started", "This was not done", "Try again in a moment")
