"""Code fences as CommonMark defines them: which lines are fences, and which blocks they delimit.

An opening fence is three or more backticks or tildes, with an optional info string. Its closing fence has the
same character, is at least as long and has no info string. A text that is wrapped in a fence often holds
inner blocks. Strict CommonMark would end the wrapper at the first inner closing fence, but users and models
intend nested blocks. `parse_flat` follows CommonMark, `parse_nested` the intention.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"([ \t]*)(`{3,}(?=[^`]*\Z)|~{3,})[ \t]*(.*?)[ \t]*\Z")
_RUN = re.compile(r"(?:`{3,}|~{3,})")
_NAME = re.compile(r"\{?\s*[.=]?\s*([^\s,{}:=]+)")
_MAX_EXTRA_INDENT = 3  # columns of a closing fence beyond the indentation of its opening fence
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
    """One fence line: its number in the text, its indentation in columns, its characters, its info string."""

    line: int
    indent: int
    run: str
    info: str

    @property
    def language(self) -> str:
        """The language in the info string, in lower case; empty without one."""
        match = _NAME.match(self.info)
        return match[1].lower() if match else ""

    def closes(self, opening: "Fence") -> bool:
        """Tell whether this can be the closing fence for `opening`."""
        return (
            not self.info
            and self.run[0] == opening.run[0]
            and len(self.run) >= len(opening.run)
            and self.indent <= opening.indent + _MAX_EXTRA_INDENT
        )


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A fenced block; `closing` is None if the text does not close it."""

    opening: Fence
    closing: Fence | None


def find_fences(lines: Sequence[str]) -> list[Fence]:
    """Return the fence lines of a text, in order."""
    found: list[Fence] = []
    for number, line in enumerate(lines):
        if "`" not in line and "~" not in line:
            continue  # most lines: the regular expression is slower
        if match := _FENCE.match(line.rstrip("\r")):
            indent = len(match[1].expandtabs(4))
            found.append(Fence(number, indent, match[2], match[3]))
    return found


def parse_flat(fences: Sequence[Fence]) -> list[FencedBlock]:
    """Return the blocks as CommonMark defines them: a fence within a block can only close it."""
    blocks: list[FencedBlock] = []
    opening: Fence | None = None
    for fence in fences:
        if opening is None:
            opening = fence
        elif fence.closes(opening):
            blocks.append(FencedBlock(opening, fence))
            opening = None
    if opening is not None:
        blocks.append(FencedBlock(opening, None))
    return blocks


def parse_nested(fences: Sequence[Fence]) -> list[FencedBlock]:
    """Return the outermost blocks; a fence that cannot close the innermost open block opens another in it."""
    blocks: list[FencedBlock] = []
    stack: list[Fence] = []
    for fence in fences:
        if stack and fence.closes(stack[-1]):
            opening = stack.pop()
            if not stack:
                blocks.append(FencedBlock(opening, fence))
        else:
            stack.append(fence)
    if stack:
        blocks.append(FencedBlock(stack[0], None))
    return blocks


def ends_inside_block(fences: Sequence[Fence]) -> bool:
    """Tell whether a text with these fences ends inside a block, as CommonMark defines it."""
    blocks = parse_flat(fences)
    return bool(blocks) and blocks[-1].closing is None


def fence_signature(fences: Sequence[Fence]) -> tuple[tuple[str, str], ...]:
    """Return the characters and info strings of fences, to compare them apart from their lines."""
    return tuple((fence.run, fence.info) for fence in fences)


def find_open_fence(lines: Sequence[str]) -> Fence | None:
    """Return the opening fence of the block in which a text ends, or None."""
    blocks = parse_flat(find_fences(lines))
    if not blocks or blocks[-1].closing is not None:
        return None
    return blocks[-1].opening


def uses_fences(language: str, uri: str = "") -> bool:
    """Tell whether a language has fences, or a file with this URI; `language` may also be a short name."""
    ending = f".{uri.rpartition('.')[2].lower()}"
    return language.lower() in MARKUP_LANGUAGES | _SHORT_NAMES or ending in _ENDINGS


def wrap_in_fence(language: str, text: str) -> str:
    """Return a text in a fence that none of its lines can close."""
    fence = choose_fence(text, language)
    return f"{fence}{language}\n{text}\n{fence}"


def choose_fence(text: str, language: str = "") -> str:
    """Return backticks that no line of `text`, or of another text in this language, is likely to close."""
    usual = 4 if uses_fences(language) else 3
    longest = max((len(run) for run in _RUN.findall(text)), default=0)
    return "`" * max(usual, longest + 1)
