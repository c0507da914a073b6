"""The settings as frozen dataclasses: names, types, defaults and descriptions.

The descriptions and docstrings become the JSON schema and the reference documentation (see `schema`). In the
editor, names are in camelCase below `spark.` (`spark.completion.maxLines`); config.toml has the same names.
`engines.*` tables use snake_case in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from msgspec import Meta

from spark_lsp.config.budgets import (
    NO_BUDGET,
    NO_LIMITS,
    NO_PRICE,
    BudgetSettings,
    EngineBudget,
    PriceSettings,
)
from spark_lsp.config.own_actions import OwnAction
from spark_lsp.config.responses import ResponsesSettings
from spark_lsp.config.routing import RouteRules, Routes
from spark_lsp.config.team import TeamSettings
from spark_lsp.config.values import Amount, Count, Share
from spark_lsp.config.values import describe as _describe
from spark_lsp.request import Effort


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """`kind = "local"`: the embedded model."""

    kind: Literal["local"] = "local"
    model: Annotated[
        str,
        _describe(
            "`auto`, a name from `spark-lsp model list`, `OWNER/REPOSITORY/FILE.gguf@SHA256` on Hugging "
            "Face, or the path of a GGUF file"
        ),
    ] = "auto"
    beside_tokens: Annotated[
        int,
        Meta(ge=0, le=150),
        _describe(
            "maximum tokens of context beside the document, such as signatures of imported names, up to 150. "
            "0: none, since it changed no answer of the 0.5B model and costs reading time"
        ),
    ] = 0
    budget: EngineBudget = NO_BUDGET
    price: PriceSettings = NO_PRICE


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """`kind = "replay"`: answers with a given text at a given pace; a token is 4 characters."""

    kind: Literal["replay"] = "replay"
    text: Annotated[str, _describe("the path of a file with the answer")] = ""
    texts: Annotated[
        Mapping[str, str], _describe("a file for each task (`complete`, `edit`, `chat`); overrides `text`")
    ] = field(default_factory=dict[str, str])
    continues: Annotated[
        bool,
        _describe("the text is a file: answer a completion with its text from the cursor's position on"),
    ] = False
    tokens_per_s: Annotated[Amount, _describe("the pace; 0 means all at once")] = 500.0
    delay_ms: Annotated[Amount, _describe("milliseconds before the first token")] = 50.0
    confidence: Annotated[Share, _describe("the confidence that it reports; 0: none")] = 0.0
    budget: EngineBudget = NO_BUDGET
    price: PriceSettings = NO_PRICE


Flavour = Literal[
    "openai", "generic", "vllm", "sglang", "llamacpp", "ollama", "cerebras", "mistral", "deepseek"
]


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """`kind = "openai"`: a server with OpenAI's HTTP interface, on a GPU or in a data centre."""

    kind: Literal["openai"] = "openai"
    base_url: Annotated[
        str,
        _describe(
            "the API's address, such as `http://127.0.0.1:8000/v1`; a query such as `?api-version=…` is kept"
        ),
    ] = ""
    base_urls: Annotated[
        tuple[str, ...], _describe("several servers with one model; a document stays with one")
    ] = ()
    model: Annotated[str, _describe("the model's name on the server; empty: the server's only model")] = ""
    flavour: Annotated[
        Flavour,
        _describe(
            "the kind of server; adds the fields that only it understands. `generic`: only the fields that "
            "every server knows"
        ),
    ] = "openai"
    key_env: Annotated[str, _describe("the environment variable that holds the key")] = ""
    key_file: Annotated[str, _describe("a file with the key that only you can read (mode 600)")] = ""
    key_header: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9-]*$"),
        _describe(
            "the header that carries the key; empty: `api-key` for Azure, else `Authorization`, which gets "
            "`Bearer` and the key"
        ),
    ] = ""
    context_tokens: Annotated[Count, _describe("the model's context length; 0: as the server reports")] = 0
    beside_tokens: Annotated[
        Count | None,
        _describe(
            "maximum tokens of context beside the document with a completion; 0: none, null: by the model's "
            "context length and its measured reading speed"
        ),
    ] = None
    fim: Annotated[
        Literal["auto", "none", "qwen", "deepseek", "starcoder", "codellama", "codegemma", "codestral"],
        _describe(
            "the model's fill-in-the-middle tokens; `auto` decides by its name, `none` completes by chat"
        ),
    ] = "auto"
    thinking_tokens: Annotated[
        Count,
        _describe(
            "tokens for reasoning, in addition to the answer; 0: by the effort, for models known to reason"
        ),
    ] = 0
    first_token_s: Annotated[Amount, _describe("seconds to wait for the first token; 0: no limit")] = 20.0
    next_token_s: Annotated[Amount, _describe("seconds to wait for each further token; 0: no limit")] = 20.0
    budget: EngineBudget = NO_BUDGET
    price: PriceSettings = NO_PRICE


@dataclass(frozen=True, slots=True)
class WaferSettings:
    """`kind = "wafer"`: plays another engine's tokens when a simulated machine would have sent them."""

    kind: Literal["wafer"] = "wafer"
    profile: Annotated[
        str,
        _describe(
            "the machine: `codex-spark`, `gpt-oss-120b`, `qwen3-coder-480b`, `llama3.1-8b`, or a table of "
            "your own, `[profiles.NAME]`"
        ),
    ] = "codex-spark"
    source: Annotated[str, _describe("the name of the engine whose tokens it plays")] = "local"
    tokens_per_s: Annotated[Amount, _describe("one user's speed; 0: the profile's")] = 0.0
    buffer: Annotated[
        bool,
        _describe(
            "read a slow source to its end first, then play at the simulated pace; that time is reported "
            "separately as `buffer_ms`"
        ),
    ] = False
    users: Annotated[Count, _describe("other users that the simulated machine serves at the same time")] = 0
    seed: Annotated[int, _describe("seed of the bursts; the same seed gives the same bursts")] = 0
    budget: EngineBudget = NO_BUDGET
    price: PriceSettings = NO_PRICE


EngineSettings = LocalSettings | ReplaySettings | OpenAISettings | ResponsesSettings | WaferSettings
KeyedSettings = OpenAISettings | ResponsesSettings
"""The settings of engines that may have an API key."""
ENGINE_KINDS: Mapping[str, type[EngineSettings]] = {table().kind: table for table in get_args(EngineSettings)}
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
