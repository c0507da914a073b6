"""Makes the edits that need no model: refactorings, renames, missing and unused imports."""

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.refactor.run import refactor
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.prompts import gate
from spark_lsp.prompts.action_questions import rename_instruction
from spark_lsp.prompts.fix_all import fix_all_edits
from spark_lsp.prompts.refactorings import (
    DEFAULT_NAME,
    LANGUAGE,
    REFACTORINGS,
    read_name,
    read_parameters,
    read_refactoring,
)
from spark_lsp.prompts.rename import rename_edits, rename_local_edits
from spark_lsp.prompts.rename_offer import name_at, rename_obstacle
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
        name = read_name(request.action, request.instruction)
        return request.action, "" if name == DEFAULT_NAME else name  # then a free one is chosen
    if request.action == "instruct" and request.document.language == LANGUAGE:
        return read_refactoring(request.instruction)
    return None


async def _refactor(request: EditRequest, action: str, name: str) -> list[Edit]:
    parameters = read_parameters(request.instruction) if action == "extract_function" else None
    edits = await refactor(action, request.document, request.start, request.end, name, parameters)
    await run_in_thread(gate.check_parses, request.document, request.tree, edits)
    return edits


def _edit_without_model(request: EditRequest) -> list[Edit] | None:
    if request.action == "fix_all":
        return fix_all_edits(request.document, request.tree, request.diagnostics)
    if request.action == "rename":
        return _rename(request)
    diagnostics, instruction = request.diagnostics, request.instruction
    return gate.edits_without_model(
        request.action, request.document, request.tree, *request.target, diagnostics, instruction
    )


def _rename(request: EditRequest) -> list[Edit] | None:
    """Return the edits of a rename by a name, or by an instruction; None if a model must make it.

    Raises `EditRefused` if it is not safe.
    """
    document, tree, target = request.document, request.tree, request.target
    instruction = rename_instruction(document, request.start, request.instruction)
    if instruction == request.instruction:  # a sentence
        return rename_edits(document, tree, *target, instruction)
    if obstacle := rename_obstacle(document, tree, request.start):
        raise EditRefused(obstacle, "Nothing was renamed", code=Code.RENAME_UNSAFE)
    old, new = name_at(document, request.start), request.instruction.strip()
    definition = tree.definition_at(request.start)
    span = target if definition is None else (definition.start, definition.end)
    return rename_local_edits(document, tree, *span, old, new)
