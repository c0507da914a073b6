"""Documentation: all code tokens stay."""

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse
from spark_lsp.text.lines import nonblank_lines

# The marks with which a line of documentation begins, where no grammar tells comments from code.
_MARKS = ("#", "//", "/*", "--", ";", "%", "(*", "<!--", "{-")


def check_documentation(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if anything but comments and docstrings has changed."""
    old, new = change.tree.code_tokens(), change.new_tree.code_tokens()
    if old is None or new is None:
        if not _adds_only_comments(change):
            raise _make_refusal()
    elif old != new:
        raise _make_refusal()


def _adds_only_comments(change: ProposedChange) -> bool:
    """Tell whether every old line stays, and every line that is new begins as a comment does."""
    old = nonblank_lines(change.old_target)
    new = nonblank_lines(change.new_target)
    at = 0
    is_inside = False  # a block comment
    for line in new:
        if not is_inside and at < len(old) and line == old[at]:
            at += 1
        elif not is_inside and not line.startswith(_MARKS):
            return False
        is_inside = _is_block_open(line, is_inside)
    return at == len(old) and not is_inside


def _is_block_open(line: str, was_open: bool) -> bool:
    """Tell whether a block comment is open after a line of a comment."""
    closer = "*/"
    return (was_open or line.startswith("/*")) and closer not in line


def _make_refusal() -> ProposalRefused:
    return refuse(
        "changed code, not only documentation",
        Code.PROPOSAL_CHANGES_CODE,
        "Your answer changes the code. Add only documentation, and keep every line of code as it is.",
    )
