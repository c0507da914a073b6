"""Code fences as CommonMark defines them: which lines are fences, and which blocks they delimit.

An opening fence is three or more backticks or tildes, with an optional info string. Its closing fence has the
same character, is at least as long and has no info string. A text that is wrapped in a fence often holds
blocks of its own; strict CommonMark would end the wrapper at the first inner closing fence, but people and
models mean the inner blocks to nest. `flat` reads the first way, `nested` the second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"([ \t]*)(`{3,}(?=[^`]*\Z)|~{3,})[ \t]*(.*?)[ \t]*\Z")
_RUN = re.compile(r"(?:`{3,}|~{3,})")
_NAME = re.compile(r"\{?\s*[.=]?\s*([^\s,{}:=]+)")
_MAX_EXTRA_INDENT = 3  # columns by which a closing fence may be indented deeper than its opening fence
MARKUP_LANGUAGES = {
    "asciidoc",
    "djot",
    "literate haskell",
    "markdown",
    "mdc",
    "mdx",
    "pandoc",
    "quarto",
    "restructuredtext",
    "rmarkdown",
    "rmd",
    "typst",
    "vimwiki",
}
_SHORT_NAMES = {"adoc", "md", "markdown", "qmd", "rst", "typ"}
_ENDINGS = {".adoc", ".asciidoc", ".markdown", ".md", ".mdc", ".mdx", ".qmd", ".rmd", ".rst", ".typ"}


@dataclass(frozen=True, slots=True)
class Fence:
    """One fence line; `line` is its number in its text, `indent` its columns of indentation."""

    line: int
    indent: int
    run: str
    info: str

    @property
    def language(self) -> str:
        """The language that the info string names, in lower case; empty without one."""
        match = _NAME.match(self.info)
        return match[1].lower() if match else ""

    def closes(self, opening: "Fence") -> bool:
        """Return whether this can be the closing fence for `opening`."""
        return (
            not self.info
            and self.run[0] == opening.run[0]
            and len(self.run) >= len(opening.run)
            and self.indent <= opening.indent + _MAX_EXTRA_INDENT
        )


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A fenced block; `closing` is None for one that the text does not close."""

    opening: Fence
    closing: Fence | None


def find_fences(lines: Sequence[str]) -> list[Fence]:
    """Return the fence lines of a text, in order."""
    found: list[Fence] = []
    for number, line in enumerate(lines):
        if ("`" in line or "~" in line) and (match := _FENCE.match(line.rstrip("\r"))):
            found.append(Fence(number, len(match[1].expandtabs(4)), match[2], match[3]))
    return found


def parse_flat(fences: Sequence[Fence]) -> list[FencedBlock]:
    """Return the blocks as CommonMark reads them: within a block only its closing fence counts."""
    blocks: list[FencedBlock] = []
    opening: Fence | None = None
    for fence in fences:
        if opening is None:
            opening = fence
        elif fence.closes(opening):
            blocks.append(FencedBlock(opening, fence))
            opening = None
    return blocks if opening is None else [*blocks, FencedBlock(opening, None)]


def parse_nested(fences: Sequence[Fence]) -> list[FencedBlock]:
    """Return the outermost blocks where a fence with an info string opens an inner block."""
    blocks: list[FencedBlock] = []
    stack: list[Fence] = []
    for fence in fences:
        if not stack or not fence.closes(stack[-1]):
            stack.append(fence)
            continue
        opening = stack.pop()
        if not stack:
            blocks.append(FencedBlock(opening, fence))
    return [*blocks, FencedBlock(stack[0], None)] if stack else blocks


def ends_inside_block(fences: Sequence[Fence]) -> bool:
    """Return whether a text ends within a block, as CommonMark reads it."""
    blocks = parse_flat(fences)
    return bool(blocks) and blocks[-1].closing is None


def fence_signature(fences: Sequence[Fence]) -> tuple[tuple[str, str], ...]:
    """Return what identifies a text's fences wherever they stand: their characters and info strings."""
    return tuple((fence.run, fence.info) for fence in fences)


def find_open_fence(lines: Sequence[str]) -> Fence | None:
    """Return the opening fence of the block in which a text ends, or None."""
    blocks = parse_flat(find_fences(lines))
    return blocks[-1].opening if blocks and blocks[-1].closing is None else None


def uses_fences(language: str, uri: str = "") -> bool:
    """Return whether fences belong to the texts of a language, or of a file with this name."""
    ending = f".{uri.rpartition('.')[2].lower()}"
    return language.lower() in MARKUP_LANGUAGES | _SHORT_NAMES or ending in _ENDINGS


def wrap_in_fence(language: str, text: str) -> str:
    """Return a text in a fence that no line of it can close."""
    fence = choose_fence(text, language)
    return f"{fence}{language}\n{text}\n{fence}"


def choose_fence(text: str, language: str = "") -> str:
    """Return a fence that no line of `text`, or of a text in this language, will close."""
    usual = 4 if uses_fences(language) else 3
    return "`" * max([usual, *(len(run) + 1 for run in _RUN.findall(text))])
