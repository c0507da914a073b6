"""Adds tests to a file: imports go to its imports, the tests below its last line, and nothing is changed.

An answer never replaces the code under test. A test whose name the file has already gets another name: in
most languages, it would replace the old test.
"""

import re
import textwrap

from spark_lsp.prompts.known_statements import drop_known
from spark_lsp.prompts.shaping.brackets import Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import find_family
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from spark_lsp.text.lines import LINE_END, indentation_of

_IMPORTS = {
    "python": r"(?:import|from)\s",
    "go": r"(?:package|import)\b",
    "rust": r"use\s",
    "java": r"(?:package|import)\s",
    "kotlin": r"(?:package|import)\s",
    "scala": r"(?:package|import)\s",
    "ruby": r"require(?:_relative)?\b",
    "php": r"<\?php|declare\(|namespace\s|use\s|require(?:_once)?\b",
    "dart": r"import\s",
    "lua": r"(?:local\s+\w+\s*=\s*)?require\b",
    "swift": r"(?:@testable\s+)?import\s",
    "zig": r"const\s+\w+\s*=\s*@import\(",
}
_SCRIPT_IMPORT = r"import\b|(?:const|let|var)\s[^=]*=\s*require\("
_ONCE = re.compile(r"package\s|<\?php|declare\(|namespace\s")  # a file has one of these at most
_TEST_NAMES = re.compile(r"^[ \t]*(?:async\s+)?(?:pub\s+)?(?:def|func|fn|class)\s+(\w+)", re.MULTILINE)
_CONTAINER = re.compile(
    r"(?:@[^\n]*\n)*(?:(?:public|final|internal|open)\s+)*(?:class|defmodule)\s+([\w.]+)"
    r"[^\n{]*(\{|\bdo\b)[ \t]*\n"
)
_CONTAINED = ("java", "kotlin", "scala", "php", "swift", "elixir")
_USE_SUPER = "use super::*;"
_RUST_MODULE = re.compile(r"^#\[cfg\(test\)\]\s*\n(?:#\[[^\n]*\n)*mod\s+\w+\s*\{(?=[ \t\r]*$)", re.MULTILINE)
_MAIN = re.compile(r"^if __name__ == .*\Z", re.MULTILINE | re.DOTALL)  # of a script
_TWO_BLANK_LINES = ("python",)


def insertion_edits(document: Document, code: str) -> list[Edit]:
    """Return the edits that add tests to a test file; `code` has line feeds. All of them are insertions."""
    if not document.text.strip():
        return [Edit(0, len(document), code.strip("\n").replace("\n", document.eol) + document.eol)]
    header, body = split_header(code, document.language)
    body = rename_duplicates(body, document.text)
    edits = _import_edits(document, header)
    inner = _inner_of_container(body, document)
    edits.append(_edit_at_end(document, body) if inner is None else _edit_in_container(document, inner))
    return sorted(edits)


def insertion_below(document: Document, tree: SyntaxTree, end: int, code: str, module: str) -> list[Edit]:
    """Return the edits that add tests below the definition that ends at `end`.

    `module` is the name of the file's own module, whose import is left out.
    """
    header, body = split_header(code, document.language)
    body = _MAIN.sub("", body).rstrip()
    own = re.compile(
        rf"(?:from\s+[\w.]*\b{re.escape(module)}\s+import|import\s.*['\"/.]{re.escape(module)}\b)"
    )
    needed = [each for each in header if not own.match(each) and _is_needed(each, body)]
    edits = _import_edits(document, needed, tree)
    body = rename_duplicates(body, document.text)
    at = document.line_end(document.line_at(end))
    gap = document.eol * (3 if document.language in _TWO_BLANK_LINES else 2)
    indented = body.replace("\n", document.eol)
    return sorted([*edits, Edit(at, at, f"{gap}{indented}")])


def find_test_offset(tree: SyntaxTree, end: int) -> int:
    """Return the end of the outermost definition that ends at or after `end`; `end` without a tree."""
    if tree.root is None:
        return end
    byte = tree.byte_of(end)
    for node in tree.root.named_children:
        if node.start_byte <= byte <= node.end_byte:
            return max(tree.offset_of(node.end_byte), end)
    return end


def insert_test(document: Document, tree: SyntaxTree, end: int, new: str) -> list[Edit]:
    """Return the edit that inserts an answer's tests, whose line ends are line feeds; none without a test."""
    test = drop_known(document, tree, textwrap.dedent(new)).strip("\n").rstrip()
    if not test:
        return []
    at = find_test_offset(tree, end)
    gap = "\n" * (3 if document.language in _TWO_BLANK_LINES else 2)
    return [Edit(at, at, LINE_END.sub(document.eol, gap + test))]


def insertion_inside(document: Document, code: str) -> list[Edit]:
    """Return the edits that add tests to the file of the code: Rust's module of tests, or the end."""
    if document.language != "rust":
        return [_edit_at_end(document, rename_duplicates(code.strip("\n"), document.text))]
    header, body = split_header(_unwrap_module(code), "rust")
    uses = [each for each in header if each.strip() != _USE_SUPER and each not in document.text]
    body = rename_duplicates(body, document.text)
    text = "\n\n".join(each for each in ("\n".join(uses), body) if each)
    inner = "\n".join(f"    {line}" if line.strip() else "" for line in text.split("\n"))
    module = _RUST_MODULE.search(document.text)
    closing = None if module is None else _find_closing_line(document, module.end() - 1)
    if closing is not None:
        return [Edit(closing, closing, f"\n{inner}\n".replace("\n", document.eol))]
    new = f"#[cfg(test)]\nmod tests {{\n    {_USE_SUPER}\n\n{inner}\n}}"
    return [_edit_at_end(document, new)]


