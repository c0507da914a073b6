"""Turns an engine's answer into edits of the document, or refuses it with the reason.

Engines add fences, sentences, another indentation or a line end to the new text; this module removes them. It
then compares the new text with the old one line by line, and only the difference becomes edits.
"""

import re
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate, target_text, unfence
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.prompts.checks.refusal import ProposalRefused
from spark_lsp.prompts.checks.tests import make_test_refusal
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.documentation import documentation_edits
from spark_lsp.prompts.indents import blank_lines_around, common_indent
from spark_lsp.prompts.overlap import trim_overlap
from spark_lsp.prompts.stubs import Stub, find_stub, remove_head
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.prompts.tests_insertion import insert_test
from spark_lsp.prompts.thinking import remove_thinking, starts_with_thinking
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, diff_texts
from spark_lsp.text.lines import LINE_END

_SPECIAL = re.compile(r"<\|[a-z_]+\|>")
_MASKED_SPECIAL = re.compile(r"<\u00a6(\w+\|>)")  # by `rewrite.mask_control_tokens`
# `textwrap.indent` would also indent after form feeds.
_LINE_OF_CODE = re.compile(r"^(?=.*\S)", re.MULTILINE)
TESTS, COMPLETE = "tests", "complete"
NO_TARGET = target_text.TargetText()


def propose_edits(
    action: str,
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    form: EditFormat,
    answer: str,
    *,
    instruction: str = "",
    diagnostics: Sequence[Diagnostic] = (),
) -> list[Edit]:
    """Return the edits of the document that an answer proposes for the target `[start, end)`.

    `tree` is that of `document`. Raises `EditRefused` if the answer is empty, or if the gate refuses the
    proposal.
    """

    def check(edits: list[Edit]) -> list[Edit]:
        gate.check_proposal(
            action, document, tree, (start, end), edits, instruction, diagnostics, is_filled_in=is_filled_in
        )
        return edits

    is_filled_in = form is EditFormat.FILLED
    if is_filled_in or form is EditFormat.DOCSTRING or not replaces_target(action, instruction):
        return check(read_edits(action, document, tree, start, end, form, answer, instruction))
    trim = partial(_edits_without_surroundings, document, start, end, form, answer)
    edits = trim()
    if edits is None:
        edits = read_edits(action, document, tree, start, end, form, answer, instruction)
    try:
        return check(edits)
    except ProposalRefused:
        others = trim(brackets_count=True)
        if others is None:
            raise
        with suppress(ProposalRefused):
            return check(others)
        raise


def _edits_without_surroundings(
    document: Document, start: int, end: int, form: EditFormat, answer: str, *, brackets_count: bool = False
) -> list[Edit] | None:
    """Return the edits in an answer without the lines around the target that it repeats; None without any.

    Raises `EditRefused` if the answer holds only such lines, or changes nothing.
    """
    target = document.text[start:end]
    new = unfence.extract_new_text(
        _clean_answer(form, target, answer), target_text.target_in_document(document, start, end)
    )
    trimmed = trim_overlap(document, start, end, new, brackets_count=brackets_count)
    if trimmed is None:
        return None
    if not trimmed.strip():
        what = "The model only repeated the code around the selection"
        raise _make_refusal(Code.ANSWER_UNREADABLE, what, "Try again, or select more code")
    new = LINE_END.sub(document.eol, _indent_like(target, trimmed.strip("\n").rstrip()))
    edits = diff_texts(target, new, start)
    if not edits:
        raise _make_no_change()
    return edits


def replaces_target(action: str, instruction: str) -> bool:
    """Tell whether the code in an answer is the target's new text.

    Tests are added to the target, and the body of a function may come without its head.
    """
    return action != COMPLETE and find_purpose(action, instruction) != TESTS


def read_edits(
    action: str,
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    form: EditFormat,
    answer: str,
    instruction: str = "",
) -> list[Edit]:
    """Return the edits in an answer, which the gate has not checked.

    Raises `EditRefused` if the answer is unreadable or changes nothing.
    """
    answer = _clean_answer(form, document.text[start:end], answer)
    if form is EditFormat.FILLED:
        edits = _filled_edits(document, start, end, answer)
    elif form is EditFormat.DOCSTRING:
        edits = documentation_edits(document, tree, start, answer)
    elif find_purpose(action, instruction) == TESTS:
        edits = _test_edits(document, tree, start, end, answer)
    else:
        stub = find_stub(document, tree, start) if action == COMPLETE else None
        edits = _replacement_edits(document, start, end, answer, stub)
    if not edits:
        raise _make_no_change()
    return edits


