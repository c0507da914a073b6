"""Resolves settings: lays several sources over the defaults, and reports the values that it does not use.

The order is: defaults, the user's config.toml, the environment, the editor. An invalid value is reported with
the value that is used instead; all valid values beside it are kept. Nothing here reads a file or the
environment: callers pass the values that they have read.
"""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast, get_type_hints

import msgspec

from spark_lsp.config.engines import ENGINE_KINDS, EngineSettings
from spark_lsp.config.own_actions import OwnAction, read_own_actions
from spark_lsp.config.responses import ResponsesSettings, with_profile
from spark_lsp.config.routing import ROUTING, RouteRules
from spark_lsp.config.settings import (
    ACTIONS,
    MAPPINGS,
    PATTERN_LISTS,
    ROUTES,
    TABLES,
    Problem,
    Profile,
    Settings,
)

T = TypeVar("T")
Source = tuple[str, Mapping[str, Any]]
"""The name of a source and its values."""
EDITOR = "editor"
"""The name of the source whose values an editor has sent."""


@dataclass(slots=True)
class _SourceReader:
    """One source being read; collects its problems, and by dotted name the source of each used value."""

    source: str
    problems: list[Problem]
    origins: dict[str, str]

    def report(self, name: str, reason: str) -> None:
        self.problems.append(Problem(name, self.source, reason))

    def note_origin(self, name: str) -> None:
        self.origins[name] = self.source


def resolve(*sources: Source) -> tuple[Settings, list[Problem]]:
    """Lay the sources over the defaults, later ones over earlier ones. Return the settings and problems."""
    settings, problems, _ = resolve_with_origins(*sources)
    return settings, problems


def resolve_with_origins(*sources: Source) -> tuple[Settings, list[Problem], dict[str, str]]:
    """Return the same as `resolve`, and by dotted name the source of each value that is not a default."""
    settings = Settings()
    problems: list[Problem] = []
    origins: dict[str, str] = {}
    for source, values in sources:
        settings = _overlay_table(settings, values, "", _SourceReader(source, problems, origins))
    routes = {**settings.routes, **settings.engine.routes}
    return replace(settings, routes=types.MappingProxyType(routes)), problems, origins


def is_table(name: str) -> bool:
    """Return whether a dotted name belongs to a table, whose values are separate settings."""
    return name in TABLES or name in MAPPINGS


