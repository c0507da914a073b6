"""The gate: checks that a proposal is safe to apply. Also makes the edits that need no model.

Small models damage code as often as they improve it. The gate therefore refuses a proposal, with the reason,
that breaks the syntax, changes code outside the request, replaces code by a comment, or holds characters that
disguise code. After a refusal, the text is unchanged.
"""

import re
import sys
from collections.abc import Sequence
from difflib import SequenceMatcher

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import fences, rename
from spark_lsp.prompts.actions import Diagnostic
from spark_lsp.prompts.shaping.deception import DECEPTIVE_CHARACTERS
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.unused_import import unused_import_edits
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.lines import LINE_END, nonblank_lines

_UNDEFINED = (
    re.compile(r"undefined (?:name|variable) [`'\"](\w+)[`'\"]", re.IGNORECASE),
    re.compile(r"[`'\"](\w+)[`'\"] is not defined", re.IGNORECASE),
)
_ELIDED = re.compile(
    r"^[^\S\r\n]*(?:#|//|--|/\*)[^\S\r\n]*"
    r"(?:\.\.\.|…|(?:the )?(?:rest|remainder) of|existing code|your code|same as (?:before|above))",
    re.MULTILINE | re.IGNORECASE,
)
_REMOVES = re.compile(r"\b(?:remove|delete|drop|simplify|shorten|inline|replace|strip)\b", re.IGNORECASE)
_CUTS = re.compile(
    r"\b(?:clean|combine|condense|convert|cut|dead|dedup\w*|duplicate|early|extract|keep|merge|move|only"
    r"|redundant|refactor|rewrite|split|summari[sz]e|take out|trim|truncate|unnecessary|unreachable|unused"
    r"|until|without)\b",
    re.IGNORECASE,
)
MODULE_ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "tk": "tkinter"}
MAX_LINES_LEFT_OUT = 2  # or a fifth of the target if that is more: fewer lines may go from the target's end
MIN_KEPT_SHARE = 0.4  # of the target's code, unless the instruction allows to remove code
_MIN_CODE_CHARS = 40  # shorter code may shrink
_MIN_ECHO_CHARS = 4  # a shorter line, such as a bracket, may occur twice


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
) -> None:
    """Raise `EditRefused` if the edits must not be applied. `tree` is that of `document`, without them."""
    start, end = target
    if any(DECEPTIVE_CHARACTERS.search(edit.new) for edit in edits):
        raise _make_refusal("the proposal holds invisible characters that disguise code")
    if any(edit.start == start and _repeats_lines_above(document, start, edit.new) for edit in edits):
        raise _make_refusal("the proposal repeats the lines above the selected lines")
    if any(edit.start < start or edit.end > end for edit in edits):
        raise _make_refusal("the proposal changed code outside the selected lines")
    new_tree = check_parses(document, tree, edits)
    new = new_tree.text
    if action == "document":
        if tree.code_tokens() != new_tree.code_tokens():
            raise _make_refusal("the proposal changed code, not only documentation")
        return
    if action == "fix" and not _lie_in_diagnostic_lines(document, edits, diagnostics):
        raise _make_refusal("the proposal changed code outside the diagnostic")
    old_target = document.text[start:end]
    new_target = new[start : end + len(new) - len(document.text)]
    _check_target(old_target, new_target, instruction, diagnostics)


def check_parses(document: Document, tree: SyntaxTree, edits: Sequence[Edit]) -> SyntaxTree:
    """Return the tree of the edited text. Raise `EditRefused` if it has more errors than the text had."""
    new_tree = SyntaxTree(document.language, apply_edits(document.text, edits))
    old_errors = tree.count_errors()
    new_errors = new_tree.count_errors()
    if old_errors is not None and new_errors is not None and new_errors > old_errors:
        raise _make_refusal("the proposal does not parse")
    return new_tree


def _check_target(old: str, new: str, instruction: str, diagnostics: Sequence[Diagnostic]) -> None:
    """Raise `EditRefused` if the target's new text leaves out code that it should keep."""
    if _ELIDED.search(new) and not _ELIDED.search(old):
        raise _make_refusal("the proposal leaves code out with a comment in its place")
    if _removes_most_code(old, new) and not _REMOVES.search(instruction):
        raise _make_refusal("the proposal removes most of the code")
    request = " ".join((instruction, *(each.message for each in diagnostics)))
    may_cut = _REMOVES.search(request) or _CUTS.search(request)
    if not may_cut and (count := count_lines_left_out(old, new)):
        raise _make_refusal(f"the proposal leaves out the last {count} lines")
    old_fences = fences.find_fences(LINE_END.split(old))
    new_fences = fences.find_fences(LINE_END.split(new))
    was_closed = old_fences and not fences.ends_inside_block(old_fences)
    if was_closed and fences.ends_inside_block(new_fences):
        raise _make_refusal("the proposal does not close a code block")


def count_lines_left_out(old: str, new: str) -> int:
    """Return how many lines at the end of `old`, apart from blank ones, are missing from `new`.

    They are missing if `new` ends with a line from the middle of `old`, with no replacement for the rest.
    Return 0 for fewer lines than `MAX_LINES_LEFT_OUT`.
    """
    old_lines = nonblank_lines(old)
    new_lines = nonblank_lines(new)
    changes = SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes()
    if not changes:
        return 0
    tag, first, last, _, _ = changes[-1]
    if tag != "delete" or first == 0:
        return 0
    count = last - first
    return count if count >= max(MAX_LINES_LEFT_OUT, len(old_lines) // 5) else 0


def _lie_in_diagnostic_lines(
    document: Document, edits: Sequence[Edit], diagnostics: Sequence[Diagnostic]
) -> bool:
    """Tell whether every edit lies within the lines of one diagnostic."""
    spans: list[tuple[int, int]] = []
    for each in diagnostics:
        first = document.line_at(each.start)
        last = document.line_at(each.end)
        spans.append((document.line_start(first), document.line_start(last + 1)))
    return all(any(start <= edit.start and edit.end <= end for start, end in spans) for edit in edits)


def _repeats_lines_above(document: Document, start: int, new: str) -> bool:
    """Tell whether new text at the target's beginning repeats one of the three lines above it."""
    above = [line.strip() for line in document.text[:start].splitlines() if line.strip()][-3:]
    first_lines = [line.strip() for line in new.splitlines() if line.strip()][:3]
    return any(len(line) >= _MIN_ECHO_CHARS and line in above for line in first_lines)


def _removes_most_code(old: str, new: str) -> bool:
    """Compare the numbers of characters that are not white space."""
    old_size = len("".join(old.split()))
    new_size = len("".join(new.split()))
    return old_size > _MIN_CODE_CHARS and new_size < old_size * MIN_KEPT_SHARE


def _make_refusal(what: str) -> EditRefused:
    return EditRefused(
        f"{what[0].upper()}{what[1:]}; not applied",
        "Nothing was changed",
        "Try again, or change the instruction",
        code=Code.PROPOSAL_REJECTED,
    )
