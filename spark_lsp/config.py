"""Settings: frozen dataclasses, read from several sources, never half-used.

`resolve` lays the sources over the defaults in this order: the user's config.toml, the environment, the
editor. It returns the settings *and* a list of problems: a bad value is named, with what is used
instead, and all good values beside it are kept. Nothing here reads a file or the environment; callers
hand in what they have read.

In the editor names are written in camelCase below `spark.` (`spark.completion.maxLines`); in files they
are the same. `engines.*` tables use snake_case in both, as in config.toml.
"""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

import msgspec
from msgspec import Meta

from spark_lsp.request import Effort

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]


def _says(text: str) -> Meta:
    return Meta(description=text)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """`kind = "local"`: the embedded model."""

    kind: Literal["local"] = "local"
    model: Annotated[str, _says("`auto`, a name from `spark-lsp model list`, or the path of a GGUF file")] = (
        "auto"
    )


@dataclass(frozen=True, slots=True)
class ReplayEngine:
    """`kind = "replay"`: answers with a given text at a given pace; a token is 4 characters."""

    kind: Literal["replay"] = "replay"
    text: Annotated[str, _says("the path of a file with the answer")] = ""
    texts: Annotated[
        Mapping[str, str], _says("a file for each task (`complete`, `edit`, `chat`); overrides `text`")
    ] = field(default_factory=dict[str, str])
    tokens_per_s: Annotated[Amount, _says("the pace; 0 means all at once")] = 500.0
    delay_ms: Annotated[Amount, _says("milliseconds before the first token")] = 50.0


Flavour = Literal[
    "openai", "generic", "vllm", "sglang", "llamacpp", "ollama", "cerebras", "mistral", "deepseek"
]


@dataclass(frozen=True, slots=True)
class OpenAIEngine:
    """`kind = "openai"`: a server with OpenAI's HTTP interface, on a GPU or in a data centre."""

    kind: Literal["openai"] = "openai"
    base_url: Annotated[
        str,
        _says(
            "the API's address, such as `http://127.0.0.1:8000/v1`; a query such as `?api-version=…` is kept"
        ),
    ] = ""
    base_urls: Annotated[
        tuple[str, ...], _says("several servers with one model; a document stays with one")
    ] = ()
    model: Annotated[str, _says("the model's name on the server; empty: the server's only model")] = ""
    flavour: Annotated[
        Flavour,
        _says(
            "the kind of server; adds the fields that only it understands. `generic`: only the fields that "
            "every server knows"
        ),
    ] = "openai"
    key_env: Annotated[str, _says("the environment variable that holds the key")] = ""
    key_file: Annotated[str, _says("a file with the key that only you can read (mode 600)")] = ""
    key_header: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9-]*$"),
        _says(
            "the header that carries the key; empty: `api-key` for Azure, else `Authorization`, which gets "
            "`Bearer` and the key"
        ),
    ] = ""
    context_tokens: Annotated[Count, _says("the model's context length; 0: as the server reports")] = 0
    fim: Annotated[
        Literal["auto", "none", "qwen", "deepseek", "starcoder", "codellama", "codegemma", "codestral"],
        _says("the model's fill-in-the-middle tokens; `auto` decides by its name, `none` completes by chat"),
    ] = "auto"
    thinking_tokens: Annotated[
        Count,
        _says(
            "tokens for reasoning, in addition to the answer; 0: by the effort, for models known to reason"
        ),
    ] = 0
    first_token_s: Annotated[Amount, _says("seconds to wait for the first token; 0: no limit")] = 20.0
    next_token_s: Annotated[Amount, _says("seconds to wait for each further token; 0: no limit")] = 20.0


@dataclass(frozen=True, slots=True)
class WaferEngine:
    """`kind = "wafer"`: plays another engine's tokens when a simulated machine would have sent them."""

    kind: Literal["wafer"] = "wafer"
    profile: Annotated[
        str,
        _says(
            "the machine: `codex-spark`, `gpt-oss-120b`, `qwen3-coder-480b`, `llama3.1-8b`, or a table of "
            "your own, `[profiles.NAME]`"
        ),
    ] = "codex-spark"
    source: Annotated[str, _says("the name of the engine whose tokens it plays")] = "local"
    tokens_per_s: Annotated[Amount, _says("one user's speed; 0: the profile's")] = 0.0
    buffer: Annotated[
        bool,
        _says(
            "read a slow source to its end first, then play at the simulated pace; that time is reported "
            "separately as `buffer_ms`"
        ),
    ] = False
    users: Annotated[Count, _says("other users that the simulated machine serves at the same time")] = 0
    seed: Annotated[int, _says("seed of the bursts; the same seed gives the same bursts")] = 0


