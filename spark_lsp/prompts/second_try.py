"""The one second request for an edit: when it pays, its words, and the choice between two answers.

The second request continues the conversation with the exact reason why the first answer cannot be used. It
never asks for an improvement in general. If the first answer changed nothing, or not what the instruction
names, the second one is another attempt instead, with another prompt (`rewrite`, `fill_in`) or another
sample: a model that is shown its own copy copies it again. An answer that reached its token limit has no
second one, which would cost as much again.
"""

import re
from dataclasses import dataclass, replace

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts.checks.refusal import ProposalRefused
from spark_lsp.request import Objection, Request
from spark_lsp.text.edits import Edit

_OBJECTIONS = {
    Code.ANSWER_UNREADABLE: "Your answer holds no code. Write the changed code in one code block.",
}
_RESAMPLED = frozenset((Code.NO_CHANGE,))
_FINAL = frozenset((Code.PROPOSAL_DISGUISED,))  # a second answer with the same text would be no better
_QUOTED = re.compile(r"[`'\"]([^`'\"\n]{1,40})[`'\"]")
# CamelCase, snake_case, a dotted path, or a call: spelled as in code.
_CODE_WORD = re.compile(
    r"(?<![\w.])(?:[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-zA-Z]\w*_\w+|[a-z]\w*(?:\.\w+)+|[a-zA-Z_]\w*(?=\())"
)
_AWAY = re.compile(
    r"\b(?:remove|delete|drop|without|instead of|rename|replace|convert|avoid|inline|use of|no longer)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer, and the edits that it proposes or the refusal of them.

    `is_doubtful`: the edits pass all checks, but lack a name of the instruction.
    """

    answer: str
    edits: tuple[Edit, ...] = ()
    refusal: EditRefused | None = None
    is_doubtful: bool = False

    @property
    def size(self) -> int:
        """The characters that the edits remove and insert."""
        return sum(edit.end - edit.start + len(edit.new) for edit in self.edits)


def plan_second_request(request: Request, first: Attempt) -> Request | None:
    """Return the second request after a first attempt, or None if that is final."""
    refusal = first.refusal
    if refusal is None:
        return replace(request, attempt=2) if first.is_doubtful else None
    if refusal.code in _RESAMPLED:
        return replace(request, attempt=2)
    reason = refusal.objection if isinstance(refusal, ProposalRefused) else _OBJECTIONS.get(refusal.code, "")
    if not reason or refusal.code in _FINAL:
        return None
    return replace(request, objection=Objection(first.answer, reason))


def choose_attempt(first: Attempt, second: Attempt) -> Attempt:
    """Return the better of two attempts: one that passes, without doubts, with the smaller change.

    Of two refused ones, return the second, unless only the first has edits to show.
    """
    if (first.refusal is None) != (second.refusal is None):
        return first if first.refusal is None else second
    if first.refusal is None:
        return min(first, second, key=lambda each: (each.is_doubtful, each.size))
    return first if _shows_edits(first) and not _shows_edits(second) else second


def _shows_edits(attempt: Attempt) -> bool:
    return isinstance(attempt.refusal, ProposalRefused) and bool(attempt.refusal.edits)


def lacks_named_code(instruction: str, old: str, new: str) -> bool:
    """Tell whether the new text lacks a name that the instruction spells as code.

    Instructions that take something away name code that should be missing.
    """
    if _AWAY.search(instruction):
        return False
    names = [*_QUOTED.findall(instruction), *_CODE_WORD.findall(_QUOTED.sub(" ", instruction))]
    return any(name not in new and name not in old for name in names)
