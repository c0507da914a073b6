"""The composition root: reads the user's settings and builds engines from them."""

import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from spark_lsp import config
from spark_lsp.engine.base import Engine
from spark_lsp.errors import ConfigError
from spark_lsp.models.registry import AUTO
from spark_lsp.privacy.approvals import model_path
from spark_lsp.store.approvals import Approvals

if TYPE_CHECKING:
    from spark_lsp.engine.metered.budgets import Budgets
    from spark_lsp.gateway.app import Gateway


def config_path() -> Path:
    """Return the path of the user's config.toml, which may not exist."""
    import platformdirs

    return Path(
        os.environ.get("SPARK_LSP_CONFIG") or platformdirs.user_config_path("spark-lsp") / "config.toml"
    )


def sources(path: Path | None = None) -> list[config.Source]:
    """Return the sources below an editor's settings: config.toml, then the environment.

    A file given as `path` must exist; the default one need not. Raises `ConfigError` for a file that is not
    valid TOML, because a partly read file could send code to the wrong server.
    """
    environment = config.from_environment(os.environ)
    found = (path if path is not None else config_path()).absolute()
    if path is None and not found.exists():
        return [environment]
    return [(str(found), _resolve_paths(_read_toml(found), found.parent)), environment]


def load_settings(path: Path | None = None) -> tuple[config.Settings, list[config.Problem]]:
    """Resolve the settings of the gateway. Raises `ConfigError` as `sources` does."""
    settings, problems, _ = traced_settings(path)
    return settings, problems


def traced_settings(
    path: Path | None = None,
) -> tuple[config.Settings, list[config.Problem], dict[str, str]]:
    """Return the same as `load_settings`, and the source of each value that is not a default."""
    settings, problems, origins = config.resolve_with_origins(*sources(path))
    found = [
        *config.unknown_engines(settings),
        *config.source_problems(settings),
        *config.price_problems(settings),
        *_profile_problems(settings),
        *_pattern_problems(settings),
    ]
    return settings, [*problems, *found], origins


def _pattern_problems(settings: config.Settings) -> list[config.Problem]:
    """Return a problem for each file pattern that cannot match any file."""
    from spark_lsp.lsp.exclusion import surroundings_of
    from spark_lsp.privacy.patterns import find_setting_problems

    return find_setting_problems(settings, surroundings_of(()))


def _profile_problems(settings: config.Settings) -> list[config.Problem]:
    """Return a problem for each wafer engine whose profile is invalid."""
    problems = list[config.Problem]()
    for name, table in settings.engines.items():
        if isinstance(table, config.WaferSettings):
            from spark_lsp.engine.wafer.machines import wafer_of

            try:
                wafer_of(table.profile, settings.profiles)
            except ConfigError as error:
                problems.append(config.Problem(f"engines.{name}.profile", "settings", str(error)))
    return problems


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} cannot be read", "Nothing was started", "Check its path and mode"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The configuration {path} is not valid TOML: {error}", "Nothing was started", "Correct that line"
        ) from error


