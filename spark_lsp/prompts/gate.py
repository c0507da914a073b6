"""The gate: what a proposal must be, to be applied at all; and what needs no model.

Small models damage code as often as they change it well. So a proposal is refused, by name, when it no
longer parses where it did, when it changes code it was not asked to change, when it leaves out code with
a comment in its place, or when it holds characters that make code look other than it is. A refusal loses
nothing: the text is as it was.
"""

import re
import sys
from collections.abc import Sequence
from difflib import SequenceMatcher

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import fences, rename, syntax
from spark_lsp.prompts.actions import Diagnostic
from spark_lsp.prompts.ghost import DECEPTIVE
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply

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
_LINE_END = re.compile(r"\r\n|\n|\r")
ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "tk": "tkinter"}
MOST_LEFT_OUT = 2  # lines at the end of the target that may not go, or a fifth of it where that is more
KEPT_SHARE = 0.4  # of the target's code must still be there, unless its removal was asked for


def deterministic(
    action: str, document: Document, start: int, end: int, diagnostics: Sequence[Diagnostic], instruction: str
) -> list[Edit] | None:
    """Return the edits that need no model, or None: a rename, a missing import of a known module.

    `[start, end)` is the action's target. Raises `EditRefused` for a rename that is not safe.
    """
    if action == "instruct":
        return rename.edits(document, start, end, instruction)
    if action != "fix" or document.language != "python" or len(diagnostics) != 1:
        return None
    name = _undefined_name(diagnostics[0].message)
    used_as_module = document.text[diagnostics[0].end : diagnostics[0].end + 1] == "."
    if name is None or not used_as_module:
        return None
    if name in ALIASES:
        return [_import(document, f"import {ALIASES[name]} as {name}")]
    return [_import(document, f"import {name}")] if name in sys.stdlib_module_names else None


def _undefined_name(message: str) -> str | None:
    found = next((match for each in _UNDEFINED if (match := each.search(message))), None)
    return found[1] if found else None


def _import(document: Document, statement: str) -> Edit:
    place = syntax.import_place(document.text)
    before = "" if place == 0 or document.text[place - 1] in "\r\n" else document.eol
    return Edit(place, place, f"{before}{statement}{document.eol}")


def check(
    action: str,
    document: Document,
    target: tuple[int, int],
    edits: Sequence[Edit],
    instruction: str = "",
    diagnostics: Sequence[Diagnostic] = (),
) -> None:
    """Raise `EditRefused` unless the edits may be applied."""
    new = apply(document.text, edits)
    if any(DECEPTIVE.search(edit.new) for edit in edits):
        raise _refused("the proposal holds invisible characters that disguise code")
    if any(edit.start == target[0] and _echoes(document, target[0], edit.new) for edit in edits):
        raise _refused("the proposal repeats the lines above the asked range")
    if any(edit.start < target[0] or edit.end > target[1] for edit in edits):
        raise _refused("the proposal changed code outside the asked range")
    before, after = syntax.errors(document.language, document.text), syntax.errors(document.language, new)
    if before is not None and after is not None and after > before:
        raise _refused("the proposal does not parse")
    _check_action(action, document, target, edits, new, instruction, diagnostics)


def _check_action(
    action: str,
    document: Document,
    target: tuple[int, int],
    edits: Sequence[Edit],
    new: str,
    instruction: str,
    diagnostics: Sequence[Diagnostic],
) -> None:
    if action == "document":
        if syntax.code_tokens(document.language, document.text) != syntax.code_tokens(document.language, new):
            raise _refused("the proposal changed code, not only documentation")
        return
    if action == "fix" and not _touches(document, edits, diagnostics):
        raise _refused("the proposal changed code outside the diagnostic")
    old = document.text[target[0] : target[1]]
    proposed = new[target[0] : target[1] + len(new) - len(document.text)]
    if _ELIDED.search(proposed) and not _ELIDED.search(old):
        raise _refused("the proposal leaves code out with a comment in its place")
    if _shrinks(old, proposed) and not _REMOVES.search(instruction):
        raise _refused("the proposal removes most of the code")
    _check_end(old, proposed, " ".join((instruction, *(each.message for each in diagnostics))))


def _check_end(old: str, proposed: str, asked: str) -> None:
    """Raise `EditRefused` for a proposal that stops before the target's end though nobody asked for that."""
    if not (_REMOVES.search(asked) or _CUTS.search(asked)) and (count := left_out(old, proposed)):
        raise _refused(f"the proposal leaves out the last {count} lines")
    was, now = fences.fence_lines(_LINE_END.split(old)), fences.fence_lines(_LINE_END.split(proposed))
    if was and not fences.leaves_open(was) and fences.leaves_open(now):
        raise _refused("the proposal does not close a code block")


def left_out(old: str, new: str) -> int:
    """Return how many written lines at the end of `old` are missing from `new`; 0 for few lines.

    They are missing if `new` ends with a line from the middle of `old`, and nothing replaces what follows.
    """
    was, now = _written(old), _written(new)
    last = SequenceMatcher(None, was, now, autojunk=False).get_opcodes()[-1:]
    if not last or last[0][0] != "delete" or not last[0][1]:
        return 0
    count = last[0][2] - last[0][1]
    return count if count >= max(MOST_LEFT_OUT, len(was) // 5) else 0


def _written(text: str) -> list[str]:
    return [line for each in _LINE_END.split(text) if (line := each.strip())]


def _touches(document: Document, edits: Sequence[Edit], diagnostics: Sequence[Diagnostic]) -> bool:
    """Tell whether every edit lies in the lines of a diagnostic."""
    spans = [
        (
            document.line_start(document.line_at(each.start)),
            document.line_start(document.line_at(each.end) + 1),
        )
        for each in diagnostics
    ]
    return all(any(start <= edit.start and edit.end <= end for start, end in spans) for edit in edits)


def _echoes(document: Document, start: int, new: str) -> bool:
    """Tell whether new text at the target's beginning says again what stands directly above it."""
    above = [line.strip() for line in document.text[:start].splitlines() if line.strip()][-3:]
    said = [line.strip() for line in new.splitlines() if line.strip()]
    return any(len(line) > 3 and line in above for line in said[:3])


def _shrinks(old: str, new: str) -> bool:
    was, now = (len("".join(text.split())) for text in (old, new))
    return was > 40 and now < was * KEPT_SHARE


def _refused(what: str) -> EditRefused:
    return EditRefused(
        f"{what[0].upper()}{what[1:]}; not applied",
        "The text is as it was",
        "Try again, or with other words",
        code=Code.PROPOSAL_REJECTED,
    )
