r"""Lexical rules of languages: how comments, strings and other literals begin and end.

The rules are approximate: they only have to find the brackets that are code. Languages with the same rules
form a family. A language without an entry has no rules; its brackets are counted wherever they are, and
`is_loose` says that the count proves nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

NEWLINE = "\n"  # the closer of line comments


@dataclass(frozen=True, slots=True)
class Literal:
    """A string or a comment: the regular expression of its opener, and its closer.

    `closer` may depend on the opener, as in Rust's raw strings. `hole` opens an expression inside a string.
    """

    opener: str
    closer: str | Callable[[str], str]
    spans_lines: bool = False
    escapes: bool = True
    hole: str = ""
    is_comment: bool = False

    def closer_for(self, opener: str) -> str:
        """Return the text that ends this literal, which `opener` began."""
        return self.closer if isinstance(self.closer, str) else self.closer(opener)


@dataclass(frozen=True)
class Family:
    """The lexical rules of some languages. `skipped` are regular expressions of complete literals."""

    literals: tuple[Literal, ...] = ()
    skipped: tuple[str, ...] = ()
    has_heredocs: bool = False
    is_loose: bool = False

    @cached_property
    def code_pattern(self) -> re.Pattern[str]:
        """What matters in code: one group for each kind of token."""
        parts = [f"(?P<skip>{'|'.join(self.skipped)})"] if self.skipped else []
        if self.has_heredocs:
            parts.append(_HEREDOC)
        parts += [f"(?P<literal{number}>{each.opener})" for number, each in enumerate(self.literals)]
        parts.append(r"(?P<open>[(\[{])|(?P<close>[)\]}])")
        if self.has_heredocs:
            parts.append(r"(?P<newline>\n)")
        # Most characters begin no token: one look at a class is faster than trying all alternatives.
        first = _FIRST_CHARACTERS + (r"\n" if self.has_heredocs else "")
        return re.compile(f"(?=[{first}])(?:{'|'.join(parts)})", re.MULTILINE)


_FIRST_CHARACTERS = r"\"'`#/\-<;(){}\[\]\\%?$@"
_HEREDOC = r"(?P<here><<[-~]?['\"]?(?P<word>[A-Za-z_]\w*)['\"]?)"


def _line_comment(opener: str) -> Literal:
    return Literal(opener, NEWLINE, escapes=False, is_comment=True)


def _block_comment(opener: str, closer: str) -> Literal:
    return Literal(re.escape(opener), closer, spans_lines=True, escapes=False, is_comment=True)


def _string(quote: str, *, lines: bool = False, escapes: bool = True, hole: str = "") -> Literal:
    return Literal(re.escape(quote), quote, lines, escapes, hole)


def _close_rust_raw(opener: str) -> str:
    return '"' + "#" * opener.count("#")


def _close_cpp_raw(opener: str) -> str:
    return f'){opener[opener.index(chr(34)) + 1 : -1]}"'


def _close_long_bracket(opener: str) -> str:
    return opener[opener.index("[") :].replace("[", "]")


_C_COMMENTS = (_block_comment("/*", "*/"), _line_comment("//"))
_PAIR = (_string('"'), _string("'"))
_TRIPLE = (_string('"""', lines=True), _string("'''", lines=True))
_HASH = _line_comment("#")
_SPACED_HASH = _line_comment(r"(?<![^\s;])#")  # a hash inside a word is text
# A slash after an operator begins a regular expression; after a value, it divides.
_REGEX = Literal(r"(?:(?<=[(,=:\[!&|?{;\n])|(?<=[(,=:\[!&|?{;] )|(?<=\breturn )|(?<=^))/(?![*/])", "/")
# At the end of a growing text, a quote and one character may still become a character literal.
_CHAR = r"'(?:\\[^'\n]*|[^\\'\n])(?:'|\Z)"
_F_STRING = r"(?:(?<=\b[fFtT])|(?<=\b[fFtT][rR])|(?<=\b[rR][fFtT]))"

