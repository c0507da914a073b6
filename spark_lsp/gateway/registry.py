"""Which engine a request means: names of routes, engines and models.

`model` is tried as a route, then as an engine, then as `engine/model`; absent means the task's route. A route
may be set for one effort alone, such as `edit.deep`: it goes before the plain one.
A session sees the gateway's engines and, over them, those its editor's settings brought.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spark_lsp.codes import Code
from spark_lsp.config import EngineSettings, OpenAISettings, Problem
from spark_lsp.engine.base import Engine
from spark_lsp.engine.circuit_breaker import BreakerState, CircuitBreaker
from spark_lsp.engine.guard import info_of
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Request, Task

ROUTE_OF = {Task.COMPLETE: "completion", Task.EDIT: "edit", Task.CHAT: "chat"}

FindEngine = Callable[[str], Engine | None]
BuildEngine = Callable[[str, EngineSettings, FindEngine], Engine]


class Registry:
    """Engines by name, and routes over them; `settings` are those the engines were built from."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        routes: Mapping[str, Sequence[str]],
        settings: Mapping[str, EngineSettings] | None = None,
        health: Mapping[str, CircuitBreaker] | None = None,
    ) -> None:
        self._engines = dict(engines)
        known = health or {}
        self._health = {name: known.get(name) or CircuitBreaker() for name in self._engines}
        self._settings = dict(settings or {})
        self._routes = {route: tuple(names) for route, names in routes.items()}

    def overlaid(self, engines: Mapping[str, Engine], routes: Mapping[str, Sequence[str]]) -> "Registry":
        """Return a registry with these engines and routes over the present ones."""
        kept = {name: each for name, each in self._health.items() if name not in engines}
        return Registry({**self._engines, **engines}, {**self._routes, **routes}, self._settings, kept)

    def has(self, name: str, settings: EngineSettings) -> bool:
        """Tell whether the gateway itself has just this engine: it serves everybody, and costs once."""
        return self._settings.get(name) == settings

    def key_variables(self) -> set[str]:
        """Return the environment variables that the gateway's own engines take their keys from."""
        return {each.key_env for each in self._settings.values() if isinstance(each, OpenAISettings)}

    def engine(self, name: str) -> Engine | None:
        """Return the engine of that name, for an engine that stands on others."""
        return self._engines.get(name)

    def infos(self) -> list[EngineInfo]:
        """What each engine says of itself, now, and what is known of one that is passed over."""
        now = time.monotonic()
        told = {n: self._known(info_of(each, n), self._health[n], now) for n, each in self._engines.items()}
        for route in reversed(ROUTE_OF.values()):  # completions have the last word
            serving = self.route(route).info
            if serving.state == "degraded" and told.get(serving.name, serving).state == "ready":
                told[serving.name] = serving
        return list(told.values())

    def _known(self, info: EngineInfo, health: CircuitBreaker, now: float) -> EngineInfo:
        if info.state == "off" or health.state(now) is BreakerState.CLOSED:
            return info
        reason = f"{health.reason}. Others of its route are asked until it is well again"
        return replace(info, state="degraded", reason=reason, code=Code.ENGINE_REPLACED)

    def resolve(self, request: Request) -> Engine:
        """Return the engine that shall answer. Raises `EngineError` `model_not_found`."""
        name = request.model or ROUTE_OF[request.task]
        if (by_effort := f"{name}.{request.effort}") in self._routes:
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
            "Nothing was asked",
            f"Use one of: {', '.join(self.models())}",
            code=Code.MODEL_NOT_FOUND,
            retryable=False,
        )

    def route(self, name: str) -> Route:
        """Return the route `name`; `chat` is the edit route unless it is set."""
        names = self._routes.get(name) or (self._routes.get("edit", ()) if name == "chat" else ())
        return Route(name, [self._engines[each] for each in names if each in self._engines], self._health)

    def serving(self) -> dict[str, str]:
        """Return the engine that each route would ask now."""
        return {name: self.route(name).info.name for name in ROUTE_OF.values()}

    def unknown(self, routes: Mapping[str, Sequence[str]]) -> list[Problem]:
        """Name the engines that routes from an editor mention and that do not exist here."""
        return [
            Problem(f"engine.routes.{route}", "editor", f"there is no engine {name!r}; it is passed over")
            for route, names in routes.items()
            for name in names
            if name not in self._engines
        ]

    def models(self) -> list[str]:
        """Return every name that `model` can be."""
        full = [f"{name}/{info_of(engine, name).model}" for name, engine in self._engines.items()]
        return [*ROUTE_OF.values(), *self._engines, *full]

    def observe(self, focus: Focus) -> None:
        """Pass a hint to the engine that completions would go to."""
        self.route("completion").observe(focus)