EngineSettings = LocalEngine | ReplayEngine | OpenAIEngine | WaferEngine
ENGINE_KINDS: Mapping[str, type[EngineSettings]] = {
    "local": LocalEngine,
    "replay": ReplayEngine,
    "openai": OpenAIEngine,
    "wafer": WaferEngine,
}
ROUTES = ("completion", "edit", "chat")
Routes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A simulated machine of your own, `[profiles.NAME]` in config.toml."""

    model: Annotated[str, _says("the displayed name of the model")] = ""
    architecture: Annotated[
        str, _says("a known model, for values not given below: `llama70b`, `gptoss` …")
    ] = ""
    layers: Annotated[Count, _says("layers of the model; 0: those of the architecture")] = 0
    tokens_per_s: Annotated[Amount, _says("speed of one user; 0: from the layers")] = 0.0
    speculation: Annotated[
        float, Meta(ge=1), _says("tokens that one pass yields on average; 1: no speculation")
    ] = 1.0
    burst: Annotated[Count, _says("maximum tokens of one pass; 0: 4 with speculation, else 1")] = 0
    context_tokens: Annotated[int, Meta(ge=1), _says("maximum tokens of prompt and answer")] = 131_072
    kv_tokens: Annotated[
        Count,
        _says("context tokens shared by all users; 0: as many as the wafers hold, else 8 full contexts"),
    ] = 0
    wafers: Annotated[Count, _says("wafers per copy of the model; 0: unknown")] = 0
    bytes_per_weight: Annotated[Amount, _says("bytes per weight")] = 2.0
    prefill_tokens_per_s: Annotated[
        Amount, _says("prompt reading speed; 0: from the architecture's active parameters")
    ] = 0.0
    overhead_ms: Annotated[
        Amount | None, _says("milliseconds before reading a prompt, network included; null: as published")
    ] = None
    source: Annotated[str, _says("the source of these numbers")] = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the gateway is."""

    url: Annotated[
        str, _says("the gateway: `auto` finds or starts your own; or a `ws://`, `wss://` or `ws+unix:` URL")
    ] = "auto"
    routes: Annotated[
        Routes,
        _says("engines by preference, for `completion`, `edit`, `chat`, or one effort, such as `edit.deep`"),
    ] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Completion:
    """Ghost text."""

    enabled: Annotated[bool, _says("show ghost text")] = True
    stream: Annotated[bool, _says("show text while it grows, in editors that support it")] = True
    maxLines: Annotated[Count, _says("maximum number of lines; 0: as many as the engine gives")] = 0
    delayMs: Annotated[Count, _says("milliseconds to wait after a keystroke before a request")] = 0
    disabledGlobs: Annotated[tuple[str, ...], _says("patterns of files without ghost text")] = ()
    menu: Annotated[
        Literal["auto", "always", "never"],
        _says("offer `textDocument/completion`; `auto`: only in editors without ghost text"),
    ] = "auto"


@dataclass(frozen=True, slots=True)
class Edit:
    """Targeted edits."""

    apply: Annotated[
        Literal["final", "preview", "live"], _says("when edits are applied; only `final` is supported so far")
    ] = "final"
    effort: Annotated[Effort, _says("the engine's reasoning effort for edits")] = "balanced"


@dataclass(frozen=True, slots=True)
class Context:
    """What goes along with a request."""

    maxTokens: Annotated[Count, _says("not yet in use: engines choose their window by their speed")] = 8192
    exclude: Annotated[
        tuple[str, ...],
        _says("patterns of files that never leave the editor: no ghost text, no actions, no edits"),
    ] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits a day; 0 means none."""

    tokensPerDay: Annotated[Count, _says("not yet in use")] = 0
    costPerDay: Annotated[Amount, _says("not yet in use")] = 0.0


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged; never code, at any level."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _says("minimum level of log messages; none logs code"),
    ] = "warning"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved."""

    engine: Engine = Engine()
    engines: Mapping[str, EngineSettings] = field(default_factory=lambda: {"local": LocalEngine()})
    profiles: Mapping[str, Profile] = field(default_factory=dict[str, Profile])
    routes: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: dict.fromkeys(("completion", "edit"), ("local",))
    )
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


