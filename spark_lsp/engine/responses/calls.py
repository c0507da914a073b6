"""Makes the calls of requests: a fork of the document's base, or a complete text. No I/O."""

from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.openai.calls import AROUND_CHARS, CHARS_PER_TOKEN, RESERVE_TOKENS
from spark_lsp.engine.responses.creates import Call, effort_of, max_tokens_of
from spark_lsp.engine.responses.lineage import Fork
from spark_lsp.engine.responses.words import alone_items, base_items, steady_parts, task_text
from spark_lsp.prompts.context_files import list_context_files
from spark_lsp.request import Part, PartKind, Request, Task

UNKNOWN_CONTEXT_TOKENS = 128_000  # of a model whose context length the settings do not give


def room_of(settings: ResponsesSettings) -> int:
    """Return how many characters of a document its base may have; half of the context is for all else."""
    tokens = settings.context_tokens or UNKNOWN_CONTEXT_TOKENS
    return max(tokens - RESERVE_TOKENS, 0) * CHARS_PER_TOKEN // 2


def document_text(request: Request) -> str:
    """Return the text of the request's document."""
    return "".join(request.text_of(kind) for kind in (PartKind.PREFIX, PartKind.TARGET, PartKind.SUFFIX))


def steady_context(request: Request, beside_tokens: int) -> tuple[Part, ...]:
    """Return the context beside the document that a base may have."""
    return steady_parts(request, beside_tokens * CHARS_PER_TOKEN)


def fits(request: Request, settings: ResponsesSettings) -> bool:
    """Return whether a base can serve a request: a completion or an edit of a document of limited size."""
    if request.task is Task.CHAT or request.history:
        return False
    return request.characters() <= room_of(settings)


def call_of(
    request: Request, settings: ResponsesSettings, beside_tokens: int, fork: Fork | None, *, whole: bool
) -> Call:
    """Return the call for a request.

    Without a fork it has the text around its position, or the complete document if that is short or `whole`.
    """
    effort, limit = effort_of(request, settings), max_tokens_of(request, settings)
    if fork is not None:  # the usual case
        return Call(fork.changes + task_text(request), fork.base.response, effort, limit)
    text = document_text(request)
    if fits(request, settings) and (whole or len(text) <= AROUND_CHARS):
        items = base_items(text, request.language, steady_context(request, beside_tokens))
        items.append({"role": "user", "content": task_text(request)})
        return Call(items, "", effort, limit)
    files = list_context_files(request, beside_tokens * CHARS_PER_TOKEN)
    return Call(alone_items(request, files if request.task is Task.COMPLETE else ()), "", effort, limit)
