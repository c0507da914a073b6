"""Finds functions whose body is still to be written, and takes the function's head off a model's answer.

A stub's body has only a placeholder (`pass`, `...`, `todo!()`, `raise NotImplementedError`), a comment such
as `TODO`, or nothing, apart from documentation.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts.definitions import Definition, is_annotation
from spark_lsp.prompts.shaping.brackets import Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import find_family
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.lines import LINE_END, indentation_of

_PLACEHOLDER = re.compile(
    r"""(?:pass|\.\.\.|\?\?\?|nil|undefined
    |raise[ ]NotImplementedError(?:\(.*\))?|raise[ ]\"(?:todo|not[ ]implemented).*
    |(?:return[ ])?(?:todo!?|unimplemented!|fatalError|panic|error|failwith|notImplemented)[ ]?[({"].*
    |throw[ ](?:new[ ])?\w*(?:Error|Exception)\w*(?:\(.*\))?
    )?;?""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(
    r"(?:^|(?<=[ \t]))[ \t]*(?:#(?!\[)|//|--|%)[^\r\n]*|/\*.*?\*/|\(\*.*?\*\)", re.MULTILINE | re.DOTALL
)
_DOCSTRING = re.compile(r"\s*[rRuU]?(\"\"\"|''').*?\1", re.DOTALL)
_TYPE_HEAD = re.compile(
    r"[ \t]*(?:[\w@]+[ \t]+)*(?:class|struct|enum|trait|impl|interface|type|module|object|record|protocol"
    r"|extension|actor|union|contract|message|service|namespace|mod|defmodule|data|newtype|instance)\b"
)
_INLINE_BODY = re.compile(r":[ \t]*(?:\.\.\.|pass|raise NotImplementedError(?:\(.*\))?)[ \t]*(?:#.*)?$")
_END = re.compile(r"[ \t]*end\b")


@dataclass(frozen=True, slots=True)
class Stub:
    """The complete lines `[start, end)` of the body of the function at `head`, without the last line end.

    If the body is on a line of the head, or has no line, these are the lines of the function.
    """

    head: int
    start: int
    end: int


def find_stub(document: Document, tree: SyntaxTree, offset: int) -> Stub | None:
    """Return the stub around `offset`, or None if the innermost definition there is not one."""
    definition = tree.definition_at(offset)
    if definition is None:
        return None
    head = _skip_annotations(document, definition.start)
    if _TYPE_HEAD.match(document.line(document.line_at(head))):
        return None
    if document.language == "python":
        return _find_python_stub(document, definition)
    return _find_braced_stub(document, definition, head) or _find_end_stub(document, definition, head)


def _skip_annotations(document: Document, start: int) -> int:
    line = document.line_at(start)
    while line < document.line_count - 1 and is_annotation(document.line(line)):
        line += 1
    return document.line_start(line)


def is_placeholder(body: str) -> bool:
    """Tell whether the body of a function, without its documentation, is still to be written."""
    return _PLACEHOLDER.fullmatch(_COMMENT.sub("", body).strip()) is not None


def _find_python_stub(document: Document, definition: Definition) -> Stub | None:
    start, end = definition.start, definition.end
    if definition.body is None:
        is_inline = _INLINE_BODY.search(document.text[start:end]) is not None
        return Stub(start, start, end) if is_inline else None
    above = document.line_at(definition.body)
    if definition.docstring is not None:
        above = document.line_at(definition.docstring[1]) + 1
    if above >= document.line_count or document.line_start(above) >= end:
        return Stub(start, start, end)  # only documentation
    first = _with_comments_above(document, definition, document.line_start(above))
    return Stub(start, first, end) if is_placeholder(document.text[first:end]) else None


def _with_comments_above(document: Document, definition: Definition, start: int) -> int:
    """Return the beginning of a Python body, with the comments above its first statement."""
    line = document.line_at(start)
    while line - 1 > document.line_at(definition.start) and document.line(line - 1).strip().startswith("#"):
        line -= 1
    return document.line_start(line)


def _find_braced_stub(document: Document, definition: Definition, head: int) -> Stub | None:
    opening = _find_opening_brace(document, head, definition.end)
    closing = document.text.rfind("}", head, definition.end)
    if opening is None or closing <= opening:
        return None
    if not is_placeholder(document.text[opening + 1 : closing]):
        return None
    first, last = document.line_at(opening) + 1, document.line_at(closing) - 1
    if first > last or not document.text[document.line_start(first) : document.line_end(last)].strip():
        return Stub(definition.start, definition.start, document.line_end(document.line_at(definition.end)))
    return Stub(definition.start, document.line_start(first), document.line_end(last))


def _find_opening_brace(document: Document, start: int, end: int) -> int | None:
    """Return the offset of the first brace outside of the head's parameters, or None."""
    nesting = Nesting(find_family(document.language))
    for token in read_tokens(nesting, document.text, start, end):
        if token.kind == "open" and token.depth == 0 and document.text[token.start] == "{":
            return token.start
    return None


def _find_end_stub(document: Document, definition: Definition, head: int) -> Stub | None:
    """Return the stub of a block that ends with the line `end`, as in Ruby, Lua, Elixir and Julia."""
    first, last = document.line_at(head) + 1, document.line_at(definition.end) - 1
    if not _END.match(document.line(document.line_at(definition.end))):
        return None
    body = document.text[document.line_start(first) : document.line_end(last)] if first <= last else ""
    if not is_placeholder(body):
        return None
    if not body.strip():
        return Stub(definition.start, definition.start, definition.end)
    return Stub(definition.start, document.line_start(first), document.line_end(last))


def remove_head(document: Document, stub: Stub, answer: str) -> str:
    """Return the body in an answer that repeats the function's head, or the answer itself.

    Lines of `answer` end with line feeds.
    """
    if stub.start == stub.head:
        return answer  # the target contains the head
    head = [line.strip() for line in LINE_END.split(document.text[stub.head : stub.start]) if line.strip()]
    lines = answer.split("\n")
    rest = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if not head or rest == len(lines) or lines[rest].strip() != head[0]:
        return answer
    indent = indentation_of(lines[rest])
    for line in head:
        while rest < len(lines) and not lines[rest].strip():
            rest += 1
        if rest == len(lines) or lines[rest].strip() != line:
            break
        rest += 1
    body = "\n".join(lines[rest:]).rstrip()
    last = body.rpartition("\n")[2]
    if last.strip() in ("}", "};", "end") and indentation_of(last) == indent:
        body = body.removesuffix(last).rstrip()
    if document.language == "python":  # the answer may have written another docstring
        body = body if '"""' in "".join(head) else _DOCSTRING.sub("", body, count=1)
    return body.lstrip("\n")
