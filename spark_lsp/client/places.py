"""Chooses the lines that a demonstration types, and the function that it has documented. Pure.

A good place to type is the middle of a function's body: the lines above show the intent, and a viewer can
judge the result. The demonstration removes a line and types its beginning again, up to an operator, so no
word is left half-typed. The best lines come first; there are several, because a small model has no suggestion
at some of them.

Python files are parsed with Python's grammar. In other languages, heuristics judge the lines.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

_STOP = re.compile(r"[=(\[.,]")
_PLAIN_LINE = re.compile(r"[ \t]+(?![#/*\"'{}])\S.{14,90}")
_HEAD = re.compile(r"[ \t]*(?:export |pub |public |static |async )*(?:function|func|fn|def)\b[^\n]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Typing:
    """A line to remove, `[start, end)`; `typed` is its beginning, `rest` the remaining text of the line."""

    start: int
    end: int
    typed: str
    rest: str


@dataclass(frozen=True, slots=True)
class Target:
    """A definition `[start, end)` named `name` to be documented.

    `taken_out` is the edit that removes its own documentation, if it had any; `answer` is the text of that
    documentation, without quotes.
    """

    start: int
    end: int
    name: str
    taken_out: Edit | None = None
    answer: str = ""


def typings(document: Document, limit: int = 4) -> list[Typing]:
    """Return the best places to type at, the best first."""
    lines = _python_lines(document) if document.language == "python" else _plain_lines(document)
    found = (typing for line in lines if (typing := _typing(document, line)) is not None)
    return [typing for typing, _ in zip(found, range(limit), strict=False)]


def _typing(document: Document, line: int) -> Typing | None:
    start, text = document.line_start(line), document.line(line)
    body = len(text) - len(text.lstrip())
    for match in _STOP.finditer(text, body + 4):
        cut = match.end()
        if cut - body >= (len(text) - body) * 0.25 and len(text) - cut >= 5:
            return Typing(start, start + len(text), text[:cut], text[cut:])
    return None


def _python_lines(document: Document) -> Iterator[int]:
    """Give lines of one statement each, in the middle of documented functions of a readable length."""
    for function in _functions(document.text):
        if not 5 <= _length(function) <= 40 or ast.get_docstring(function) is None:
            continue
        for node in function.body[2:]:
            if isinstance(node, ast.Return | ast.Assign | ast.Expr) and node.lineno == node.end_lineno:
                yield node.lineno - 1
                break


def _plain_lines(document: Document) -> Iterator[int]:
    for line in range(document.line_count // 4, document.line_count - 1):
        if _PLAIN_LINE.fullmatch(document.line(line)) and document.line(line - 1).strip():
            yield line


def target(document: Document, with_answer: bool = False) -> Target | None:
    """Return a definition to document; with `with_answer`, one that is documented in the file."""
    if document.language != "python":
        return None if with_answer else _plain_target(document)
    functions = [function for function in _functions(document.text) if 4 <= _length(function) <= 30]
    functions = [function for function in functions if not function.name.startswith("__")]
    bare = [function for function in functions if ast.get_docstring(function) is None]
    if bare and not with_answer:
        return _bare_target(document, bare[0])
    documented = (function for function in functions if _is_removable(function))
    return next((_documented_target(document, function) for function in documented), None)


def _is_removable(function: Function) -> bool:
    """Tell whether the documentation is on separate lines, with a statement below it."""
    documentation = ast.get_docstring(function)
    if not documentation or "\\" in documentation or len(function.body) < 3:
        return False
    return function.body[0].lineno > function.lineno and function.body[1].lineno > _last_line(
        function.body[0]
    )


def _bare_target(document: Document, function: Function) -> Target:
    start = document.line_start(function.lineno - 1)
    return Target(start, document.line_end(_last_line(function) - 1), function.name)


def _documented_target(document: Document, function: Function) -> Target:
    """The range is that of the text *without* the documentation."""
    first, behind = function.body[0].lineno - 1, _last_line(function.body[0])
    while not document.line(behind).strip():
        behind += 1
    out = Edit(document.line_start(first), document.line_start(behind), "")
    bare = _bare_target(document, function)
    answer = ast.get_docstring(function) or ""
    return Target(bare.start, bare.end + out.growth, function.name, out, answer)


def _plain_target(document: Document) -> Target | None:
    """Find a definition heuristically: up to the next non-empty line that is not indented deeper."""
    for line in range(document.line_count):
        head = document.line(line)
        if _HEAD.fullmatch(head) and not document.line(max(line - 1, 0)).strip().endswith(("*/", "//")):
            last = _plain_end(document, line)
            if last > line + 1:
                return Target(document.line_start(line), document.line_end(last), head.strip())
    return None


def _plain_end(document: Document, line: int) -> int:
    depth = _depth(document.line(line))
    for last in range(line + 1, document.line_count):
        text = document.line(last)
        if text.strip() and _depth(text) <= depth:
            return last if text.strip().startswith(("}", "end")) else last - 1
    return document.line_count - 1


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _functions(text: str) -> list[Function]:
    """Give the functions of Python text in their order; none if it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    found = [node for node in ast.walk(tree) if isinstance(node, Function)]
    return sorted(found, key=lambda node: node.lineno)


def _length(function: Function) -> int:
    return _last_line(function) - function.lineno + 1


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
