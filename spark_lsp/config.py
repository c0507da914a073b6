"""Settings: frozen dataclasses, read from several sources, never half-used.

`resolve` lays the sources over the defaults in this order: the user's config.toml, the environment, the
editor. It returns the settings *and* a list of problems: a bad value is named, with what is used
instead, and all good values beside it are kept. Nothing here reads a file or the environment; callers
hand in what they have read.

In the editor names are written in camelCase below `spark.` (`spark.completion.maxLines`); in files they
are the same. `engines.*` tables use snake_case in both, as in config.toml.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, cast, get_type_hints

from spark_lsp.request import Effort


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """`kind = "local"`: the embedded model."""

    kind: Literal["local"] = "local"
    model: str = "auto"


@dataclass(frozen=True, slots=True)
class ReplayEngine:
    """`kind = "replay"`: answers with a given text at a given pace; a token is 4 characters.

    `text` is the path of a file with the answer; `texts` names one a task (`complete`, `edit`, `chat`)
    and goes before `text`. A pace of 0 means at once.
    """

    kind: Literal["replay"] = "replay"
    text: str = ""
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    tokens_per_s: float = 500.0
    delay_ms: float = 50.0


EngineSettings = LocalEngine | ReplayEngine
ENGINE_KINDS: Mapping[str, type[EngineSettings]] = {"local": LocalEngine, "replay": ReplayEngine}
ROUTES = ("completion", "edit", "chat")


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the gateway is: `auto` finds or starts the user's own; else a `ws://`, `wss://` or
    `ws+unix:` URL."""

    url: str = "auto"
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Completion:
    """Ghost text. `maxLines` 0 means as many as the engine's speed allows; `delayMs` waits after a key."""

    enabled: bool = True
    stream: bool = True
    maxLines: int = 0
    delayMs: int = 0
    disabledGlobs: tuple[str, ...] = ()
    menu: Literal["auto", "always", "never"] = "auto"


@dataclass(frozen=True, slots=True)
class Edit:
    """Targeted edits: when they are applied, and how much thought the engine should take."""

    apply: Literal["final", "preview", "live"] = "final"
    effort: Effort = "balanced"


@dataclass(frozen=True, slots=True)
class Context:
    """What goes along with a request. `exclude` holds globs of files that never leave the editor."""

    maxTokens: int = 8192
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits a day; 0 means none."""

    tokensPerDay: int = 0
    costPerDay: float = 0.0


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged; never code, at any level."""

    level: Literal["debug", "info", "warning", "error"] = "warning"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved."""

    engine: Engine = Engine()
    engines: Mapping[str, EngineSettings] = field(default_factory=lambda: {"local": LocalEngine()})
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(ROUTES, ("local",)))
    completion: Completion = Completion()
    edit: Edit = Edit()
    context: Context = Context()
    budget: Budget = Budget()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that is not used, and why. `name` is the dotted name, `source` where it came from."""

    name: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.source}): {self.reason}"


T = TypeVar("T")
Source = tuple[str, Mapping[str, Any]]


def resolve(*sources: Source) -> tuple[Settings, list[Problem]]:
    """Lay `(name of the source, its values)` over the defaults, the later over the earlier."""
    settings, problems = Settings(), list[Problem]()
    for source, values in sources:
        settings = _overlay(settings, values, source, "", problems)
    routes = {**settings.routes, **settings.engine.routes}
    return replace(settings, routes=types.MappingProxyType(routes)), problems


def from_environment(environment: Mapping[str, str]) -> Source:
    """Return the settings that environment variables give: `SPARK_LSP_ENGINE_URL`, `SPARK_LSP_LOG_LEVEL`."""
    values: dict[str, Any] = {}
    if url := environment.get("SPARK_LSP_ENGINE_URL"):
        values["engine"] = {"url": url}
    if level := environment.get("SPARK_LSP_LOG_LEVEL"):
        values["log"] = {"level": level}
    return "environment", values


def engine_problems(name: str, table: object, source: str) -> tuple[EngineSettings | None, list[Problem]]:
    """Read one `engines.NAME` table; None with the problem if it cannot be used."""
    problems: list[Problem] = []
    where = f"engines.{name}"
    if name in ROUTES:
        return None, [Problem(where, source, "no engine may bear a route's name; choose another")]
    if not isinstance(table, Mapping):
        return None, [Problem(where, source, "must be a table")]
    values = cast(Mapping[str, Any], table)
    kind = ENGINE_KINDS.get(str(values.get("kind", "")))
    if kind is None:
        known = ", ".join(ENGINE_KINDS)
        return None, [Problem(f"{where}.kind", source, f"must be one of: {known}; the engine is left out")]
    return _overlay(kind(), values, source, where, problems), problems


def _overlay(base: T, values: Mapping[str, Any], source: str, prefix: str, problems: list[Problem]) -> T:
    hints, changes = get_type_hints(type(base)), dict[str, Any]()
    known = {item.name for item in fields(cast(Any, base))}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if key not in known:
            problems.append(Problem(name, source, "is not a setting of spark-lsp; it is ignored"))
        elif value is None:
            continue  # an editor's null means the default
        elif name == "engines":
            changes[key] = {**getattr(base, key), **_engines(value, source, problems)}
        else:
            current = getattr(base, key)
            changes[key] = _value(current, value, hints[key], source, name, problems)
    return replace(cast(Any, base), **changes)


def _value(
    current: object, value: object, hint: object, source: str, name: str, problems: list[Problem]
) -> object:
    if is_dataclass(current):
        if isinstance(value, Mapping):
            return _overlay(current, cast(Mapping[str, Any], value), source, name, problems)
        problems.append(Problem(name, source, "must be a table; it is ignored"))
        return current
    import msgspec  # here, because a start without settings should not wait for it

    try:
        read = msgspec.convert(value, type=cast(Any, hint), strict=True)
    except msgspec.ValidationError as error:
        problems.append(Problem(name, source, f"{error}; {current!r} is used"))
        return current
    if isinstance(read, int | float) and read < 0:
        problems.append(Problem(name, source, f"must not be negative; {current!r} is used"))
        return current
    return {**cast(Any, current), **cast(Any, read)} if isinstance(current, Mapping) else read


def _engines(value: object, source: str, problems: list[Problem]) -> dict[str, EngineSettings]:
    if not isinstance(value, Mapping):
        problems.append(Problem("engines", source, "must be a table of tables; it is ignored"))
        return {}
    read: dict[str, EngineSettings] = {}
    for name, table in cast(Mapping[str, object], value).items():
        engine, found = engine_problems(name, table, source)
        problems += found
        if engine is not None:
            read[name] = engine
    return read


def unknown_engines(settings: Settings) -> list[Problem]:
    """Name the engines that routes mention and that do not exist.

    Only who knows all engines can tell: the gateway, not a server whose editor gave some of them.
    """
    return [
        Problem(f"routes.{route}", "settings", f"there is no engine {name!r}; it is passed over")
        for route, names in settings.routes.items()
        for name in names
        if name not in settings.engines
    ]