def used_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that `resolve` would reject and report.

    Tables whose names the user chooses (engines, routes) and lists of tables stay complete: `resolve` judges
    each entry.
    """
    _, _, origins = resolve_with_origins(("", values))
    used: dict[str, Any] = {}
    for key, value in values.items():
        if key in MAPPINGS or key == ACTIONS or value is None:
            used[key] = value
        elif key in TABLES and isinstance(value, Mapping):
            table = cast(Mapping[str, Any], value)
            names = [name for name in table if f"{key}.{name}" in origins or f"{key}.{name}" in MAPPINGS]
            used[key] = {name: table[name] for name in names}
    return used


def from_environment(environment: Mapping[str, str]) -> Source:
    """Return the settings in environment variables: `SPARK_LSP_ENGINE_URL` and `SPARK_LSP_LOG_LEVEL`."""
    values: dict[str, Any] = {}
    if url := environment.get("SPARK_LSP_ENGINE_URL"):
        values["engine"] = {"url": url}
    if level := environment.get("SPARK_LSP_LOG_LEVEL"):
        values["log"] = {"level": level}
    return "environment", values


def read_engine(name: str, table: object, source: str) -> tuple[EngineSettings | None, list[Problem]]:
    """Read one `engines.NAME` table. Return None and the problem if it cannot be used."""
    reader = _SourceReader(source, [], {})
    return _read_engine(name, table, reader), reader.problems


def read_profiles(value: object, source: str) -> tuple[dict[str, Profile], list[Problem]]:
    """Read the `profiles` tables, which describe simulated machines. Return them and their problems."""
    reader = _SourceReader(source, [], {})
    return _read_profiles(value, reader), reader.problems


def _overlay_table(base: T, values: Mapping[str, Any], prefix: str, reader: _SourceReader) -> T:
    """Return `base`, a dataclass of settings, with the valid ones of `values`."""
    hints = get_type_hints(type(base), include_extras=True)
    known = {item.name for item in fields(cast(Any, base))}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if key not in known:
            reader.report(name, "is not a setting of spark-lsp; it is ignored")
        elif value is None:
            continue  # null is the same as no value: an earlier source's value stays
        elif name == "engines":
            changes[key] = {**getattr(base, key), **_read_engines(value, reader)}
        elif name == "profiles":
            changes[key] = {**getattr(base, key), **_read_profiles(value, reader)}
        elif name == ROUTING:
            changes[key] = {**getattr(base, key), **_read_routing(value, reader)}
        elif name == ACTIONS:
            changes[key] = _read_own_actions(getattr(base, key), value, reader)
        else:
            changes[key] = _read_value(getattr(base, key), value, hints[key], name, reader)
    return replace(cast(Any, base), **changes)


def _read_value(current: object, value: object, hint: object, name: str, reader: _SourceReader) -> object:
    """Return the setting `name` after `value` is laid over `current`, which stays if `value` is invalid."""
    if is_dataclass(current):
        if isinstance(value, Mapping):
            return _overlay_table(current, cast(Mapping[str, Any], value), name, reader)
        reader.report(name, "must be a table; it is ignored")
        return current
    if name in PATTERN_LISTS:
        return _read_pattern_list(cast(tuple[str, ...], current), value, name, reader)
    try:
        converted = msgspec.convert(value, type=cast(Any, hint), strict=True)
    except msgspec.ValidationError as error:
        reader.report(name, f"{error}; {current!r} is used")
        return current
    if isinstance(converted, float) and not math.isfinite(converted):
        reader.report(name, f"must be a finite number; {current!r} is used")
        return current
    reader.note_origin(name)
    if isinstance(current, Mapping):
        return {**cast(Any, current), **cast(Any, converted)}
    return converted


def pattern_list(value: object) -> tuple[list[str], str]:
    """Return the valid patterns in a value, and the problem of its form, or "" if it has none."""
    if isinstance(value, str):
        return [value], "must be a list of patterns; this one pattern is used"
    if isinstance(value, Mapping):  # VS Code's own way to exclude files: {"**/*.sql": true}
        chosen = [str(key) for key, on in cast(Mapping[Any, Any], value).items() if on is True]
        return chosen, "must be a list of patterns; the names that are true are used"
    if not isinstance(value, list | tuple):
        return [], "must be a list of patterns"
    given = cast(Sequence[object], value)
    texts = [each for each in given if isinstance(each, str)]
    if len(texts) < len(given):
        return texts, "each pattern must be a text; the others are used"
    return texts, ""


def lay_patterns(below: object, above: object) -> list[str]:
    """Return the patterns of two sources. An invalid `above` adds to `below`, instead of replacing it.

    Patterns keep files private, so a typing error must not remove any.
    """
    patterns, problem = pattern_list(above)
    if not problem:
        return patterns
    kept, _ = pattern_list(below)
    return [*kept, *patterns]


def _read_pattern_list(
    current: tuple[str, ...], value: object, name: str, reader: _SourceReader
) -> tuple[str, ...]:
    patterns, problem = pattern_list(value)
    if problem:
        reader.report(name, problem)
    if patterns or not problem:
        reader.note_origin(name)
    return tuple(lay_patterns(current, value))


def _read_engines(value: object, reader: _SourceReader) -> dict[str, EngineSettings]:
    engines: dict[str, EngineSettings] = {}
    for name, table in _named_tables("engines", value, reader).items():
        engine = _read_engine(name, table, reader)
        if engine is not None:
            engines[name] = engine
            reader.note_origin(f"engines.{name}")
    return engines


def _read_engine(name: str, table: object, reader: _SourceReader) -> EngineSettings | None:
    setting = f"engines.{name}"
    if name in ROUTES:
        reader.report(setting, "an engine cannot have the name of a route; choose another name")
        return None
    if not isinstance(table, Mapping):
        reader.report(setting, "must be a table")
        return None
    values = cast(Mapping[str, Any], table)
    kind = ENGINE_KINDS.get(str(values.get("kind", "")))
    if kind is None:
        known = ", ".join(ENGINE_KINDS)
        reader.report(f"{setting}.kind", f"must be one of: {known}; the engine is left out")
        return None
    table = _overlay_table(kind(), values, setting, reader)
    return with_profile(table) if isinstance(table, ResponsesSettings) else table


def _read_own_actions(
    current: tuple[OwnAction, ...], value: object, reader: _SourceReader
) -> tuple[OwnAction, ...]:
    found = read_own_actions(value, reader.report)
    if found is None:
        return current
    reader.note_origin(ACTIONS)
    return found


def _read_profiles(value: object, reader: _SourceReader) -> dict[str, Profile]:
    profiles: dict[str, Profile] = {}
    for name, table in _named_tables("profiles", value, reader).items():
        profile = _read_value(Profile(), table, Profile, f"profiles.{name}", reader)
        profiles[name] = cast(Profile, profile)
        reader.note_origin(f"profiles.{name}")
    return profiles


def _read_routing(value: object, reader: _SourceReader) -> dict[str, RouteRules]:
    """Read the rules of routes, which an editor cannot set: they decide what a request costs."""
    if reader.source == EDITOR:
        reader.report(ROUTING, "is read from config.toml only, since it decides about costs; it is ignored")
        return {}
    rules: dict[str, RouteRules] = {}
    for name, table in _named_tables(ROUTING, value, reader).items():
        read = _read_value(RouteRules(), table, RouteRules, f"{ROUTING}.{name}", reader)
        rules[name] = cast(RouteRules, read)
        reader.note_origin(f"{ROUTING}.{name}")
    return rules


def _named_tables(setting: str, value: object, reader: _SourceReader) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return cast(Mapping[str, object], value)
    reader.report(setting, "must be a table of tables; it is ignored")
    return {}
