"""The settings of each kind of engine, below `engines.NAME`. Their names are in snake_case everywhere.

`settings` has the other settings, and describes the notation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from msgspec import Meta

from spark_lsp.config.budgets import (
    NO_BUDGET,
    NO_PRICE,
    EngineBudget,
    PriceSettings,
)
from spark_lsp.config.responses import ResponsesSettings
from spark_lsp.config.values import Amount, Count, Share
from spark_lsp.config.values import describe as _describe


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