_PYTHON = Family(
    (
        _HASH,
        *(Literal(_F_STRING + quote, quote, len(quote) == 3, hole="{") for quote in ('"""', "'''", '"', "'")),
        *_TRIPLE,
        *_PAIR,
    )
)
_SCRIPT = Family((*_C_COMMENTS, *_PAIR, _string("`", lines=True, hole="${"), _REGEX))
_C = Family(
    (
        *_C_COMMENTS,
        Literal(r'(?<=R)"[^\s()\\]{0,16}\(', _close_cpp_raw, spans_lines=True, escapes=False),
        *_PAIR,
    ),
    (r"(?<=\d)'(?=\w)",),
)
_RUST = Family(
    (
        *_C_COMMENTS,
        Literal(r'(?:(?<=\br)|(?<=\b[bc]r))#*"', _close_rust_raw, spans_lines=True, escapes=False),
        _string('"', lines=True),
        _string("'"),
    ),
    (_CHAR, r"'[A-Za-z_]\w*"),
)
_GO = Family((*_C_COMMENTS, *_PAIR, _string("`", lines=True, escapes=False)))
_JAVA = Family((*_C_COMMENTS, _string('"""', lines=True), *_PAIR))
_KOTLIN = Family(
    (
        *_C_COMMENTS,
        _string('"""', lines=True, escapes=False, hole="${"),
        _string('"', hole="${"),
        _string("'"),
    )
)
_SWIFT = Family((*_C_COMMENTS, _string('"""', lines=True, hole="\\("), _string('"', hole="\\(")))
_DART = Family(
    (
        *_C_COMMENTS,
        *(_string(quote, lines=len(quote) == 3, hole="${") for quote in ('"""', "'''", '"', "'")),
    )
)
_CSHARP = Family(
    (
        *_C_COMMENTS,
        _string('"""', lines=True, escapes=False),
        Literal(r'\$@"|@\$"', '"', spans_lines=True, escapes=False, hole="{"),
        Literal(r'@"', '"', spans_lines=True, escapes=False),
        Literal(r'\$"', '"', hole="{"),
        *_PAIR,
    )
)
_LUA = Family(
    (
        Literal(r"--\[=*\[", _close_long_bracket, spans_lines=True, escapes=False, is_comment=True),
        _line_comment("--"),
        Literal(r"\[=*\[", _close_long_bracket, spans_lines=True, escapes=False),
        *_PAIR,
    )
)
_RUBY = Family(
    (_SPACED_HASH, _string('"', hole="#{"), _string("'"), _string("`", hole="#{"), _REGEX),
    has_heredocs=True,
)
_SHELL = Family(
    (
        _SPACED_HASH,
        _string('"', lines=True, hole="$("),
        _string("'", lines=True, escapes=False),
    ),
    (r"\\.",),
    has_heredocs=True,
    is_loose=True,
)
_PHP = Family((*_C_COMMENTS, _SPACED_HASH, _string('"', lines=True, hole="{"), _string("'", lines=True)))
_ELIXIR = Family((_HASH, _string('"""', lines=True, hole="#{"), _string('"', hole="#{"), _string("'")))
_SQL = Family((_block_comment("/*", "*/"), _line_comment("--"), *_PAIR))
_CSS = Family((_block_comment("/*", "*/"), *_PAIR))
_LISP = Family((_line_comment(";"), _string('"', lines=True)), (r"\\.|#\\.",))
_HASKELL = Family((_block_comment("{-", "-}"), _line_comment("--"), _string('"')), (_CHAR,))
_OCAML = Family((_block_comment("(*", "*)"), _string('"', lines=True)), (_CHAR,))
_HASHED = Family((_HASH, *_TRIPLE, *_PAIR))
_MAKE = Family((_line_comment("#"),), is_loose=True)
_PLAIN = Family(is_loose=True)
_HTML = Family((_block_comment("<!--", "-->"),), is_loose=True)

_LANGUAGES: dict[str, tuple[Family, str]] = {
    "python": (_PYTHON, "cython mojo starlark"),
    "javascript": (_SCRIPT, "javascriptreact typescript typescriptreact jsonc json json5"),
    "c": (_C, "cpp cuda-cpp objective-c objective-cpp arduino glsl hlsl verilog"),
    "rust": (_RUST, ""),
    "go": (_GO, "v"),
    "java": (_JAVA, "scala groovy"),
    "kotlin": (_KOTLIN, ""),
    "swift": (_SWIFT, ""),
    "dart": (_DART, ""),
    "csharp": (_CSHARP, "cs fsharp"),
    "zig": (Family((_line_comment("//"), *_PAIR)), "solidity proto proto3"),
    "lua": (_LUA, "luau"),
    "ruby": (_RUBY, "crystal"),
    "shellscript": (_SHELL, "sh bash zsh ksh fish powershell"),
    "php": (_PHP, ""),
    "elixir": (_ELIXIR, "r julia"),
    "sql": (_SQL, "mysql postgres plsql"),
    "css": (_CSS, "scss less"),
    "clojure": (_LISP, "lisp scheme racket"),
    "haskell": (_HASKELL, "elm purescript"),
    "ocaml": (_OCAML, ""),
    "toml": (_HASHED, "nim coffeescript terraform hcl nix"),
    "makefile": (_MAKE, "make cmake dockerfile yaml perl"),
    "html": (_HTML, "xml svg vue svelte astro handlebars"),
}
_FAMILIES = {
    name: family for first, (family, others) in _LANGUAGES.items() for name in (first, *others.split())
}


def find_family(language: str) -> Family:
    """Return the rules of a language (LSP's id), or those of plain text."""
    return _FAMILIES.get(language.lower(), _PLAIN)


@lru_cache(maxsize=256)
def compile_inside(literal: Literal, closer: str) -> re.Pattern[str]:
    """Return the pattern for what matters inside a literal: escapes, its closer, holes and its line's end."""
    if closer == NEWLINE:
        return re.compile(r"(?P<close>[\r\n])")
    parts = [r"(?P<skip>\\(?:\r\n|[\s\S]))"] if literal.escapes and literal.hole[:1] != "\\" else []
    if literal.hole[:1] == "\\":
        parts.append(rf"(?P<hole>{re.escape(literal.hole)})|(?P<skip>\\[\s\S])")
    elif literal.hole == "{":
        parts.append(r"(?P<brace>\{\{)|(?P<hole>\{)")
    elif literal.hole:
        parts.append(f"(?P<hole>{re.escape(literal.hole)})")
    parts.append(f"(?P<close>{re.escape(closer)})")
    if not literal.spans_lines:
        parts.append(r"(?P<newline>[\r\n])")
    return re.compile("|".join(parts))
