"""The settings of `kind = "responses"`, and the profiles that fill them in.

A profile gives values to the settings that a table leaves empty. `with_profile` does that when a table is
read, so approvals, keys and `doctor` see the values that the engine uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from msgspec import Meta

from spark_lsp.config.budgets import NO_BUDGET, NO_PRICE, EngineBudget, PriceSettings
from spark_lsp.config.values import Amount, Count, describe

ServiceProfile = Literal["", "codex-spark", "openai", "xai"]
ReasoningEffort = Literal["auto", "none", "minimal", "low", "medium", "high", "xhigh"]


@dataclass(frozen=True, slots=True)
class ResponsesSettings:
    """`kind = "responses"`: a service with the Responses API, over one WebSocket or else over HTTP."""

    kind: Literal["responses"] = "responses"
    profile: Annotated[
        ServiceProfile,
        describe(
            "a known service, for values not given here: `codex-spark` (OpenAI's fast model), `openai`, `xai`"
        ),
    ] = ""
    base_url: Annotated[
        str,
        describe(
            "the API's address, such as `https://api.openai.com/v1`; `/responses` is appended. A gateway of "
            "spark-lsp has `ws://HOST:PORT/v1`, `wss://…` or `ws+unix:PATH`; a query such as "
            "`?api-version=…` is kept"
        ),
    ] = ""
    model: Annotated[
        str, describe("the model's name at the service; empty: the route of the other gateway")
    ] = ""
    key_env: Annotated[str, describe("the environment variable that holds the key")] = ""
    key_file: Annotated[str, describe("a file with the key that only you can read (mode 600)")] = ""
    key_header: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9-]*$"),
        describe(
            "the header that carries the key; empty: `api-key` for Azure, else `Authorization`, which gets "
            "`Bearer` and the key"
        ),
    ] = ""
    effort: Annotated[
        ReasoningEffort,
        describe("the reasoning effort of every request; `auto`: low for ghost text, else by `edit.effort`"),
    ] = "auto"
    context_tokens: Annotated[Count, describe("the model's context length; 0: unknown")] = 0
    beside_tokens: Annotated[
        Count | None,
        describe(
            "maximum tokens of context beside the document with a completion; 0: none, null: by the model's "
            "context length"
        ),
    ] = None
    thinking_tokens: Annotated[
        Count, describe("tokens for reasoning, in addition to the answer; 0: by the effort")
    ] = 0
    prewarm: Annotated[
        bool,
        describe(
            "send a document before the first request for it, when the cursor rests in it; a service may "
            "bill these input tokens"
        ),
    ] = True
    first_token_s: Annotated[Amount, describe("seconds to wait for the first token; 0: no limit")] = 20.0
    next_token_s: Annotated[Amount, describe("seconds to wait for each further token; 0: no limit")] = 20.0
    budget: EngineBudget = NO_BUDGET
    price: PriceSettings = NO_PRICE


# Addresses: the vendors' guides to the WebSocket mode. Context lengths: 128k for gpt-5.3-codex-spark, 400k
# for gpt-5-mini and 256k for grok-code-fast-1, as published. Accounts differ in the models that they may use.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "codex-spark": {
        "base_url": "https://api.openai.com/v1",
        "model": "gpt-5.3-codex-spark",
        "key_env": "OPENAI_API_KEY",
        "context_tokens": 128_000,
    },
    "openai": {
        "base_url": "https://api.openai.com/v1",
        "model": "gpt-5-mini",
        "key_env": "OPENAI_API_KEY",
        "context_tokens": 400_000,
    },
    "xai": {
        "base_url": "https://api.x.ai/v1",
        "model": "grok-code-fast-1",
        "key_env": "XAI_API_KEY",
        "context_tokens": 256_000,
    },
}


def with_profile(settings: ResponsesSettings) -> ResponsesSettings:
    """Return the settings with the values of their profile where they have none.

    An endpoint of its own gets no key that only the profile names: that key belongs to the profile's service.
    """
    values = dict(PROFILES.get(settings.profile, {}))
    if settings.key_file or settings.base_url:
        values.pop("key_env", None)
    changes = {name: value for name, value in values.items() if not getattr(settings, name)}
    return replace(settings, **changes)
