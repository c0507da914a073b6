"""The decision about text in which names do not exist: keep it, cut it, or request another answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spark_lsp.prompts import fim
from spark_lsp.prompts.names import MAX_KNOWN, UnresolvedName

State = Literal["fine", "unresolved", "unknown"]
MAX_HINT_CHARS = 200
_COMMENTS = {"python": "#"}  # all other languages with a check: `//`


@dataclass(frozen=True, slots=True)
class NamesVerdict:
    """The result of a check. "unknown": a part of the check had no answer, and the rest found nothing."""

    state: State
    unresolved: tuple[UnresolvedName, ...] = ()


@dataclass(frozen=True, slots=True)
class KeepText:
    """Show the text as it is."""


@dataclass(frozen=True, slots=True)
class CutText:
    """Show the text up to `at`. 0: show nothing."""

    at: int


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Request another answer, with `hint` in the prompt: a comment line above the line of the cursor.

    `wrong` is the name that must not be in the next answer.
    """

    hint: str
    wrong: str


Decision = KeepText | CutText | AskAgain


def decide(verdict: NamesVerdict, inserted: str, language: str, *, may_ask_again: bool) -> Decision:
    """Return what to do with the inserted text.

    A module that is only not imported is no reason to hide text: the editor offers its import. Complete lines
    of code before the first wrong name are kept. Otherwise the engine answers again, once, if there are names
    to suggest.
    """
    wrong = [each for each in verdict.unresolved if not each.is_module]
    if not wrong:
        return KeepText()
    cut = min(each.cut for each in wrong)
    if cut > 0 and fim.has_code_line(inserted[:cut]):
        return CutText(cut)
    first = next((each for each in wrong if each.known), None)
    if may_ask_again and first is not None:
        return AskAgain(make_hint(first, language), first.name)
    return CutText(0)


def make_hint(name: UnresolvedName, language: str) -> str:
    """Return a comment line, without line end, that lists what exists instead of a name."""
    mark = _COMMENTS.get(language, "//")
    subject = f"{name.of} has" if name.kind == "attribute" and _is_short(name.of) else "existing names"
    return f"{mark} {subject}: {_join(name.known, MAX_HINT_CHARS - len(mark) - len(subject) - 3)}"


def _is_short(expression: str) -> bool:
    """Tell whether an expression can be part of a comment line."""
    return len(expression) <= 40 and all(part.isidentifier() for part in expression.split("."))


def _join(names: Sequence[str], room: int) -> str:
    """Join the first names, at most `MAX_KNOWN` of them and `room` characters."""
    text = ""
    for each in names[:MAX_KNOWN]:
        longer = f"{text}, {each}" if text else each
        if len(longer) > room:
            break
        text = longer
    return text