TABLES = ("engine", "completion", "edit", "context", "budget", "log")
"""The tables of settings that are dataclasses."""
MAPPINGS = ("engines", "profiles", "routes", "engine.routes")
"""The tables whose names people choose."""
PATTERN_LISTS = ("context.exclude", "completion.disabledGlobs")

T = TypeVar("T")
Source = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class _Reading:
    """One source being read: what was wrong, and which values came from it."""

    source: str
    problems: list[Problem]
    origins: dict[str, str]

    def object_to(self, name: str, reason: str) -> None:
        self.problems.append(Problem(name, self.source, reason))


def resolve(*sources: Source) -> tuple[Settings, list[Problem]]:
    """Lay `(name of the source, its values)` over the defaults, the later over the earlier."""
    settings, problems, _ = traced(*sources)
    return settings, problems


def traced(*sources: Source) -> tuple[Settings, list[Problem], dict[str, str]]:
    """Return the same as `resolve`, and by dotted name the source of each value that is no default."""
    settings, problems, origins = Settings(), list[Problem](), dict[str, str]()
    for source, values in sources:
        settings = _overlay(settings, values, "", _Reading(source, problems, origins))
    routes = {**settings.routes, **settings.engine.routes}
    return replace(settings, routes=types.MappingProxyType(routes)), problems, origins


def is_table(name: str) -> bool:
    """Tell whether a dotted name is that of a table, whose values are settings of their own."""
    return name in TABLES or name in MAPPINGS


