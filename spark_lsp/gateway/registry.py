"""The engines and routes of a gateway, by name.

`model` of a request is the name of a route, of an engine, or `engine/model`, looked up in this order. Without
`model`, the request takes the route of its task. A route may be set for one effort, such as `edit.deep`; it
has precedence over the route without an effort. A connection sees the gateway's engines and, over them, those
of its editor's settings.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spark_lsp.codes import Code
from spark_lsp.config import (
    EngineBudget,
    EngineSettings,
    KeyedSettings,
    PriceSettings,
    Problem,
    RouteRules,
)
from spark_lsp.engine.base import Engine
from spark_lsp.engine.circuit_breaker import BreakerState, CircuitBreaker
from spark_lsp.engine.guard import info_of
from spark_lsp.engine.route import Route
from spark_lsp.engine.route_records import RouteRecords
from spark_lsp.engine.traffic import Traffic
from spark_lsp.errors import EngineError
from spark_lsp.gateway.engine_watch import EngineWatch, Listener
from spark_lsp.request import EngineInfo, Focus, Request, Task

ROUTE_OF = {Task.COMPLETE: "completion", Task.EDIT: "edit", Task.CHAT: "chat"}

FindEngine = Callable[[str], Engine | None]
BuildEngine = Callable[[str, EngineSettings, FindEngine], Engine]


class Registry:
    """Engines by name, and the routes over them. `settings` are those that the engines were built from.

    `rules` are those of the routes, by their names; `records` the decisions of the routes since the gateway's
    start. `base` is the gateway's registry, if this one adds a connection's own engines to it.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        routes: Mapping[str, Sequence[str]],
        settings: Mapping[str, EngineSettings] | None = None,
        *,
        rules: Mapping[str, RouteRules] | None = None,
        base: "Registry | None" = None,
    ) -> None:
        self._base = base
        self._watch: EngineWatch = EngineWatch() if base is None else base._watch
        self._own_engines = dict(engines)
        self._own_breakers = {name: CircuitBreaker() for name in engines}
        self._engines = dict(engines)
        self._breakers = dict(self._own_breakers)
        self._traffic = {name: Traffic() for name in engines}
        self.rules = dict(rules or {})
        self.records = RouteRecords()
        self._routes = {route: tuple(names) for route, names in routes.items()}
        self._settings = dict(settings or {})
        if base is not None:
            self._engines = {**base._engines, **self._engines}
            self._breakers = {**base._breakers, **self._breakers}
            self._traffic = {**base._traffic, **self._traffic}
            self._routes = {**base._routes, **self._routes}
            self.rules = base.rules
            self.records = base.records
            self._settings = base._settings

    def overlay(self, engines: Mapping[str, Engine], routes: Mapping[str, Sequence[str]]) -> "Registry":
        """Return a registry with these engines and routes over the present ones."""
        return Registry(engines, routes, base=self)

    def has(self, name: str, settings: EngineSettings) -> bool:
        """Return whether the gateway itself has an engine with this name and these settings.

        Budgets and prices do not matter here: they belong to the name, not to the engine.
        """
        known = self._settings.get(name)
        return known is not None and _without_budget(known) == _without_budget(settings)

    @property
    def settings(self) -> Mapping[str, EngineSettings]:
        """The settings of the gateway's own engines."""
        return self._settings

    def key_variables(self) -> set[str]:
        """Return the environment variables with the keys of the gateway's own engines."""
        return {each.key_env for each in self._settings.values() if isinstance(each, KeyedSettings)}

    def engine(self, name: str) -> Engine | None:
        """Return the engine of that name, for an engine that depends on it."""
        return self._engines.get(name)

    # The state of the engines.

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change of an engine; return a function that ends this."""
        watched: list[Registry] = [self] if self._base is None or self._own_engines else []
        if self._base is not None:
            watched.append(self._base)
        return self._watch.subscribe(listener, *watched)

    def snapshot(self) -> tuple[object, ...]:
        """Return the state of the own engines, to be compared with a later one."""
        now = time.monotonic()
        state: list[object] = []
        for name, engine in self._own_engines.items():
            breaker = self._own_breakers[name]
            state += (info_of(engine, name), breaker.state(now), breaker.allows_request(now), breaker.reason)
        return tuple(state)

    def infos(self) -> list[EngineInfo]:
        """Return the current state of each engine, with the reason why its routes avoid it."""
        now = time.monotonic()
        infos = {
            name: self._add_breaker_reason(info_of(engine, name), self._breakers[name], now)
            for name, engine in self._engines.items()
        }
        for route in reversed(ROUTE_OF.values()):  # the route of completions overrides the others
            serving = self.route(route).info
            if serving.state == "degraded" and infos.get(serving.name, serving).state == "ready":
                infos[serving.name] = serving
        return list(infos.values())

    def _add_breaker_reason(self, info: EngineInfo, breaker: CircuitBreaker, now: float) -> EngineInfo:
        if info.state == "off" or breaker.state(now) is BreakerState.CLOSED:
            return info
        reason = f"{breaker.reason}. Other engines of its routes answer until it has recovered"
        return replace(info, state="degraded", reason=reason, code=Code.ENGINE_REPLACED)

    def serving(self) -> dict[str, str]:
        """Return the name of each route's current engine."""
        return {name: self.route(name).info.name for name in ROUTE_OF.values()}

    # Names.

    def resolve(self, request: Request) -> Engine:
        """Return the engine for a request. Raises `EngineError` `model_not_found`."""
        name = request.model or ROUTE_OF[request.task]
        by_effort = f"{name}.{request.effort}"
        if by_effort in self._routes:
            return self.route(by_effort)
        if name in self._routes or name in ROUTE_OF.values():
            return self.route(name)
        if name in self._engines:
            return self._engines[name]
        engine, _, model = name.partition("/")
        if engine in self._engines and model == info_of(self._engines[engine], engine).model:
            return self._engines[engine]
        raise EngineError(
            f"There is no model {name!r}",
            "No engine got the request",
            f"Use one of: {', '.join(self.models())}",
            code=Code.MODEL_NOT_FOUND,
            retryable=False,
        )

    def route(self, name: str) -> Route:
        """Return the route `name`; `chat` is the edit route unless it is set."""
        names = self._routes.get(name, ())
        if not names and name == "chat":
            names = self._routes.get("edit", ())
        known = [each for each in names if each in self._engines]
        return Route(
            name,
            [self._engines[each] for each in known],
            self._breakers,
            rules=self.rules.get(name),
            traffic=[self._traffic[each] for each in known],
            records=self.records,
        )

    def find_unknown(self, routes: Mapping[str, Sequence[str]]) -> list[Problem]:
        """Return a problem for each engine that an editor's routes name and that does not exist here."""
        return [
            Problem(f"engine.routes.{route}", "editor", f"there is no engine {name!r}; it is passed over")
            for route, names in routes.items()
            for name in names
            if name not in self._engines
        ]

    def models(self) -> list[str]:
        """Return all valid values of `model`."""
        full = [f"{name}/{info_of(engine, name).model}" for name, engine in self._engines.items()]
        return [*ROUTE_OF.values(), *self._engines, *full]

    def observe(self, focus: Focus) -> None:
        """Pass a hint to the engine of completions."""
        self.route("completion").observe(focus)


def _without_budget(settings: EngineSettings) -> EngineSettings:
    return replace(settings, budget=EngineBudget(), price=PriceSettings())
