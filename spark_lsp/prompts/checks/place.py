"""Where a change may be: within the target, and for a fix, within the lines of its diagnostics."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import refuse
from spark_lsp.prompts.tests_insertion import find_test_offset

_MIN_ECHO_CHARS = 4  # a shorter line, such as a bracket, may occur twice


def check_place(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if edits lie outside the target, or repeat the lines above it."""
    for edit in change.edits:
        if edit.start == change.start and _repeats_lines_above(change, edit.new):
            raise refuse(
                "repeats the lines above the selected lines",
                Code.PROPOSAL_DUPLICATE,
                "Your answer repeats the lines above the code. Write only the changed code itself.",
            )
    last = find_test_offset(change.tree, change.end) if change.action == "tests" else change.end
    if any(edit.start < change.start or edit.end > last for edit in change.edits):
        raise refuse(
            "changed code outside the selected lines",
            Code.PROPOSAL_OUTSIDE,
            "Your answer changes other lines. Write only the new text of the given lines.",
        )


def check_diagnostic_lines(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a fix changes other lines than those of its diagnostics."""
    if change.action != "fix":
        return
    spans: list[tuple[int, int]] = []
    document = change.document
    for each in change.diagnostics:
        first, last = document.line_at(each.start), document.line_at(each.end)
        spans.append((document.line_start(first), document.line_start(last + 1)))
    if not all(any(start <= edit.start and edit.end <= end for start, end in spans) for edit in change.edits):
        raise refuse(
            "changed code outside the diagnostic",
            Code.PROPOSAL_OUTSIDE,
            "Your answer changes lines that do not have the problem. Change only the line that has it.",
        )


def _repeats_lines_above(change: ProposedChange, new: str) -> bool:
    """Tell whether new text at the target's beginning repeats one of the three lines above it."""
    before = change.document.text[: change.start]
    above = [line.strip() for line in before.splitlines() if line.strip()][-3:]
    first_lines = [line.strip() for line in new.splitlines() if line.strip()][:3]
    return any(len(line) >= _MIN_ECHO_CHARS and line in above for line in first_lines)
