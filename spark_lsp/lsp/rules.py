"""Makes the edits that need no model: refactorings, renames and missing imports."""

from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.refactor.run import refactor
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.prompts import gate
from spark_lsp.prompts.refactorings import LANGUAGE, REFACTORINGS, read_name, read_refactoring
from spark_lsp.text.edits import Edit


async def edit_by_rules(request: EditRequest) -> list[Edit] | None:
    """Return the edits of a request that needs no model, or None.

    Raises `EditRefused` if the request can only be made by rules, and is not safe.
    """
    if request.action in REFACTORINGS:
        return await _refactor(request, request.action, read_name(request.action, request.instruction))
    is_python = request.document.language == LANGUAGE
    if request.action == "instruct" and is_python and (found := read_refactoring(request.instruction)):
        try:
            return await _refactor(request, *found)
        except EditRefused:
            return None  # a model may find another way
    return await run_in_thread(_edit_without_model, request)


async def _refactor(request: EditRequest, action: str, name: str) -> list[Edit]:
    edits = await refactor(action, request.document, request.start, request.end, name)
    await run_in_thread(gate.check_parses, request.document, request.tree, edits)
    return edits


def _edit_without_model(request: EditRequest) -> list[Edit] | None:
    diagnostics, instruction = request.diagnostics, request.instruction
    return gate.edits_without_model(
        request.action, request.document, request.tree, *request.target, diagnostics, instruction
    )
