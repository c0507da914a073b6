"""The settings as frozen dataclasses: names, types, defaults and descriptions.

The descriptions and docstrings become the JSON schema and the reference documentation (see `schema`). In the
editor, names are in camelCase below `spark.` (`spark.completion.maxLines`); config.toml has the same names.
`engines.*` tables, defined in `engines`, use snake_case in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from spark_lsp.config.budgets import (
    NO_LIMITS,
    NO_PRICE,
    BudgetSettings,
    PriceSettings,
)
from spark_lsp.config.engines import EngineSettings, LocalSettings
from spark_lsp.config.own_actions import OwnAction
from spark_lsp.config.routing import RouteRules, Routes
from spark_lsp.config.team import TeamSettings
from spark_lsp.config.values import Amount, Count, Share
from spark_lsp.config.values import describe as _describe
from spark_lsp.request import Effort

ROUTES = ("completion", "edit", "chat")


@dataclass(frozen=True, slots=True)
class Profile:
    """A simulated machine of your own, `[profiles.NAME]` in config.toml."""

    model: Annotated[str, _describe("the displayed name of the model")] = ""
    architecture: Annotated[
        str, _describe("a known model, for values not given below: `llama70b`, `gptoss` …")
    ] = ""
    layers: Annotated[Count, _describe("layers of the model; 0: those of the architecture")] = 0
    tokens_per_s: Annotated[Amount, _describe("speed of one user; 0: from the layers")] = 0.0
    speculation: Annotated[
        float, Meta(ge=1), _describe("tokens that one pass yields on average; 1: no speculation")
    ] = 1.0
    burst: Annotated[Count, _describe("maximum tokens of one pass; 0: 4 with speculation, else 1")] = 0
    context_tokens: Annotated[int, Meta(ge=1), _describe("maximum tokens of prompt and answer")] = 131_072
    kv_tokens: Annotated[
        Count,
        _describe("context tokens shared by all users; 0: as many as the wafers hold, else 8 full contexts"),
    ] = 0
    wafers: Annotated[Count, _describe("wafers per copy of the model; 0: unknown")] = 0
    bytes_per_weight: Annotated[Amount, _describe("bytes per weight")] = 2.0
    prefill_tokens_per_s: Annotated[
        Amount, _describe("prompt reading speed; 0: from the architecture's active parameters")
    ] = 0.0
    overhead_ms: Annotated[
        Amount | None,
        _describe("milliseconds before reading a prompt, network included; null: as published"),
    ] = None
    source: Annotated[str, _describe("the source of these numbers")] = ""
    price: PriceSettings = NO_PRICE


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The gateway, and its routes."""

    url: Annotated[
        str,
        _describe("the gateway: `auto` finds or starts your own; or a `ws://`, `wss://` or `ws+unix:` URL"),
    ] = "auto"
    routes: Annotated[
        Routes,
        _describe(
            "engines by preference, for `completion`, `edit`, `chat`, or one effort, such as `edit.deep`"
        ),
    ] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """Ghost text."""

    enabled: Annotated[bool, _describe("show ghost text")] = True
    stream: Annotated[bool, _describe("show text while it grows, in editors that support it")] = True
    instant: Annotated[
        bool,
        _describe("propose text copied from open documents until the engine answers, if the match is clear"),
    ] = True
    speculate: Annotated[
        Literal["auto", "shown", "accepted", "off"],
        _describe(
            "request the next suggestion before the editor does: `shown` while the user looks at this one, "
            "`accepted` at its acceptance; `auto`: `shown` if the engine costs no money per request"
        ),
    ] = "auto"
    maxLines: Annotated[Count, _describe("maximum number of lines; 0: as many as the engine gives")] = 0
    delayMs: Annotated[Count, _describe("milliseconds to wait after a keystroke before a request")] = 0
    threshold: Annotated[
        Share,
        _describe(
            "minimum confidence of the engine, from 0 to 1; a text below it is not shown. 0 shows everything"
        ),
    ] = 0.55  # measured: docs/explanation/completions.md
    disabledGlobs: Annotated[tuple[str, ...], _describe("patterns of files without ghost text")] = ()
    menu: Annotated[
        Literal["auto", "always", "never"],
        _describe("offer `textDocument/completion`; `auto`: only in editors without ghost text"),
    ] = "auto"


