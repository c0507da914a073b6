"""Guesses definitions in code of languages without a grammar: from their first lines and their blocks.

A head is the first line of a function, method or type. In languages with braces the block ends with its
closing brace, strings and comments apart; in all others, before the first line that is not indented deeper.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts.shaping.brackets import Nesting, read_tokens
from spark_lsp.prompts.shaping.lexical import find_family
from spark_lsp.text.lines import indent_width

MAX_GUESS_CHARS = 50_000  # to search on each side of the cursor
_PROSE = {
    *("markdown", "mdx", "plaintext", "text", "restructuredtext", "asciidoc", "tex", "latex", "bibtex"),
    *("html", "xml", "json", "jsonc", "yaml", "toml", "ini", "properties", "csv", "diff", "git-commit"),
    *("git-rebase", "log", "css", "scss", "less", "vue", "svelte", "astro", "dockerfile", "makefile"),
}
_NO_BRACES = {
    *("ruby", "crystal", "elixir", "lua", "luau", "haskell", "purescript", "elm", "ocaml", "fsharp"),
    *("julia", "nim", "python", "coffeescript", "erlang", "sql", "gdscript", "vim"),
}
_TYPED = {
    *("java", "csharp", "cs", "c", "cpp", "cuda-cpp", "objective-cpp", "arduino", "dart", "groovy"),
    *("glsl", "hlsl", "d", "haxe"),
}
_MODIFIERS = (
    r"(?:@\w+(?:\([^)\n]*\))?[ \t]+)*"
    r"(?:(?:pub(?:\([a-z]+\))?|public|private|protected|internal|fileprivate|static|async|export|local|unsafe"
    r"|abstract|final|open|override|inline|virtual|suspend|sealed|data|case|const|extern(?:[ \t]+\"\w+\")?"
    r"|mutating|implicit|lazy|partial|readonly|default|companion|operator|tailrec|infix|value|inner|convenience"
    r"|required|nonisolated|external|ref|file|base|mixin)[ \t]+)*"
)
_KEYWORDS = (
    r"(?:fn|func|function!?|fun|def|defp|defmacrop?|defmodule|defprotocol|defimpl|sub|proc|class|struct|enum"
    r"|trait|impl|interface|type|module|object|record|protocol|extension|actor|union|macro|contract|modifier"
    r"|message|service|input|procedure|mod|namespace)"
)
_HEAD = rf"^[ \t]*{_MODIFIERS}{_KEYWORDS}\b[ \t]*[\w.:(<`]"
_MORE_HEADS = {
    "swift": rf"^[ \t]*{_MODIFIERS}(?:init[?!]?|deinit|subscript)\b[ \t]*[(<{{]",
    "lua": r"^[ \t]*(?:local[ \t]+)?[\w.]+[ \t]*=[ \t]*function\b",
    "shellscript": r"^[ \t]*[\w:.-]+[ \t]*\([ \t]*\)[ \t]*\{?[ \t]*$",
    "r": r"^[ \t]*[\w.]+[ \t]*(?:<-|=)[ \t]*function\b",
    "julia": r"^[ \t]*[\w.!]+\([^\n]*\)[ \t]*(?:::[ \t]*[\w{}]+[ \t]*)?=(?!=)",
    "haskell": r"^(?:[a-z_][\w']*[ \t]*::|(?:newtype|data|instance)[ \t])",
    "ocaml": r"^(?:let|and|exception|val|external)[ \t]+(?!\(\)|_)",
    "fsharp": r"^(?:let|and)[ \t]+(?!\(\)|_)|^[ \t]+(?:static[ \t]+)?member[ \t]",
    "elm": r"^[a-z]\w*[ \t]*:(?!:)",
    "erlang": r"^[a-z]\w*\([^\n]*\)[^\n]*->",
    "sql": r"^[ \t]*(?i:create)[ \t]+(?i:or[ \t]+replace[ \t]+)?(?i:function|procedure|view|trigger)\b",
    "rust": r"^[ \t]*macro_rules![ \t]*\w",
    "graphql": r"^(?:scalar|directive)\b",
    "terraform": r"^(?:resource|variable|output|data|provider)\b[^\n]*\{",
}
_SAME = {
    **{"luau": "lua", "sh": "shellscript", "bash": "shellscript", "zsh": "shellscript", "ksh": "shellscript"},
    **{"purescript": "haskell", "mysql": "sql", "postgres": "sql", "plsql": "sql", "hcl": "terraform"},
}
_TYPED_HEAD = re.compile(r"^[ \t]*((?:[\w:<>,.?~\[\]@]+[ \t*&]+)*)(~?[\w:]+)[ \t]*\(", re.MULTILINE)
_NO_HEADS = {
    *("if", "for", "while", "switch", "catch", "return", "else", "new", "throw", "do", "case", "assert"),
    *("await", "yield", "sizeof", "delete", "using", "lock", "synchronized", "foreach", "defer", "typeof"),
    *("goto", "co_return", "co_await", "co_yield", "default", "fixed", "try", "finally", "elif", "class"),
    *("struct", "enum", "interface", "record", "namespace", "import", "package", "static_assert", "when"),
}
_ANNOTATION = re.compile(
    r"[ \t]*(?:@(?!(?:interface|end|implementation|doc|moduledoc)\b)\w[^\n{]*|#!?\[.*|\[[A-Z\[][^\n]*\]"
    r"|template[ \t]*<[^\n]*>)[ \t]*$"
)
_BLOCK_ENDS = {"end", "}"}
_MAX_LINES_TO_BRACE = 2  # between the parameters of a head and its opening brace


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, method or class: complete lines `[start, end)`, without the last line end.

    `body` is the offset of its body's first statement, or None if the body is not on lines below the head.
    `docstring` is the range of its docstring, quotes included (Python only).
    """

    start: int
    end: int
    body: int | None
    docstring: tuple[int, int] | None


