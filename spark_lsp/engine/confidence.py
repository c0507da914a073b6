"""The confidence of an engine in its answer so far: the geometric mean of its tokens' probabilities. Pure."""

import math
from dataclasses import dataclass

DIGITS = 3  # more would say nothing


@dataclass(slots=True)
class Confidence:
    """The mean over the tokens of an answer; tokens without a log-probability do not count."""

    _sum: float = 0.0
    _count: int = 0

    def add(self, logprob: float | None) -> None:
        """Count a token by the natural logarithm of its probability."""
        if logprob is not None and math.isfinite(logprob) and logprob <= 0:
            self._sum += logprob
            self._count += 1

    @property
    def value(self) -> float | None:
        """The mean, from 0 to 1; None before the first token that counts."""
        return round(math.exp(self._sum / self._count), DIGITS) if self._count else None
