"""The context beside a document, as the files that a model reads before it.

Signatures of other files keep their paths. Recent edits become one diff, diagnostics one list. A family
whose documentation has a format for repositories gets them as files; the others get comments at the beginning
of the prefix, in the language of the document. Nothing is added for a language whose comments are not known.
"""

from spark_lsp.request import PartKind, Request

EDITS_FILE = "recent_edits.diff"
DIAGNOSTICS_FILE = "diagnostics.txt"
_LEADERS = {
    "#": "python shellscript bash ruby yaml perl perl6 r julia elixir toml makefile dockerfile powershell "
    "nim coffeescript crystal gdscript terraform hcl nix cmake tcl awk",
    "//": "javascript javascriptreact typescript typescriptreact c cpp csharp java go rust swift kotlin "
    "scala dart php zig groovy objective-c objective-cpp solidity proto proto3 fsharp jsonc less scss v odin",
    "--": "sql lua haskell ada vhdl elm purescript",
    ";": "lisp clojure scheme elisp emacs-lisp commonlisp racket asm",
    "%": "latex tex erlang matlab prolog",
}
_LEADER_OF = {language: leader for leader, names in _LEADERS.items() for language in names.split()}

ContextFile = tuple[str, str]
"""A path and a text."""


def list_context_files(request: Request, room: int) -> tuple[ContextFile, ...]:
    """Return the context of a completion as files, together at most `room` characters."""
    edits = [
        f"--- {part.uri}\n+++ {part.uri}\n{part.text}"
        for part in request.parts
        if part.kind is PartKind.RECENT_EDIT
    ]
    files = [(part.uri, part.text) for part in request.parts if part.kind is PartKind.FILE]
    files += [(EDITS_FILE, "".join(edits)), (DIAGNOSTICS_FILE, request.text_of(PartKind.DIAGNOSTIC))]
    found: list[ContextFile] = []
    for path, text in files:
        size = len(path) + len(text)
        if text and size <= room:
            found.append((path, text))
            room -= size
    return tuple(found)


def count_characters(files: tuple[ContextFile, ...]) -> int:
    """Return the characters of files and their paths."""
    return sum(len(path) + len(text) for path, text in files)


def find_comment_leader(language: str) -> str | None:
    """Return the characters that begin a comment of one line, or None for a language without known ones."""
    return _LEADER_OF.get(language)


def as_comments(files: tuple[ContextFile, ...], language: str) -> str:
    """Return files as comments of a language; empty for a language whose comments are not known."""
    leader = find_comment_leader(language)
    if leader is None:
        return ""
    lines = [line for path, text in files for line in (f"{path}:", *text.splitlines())]
    return "".join(f"{leader} {line}".rstrip() + "\n" for line in lines)
