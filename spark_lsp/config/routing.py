"""The rules by which a route chooses among its engines: the tables `[routing.NAME]`.

Only config.toml has them. They decide how often a request is sent twice, and an editor's settings may come
from a repository.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from spark_lsp.config.values import Amount, Count, describe

Routes = Mapping[str, tuple[str, ...]]
ROUTING = "routing"
"""The name of the table of tables."""

Hedge = Literal["off", "p75", "p90", "p95", "p99"]
HEDGE_SHARES: Mapping[Hedge, float] = {"p75": 0.75, "p90": 0.90, "p95": 0.95, "p99": 0.99}
"""The share of answers that had their first text before the hedge is sent."""


@dataclass(frozen=True, slots=True)
class RouteRules:
    """How the route NAME (`completion`, `edit`, `chat`, or one effort, such as `edit.deep`) chooses."""

    long_tokens: Annotated[
        Count,
        describe(
            "a request with more tokens prefers the engines of `long`; a token is estimated as 3 characters. "
            "0: no such rule"
        ),
    ] = 0
    long: Annotated[
        tuple[str, ...], describe("the route's engines for long requests, by preference; the others follow")
    ] = ()
    order: Annotated[
        Literal["given", "cheapest"],
        describe(
            "`given`: as the route lists its engines; `cheapest`: by their price, free engines first, and "
            "engines without a known price last"
        ),
    ] = "given"
    within_ms: Annotated[
        Amount,
        describe(
            "with `cheapest`: prefer the engines whose measured median time to the first text is at most "
            "this; 0: no limit"
        ),
    ] = 0.0
    max_queue: Annotated[
        Count,
        describe(
            "an engine with this many requests in progress is passed over while another one has room; "
            "0: no limit"
        ),
    ] = 0
    hedge: Annotated[
        Hedge,
        describe(
            "send a request to the next engine as well if the first one is slower than this percentile of "
            "its own times to the first text; the first text wins. A hedged request costs twice, and two "
            "providers see its code. `off`: never"
        ),
    ] = "off"
    hedge_share: Annotated[
        float,
        Meta(ge=0, le=0.5),
        describe("the largest share of the route's requests that may be hedged, from 0 to 0.5"),
    ] = 0.05


def routing_problems(routing: Mapping[str, RouteRules], routes: Routes) -> list[tuple[str, str]]:
    """Return `(setting, reason)` for each rule that cannot take effect."""
    problems: list[tuple[str, str]] = []
    for name, rules in routing.items():
        setting = f"{ROUTING}.{name}"
        engines = routes.get(name, routes.get("edit", ()) if name == "chat" else ())
        if not engines:
            problems.append((setting, f"there is no route {name!r}; the rules have no effect"))
            continue
        for engine in rules.long:
            if engine not in engines:
                reason = f"the route {name!r} has no engine {engine!r}; it is passed over"
                problems.append((f"{setting}.long", reason))
        if rules.hedge != "off" and len(engines) < 2:
            reason = f"the route {name!r} has one engine, so no other one can answer; it has no effect"
            problems.append((f"{setting}.hedge", reason))
        if bool(rules.long) != bool(rules.long_tokens):
            problems.append((f"{setting}.long", "needs `long` and `long_tokens`; the rule has no effect"))
    return problems
