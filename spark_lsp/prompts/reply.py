"""From an engine's answer to edits of the document, or a refusal with its reason.

What engines add around an answer (fences, sentences, another indentation, a missing line end) is taken
off; what they answer is compared with the text line by line, and only the difference becomes edits.
"""

import re
import textwrap
from collections.abc import Sequence

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import gate, syntax, unfence
from spark_lsp.prompts.actions import Diagnostic
from spark_lsp.prompts.thinking import begins_with_thinking, without_thinking
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, diff

_SPECIAL = re.compile(r"<\|[a-z_]+\|>")
_QUOTED = re.compile(r"<\u00a6(\w+\|>)")  # as `rewrite.quoted` shows a special token to a model
_BLANK_LINES = re.compile(r"(?:[^\S\r\n]*(?:\r\n|\n|\r))*")
# `textwrap.indent` would begin lines at form feeds too.
_LINE_OF_CODE = re.compile(r"^(?=.*\S)", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\n|\r")
_WIDTH = 88
NOWHERE = unfence.Place()
_BLOCK = {"javascript", "javascriptreact", "typescript", "typescriptreact", "java", "c", "cpp", "php", "css"}
_LINE_MARK = {
    "lua": "---",
    "rust": "///",
    "go": "//",
    "csharp": "///",
    "ruby": "#",
    "elixir": "#",
    "zig": "///",
}


def proposal(
    action: str,
    document: Document,
    start: int,
    end: int,
    form: EditFormat,
    answer: str,
    *,
    instruction: str = "",
    diagnostics: Sequence[Diagnostic] = (),
) -> list[Edit]:
    """Return the edits of the document that an answer proposes for the target `[start, end)`.

    Raises `EditRefused` for an answer that is empty, or that the gate does not let pass.
    """
    answer = _thought_through(form, document.text[start:end], answer)
    answer = _LINE_END.sub("\n", _without_special(document.text[start:end], answer))
    if form is EditFormat.DOCSTRING:
        edits = _documented(document, start, end, answer)
    else:
        edits = _replaced(document, start, end, answer)
    if not edits:
        raise EditRefused(
            "The model proposed no change",
            "The text is as it was",
            "Say it in other words",
            code=Code.NO_CHANGE,
        )
    gate.check(action, document, (start, end), edits, instruction, diagnostics)
    return edits


def _without_special(old: str, answer: str) -> str:
    """Cut an answer at the special token that ends it; the old text's own tokens stay as they are."""
    own = set(_SPECIAL.findall(old))
    if own:
        answer = _QUOTED.sub(lambda match: said if (said := f"<|{match[1]}") in own else match[0], answer)
    for match in _SPECIAL.finditer(answer):
        ends = not answer[match.end() :].strip() and answer.count(match[0]) > old.count(match[0])
        if match[0] not in own or ends:
            return answer[: match.start()]
    return answer


def is_whole(form: EditFormat, answer: str, place: unfence.Place = NOWHERE) -> bool:
    """Return whether an answer that ended at its bound may be used: its fence has closed, or no code is lost.

    Documentation that is cut is shorter; code that is cut would take away what follows.
    """
    if form is EditFormat.FENCED:
        return unfence.is_closed(_LINE_END.sub("\n", without_thinking(answer)), place)
    return form is EditFormat.DOCSTRING


def _thought_through(form: EditFormat, target: str, answer: str) -> str:
    """Return the answer without the model's thinking. Raises `EditRefused` if it holds nothing else.

    An answer outside a fence may begin as the target does, with the user's own `<think>`.
    """
    if form is not EditFormat.FENCED and begins_with_thinking(target):
        return answer
    left = without_thinking(answer)
    if answer.strip() and not left.strip():
        raise EditRefused(
            "The model only thought and gave no answer",
            "The text is as it was",
            "Try again, or raise `thinking_tokens` of its engine in config.toml",
            code=Code.ENGINE_ONLY_THOUGHT,
        )
    return left


def _replaced(document: Document, start: int, end: int, answer: str) -> list[Edit]:
    old = document.text[start:end]
    new = unfence.new_text(answer, unfence.place_of(document, start, end))
    new = new.strip("\n").rstrip()
    if not new.strip():
        raise EditRefused(
            "The model's answer is empty", "The text is as it was", "Try again", code=Code.ANSWER_UNREADABLE
        )
    return diff(old, _LINE_END.sub(document.eol, _indented_as(old, new)), start)


def _indented_as(old: str, new: str) -> str:
    """Shift new code to the old code's indentation; blank lines at both ends are the old ones'."""
    was, now = _common_indent(old), _common_indent(new)
    if was != now:
        new = _LINE_OF_CODE.sub(lambda _: was, textwrap.dedent(new))
    blank = _BLANK_LINES.match(old) if old.strip() else None
    return (blank[0] if blank else "") + new + old[len(old.rstrip()) :]


def _common_indent(text: str) -> str:
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    if not lines:
        return ""
    shortest = min(lines, key=lambda line: len(line) - len(line.lstrip()))
    return shortest[: len(shortest) - len(shortest.lstrip())]


def _documented(document: Document, start: int, end: int, answer: str) -> list[Edit]:
    """Return the edit that puts documentation where the language wants it."""
    lines = _prose(answer)
    if not lines:
        raise EditRefused(
            "The model's answer holds no documentation",
            "The text is as it was",
            "Try again",
            code=Code.ANSWER_UNREADABLE,
        )
    found = syntax.definition_at(document.language, document.text, start)
    if document.language == "python":
        return _python_docstring(document, found, lines)
    if found is None:
        raise EditRefused(
            "There is no definition to document here",
            "Nothing was done",
            "Put the cursor in one",
            code=Code.NO_DEFINITION,
        )
    return [_comment_above(document, found.start, lines)]


def _prose(answer: str) -> list[str]:
    """Return the lines of documentation in an answer, without quotes, fences, marks and preamble."""
    text = unfence.documentation(answer.strip())
    text = re.sub(r'^\s*(?:"""|\'\'\')+|(?:"""|\'\'\')+\s*\Z', "", text).strip()
    text = unfence.documentation(text.split('"""')[0])
    lines = [line.rstrip() for line in textwrap.dedent(_first_aligned(text)).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return [line.replace("\\", "\\\\").replace("*/", "* /") for line in _wrapped(lines)]


def _first_aligned(text: str) -> str:
    """Indent the first line as the others are, so that all can be shifted together."""
    first, newline, rest = text.partition("\n")
    return _common_indent(rest) + first.strip() + newline + rest


def _wrapped(lines: list[str]) -> list[str]:
    wrapped: list[str] = []
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        wrapped += textwrap.wrap(line, _WIDTH, subsequent_indent=indent) or [""]
    return wrapped


def _python_docstring(document: Document, found: syntax.Definition | None, lines: list[str]) -> list[Edit]:
    if found is None or found.body is None:
        raise EditRefused(
            "There is no definition with a body here",
            "Nothing was done",
            "Put the cursor in one",
            code=Code.NO_DEFINITION,
        )
    if found.docstring is not None:
        raise EditRefused(
            "This definition has a docstring already", "The text is as it was", code=Code.DOCSTRING_EXISTS
        )
    line = document.line_start(document.line_at(found.body))
    indent = document.text[line : found.body]
    body = [f'"""{lines[0]}', *(f"{indent}{each}" if each else "" for each in lines[1:])]
    closing = '"""' if len(lines) == 1 else f'{document.eol}{indent}"""'
    if lines[-1].endswith('"'):
        closing = " " + closing
    text = document.eol.join(body) + closing
    return [Edit(found.body, found.body, f"{text}{document.eol}{indent}")]


def _comment_above(document: Document, start: int, lines: list[str]) -> Edit:
    head = document.line(document.line_at(start))
    indent = head[: len(head) - len(head.lstrip())]
    if document.language in _BLOCK:
        marked = ["/**", *(f" * {line}".rstrip() for line in lines), " */"]
    else:
        mark = _LINE_MARK.get(document.language, "#")
        marked = [f"{mark} {line}".rstrip() for line in lines]
    return Edit(start, start, "".join(f"{indent}{line}{document.eol}" for line in marked))
