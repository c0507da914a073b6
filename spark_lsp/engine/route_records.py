"""The decisions of a gateway's routes: counts, the latest of each route, and the hedges. No I/O, no clock.

A hedge is the same request, sent to a second engine because the first one is slow. Its share of the route's
requests is bounded, so that a slow day does not double the costs of all requests.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.codes import Code
from spark_lsp.config import RouteRules

MAX_SAVED_HEDGES = 10.0  # slow answers come in groups; more would let a quiet day pay for a bad hour
CHARS_PER_TOKEN = 4  # for the tokens of a stopped request, which no engine reports


@dataclass(slots=True)
class HedgeBudget:
    """How many hedges the requests so far have earned. Nothing is saved at the start."""

    _saved: float = 0.0

    def earn_share(self, share: float) -> None:
        """Add one request's share of a hedge."""
        self._saved = min(self._saved + share, MAX_SAVED_HEDGES)

    def spend_hedge(self) -> bool:
        """Take one hedge out of the budget. Return False if none is left."""
        if self._saved < 1 - 1e-9:  # twenty shares of 0.05 are one hedge, in spite of rounding
            return False
        self._saved = max(self._saved - 1, 0.0)
        return True


@dataclass(slots=True)
class RouteRecords:
    """See the module's text. `answers` counts by route, engine and code, `hedges` by route and outcome.

    The outcomes of hedges are `sent`, `won` (the second engine had the first text), `lost` and `unused` (the
    reader left, or both failed). `stopped_tokens` estimates the tokens of requests that another engine won.
    """

    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    hedges: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    stopped_tokens: Counter[str] = field(default_factory=Counter[str])
    _latest: dict[str, tuple[str, str, str]] = field(default_factory=dict[str, tuple[str, str, str]])
    _budgets: dict[str, HedgeBudget] = field(default_factory=dict[str, HedgeBudget])

    def budget(self, route: str) -> HedgeBudget:
        """Return the route's budget of hedges."""
        return self._budgets.setdefault(route, HedgeBudget())

    def note_answer(self, route: str, engine: str, code: Code, reason: str) -> None:
        """Note that an engine answers a request of the route, and why it does."""
        self.answers[route, engine, code] += 1
        self._latest[route] = (engine, code, reason)

    def note_stopped(self, engine: str, characters: int) -> None:
        """Note a request that was stopped because another engine had its first text earlier."""
        self.stopped_tokens[engine] += characters // CHARS_PER_TOKEN

    def report(self, rules: dict[str, RouteRules]) -> dict[str, dict[str, Any]]:
        """Return each route's latest decision, and its hedges if it may send any, as JSON values."""
        found: dict[str, dict[str, Any]] = {}
        for route, (engine, code, reason) in self._latest.items():
            found[route] = {"engine": engine, "code": code, "reason": reason}
            known = rules.get(route, RouteRules())
            if known.hedge != "off":
                sent, won = self.hedges[route, "sent"], self.hedges[route, "won"]
                requests = sum(count for (name, *_), count in self.answers.items() if name == route)
                found[route]["hedge"] = {"after": known.hedge, "sent": sent, "won": won, "answers": requests}
        return found