def used_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that `resolve` would not use; `resolve` names these.

    Tables whose names people choose (engines, routes) stay as they are: they are judged entry by entry.
    """
    _, _, origins = traced(("", values))
    used: dict[str, Any] = {}
    for key, value in values.items():
        if key in MAPPINGS or value is None:
            used[key] = value
        elif key in TABLES and isinstance(value, Mapping):
            table = cast(Mapping[str, Any], value)
            names = [n for n in table if f"{key}.{n}" in origins or f"{key}.{n}" in MAPPINGS]
            used[key] = {name: table[name] for name in names}
    return used


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
    reading = _Reading(source, [], {})
    return _engine(name, table, reading), reading.problems


def _engine(name: str, table: object, reading: _Reading) -> EngineSettings | None:
    where = f"engines.{name}"
    if name in ROUTES:
        return reading.object_to(where, "no engine may bear a route's name; choose another")
    if not isinstance(table, Mapping):
        return reading.object_to(where, "must be a table")
    values = cast(Mapping[str, Any], table)
    kind = ENGINE_KINDS.get(str(values.get("kind", "")))
    if kind is None:
        known = ", ".join(ENGINE_KINDS)
        return reading.object_to(f"{where}.kind", f"must be one of: {known}; the engine is left out")
    return _overlay(kind(), values, where, reading)


def _overlay(base: T, values: Mapping[str, Any], prefix: str, reading: _Reading) -> T:
    hints, changes = get_type_hints(type(base), include_extras=True), dict[str, Any]()
    known = {item.name for item in fields(cast(Any, base))}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if key not in known:
            reading.object_to(name, "is not a setting of spark-lsp; it is ignored")
        elif value is None:
            continue  # null states nothing: the value below stays
        elif name == "engines":
            changes[key] = {**getattr(base, key), **_engines(value, reading)}
        elif name == "profiles":
            changes[key] = {**getattr(base, key), **_profiles(value, reading)}
        else:
            changes[key] = _value(getattr(base, key), value, hints[key], name, reading)
    return replace(cast(Any, base), **changes)


def _value(current: object, value: object, hint: object, name: str, reading: _Reading) -> object:
    if is_dataclass(current):
        if isinstance(value, Mapping):
            return _overlay(current, cast(Mapping[str, Any], value), name, reading)
        reading.object_to(name, "must be a table; it is ignored")
        return current
    if name in PATTERN_LISTS:
        return _patterns(cast(tuple[str, ...], current), value, name, reading)
    try:
        read = msgspec.convert(value, type=cast(Any, hint), strict=True)
    except msgspec.ValidationError as error:
        reading.object_to(name, f"{error}; {current!r} is used")
        return current
    if isinstance(read, float) and not math.isfinite(read):
        reading.object_to(name, f"must be a finite number; {current!r} is used")
        return current
    reading.origins[name] = reading.source
    return {**cast(Any, current), **cast(Any, read)} if isinstance(current, Mapping) else read


def pattern_list(value: object) -> tuple[list[str], str]:
    """Return the patterns that can be read from a value, and what is wrong with its form, if anything is."""
    if isinstance(value, str):
        return [value], "must be a list of patterns; this one pattern is used"
    if isinstance(value, Mapping):  # VS Code's own way to exclude files: {"**/*.sql": true}
        chosen = [str(key) for key, on in cast(Mapping[Any, Any], value).items() if on is True]
        return chosen, "must be a list of patterns; the names that are true are used"
    if not isinstance(value, list | tuple):
        return [], "must be a list of patterns"
    given = cast(Sequence[object], value)
    texts = [each for each in given if isinstance(each, str)]
    return texts, "" if len(texts) == len(given) else "each pattern must be a text; the others are used"


def lay_patterns(below: object, above: object) -> list[str]:
    """Return the patterns in force: a slip in the new ones adds to those before, and takes none away."""
    patterns, problem = pattern_list(above)
    return [*pattern_list(below)[0], *patterns] if problem else patterns


def _patterns(current: tuple[str, ...], value: object, name: str, reading: _Reading) -> tuple[str, ...]:
    patterns, problem = pattern_list(value)
    if problem:
        reading.object_to(name, problem)
    if patterns or not problem:
        reading.origins[name] = reading.source
    return tuple(lay_patterns(current, value))


def _engines(value: object, reading: _Reading) -> dict[str, EngineSettings]:
    if not isinstance(value, Mapping):
        reading.object_to("engines", "must be a table of tables; it is ignored")
        return {}
    read: dict[str, EngineSettings] = {}
    for name, table in cast(Mapping[str, object], value).items():
        engine = _engine(name, table, reading)
        if engine is not None:
            read[name] = engine
            reading.origins[f"engines.{name}"] = reading.source
    return read


def read_profiles(value: object, source: str) -> tuple[dict[str, Profile], list[Problem]]:
    """Read the tables of simulated machines, and say what is wrong with them."""
    reading = _Reading(source, [], {})
    return _profiles(value, reading), reading.problems


def _profiles(value: object, reading: _Reading) -> dict[str, Profile]:
    if not isinstance(value, Mapping):
        reading.object_to("profiles", "must be a table of tables; it is ignored")
        return {}
    read: dict[str, Profile] = {}
    for name, table in cast(Mapping[str, object], value).items():
        profile = _value(Profile(), table, Profile, f"profiles.{name}", reading)
        read[name] = cast(Profile, profile)
        reading.origins[f"profiles.{name}"] = reading.source
    return read


def source_problems(settings: Settings) -> list[Problem]:
    """Name the engines that play the tokens of an engine that does not exist, or in the end their own."""
    return [
        Problem(f"engines.{name}.source", "settings", reason)
        for name in settings.engines
        if (reason := _source_problem(name, settings.engines))
    ]


def _source_problem(name: str, engines: Mapping[str, EngineSettings]) -> str:
    chain = stands_on(name, engines)
    if chain[-1] in chain[:-1]:
        return f"leads back to itself ({' → '.join(chain)}); it cannot answer"
    return "" if chain[-1] in engines else f"there is no engine {chain[-1]!r}; it cannot answer"


def stands_on(name: str, engines: Mapping[str, EngineSettings]) -> list[str]:
    """Return the engine, the one whose tokens it plays, and so on; a circle ends where a name comes again."""
    chain = [name]
    while isinstance(table := engines.get(chain[-1]), WaferEngine):
        chain.append(table.source)
        if table.source in chain[:-1]:
            break
    return chain


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
