"""Decides which engine of a route gets a request, and says why.

The rules apply in this order. They only move engines behind others, except for the third, so each available
engine of the route can still answer after a failure of the ones before it:

1. the order of the route, or by price (`order = "cheapest"`);
2. a long request prefers the engines of `long`;
3. an engine that is off, that its circuit breaker skips, or whose context is too small is left out;
4. an engine that loads its model comes after the others;
5. an engine with `max_queue` requests in progress comes after those with room.

No I/O, no clock: the facts about the engines are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.config import RouteRules


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """One engine of a route, now. `price` is the price of a million tokens of input, `first_ms` the measured
    median time to the first text; None if unknown."""

    name: str
    is_off: bool = False
    is_skipped: bool = False  # by its circuit breaker
    fits: bool = True  # its context holds the request
    is_loading: bool = False
    in_progress: int = 0
    price: float | None = None
    first_ms: float | None = None

    @property
    def is_available(self) -> bool:
        """Whether the engine may get the request."""
        return not self.is_off and not self.is_skipped and self.fits


@dataclass(frozen=True, slots=True)
class Decision:
    """The positions of the route's engines in the order in which they get the request, never empty if there
    is an engine.

    `code` and `reason` say why the first one does. `skipped` has the positions of the unavailable engines
    that the route prefers to it.
    """

    order: tuple[int, ...]
    code: Code
    reason: str
    skipped: tuple[int, ...] = ()


def decide(rules: RouteRules, facts: Sequence[EngineFacts], tokens: int) -> Decision:
    """Return the order of a route's engines for a request of so many tokens."""
    is_long = bool(rules.long) and 0 < rules.long_tokens < tokens
    wished = _rank(rules, facts, is_long=is_long)
    available = [each for each in wished if facts[each].is_available]
    if not available:
        order = tuple([each for each in wished if not facts[each].is_off] or wished)[:1]
        skipped = tuple(wished[: wished.index(order[0])]) if order else ()
        return Decision(order, Code.ROUTE_LAST_RESORT, "no engine of the route is available", skipped)
    order = tuple(sorted(available, key=lambda each: (facts[each].is_loading, _is_full(rules, facts[each]))))
    before = wished[: wished.index(order[0])]
    skipped = tuple(each for each in before if not facts[each].is_available or facts[each].is_loading)
    code, reason = _explain(rules, facts, before, tokens, is_long=is_long)
    return Decision(order, code, reason, skipped)


def _rank(rules: RouteRules, facts: Sequence[EngineFacts], *, is_long: bool) -> list[int]:
    """Return the positions of all engines by the user's preference, whatever their state."""
    ranked = list(range(len(facts)))
    if rules.order == "cheapest":
        ranked.sort(key=lambda each: _price_rank(rules, facts[each]))
    if is_long:
        preferred = {name: rank for rank, name in enumerate(rules.long)}
        ranked.sort(key=lambda each: preferred.get(facts[each].name, len(preferred)))
    return ranked


def _price_rank(rules: RouteRules, fact: EngineFacts) -> tuple[bool, float]:
    is_slow = bool(rules.within_ms) and fact.first_ms is not None and fact.first_ms > rules.within_ms
    return is_slow, float("inf") if fact.price is None else fact.price


def _is_full(rules: RouteRules, fact: EngineFacts) -> bool:
    return 0 < rules.max_queue <= fact.in_progress


def _explain(
    rules: RouteRules, facts: Sequence[EngineFacts], before: Sequence[int], tokens: int, *, is_long: bool
) -> tuple[Code, str]:
    """Return why the engine after those of `before` gets the request; the most preferred one decides."""
    if before:
        first = facts[before[0]]
        if first.is_available and not first.is_loading:
            requests = "request" if first.in_progress == 1 else "requests"
            reason = f"{first.name!r} has {first.in_progress} {requests} in progress"
            return Code.ROUTE_SPILLED, f"{reason} (`max_queue` is {rules.max_queue})"
        return Code.ROUTE_SKIPPED, f"{first.name!r} {_find_obstacle(first)}"
    if is_long:
        return (
            Code.ROUTE_LONG,
            f"the request has about {tokens:,} tokens (`long_tokens` is {rules.long_tokens:,})",
        )
    if rules.order == "cheapest":
        limit = f" within {rules.within_ms:g} ms" if rules.within_ms else ""
        return Code.ROUTE_CHEAPEST, f"it is the cheapest engine{limit}"
    return Code.ROUTE_PREFERRED, "it is the first engine of the route"


def _find_obstacle(fact: EngineFacts) -> str:
    if fact.is_off:
        return "is off"
    if fact.is_skipped:
        return "has failed and is skipped until it has recovered"
    return "loads its model" if fact.fits else "has a context that is too small for the request"
