"""How documentation is written in each language.

A language without an entry in `_FORMS` gets no documentation: a guessed comment mark may not compile. The
forms are those that the languages' own documentation tools read (Javadoc, rustdoc, godoc, Doxygen, roxygen2,
Haddock, odoc, YARD, LDoc …). Python's docstrings are in `documentation`.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentationForm:
    """Lines `opening`, then each line of text behind `mark`, then `closing`.

    `first` replaces `mark` in the first line. `joined` puts the text on the line of `opening` and `closing`.
    `escapes` are texts that would end the documentation, or run code in it, with their replacements. With
    `is_named`, the text begins with the definition's name. `is_xml`: it is XML.
    """

    mark: str
    opening: str = ""
    closing: str = ""
    first: str = ""
    is_joined: bool = False
    is_named: bool = False
    is_xml: bool = False
    escapes: tuple[tuple[str, str], ...] = ()


_JAVADOC = DocumentationForm(" * ", "/**", " */")
_SLASHES = DocumentationForm("/// ")
HASH = DocumentationForm("# ")
_DASHES = DocumentationForm("-- ")
_HADDOCK = DocumentationForm("-- ", first="-- | ")
_FORMS: dict[str, tuple[DocumentationForm, str]] = {
    "javadoc": (
        _JAVADOC,
        "java kotlin scala groovy c cpp cuda-cpp objective-c objective-cpp arduino php haxe",
    ),
    "jsdoc": (_JAVADOC, "javascript javascriptreact typescript typescriptreact rescript"),
    "slashes": (_SLASHES, "rust swift dart zig fsharp solidity gleam d"),
    "go": (DocumentationForm("// ", is_named=True), "go v"),
    "csharp": (DocumentationForm("/// ", "/// <summary>", "/// </summary>", is_xml=True), "csharp cs"),
    "hash": (HASH, "ruby crystal perl shellscript sh bash zsh ksh fish tcl terraform hcl"),
    "gdscript": (DocumentationForm("## "), "gdscript"),
    "roxygen": (DocumentationForm("#' "), "r"),
    "lua": (DocumentationForm("--- "), "lua luau"),
    "sql": (_DASHES, "sql mysql postgres plsql"),
    "haskell": (_HADDOCK, "haskell purescript"),
    "ocaml": (DocumentationForm("    ", "(** ", " *)", is_joined=True, escapes=(("*)", "* )"),)), "ocaml"),
    "elm": (DocumentationForm("", "{-| ", "\n-}", is_joined=True, escapes=(("-}", "- }"),)), "elm"),
    "elixir": (DocumentationForm("", '@doc """', '"""', escapes=(("#{", "\\#{"),)), "elixir"),
    "julia": (DocumentationForm("", '"""', '"""', escapes=(("$", "\\$"),)), "julia"),
    "graphql": (DocumentationForm("", '"""', '"""'), "graphql"),
    "erlang": (DocumentationForm("%% ", first="%% @doc "), "erlang"),
    "powershell": (
        DocumentationForm("", "<#\n.SYNOPSIS", "#>", escapes=(("#>", "# >"),)),
        "powershell",
    ),
    "proto": (DocumentationForm("// "), "proto proto3 verilog"),
    "vim": (DocumentationForm('" '), "vim"),
}
_BY_LANGUAGE = {name: form for form, names in _FORMS.values() for name in names.split()}
DOCUMENTED = frozenset({"python", *_BY_LANGUAGE})
"""LSP's ids of the languages whose form of documentation is known."""
_GO_NAME = re.compile(r"[ \t]*(?:func|fn|type|pub fn)\s*(?:\([^)\n]*\)\s*)?(\w+)")
_ARTICLES = {"a", "an", "the"}
_VERBS = {
    *("add", "append", "build", "calculate", "call", "check", "clear", "close", "compare", "compute"),
    *("convert", "copy", "count", "create", "decode", "delete", "divide", "encode", "find", "format"),
    *("generate", "get", "give", "handle", "initialize", "insert", "load", "make", "multiply", "open"),
    *("parse", "print", "process", "put", "read", "register", "remove", "render", "replace", "report"),
    *("reset", "return", "run", "save", "send", "set", "sort", "start", "stop", "store", "subtract", "sum"),
    *("take", "tell", "update", "validate", "verify", "wait", "write"),
}


def find_form(language: str) -> DocumentationForm | None:
    """Return the form of documentation above a definition, by LSP's id of the language, or None."""
    return _BY_LANGUAGE.get(language)


def format_documentation(form: DocumentationForm, indent: str, head: str, lines: list[str], eol: str) -> str:
    """Return documentation in a form, as complete lines; `head` is the first line of its definition."""
    texts = _begin_with_name(head, lines) if form.is_named else list(lines)
    for unsafe, safe in form.escapes:
        texts = [each.replace(unsafe, safe) for each in texts]
    if form.is_xml:
        texts = [each.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for each in texts]
    first = form.first or form.mark
    body = [f"{first}{texts[0]}", *(f"{form.mark}{each}" for each in texts[1:])]
    if form.is_joined:
        body[0] = f"{form.opening}{texts[0]}"
        body[-1] += form.closing
    else:
        body = [form.opening, *body, form.closing]
    comment = [line for each in body if each for line in each.split("\n")]
    return "".join(f"{indent}{line}".rstrip() + eol for line in comment)


def _begin_with_name(head: str, lines: list[str]) -> list[str]:
    """Return lines whose first one begins with the definition's name, as godoc expects."""
    match = _GO_NAME.match(head)
    if match is None:
        return lines
    name = match[1]
    word, space, rest = lines[0].partition(" ")
    if word.strip("`*:").lower() == name.lower() and space:
        return [f"{name} {rest}", *lines[1:]]
    lowered = word.lower()
    if lowered in _ARTICLES:
        begun = f"{name} is {lowered}"
    elif lowered in _VERBS:
        begun = f"{name} {_third_person(lowered)}"
    elif lowered.removesuffix("s") in _VERBS or lowered.removesuffix("es") in _VERBS:
        begun = f"{name} {lowered}"
    else:
        begun = f"{name}: {word}"
    return [f"{begun}{space}{rest}", *lines[1:]]


def _third_person(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{verb}s"