def read_code(document: Document, start: int, end: int, form: EditFormat, answer: str) -> str:
    """Return the code in an answer about `[start, end)`, with line feeds and without blank lines around it.

    Raises `EditRefused` if it holds no code.
    """
    answer = _clean_answer(form, document.text[start:end], answer)
    code = unfence.extract_new_text(answer, target_text.target_in_document(document, start, end))
    code = textwrap.dedent(code.strip("\n").rstrip())
    if not code.strip():
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer is empty", "Try again")
    return code


def _clean_answer(form: EditFormat, target: str, answer: str) -> str:
    """Return an answer with line feeds, without thinking and the special token that ends it."""
    answer = _remove_thinking(form, target, answer)
    return LINE_END.sub("\n", _cut_at_special_token(target, answer))


def _cut_at_special_token(old: str, answer: str) -> str:
    """Cut an answer at the special token that ends it; special tokens of the old text are code."""
    own = set(_SPECIAL.findall(old))
    if own:
        answer = _MASKED_SPECIAL.sub(lambda match: _unmask_token(match, own), answer)
    for match in _SPECIAL.finditer(answer):
        is_last = not answer[match.end() :].strip()
        is_additional = answer.count(match[0]) > old.count(match[0])
        if match[0] not in own or (is_last and is_additional):
            return answer[: match.start()]
    return answer


def _unmask_token(match: re.Match[str], own: set[str]) -> str:
    token = f"<|{match[1]}"
    return token if token in own else match[0]


def is_complete(form: EditFormat, answer: str, target: target_text.TargetText = NO_TARGET) -> bool:
    """Tell whether an answer that reached its token limit can be used.

    Shorter documentation is still useful. Code is complete only if its fence has closed: the missing lines
    would otherwise be removed from the document.
    """
    if form is EditFormat.FENCED:
        return unfence.has_closed_text(LINE_END.sub("\n", remove_thinking(answer)), target)
    return form is EditFormat.DOCSTRING


def _remove_thinking(form: EditFormat, target: str, answer: str) -> str:
    """Return the answer without the model's thinking. Raises `EditRefused` if nothing is left.

    An answer outside a fence may begin as the target does, with the user's own `<think>`.
    """
    if form is not EditFormat.FENCED and starts_with_thinking(target):
        return answer
    rest = remove_thinking(answer)
    if answer.strip() and not rest.strip():
        raise _make_refusal(
            Code.ENGINE_ONLY_THOUGHT,
            "The model only thought and gave no answer",
            "Try again, or raise `thinking_tokens` of its engine in config.toml",
        )
    return rest


def _replacement_edits(
    document: Document, start: int, end: int, answer: str, stub: Stub | None
) -> list[Edit]:
    old = document.text[start:end]
    new = unfence.extract_new_text(answer, target_text.target_in_document(document, start, end))
    new = new if stub is None else remove_head(document, stub, new)
    new = new.strip("\n").rstrip()
    if not new.strip():
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer is empty", "Try again")
    return diff_texts(old, LINE_END.sub(document.eol, _indent_like(old, new)), start)


def _filled_edits(document: Document, start: int, end: int, answer: str) -> list[Edit]:
    """Return the edits for lines that the model filled in; without lines, nothing changes."""
    old, new = document.text[start:end], answer.strip("\n").rstrip()
    if not new.strip():
        return []
    return diff_texts(old, LINE_END.sub(document.eol, _indent_like(old, new)), start)


def _test_edits(document: Document, tree: SyntaxTree, start: int, end: int, answer: str) -> list[Edit]:
    """Return the edit that adds the tests of an answer below the code, or at the end of the target."""
    new = unfence.extract_new_text(answer, target_text.target_in_document(document, start, end))
    edits = insert_test(document, tree, end, new)
    if not edits:
        raise make_test_refusal()
    return edits


def _indent_like(old: str, new: str) -> str:
    """Shift new code to the old code's indentation, and give it the old code's blank lines at both ends."""
    old_indent = common_indent(old)
    if old_indent != common_indent(new):
        new = _LINE_OF_CODE.sub(lambda _: old_indent, textwrap.dedent(new))
    before, after = blank_lines_around(old)
    return before + new + after


def _make_no_change() -> ProposalRefused:
    return ProposalRefused(
        "The model proposed no change",
        code=Code.NO_CHANGE,
        objection="Your answer is the same code as before. Make the change that was requested.",
        remedy="Change the instruction",
    )


def _make_refusal(code: Code, what: str, remedy: str = "") -> EditRefused:
    return EditRefused(what, "Nothing was changed", remedy, code=code)
