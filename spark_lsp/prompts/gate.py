"""The gate: checks that a proposal is safe to apply. Also makes the edits that need no model.

Small models damage code as often as they improve it. The gate therefore refuses a proposal, with the reason,
that fails one of the `checks`: some hold for every edit, others for one purpose, such as documentation. After
a refusal, the text is unchanged.
"""

import re
import sys
from collections.abc import Callable, Sequence

from spark_lsp.codes import Code
from spark_lsp.prompts import rename
from spark_lsp.prompts.checks.base_cases import check_base_cases
from spark_lsp.prompts.checks.bindings import check_bindings
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.completion import check_completion
from spark_lsp.prompts.checks.definitions import check_definitions_stay, check_duplicates
from spark_lsp.prompts.checks.deletions import check_deletions
from spark_lsp.prompts.checks.documentation import check_documentation
from spark_lsp.prompts.checks.flow import check_flow
from spark_lsp.prompts.checks.interface import check_interface
from spark_lsp.prompts.checks.interpolation import check_interpolation
from spark_lsp.prompts.checks.kept_code import check_kept_code
from spark_lsp.prompts.checks.kept_values import check_kept_values
from spark_lsp.prompts.checks.kept_words import check_kept_words
from spark_lsp.prompts.checks.loops import check_loops
from spark_lsp.prompts.checks.misplaced import check_misplaced
from spark_lsp.prompts.checks.names import check_names, check_unused
from spark_lsp.prompts.checks.parsing import check_parses, check_syntax
from spark_lsp.prompts.checks.place import check_diagnostic_lines, check_place
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.prompts.checks.renaming import check_rename
from spark_lsp.prompts.checks.results import check_results
from spark_lsp.prompts.checks.size import check_size
from spark_lsp.prompts.checks.tests import check_tests
from spark_lsp.prompts.checks.types import check_types
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.module_aliases import MODULE_ALIASES
from spark_lsp.prompts.shaping.deception import DECEPTIVE_CHARACTERS
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.unused_import import unused_import_edits
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

__all__ = ["check_parses", "check_proposal", "edits_without_model"]

_UNDEFINED = (
    re.compile(r"undefined (?:name|variable) [`'\"](\w+)[`'\"]", re.IGNORECASE),
    re.compile(r"[`'\"](\w+)[`'\"] is not defined", re.IGNORECASE),
)
_Check = Callable[[ProposedChange], None]
FIRST_CHECKS: tuple[_Check, ...] = (
    check_place,
    check_syntax,
    check_misplaced,
    check_diagnostic_lines,
    check_size,
    check_kept_code,
)
LAST_CHECKS: tuple[_Check, ...] = (
    check_duplicates,
    check_bindings,
    check_names,
    check_definitions_stay,
    check_flow,
    check_loops,
    check_results,
    check_base_cases,
    check_deletions,
    check_kept_values,
    check_interpolation,
    check_unused,
)
"""The checks of every change, before and after that of its purpose: the first that fails names the reason."""
CHECKS_OF_PURPOSE: dict[str, _Check] = {
    "complete": check_completion,
    "document": check_documentation,
    "optimise": check_interface,
    "rename": check_rename,
    "simplify": check_interface,
    "tests": check_tests,
    "types": check_types,
}
"""The additional check of a purpose, such as documentation."""


def edits_without_model(
    action: str,
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    diagnostics: Sequence[Diagnostic],
    instruction: str,
) -> list[Edit] | None:
    """Return the edits of a rename, a missing import of a known module, or an unused import; None for others.

    `[start, end)` is the action's target; `tree` is that of `document`. Raises `EditRefused` for a rename
    that is not safe.
    """
    if action == "instruct":
        return rename.rename_edits(document, tree, start, end, instruction)
    if action != "fix" or document.language != "python" or len(diagnostics) != 1:
        return None
    found = diagnostics[0]
    unused = unused_import_edits(document, tree, found.start, found.end, found.message, found.code)
    if unused is not None:
        return unused
    name = _undefined_name(found.message)
    is_used_as_module = document.text[found.end : found.end + 1] == "."
    if name is None or not is_used_as_module:
        return None
    if name in MODULE_ALIASES:
        return [_insert_import(document, tree, f"import {MODULE_ALIASES[name]} as {name}")]
    if name in sys.stdlib_module_names:
        return [_insert_import(document, tree, f"import {name}")]
    return None


def _undefined_name(message: str) -> str | None:
    for pattern in _UNDEFINED:
        if match := pattern.search(message):
            return match[1]
    return None


def _insert_import(document: Document, tree: SyntaxTree, statement: str) -> Edit:
    offset = tree.find_import_offset()
    is_line_start = offset == 0 or document.text[offset - 1] in "\r\n"
    before = "" if is_line_start else document.eol  # the last line of the text has no line end
    return Edit(offset, offset, f"{before}{statement}{document.eol}")


def check_proposal(
    action: str,
    document: Document,
    tree: SyntaxTree,
    target: tuple[int, int],
    edits: Sequence[Edit],
    instruction: str = "",
    diagnostics: Sequence[Diagnostic] = (),
    *,
    is_filled_in: bool = False,
) -> None:
    """Raise `ProposalRefused` if the edits must not be applied. `tree` is that of `document`.

    `is_filled_in`: the model wrote the lines into a hole, without being asked to keep any.
    """
    if any(DECEPTIVE_CHARACTERS.search(edit.new) for edit in edits):
        raise refuse(  # without its edits: no editor should show them
            "holds invisible characters that disguise code",
            Code.PROPOSAL_DISGUISED,
            "Your answer holds invisible characters. Write the code without them.",
        )
    purpose = find_purpose(action, instruction)
    change = ProposedChange(purpose, document, tree, *target, edits, instruction, diagnostics)
    of_purpose = CHECKS_OF_PURPOSE.get(purpose)
    middle = [each for each in (of_purpose, check_kept_words if is_filled_in else None) if each is not None]
    try:
        for check in (*FIRST_CHECKS, *middle, *LAST_CHECKS):
            check(change)
    except ProposalRefused as error:
        raise error.with_edits(edits) from None
