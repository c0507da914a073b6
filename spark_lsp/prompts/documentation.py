"""Documents a definition with the text of an answer, in the form of its language."""

import re
import textwrap

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import unfence
from spark_lsp.prompts.definitions import Definition, is_annotation
from spark_lsp.prompts.documentation_forms import (
    DOCUMENTED,
    HASH,
    DocumentationForm,
    find_form,
    format_documentation,
)
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import LINE_END, indent_width, indentation_of

UNKNOWN_FORM = "The form of documentation is not known for {language}"
HAS_DOCUMENTATION = "This definition has documentation already"
_OPENING_QUOTES = r'^\s*(?:"""|\'\'\')+'
_CLOSING_QUOTES = r'(?:"""|\'\'\')+\s*\Z'
_QUOTES = re.compile(f"{_OPENING_QUOTES}|{_CLOSING_QUOTES}")
_MAX_COLUMNS = 88  # of a line of documentation
_PYTHON = "python"
_ELIXIR = "elixir"
_MODULE_HEAD = re.compile(r"[ \t]*defmodule\b")
_PRIVATE_HEAD = re.compile(r"[ \t]*(?:defp|defmacrop)\b")


def documentation_obstacle(document: Document, tree: SyntaxTree, offset: int) -> str:
    """Return why the definition around `offset` cannot be documented, or an empty text."""
    if document.language not in DOCUMENTED:
        return UNKNOWN_FORM.format(language=document.language)
    definition = tree.definition_at(_skip_annotations(document, offset))
    if definition is None:
        return "Put the cursor in a function, a method or a class"
    if document.language == _PYTHON:
        return HAS_DOCUMENTATION if definition.docstring is not None else ""
    start = _start_above(document, definition)
    return HAS_DOCUMENTATION if _is_documented(document, start) else ""


def find_documentation_target(document: Document, tree: SyntaxTree, offset: int) -> tuple[int, int] | None:
    """Return the lines of the innermost definition around `offset`, with the annotations above its head."""
    definition = tree.definition_at(_skip_annotations(document, offset))
    if definition is None:
        return None
    return _start_above(document, definition), definition.end


def _start_above(document: Document, definition: Definition) -> int:
    """Return the beginning of a definition, or of the annotations directly above it."""
    line = document.line_at(definition.start)
    while document.language != _PYTHON and line > 0 and is_annotation(document.line(line - 1)):
        line -= 1
    return document.line_start(line)


def _skip_annotations(document: Document, offset: int) -> int:
    """Return `offset`, or the beginning of the first line below it that is not an annotation."""
    line = document.line_at(offset)
    if document.language == _PYTHON or not is_annotation(document.line(line)):
        return offset
    while line < document.line_count - 1 and is_annotation(document.line(line)):
        line += 1
    return document.line_start(line)


def documentation_edits(document: Document, tree: SyntaxTree, start: int, answer: str) -> list[Edit]:
    """Return the edit that documents the definition at `start` with the text of an answer.

    Raises `EditRefused` if there is no text or no definition, if the definition has documentation, or if the
    language's form is not known.
    """
    lines = _documentation_lines(answer)
    if not lines:
        raise _make_refusal(Code.ANSWER_UNREADABLE, "The model's answer holds no documentation", "Try again")
    definition = tree.definition_at(_skip_annotations(document, start))
    if document.language == _PYTHON:
        return _docstring_edits(document, definition, lines)
    form = find_form(document.language)
    if form is None:
        raise _make_refusal(
            Code.ACTION_NOT_OFFERED,
            UNKNOWN_FORM.format(language=document.language),
            "Use `Edit with an instruction` instead",
        )
    if definition is None:
        raise _make_refusal(
            Code.NO_DEFINITION, "There is no definition to document here", "Put the cursor in one"
        )
    above = _start_above(document, definition)
    if _is_documented(document, above):
        raise _make_refusal(Code.DOCSTRING_EXISTS, HAS_DOCUMENTATION)
    head = document.line(document.line_at(definition.start))
    if document.language == _ELIXIR:
        return [_elixir_edit(document, definition, form, head, lines)]
    return [Edit(above, above, format_documentation(form, indentation_of(head), head, lines, document.eol))]


def _elixir_edit(
    document: Document, definition: Definition, form: DocumentationForm, head: str, lines: list[str]
) -> Edit:
    """Return the edit for Elixir: `@moduledoc` is inside a module; a private function gets a comment."""
    indent, at = indentation_of(head), _start_above(document, definition)
    if _PRIVATE_HEAD.match(head):
        form = HASH
    elif _MODULE_HEAD.match(head):
        form = DocumentationForm("", '@moduledoc """', '"""', escapes=form.escapes)
        indent, at = f"{indent}  ", document.line_start(document.line_at(definition.start) + 1)
    return Edit(at, at, format_documentation(form, indent, head, lines, document.eol))


def _is_documented(document: Document, start: int) -> bool:
    """Tell whether there is documentation directly above the line at `start`, or inside an Elixir module."""
    form, line = find_form(document.language), document.line_at(start)
    if form is None:
        return False
    if document.language == _ELIXIR and _MODULE_HEAD.match(document.line(line)):
        is_last = line + 1 >= document.line_count
        return not is_last and document.line(line + 1).strip().startswith("@moduledoc")
    above = document.line(line - 1).strip() if line > 0 else ""
    if form.mark.strip() and not form.opening.startswith("/*"):
        return above.startswith(form.mark.strip()) and not above.startswith("#!")
    closing = form.closing.strip()
    if not above.endswith(closing):
        return False
    opening = form.opening.strip().split("\n")[0]
    for number in range(line - 1, -1, -1):
        text = document.line(number).strip()
        if text.startswith(opening):
            return True
        if not text or (number < line - 1 and text.endswith(closing)):
            return False
    return False


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
    return _common_indent(rest) + first.strip() + newline + rest


def _common_indent(text: str) -> str:
    """Return the indentation of the line that is indented least; blank lines do not count."""
    lines = [line for line in LINE_END.split(text) if line.strip()]
    return indentation_of(min(lines, key=indent_width)) if lines else ""


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
    at = _above_comments(document, definition.body) + len(indent)
    docstring = [f'"""{lines[0]}', *(f"{indent}{each}" if each else "" for each in lines[1:])]
    closing = '"""' if len(lines) == 1 else f'{document.eol}{indent}"""'
    if lines[-1].endswith('"'):
        closing = " " + closing  # four quotes in a row would end the docstring too early
    text = document.eol.join(docstring) + closing
    return [Edit(at, at, f"{text}{document.eol}{indent}")]


def _above_comments(document: Document, body: int) -> int:
    """Return the beginning of the first line of a Python body, with the comments above its first statement.

    A type comment belongs to the head of the function.
    """
    line = document.line_at(body)
    indent = document.text[document.line_start(line) : body]
    while line > 0 and document.line(line - 1).startswith(f"{indent}#"):
        if document.line(line - 1).startswith(f"{indent}# type:"):
            break
        line -= 1
    return document.line_start(line)


def _make_refusal(code: Code, what: str, remedy: str = "") -> EditRefused:
    return EditRefused(what, "Nothing was changed", remedy, code=code)
