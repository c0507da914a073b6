"""Values that a change keeps in any language: texts, fields, and everything beside an additional case.

An instruction that takes something away or converts the code allows the change to lose them.
"""

import re

from spark_lsp.codes import Code
from spark_lsp.prompts.checks.change import ProposedChange
from spark_lsp.prompts.checks.code_parts import CodeParts, read_parts
from spark_lsp.prompts.checks.refusal import ProposalRefused, refuse

_TAKES_AWAY = re.compile(
    r"\b(?:remove|delete|drop|strip|shorten|inline|replace|avoid|convert|instead|no longer|rename|use of"
    r"|change|extract|move|make|turn|rewrite|translate|hide|omit|leave out|dataclass|set|dead|unused)\b",
    re.IGNORECASE,
)
_CHANGES_FIELDS = re.compile(
    r"\b(?:remove|delete|drop|replace|avoid|instead|no longer|rename|use of|change|extract|move|inline"
    r"|make|turn into|leave out|dataclass|dead|unused)\b",
    re.IGNORECASE,
)
# "Return an empty list if …", "Raise ValueError for …": a case more, so all else stays.
_ADDS_CASE = re.compile(
    r"\s*(?:please\s+)?(?:return|raise|throw)\s+(?!the\b).*\b(?:if|for|when|unless)\b", re.IGNORECASE
)
_OWN = re.compile(r"\b(?:self|this)(?:\.|->)(\w+)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LENGTHS = frozenset(("length", "size", "len", "count"))
_KEPT_PURPOSES = ("instruct", "simplify", "optimise")


def check_kept_values(change: ProposedChange) -> None:
    """Raise `ProposalRefused` if the new text loses values that the request does not name."""
    if change.action not in _KEPT_PURPOSES:
        return
    old = read_parts(change.language, change.old_target)
    new = read_parts(change.language, change.new_target)
    words = change.request_words
    if not _TAKES_AWAY.search(words):
        _check_texts(old, new, change.new_text)
    if not _CHANGES_FIELDS.search(words):
        _check_fields(old, new, change.new_target)
    if _ADDS_CASE.match(change.instruction) and not _TAKES_AWAY.search(words):
        _check_case(old, new, change.new_target)


def _check_texts(old: CodeParts, new: CodeParts, after: str) -> None:
    """Refuse a change that drops texts and puts no other text in their place."""
    if set(new.strings) - set(old.strings):
        return
    lost = [text for text in old.strings if _WORD.search(text) and text not in after]
    if lost:
        raise _make_refusal(f"the text `{lost[0][:40]}`")


def _check_fields(old: CodeParts, new: CodeParts, target: str) -> None:
    """Refuse a change that no longer reads a field. Those of `self` and `this` may become plain names."""
    own = set(_OWN.findall(old.code))
    lost = sorted(old.fields() - new.fields() - (_LENGTHS & own) - {"length", "size"})
    for name in lost:
        is_elsewhere = re.search(rf"\b{re.escape(name)}\b", target) is not None
        is_called = re.search(rf"(?:\.|->|::){re.escape(name)}\b", target) is not None
        if not is_called and not (name in own and is_elsewhere):
            raise _make_refusal(f"the field `{name}`")


def _check_case(old: CodeParts, new: CodeParts, target: str) -> None:
    lost = [value for value, _ in (old.values() - new.values()).items() if value.strip('"') not in ("", "0")]
    if lost:
        shown = lost[0].strip('"')
        raise _make_refusal(f"`{shown[:40]}`")


def _make_refusal(what: str) -> ProposalRefused:
    return refuse(
        "removes code that the instruction does not name",
        Code.PROPOSAL_REMOVES_CODE,
        f"Your answer loses {what}. Keep all code, and make only the requested change.",
    )
