"""Makes the edits that need no model: refactorings, renames and missing imports."""

from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.refactor.run import refactor
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.prompts import gate
from spark_lsp.prompts.refactorings import (
    LANGUAGE,
    REFACTORINGS,
    read_name,
    read_parameters,
    read_refactoring,
)
from spark_lsp.text.edits import Edit


async def edit_by_rules(request: EditRequest) -> list[Edit] | None:
    """Return the edits of a request that needs no model, or None.

    Raises `EditRefused` if the request can only be made by rules, and is not safe.
    """
    found = _find_refactoring(request)
    if found is None:
        return await run_in_thread(_edit_without_model, request)
    try:
        return await _refactor(request, *found)
    except EditRefused:
        if " " in request.instruction.strip():
            return None  # a model may find another way to do what the instruction says
        raise


def _find_refactoring(request: EditRequest) -> tuple[str, str] | None:
    """Return the action and the name of a refactoring that is requested, or None."""
    if request.action in REFACTORINGS:
        return request.action, read_name(request.action, request.instruction)
    if request.action == "instruct" and request.document.language == LANGUAGE:
        return read_refactoring(request.instruction)
    return None


async def _refactor(request: EditRequest, action: str, name: str) -> list[Edit]:
    parameters = read_parameters(request.instruction) if action == "extract_function" else None
    edits = await refactor(action, request.document, request.start, request.end, name, parameters)
    await run_in_thread(gate.check_parses, request.document, request.tree, edits)
    return edits


def _edit_without_model(request: EditRequest) -> list[Edit] | None:
    diagnostics, instruction = request.diagnostics, request.instruction
    return gate.edits_without_model(
        request.action, request.document, request.tree, *request.target, diagnostics, instruction
    )