def split_header(code: str, language: str) -> tuple[list[str], str]:
    """Return the import statements at the beginning of code, and the rest."""
    pattern = re.compile(_IMPORTS.get(language, _SCRIPT_IMPORT))
    if language not in _IMPORTS and not language.startswith(("javascript", "typescript")):
        return [], code.strip("\n")
    lines = code.strip("\n").split("\n")
    header: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        if not pattern.match(line):
            break
        statement = [line]
        at += 1
        while _is_open("\n".join(statement)) and at < len(lines):
            statement.append(lines[at])
            at += 1
        header.append("\n".join(statement))
    return header, "\n".join(lines[at:]).strip("\n")


def _is_needed(statement: str, body: str) -> bool:
    """Tell whether tests use a name of an import statement; models import their framework by habit."""
    words = re.findall(r"\w+", statement.replace("import", " ").replace("from", " "))
    return any(re.search(rf"\b{word}\b", body) for word in words)


def _is_open(statement: str) -> bool:
    """Tell whether a bracket of an import statement is still open."""
    return any(statement.count(opener) > statement.count(closer) for opener, closer in ("()", "{}"))


def rename_duplicates(body: str, text: str) -> str:
    """Return tests in which a name that `text` defines already has a number behind it."""
    taken = set(_TEST_NAMES.findall(text))
    names = dict.fromkeys(_TEST_NAMES.findall(body))
    for name in names:
        if name not in taken or not re.match(r"[Tt]est", name):
            continue
        number = next(each for each in range(2, 1000) if f"{name}_{each}" not in taken | set(names))
        body = re.sub(rf"\b{name}\b", f"{name}_{number}", body)
    return body


def _import_edits(document: Document, header: list[str], tree: SyntaxTree | None = None) -> list[Edit]:
    known = {line.strip() for line in document.text.splitlines()}
    new = [each for each in header if each.strip() not in known and not _ONCE.match(each)]
    if not new:
        return []
    at = _find_import_offset(document, tree)
    text = "".join(f"{each}\n" for each in new).replace("\n", document.eol)
    is_line_start = at == 0 or document.text[at - 1] in "\r\n"
    return [Edit(at, at, text if is_line_start else f"{document.eol}{text}")]


def _find_import_offset(document: Document, tree: SyntaxTree | None) -> int:
    """Return the offset of the line below the imports of a file."""
    if document.language == "python":
        return (tree or SyntaxTree.of(document)).find_import_offset()
    pattern = re.compile(_IMPORTS.get(document.language, _SCRIPT_IMPORT))
    last, statement = 0, ""
    for number in range(document.line_count):
        line = document.line(number)
        if statement or pattern.match(line):
            statement = f"{statement}\n{line}"
            if not _is_open(statement):
                last, statement = number + 1, ""
        elif line.strip() and not line.lstrip().startswith(("//", "/*", "*", "#", "--")):
            break
    return document.line_start(last) if last < document.line_count else len(document)


def _edit_at_end(document: Document, body: str) -> Edit:
    end = len(document.text.rstrip())
    gap = document.eol * (3 if document.language in _TWO_BLANK_LINES else 2)
    tail = "" if document.text[end:].strip(" \t") else document.eol
    return Edit(end, end, gap + body.replace("\n", document.eol) + tail)


def _inner_of_container(body: str, document: Document) -> str | None:
    """Return the inner lines of the class or module around tests, if the file has one of that name."""
    match = _CONTAINER.match(body) if document.language in _CONTAINED else None
    if match is None or re.search(rf"\b(?:class|defmodule)\s+{re.escape(match[1])}\b", document.text) is None:
        return None
    lines = body.rstrip().split("\n")
    is_closed = lines[-1].strip() in ("}", "end")
    inner = body[match.end() :].rstrip()
    return inner.rpartition("\n")[0].rstrip() if is_closed else inner


def _edit_in_container(document: Document, inner: str) -> Edit:
    closing = _find_last_line(document, "end" if document.language == "elixir" else "}")
    if closing is None:
        return _edit_at_end(document, inner)
    return Edit(closing, closing, f"\n{inner}\n".replace("\n", document.eol))


def _find_closing_line(document: Document, opening: int) -> int | None:
    """Return the beginning of the line with the brace that closes the one at `opening`, or None."""
    nesting = Nesting(find_family(document.language))
    for token in read_tokens(nesting, document.text, opening, len(document)):
        if token.kind == "close" and token.depth == 0:
            return document.line_start(document.line_at(token.start))
    return None


def _find_last_line(document: Document, closer: str) -> int | None:
    """Return the beginning of the last line that is only a closer without indentation, or None."""
    for number in range(document.line_count - 1, -1, -1):
        line = document.line(number)
        if line.strip() == closer and not indentation_of(line):
            return document.line_start(number)
        if line.strip():
            return None
    return None


def _unwrap_module(code: str) -> str:
    """Return the inner lines of Rust's module of tests, if code is one, without their indentation."""
    match = _RUST_MODULE.search(code)
    if match is None or code[: match.start()].strip():
        return code
    inner = code[match.end() :].rstrip().removesuffix("}").strip("\n")
    return "\n".join(line.removeprefix("    ") for line in inner.split("\n"))