def is_prose(language: str) -> bool:
    """Tell whether a language (LSP's id) has no definitions."""
    return language in _PROSE


def is_annotation(line: str) -> bool:
    """Tell whether a line has nothing but an annotation of the definition below: `@Override`, `#[test]`."""
    return _ANNOTATION.match(line) is not None


def guess_definition(text: str, language: str, offset: int) -> Definition | None:
    """Guess the innermost definition around `offset`, or return None. Lines must end with line feeds.

    Only the text around the offset is read, so a large text takes no longer.
    """
    if language in _PROSE:
        return None
    shift = text.rfind("\n", 0, max(offset - MAX_GUESS_CHARS, 0)) + 1
    near = text[shift : offset + MAX_GUESS_CHARS]
    at = _skip_annotations(near, offset - shift)
    line_end = near.find("\n", at)
    heads = _find_heads(near, len(near) if line_end < 0 else line_end, language)
    for start in sorted(heads, reverse=True):
        end = _find_block_end(near, start, language)
        if end is not None and start <= at <= end:
            return Definition(start + shift, end + shift, None, None)
    return None


def _skip_annotations(text: str, at: int) -> int:
    """Return the offset of the first line that is not an annotation, from the one at `at` on."""
    start = text.rfind("\n", 0, at) + 1
    is_moved = False
    while (end := text.find("\n", start)) >= 0 and is_annotation(text[start:end]):
        start = end + 1
        is_moved = True
    return start if is_moved else at


def _find_heads(text: str, end: int, language: str) -> set[int]:
    """Return the offsets of the lines above `end` that look like the first one of a definition."""
    name = _SAME.get(language, language)
    patterns = [_HEAD, _MORE_HEADS[name]] if name in _MORE_HEADS else [_HEAD]
    found = {match.start() for each in patterns for match in re.compile(each, re.M).finditer(text, 0, end)}
    if language in _TYPED:
        for match in _TYPED_HEAD.finditer(text, 0, end):
            words = [*match[1].split(), match[2]]
            if words[0].lstrip("@") not in _NO_HEADS and _is_typed_definition(text, match, language):
                found.add(match.start())
    return found


def _is_typed_definition(text: str, match: re.Match[str], language: str) -> bool:
    """Tell whether `type name(` begins a function, and not a call: a body or a type must be there."""
    after = _find_closer(text, match.end() - 1, language)
    if after is None:
        return False
    rest = re.compile(r"[^;{}=()]*").match(text, after)
    follower = text[rest.end() : rest.end() + 2] if rest else ""
    between = rest[0] if rest else ""
    if follower[:1] == "{" or follower == "=>":
        return between.count("\n") <= _MAX_LINES_TO_BRACE
    is_prototype = follower[:1] == ";" or re.match(r"=\s*(?:0|default|delete)\s*;", text[after:].lstrip())
    return bool(match[1].split() and is_prototype)


def _find_closer(text: str, opening: int, language: str) -> int | None:
    """Return the offset behind the bracket that closes the one at `opening`, or None."""
    for token in read_tokens(Nesting(find_family(language)), text, opening, len(text)):
        if token.kind == "close" and token.depth == 0:
            return token.end
    return None


def _find_block_end(text: str, start: int, language: str) -> int | None:
    """Return the end of the definition whose head begins at `start`."""
    if language not in _NO_BRACES:
        end = _find_brace_end(text, start, language)
        if end is not None:
            return end
    return _guess_indented_end(text, start, _SAME.get(language, language))


def _find_brace_end(text: str, start: int, language: str) -> int | None:
    """Return the end of a block in braces or of a declaration that ends with `;`, or None without one."""
    seen = start  # everything outside of brackets up to here has been looked at
    is_first = True
    for token in read_tokens(Nesting(find_family(language)), text, start, len(text)):
        if token.depth > 0 or token.kind in ("broken", "excess"):
            continue
        if token.kind == "close":
            if text[token.start] == "}":
                return token.end
            seen, is_first = token.end, False
            continue
        between = text[seen : token.start]
        if (semicolon := between.find(";")) >= 0:
            return seen + semicolon + 1
        is_far = between.count("\n") > _MAX_LINES_TO_BRACE or "\n\n" in between
        is_expression = re.search(r"=(?!\s*$)", between) is not None and not is_first
        if is_far or is_expression:
            return None
        seen = token.start
    semicolon = text.find(";", seen)
    is_near = semicolon >= 0 and "\n" not in text[seen:semicolon]
    return semicolon + 1 if is_near else None


def _guess_indented_end(text: str, start: int, language: str) -> int:
    """Return the end of the block whose head begins at `start`, by the indentation of its lines."""
    lines = text[start:].split("\n")
    indent = indent_width(lines[0])
    length = len(lines[0])
    name = re.match(r"[\w']+", lines[0])
    for line in lines[1:]:
        is_deeper = indent_width(line) > indent
        is_end = line.strip() in _BLOCK_ENDS
        is_equation = language in ("haskell", "elm") and name is not None and line.startswith(f"{name[0]} ")
        if line.strip() and not is_deeper and not is_end and not is_equation:
            break
        length += len(line) + 1
        if is_end and not is_deeper:
            break
    return start + len(text[start : start + length].rstrip())
