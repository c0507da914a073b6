"""What the server holds for one streamed suggestion: its work at the engine and its notifications."""

from dataclasses import dataclass, field

import anyio
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code
from spark_lsp.lsp.partial_results import PartialResults
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.request import Request
from spark_lsp.session.life_cycle import LifeCycle
from spark_lsp.session.suggestion_stream import SuggestionStream

CONTENT_MODIFIED = -32801


def content_modified() -> JsonRpcException:
    """Return the answer to a request that a newer request or change has replaced."""
    return JsonRpcException(
        "A newer request or change took its place", CONTENT_MODIFIED, {"code": Code.SUPERSEDED}
    )


@dataclass(eq=False, slots=True)
class CompletionStream:
    """The request of a stream, and the scope in which its answer is read; each attempt has a new scope."""

    life: LifeCycle
    stream: SuggestionStream
    request: Request
    partial_results: PartialResults
    ghost: GhostText
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
