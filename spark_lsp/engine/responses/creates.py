"""The body of a request to a service, and the fields that it may lack. No I/O.

Nothing is stored: `store` is always false. A service refuses fields that it does not know or that its model
does not have; those are left out from then on (see `openai.fields`), except for the ones that a request
needs.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from spark_lsp.config import ReasoningEffort, ResponsesSettings
from spark_lsp.engine.openai.calls import ANSWER_TOKENS, COMPLETION_TOKENS, REASONING_TOKENS
from spark_lsp.engine.responses.words import Items
from spark_lsp.request import Effort, Request, Task

OPTIONAL = ("reasoning", "max_output_tokens", "prompt_cache_key", "generate")
"""The fields that a request may lack. `store` is not among them: without it, the service keeps the code."""
CHARS_A_TOKEN = 64  # more than any token has, on average
_EFFORTS: dict[Effort, ReasoningEffort] = {"fast": "low", "balanced": "medium", "deep": "high"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its `input`, the response that it continues, and the bound of its answer in tokens.

    `warm`: the service only prepares the input.
    """

    input: Items
    parent: str = ""
    effort: str = ""
    max_tokens: int = 0
    cache_key: str = ""
    warm: bool = False

    def body(self, model: str, refused: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields of the request, without the `refused` ones."""
        fields: dict[str, Any] = {"model": model} if model else {}
        if self.parent:
            fields["previous_response_id"] = self.parent
        fields |= {"input": self.input, "store": False}
        if self.warm:
            fields["generate"] = False
        if self.max_tokens:
            fields["max_output_tokens"] = self.max_tokens
        if self.effort:
            fields["reasoning"] = {"effort": self.effort}
        if self.cache_key:
            fields["prompt_cache_key"] = self.cache_key
        return {name: value for name, value in fields.items() if name not in refused}


def effort_of(request: Request, settings: ResponsesSettings) -> str:
    """Return the reasoning effort of a request."""
    if settings.effort != "auto":
        return settings.effort
    return "low" if request.task is Task.COMPLETE else _EFFORTS[request.effort]


def answer_tokens(request: Request) -> int:
    """Return the bound of an answer without its reasoning, in tokens."""
    return request.max_tokens or (COMPLETION_TOKENS if request.task is Task.COMPLETE else ANSWER_TOKENS)


def max_tokens_of(request: Request, settings: ResponsesSettings) -> int:
    """Return the bound of an answer with its reasoning, in tokens."""
    usual = REASONING_TOKENS["fast" if request.task is Task.COMPLETE else request.effort]
    return answer_tokens(request) + (settings.thinking_tokens or usual)
