"""Turns an engine's answer into edits of the document, or refuses it with the reason.

Engines add fences, sentences, another indentation or a line end to the new text; this module removes them. It
then compares the new text with the old one line by line, and only the difference becomes edits.
"""

import re
import textwrap
from collections.abc import Sequence

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate, unfence
from spark_lsp.prompts.actions import Diagnostic
from spark_lsp.prompts.added_tests import insert_test
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.prompts.checks.refusal import ProposalRefused
from spark_lsp.prompts.indents import blank_lines_around, common_indent
from spark_lsp.prompts.syntax import Definition, SyntaxTree
from spark_lsp.prompts.thinking import remove_thinking, starts_with_thinking
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, diff_texts
from spark_lsp.text.lines import LINE_END, indentation_of

_SPECIAL = re.compile(r"<\|[a-z_]+\|>")
_MASKED_SPECIAL = re.compile(r"<\u00a6(\w+\|>)")  # by `rewrite.mask_control_tokens`
_OPENING_QUOTES = r'^\s*(?:"""|\'\'\')+'
_CLOSING_QUOTES = r'(?:"""|\'\'\')+\s*\Z'
_QUOTES = re.compile(f"{_OPENING_QUOTES}|{_CLOSING_QUOTES}")
# `textwrap.indent` would also indent after form feeds.
_LINE_OF_CODE = re.compile(r"^(?=.*\S)", re.MULTILINE)
_MAX_COLUMNS = 88  # of a line of documentation
TESTS = "tests"
NO_TARGET = unfence.TargetText()
_BLOCK_COMMENTS = {
    "javascript",
    "javascriptreact",
    "typescript",
    "typescriptreact",
    "java",
    "c",
    "cpp",
    "php",
    "css",
}
_LINE_COMMENTS = {
    "lua": "---",
    "rust": "///",
    "go": "//",
    "csharp": "///",
    "ruby": "#",
    "elixir": "#",
    "zig": "///",
}


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
    purpose = find_purpose(action, instruction)
    edits = read_edits(document, tree, start, end, form, answer, purpose)
    gate.check_proposal(action, document, tree, (start, end), edits, instruction, diagnostics)
    return edits


def replaces_target(action: str, instruction: str) -> bool:
    """Tell whether the code in an answer is the target's new text; tests are added to the target."""
    return find_purpose(action, instruction) != TESTS


def read_edits(
    document: Document,
    tree: SyntaxTree,
    start: int,
    end: int,
    form: EditFormat,
    answer: str,
    purpose: str = "",
) -> list[Edit]:
    """Return the edits in an answer, which the gate has not checked.

    Raises `EditRefused` if the answer is unreadable or changes nothing.
    """
    target = document.text[start:end]
    answer = _remove_thinking(form, target, answer)
    answer = LINE_END.sub("\n", _cut_at_special_token(target, answer))
    if form is EditFormat.DOCSTRING:
        edits = _documentation_edits(document, tree, start, answer)
    elif purpose == TESTS:
        edits = _test_edits(document, tree, start, end, answer)
    else:
        edits = _replacement_edits(document, start, end, answer)
    if not edits:
        raise ProposalRefused(
            "The model proposed no change",
            code=Code.NO_CHANGE,
            objection="Your answer is the same code as before. Make the change that was requested.",
            remedy="Change the instruction",
        )
    return edits


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


def is_complete(form: EditFormat, answer: str, target: unfence.TargetText = NO_TARGET) -> bool:
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


def _replacement_edits(document: Document, start: int, end: int, answer: str) -> list[Edit]:
    old = document.text[start:end]
    new = unfence.extract_new_text(answer, unfence.target_in_document(document, start, end))
    new = new.strip("\n").rstrip()
    if not new.strip():
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer is empty", "Try again")
    return diff_texts(old, LINE_END.sub(document.eol, _indent_like(old, new)), start)


