"""How many replicas a fleet should have. Serve applies its own limits and delays to the result."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Growth:
    """A policy for Serve's autoscaling: `answers_per_replica` answers, under way or waiting, per replica.

    Serve's own measure, requests per replica, would count connections, and an idle editor costs nothing.
    """

    def __init__(self, answers_per_replica: int) -> None:
        self._answers_per_replica = answers_per_replica

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Return the number of replicas, and this policy's state, of which it has none."""
        measured: Mapping[str, Mapping[object, float]] = context.aggregated_metrics or {}
        answers = sum(sum(measured.get(name, {}).values()) for name in ("answers", "waiting"))
        return max(1, math.ceil(answers / self._answers_per_replica)), {}