def _resolve_paths(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """Resolve relative paths of texts, models, keys and users against the folder of their file."""
    team = values.get("team")
    if isinstance(team, dict):
        table = cast(dict[str, Any], team)
        values = {**values, "team": {**table, "users": _resolve_path(base, table.get("users"))}}
    engines = values.get("engines")
    if not isinstance(engines, dict):
        return values
    tables = cast(dict[str, Any], engines)
    return {**values, "engines": {name: _resolve_table_paths(table, base) for name, table in tables.items()}}


def _resolve_table_paths(table: Any, base: Path) -> Any:
    if not isinstance(table, dict):
        return table
    values = dict(cast(dict[str, Any], table))
    if isinstance(values.get("text"), str):
        values["text"] = _resolve_path(base, values["text"])
    if isinstance(values.get("texts"), dict):
        values["texts"] = {task: _resolve_path(base, path) for task, path in values["texts"].items()}
    local = values.get("kind") == "local"  # other kinds may have model names with a slash
    if local and isinstance(values.get("model"), str) and model_path(values["model"]):
        values["model"] = _resolve_path(base, values["model"])
    if values.get("key_file"):
        values["key_file"] = _resolve_path(base, values["key_file"])
    return values


def _resolve_path(base: Path, path: Any) -> Any:
    """Return `path` resolved against `base`. Leave an empty or invalid value for `config` to report."""
    if isinstance(path, str) and path:
        return str(base / Path(path).expanduser())
    return path


def build_engine(
    name: str,
    settings: config.EngineSettings,
    find: Callable[[str], Engine | None],
    profiles: Mapping[str, config.Profile] = MappingProxyType({}),
) -> Engine:
    """Build one engine. This starts and downloads nothing.

    A wafer engine uses `find` to look up its source by name, at each request.
    """
    if isinstance(settings, config.WaferSettings):
        from spark_lsp.engine.wafer.engine import WaferEngine

        return WaferEngine(name, settings, find, profiles)
    if isinstance(settings, config.ReplaySettings):
        from spark_lsp.engine.replay import ReplayEngine

        return ReplayEngine(name, settings)
    if isinstance(settings, config.OpenAISettings):
        from spark_lsp.engine.openai.engine import OpenAIEngine

        return OpenAIEngine(name, settings)
    if isinstance(settings, config.ResponsesSettings):
        from spark_lsp.engine.responses.engine import ResponsesEngine

        return ResponsesEngine(name, settings)
    from spark_lsp.engine.local.drafting import DraftingModel

    if settings.model == AUTO:
        from spark_lsp.engine.local.pair import LARGER, LocalPair

        larger = config.LocalSettings(model=LARGER)
        return LocalPair(DraftingModel.of(name, settings), DraftingModel.of(name, larger))
    return DraftingModel.of(name, settings)


def build_engines(settings: config.Settings, budgets: "Budgets | None" = None) -> dict[str, Engine]:
    """Build every engine of the settings; with `budgets`, each is counted and limited."""
    engines = dict[str, Engine]()
    for name, table in settings.engines.items():
        engines[name] = build_counted_engine(
            name, table, engines.get, profiles=settings.profiles, budgets=budgets
        )
    return engines


def build_counted_engine(
    name: str,
    table: config.EngineSettings,
    find: Callable[[str], Engine | None],
    *,
    profiles: Mapping[str, config.Profile],
    budgets: "Budgets | None",
) -> Engine:
    """Build one engine; with `budgets`, it is counted and limited."""
    engine = build_engine(name, table, find, profiles)
    return engine if budgets is None else budgets.meter(name, engine, table)


def open_budgets(settings: config.Settings) -> "Budgets":
    """Return the budgets of a gateway, in the file that all gateways of the user share."""
    from spark_lsp.engine.metered.accounts import Accounts, read_clock
    from spark_lsp.engine.metered.budgets import Budgets
    from spark_lsp.store.ledger import SqliteLedger

    clock = partial(read_clock, utc=settings.budget.day == "utc")
    return Budgets(settings, Accounts(SqliteLedger(), clock))


@dataclass(frozen=True, slots=True)
class Composition:
    """A gateway, with the engines and the budgets that have to be closed after it."""

    gateway: "Gateway"
    engines: dict[str, Engine]
    budgets: "Budgets"


def compose_gateway(
    settings: config.Settings,
    token: str,
    *,
    is_shared: bool,
    lifetime_s: float | None = None,
    page_hosts: Collection[str] = (),
) -> Composition:
    """Build the gateway of the settings with all its engines.

    `is_shared`: the settings `team` apply. `lifetime_s` limits a connection; None: to the usual hour.
    """
    from spark_lsp.gateway.app import Gateway
    from spark_lsp.gateway.lifetime import LIFETIME_S
    from spark_lsp.gateway.registry import Registry
    from spark_lsp.gateway.team import ALONE, team_of

    budgets = open_budgets(settings)
    engines = build_engines(settings, budgets)
    registry = Registry(engines, settings.routes, settings.engines, rules=settings.routing)
    gateway = Gateway(
        registry,
        token,
        partial(build_counted_engine, profiles=settings.profiles, budgets=budgets),
        refuse_unapproved,
        LIFETIME_S if lifetime_s is None else lifetime_s,
        budgets,
        page_hosts=page_hosts,
        team=team_of(settings.team) if is_shared else ALONE,
    )
    return Composition(gateway, engines, budgets)


def refuse_unapproved(
    engines: Mapping[str, config.EngineSettings],
) -> tuple[dict[str, config.EngineSettings], list[config.Problem]]:
    """Return the engines of an editor that the user has approved, and a problem for each other one."""
    approvals = Approvals()
    allowed: dict[str, config.EngineSettings] = {}
    problems: list[config.Problem] = []
    for name, table in engines.items():
        try:
            missing = approvals.find_missing(table)
        except ConfigError as error:
            problems.append(config.Problem(f"engines.{name}", "editor", str(error)))
            continue
        if missing:
            commands = " and ".join(ask.command for ask in missing)
            reason = f"waits for your approval to {missing[0]}; run: {commands}"
            problems.append(config.Problem(f"engines.{name}", "editor", reason))
        else:
            allowed[name] = table
    return allowed, problems
