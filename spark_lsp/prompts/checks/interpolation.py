"""Texts that become templates or f-strings: the same expressions and the same characters, in one text."""

import re

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.code_parts import read_parts
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse

_ASKED = re.compile(
    r"\bf-?strings?\b|\btemplate (?:literal|string)s?\b|\bstring interpolation\b|\binterpolated\b",
    re.IGNORECASE,
)
_HOLE = re.compile(r"\$?\{([^{}]*)\}")
_FORMAT = re.compile(r"(?:![rsa])?(?::[^:]*)?$")  # of a hole in an f-string
_PLACEHOLDER = re.compile(r"%[-+0-9.]*[a-zA-Z]|\$?\{[^{}]*\}")


def check_interpolation(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if a new template has another expression than before, or lacks a text."""
    if change.action not in ("instruct", "simplify") or not _ASKED.search(change.instruction):
        return
    old = read_parts(change.language, change.old_target)
    new = read_parts(change.language, change.new_target)
    before, after = "".join(change.old_target.split()), "".join(change.new_target.split())
    for hole in (hole for text in new.strings for hole in _HOLE.findall(text)):
        expression = "".join(hole.split())
        if expression not in before and _FORMAT.sub("", expression) not in before:
            raise _make_refusal(f"`{hole.strip()[:60]}` is not an expression of the code before")
    pieces = ("".join(piece.split()) for text in old.strings for piece in _PLACEHOLDER.split(text))
    lost = next((piece for piece in pieces if piece and piece not in after), None)
    if lost is not None or any(" " in text for text in old.strings) > any(
        " " in text for text in new.strings
    ):
        raise _make_refusal("a part of the old text is missing")
    if _count_marks("".join(new.strings)) < _count_marks("".join(old.strings)):
        raise _make_refusal("a part of the old text is missing")


def _count_marks(text: str) -> int:
    """Return how many characters of a text, without its holes, are neither letters nor white space."""
    return sum(not (each.isalnum() or each.isspace()) for each in _PLACEHOLDER.sub("", text))


def _make_refusal(why: str) -> ProposalRefused:
    return refuse(
        "changes the text that the code builds",
        Code.PROPOSAL_CHANGES_CODE,
        f"Your answer builds another text: {why}. Use the same expressions and the same characters.",
    )