def _test_edits(document: Document, tree: SyntaxTree, start: int, end: int, answer: str) -> list[Edit]:
    """Return the edit that adds the tests of an answer below the code, or at the end of the target."""
    new = unfence.extract_new_text(answer, unfence.target_in_document(document, start, end))
    edits = insert_test(document, tree, end, new)
    if not edits:
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer is empty", "Try again")
    return edits


def _indent_like(old: str, new: str) -> str:
    """Shift new code to the old code's indentation, and give it the old code's blank lines at both ends."""
    old_indent = common_indent(old)
    if old_indent != common_indent(new):
        new = _LINE_OF_CODE.sub(lambda _: old_indent, textwrap.dedent(new))
    before, after = blank_lines_around(old)
    return before + new + after


def _documentation_edits(document: Document, tree: SyntaxTree, start: int, answer: str) -> list[Edit]:
    """Return the edit that inserts documentation: a docstring in Python, else a comment above."""
    lines = _documentation_lines(answer)
    if not lines:
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer holds no documentation", "Try again")
    definition = tree.definition_at(start)
    if document.language == "python":
        return _docstring_edits(document, definition, lines)
    if definition is None:
        raise _make_refusal(
            Code.NO_DEFINITION, "There is no definition to document here", "Put the cursor in one"
        )
    return [_comment_edit(document, definition.start, lines)]


def _documentation_lines(answer: str) -> list[str]:
    """Return the lines of documentation in an answer, without quotes, fences and preamble."""
    text = unfence.remove_wrapping_fence(answer.strip())
    text = _QUOTES.sub("", text).strip()
    text = unfence.remove_wrapping_fence(text.split('"""')[0])
    lines = [line.rstrip() for line in textwrap.dedent(_align_first_line(text)).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    # A backslash or the end of a block comment would change the code around the documentation.
    return [line.replace("\\", "\\\\").replace("*/", "* /") for line in _wrap_lines(lines)]


def _align_first_line(text: str) -> str:
    """Indent the first line like the others: in a docstring, it follows the opening quotes."""
    first, newline, rest = text.partition("\n")
    return common_indent(rest) + first.strip() + newline + rest


def _wrap_lines(lines: list[str]) -> list[str]:
    wrapped: list[str] = []
    for line in lines:
        wrapped += textwrap.wrap(line, _MAX_COLUMNS, subsequent_indent=indentation_of(line)) or [""]
    return wrapped


def _docstring_edits(document: Document, definition: Definition | None, lines: list[str]) -> list[Edit]:
    """Return the edit that inserts a docstring above the first statement of a body."""
    if definition is None or definition.body is None:
        raise _make_refusal(
            Code.NO_DEFINITION, "There is no definition with a body here", "Put the cursor in one"
        )
    if definition.docstring is not None:
        raise _make_refusal(Code.DOCSTRING_EXISTS, "This definition has a docstring already")
    line_start = document.line_start(document.line_at(definition.body))
    indent = document.text[line_start : definition.body]
    docstring = [f'"""{lines[0]}', *(f"{indent}{each}" if each else "" for each in lines[1:])]
    closing = '"""' if len(lines) == 1 else f'{document.eol}{indent}"""'
    if lines[-1].endswith('"'):
        closing = " " + closing  # four quotes in a row would end the docstring too early
    text = document.eol.join(docstring) + closing
    return [Edit(definition.body, definition.body, f"{text}{document.eol}{indent}")]


def _comment_edit(document: Document, start: int, lines: list[str]) -> Edit:
    """Return the edit that inserts a comment above the line that begins at `start`."""
    indent = indentation_of(document.line(document.line_at(start)))
    if document.language in _BLOCK_COMMENTS:
        comment = ["/**", *(f" * {line}".rstrip() for line in lines), " */"]
    else:
        mark = _LINE_COMMENTS.get(document.language, "#")
        comment = [f"{mark} {line}".rstrip() for line in lines]
    return Edit(start, start, "".join(f"{indent}{line}{document.eol}" for line in comment))


def _make_refusal(code: Code, what: str, remedy: str = "") -> EditRefused:
    return EditRefused(what, "Nothing was changed", remedy, code=code)