@dataclass(frozen=True, slots=True)
class EditSettings:
    """Targeted edits."""

    apply: Annotated[
        Literal["final", "preview", "live"],
        _describe(
            "when edits are applied. `final`: when the answer is complete. `preview`: when you accept them, "
            "in editors that can show them before. `live`: each change as soon as it is certain"
        ),
    ] = "final"
    effort: Annotated[Effort, _describe("the engine's reasoning effort for edits")] = "balanced"
    deep: Annotated[
        str,
        _describe(
            "for actions that need thought (an instruction, tests, simplifying, optimizing): an effort, or "
            "the engine or route for them, with the effort `deep`. Empty: as for other edits"
        ),
    ] = ""
    history: Annotated[
        bool,
        _describe("keep your instructions on this machine, to offer them again; secrets are removed first"),
    ] = True


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """Text that a request may contain."""

    maxTokens: Annotated[
        Count,
        _describe(
            "maximum tokens of context beside the document with ghost text; 0: as many as the engine reads "
            "in time, up to 128,000"
        ),
    ] = 0
    imports: Annotated[
        bool, _describe("send the signatures of imported names that are used near the cursor")
    ] = True
    recentEdits: Annotated[bool, _describe("send your recent edits at other places, as small diffs")] = True
    diagnostics: Annotated[bool, _describe("send the diagnostics near the cursor")] = True
    exclude: Annotated[
        tuple[str, ...],
        _describe("patterns of files that never leave the editor: no ghost text, no actions, no edits"),
    ] = ()


@dataclass(frozen=True, slots=True)
class StatsSettings:
    """The history of your own suggestions, on this machine only."""

    enabled: Annotated[
        bool,
        _describe("keep figures of each suggestion for `spark-lsp stats`; never its text, never to others"),
    ] = True
    record: Annotated[
        bool,
        _describe(
            "record the times and lengths of your typing and of the answers, never any text, so that "
            "`spark-lsp simulate feel --mine` can replay your own days"
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Log messages; none contains code, at any level."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _describe("minimum level of log messages; none logs code"),
    ] = "warning"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved."""

    engine: GatewaySettings = GatewaySettings()
    engines: Mapping[str, EngineSettings] = field(default_factory=lambda: {"local": LocalSettings()})
    profiles: Mapping[str, Profile] = field(default_factory=dict[str, Profile])
    routes: Routes = field(default_factory=lambda: dict.fromkeys(("completion", "edit"), ("local",)))
    routing: Mapping[str, RouteRules] = field(default_factory=dict[str, RouteRules])
    completion: CompletionSettings = CompletionSettings()
    edit: EditSettings = EditSettings()
    actions: tuple[OwnAction, ...] = ()
    context: ContextSettings = ContextSettings()
    budget: BudgetSettings = NO_LIMITS
    stats: StatsSettings = StatsSettings()
    team: TeamSettings = field(default_factory=TeamSettings)
    log: LogSettings = LogSettings()


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that spark-lsp does not use, and the reason.

    `name` is the dotted name of the setting, `source` the file, the environment or the editor that gave it.
    """

    name: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.source}): {self.reason}"


TABLES = ("engine", "completion", "edit", "context", "budget", "stats", "team", "log")
"""The tables of settings that are dataclasses."""
MAPPINGS = ("engines", "profiles", "routes", "engine.routes", "routing")
"""The tables whose names the user chooses."""
PATTERN_LISTS = ("context.exclude", "completion.disabledGlobs")
ACTIONS = "actions"
"""The list of tables with the user's own actions."""
