"""The engines of one connection: the gateway's, and over them those of the editor's settings.

An engine of the editor lives as long as its settings and its connection. Where the gateway has an engine with
equal settings, the connection uses that one, because a second copy of a model would cost its memory again.
Its own budget then narrows that one's.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spark_lsp.config import EngineSettings, KeyedSettings, Problem, read_engine
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import close_engine
from spark_lsp.engine.metered.budgets import Budgets
from spark_lsp.engine.openai.keys import HANDED
from spark_lsp.gateway.registry import BuildEngine, Registry
from spark_lsp.supervise import call_guarded
from spark_lsp.wire.server_events import SettingsReceived

Approve = Callable[[Mapping[str, EngineSettings]], tuple[dict[str, EngineSettings], list[Problem]]]


class SessionEngines:
    """See the module's text. `registry` has the current engines and routes; `problems` unused settings."""

    def __init__(
        self, registry: Registry, build: BuildEngine, approve: Approve, budgets: Budgets | None = None
    ) -> None:
        self.registry = registry
        self.problems: tuple[str, ...] = ()
        self._gateway_registry = registry
        self._build = build
        self._approve = approve
        self._budgets = budgets
        self._engines: dict[str, Engine] = {}
        self._settings: Mapping[str, EngineSettings] = {}

    def configure(self, received: SettingsReceived) -> list[Engine]:
        """Use the editor's engines and routes; return engines that are not used any more, to be closed."""
        tables, problems = self._read_settings(received.engines)
        given_keys = {each.key_env for each in tables.values() if isinstance(each, KeyedSettings)}
        if self._budgets is not None:
            problems = [*problems, *self._budgets.narrow(self, tables, received.budget)]
        HANDED.take(self, received.keys, self._gateway_registry.key_variables() | given_keys)
        settings = {name: each for name, each in tables.items() if not self._gateway_registry.has(name, each)}
        kept = {
            name: engine
            for name, engine in self._engines.items()  # without those that could not be built
            if name in settings and self._settings[name] == settings[name]
        }
        new = {name: each for name, each in settings.items() if name not in kept}
        built, failed = self._build_engines(new)
        stale = [engine for name, engine in self._engines.items() if name not in kept]
        self._settings = settings
        self._engines = {**kept, **built}
        self.registry = self._gateway_registry.overlay(self._engines, received.routes)
        problems = [*problems, *failed, *self.registry.find_unknown(received.routes)]
        self.problems = tuple(str(each) for each in problems)
        return stale

    async def aclose(self) -> None:
        """Close the editor's engines and forget its keys."""
        HANDED.forget(self)
        if self._budgets is not None:
            self._budgets.forget(self)
        await close_engines(self._engines.values())

    def _build_engines(
        self, settings: Mapping[str, EngineSettings]
    ) -> tuple[dict[str, Engine], list[Problem]]:
        """Build engines; one that fails becomes a problem, and the others are built."""
        built: dict[str, Engine] = {}
        problems: list[Problem] = []
        for name, each in settings.items():
            engine: Engine | None = call_guarded(self._build, name, each, self._find_engine)
            if engine is None:
                problems.append(Problem(f"engines.{name}", "editor", "it could not be built and is left out"))
            else:
                built[name] = engine
        return built, problems

    def _find_engine(self, name: str) -> Engine | None:
        """Return the engine that has this name when an engine that depends on it needs it."""
        return self.registry.engine(name)

    def _read_settings(self, tables: Mapping[str, Any]) -> tuple[dict[str, EngineSettings], list[Problem]]:
        engines: dict[str, EngineSettings] = {}
        problems: list[Problem] = []
        for name, table in tables.items():
            engine, found = read_engine(name, table, "editor")
            problems += found
            if engine is not None:
                engines[name] = engine
        judged = call_guarded(self._approve, engines)
        if judged is None:  # without a judgement, no engine is allowed
            return {}, [*problems, Problem("engines", "editor", "your approvals could not be read")]
        allowed, refused = judged
        return allowed, [*problems, *refused]


async def close_engines(engines: Iterable[Engine]) -> None:
    """Close engines one after another; never raises."""
    for engine in engines:
        await close_engine(engine)
