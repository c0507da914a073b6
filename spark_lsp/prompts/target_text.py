"""The text that an edit replaces, with what tells it apart from the rest of an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spark_lsp.prompts import fences
from spark_lsp.prompts.fences import Fence
from spark_lsp.request import PartKind, Request
from spark_lsp.text.document import Document
from spark_lsp.text.lines import LINE_END

_MIN_DISTINCTIVE_CHARS = 4  # a shorter line, such as a bracket, may be in any text


@dataclass(frozen=True)
class TargetText:
    """The text that an answer replaces, its language, and the name of its file.

    `is_markup` tells whether the language has fences, as Markdown does.
    """

    old: str = ""
    language: str = ""
    name: str = ""
    is_markup: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """The old text's lines."""
        return LINE_END.split(self.old)

    @cached_property
    def fences(self) -> list[Fence]:
        """The fences in the old text."""
        return fences.find_fences(self.lines)

    @property
    def may_nest(self) -> bool:
        """Whether the new text may contain fences."""
        return self.is_markup or bool(self.fences)

    @cached_property
    def distinctive_lines(self) -> set[str]:
        """The old text's lines that are unlikely to be in another text by chance."""
        return find_distinctive_lines(self.lines)


def target_in_document(document: Document, start: int, end: int) -> TargetText:
    """Return the text that an answer for `[start, end)` of a document replaces."""
    return _make_target(document.text[:start], document.text[start:end], document.language, document.uri)


def target_in_request(request: Request) -> TargetText:
    """Return the text that the answer to a request for an edit replaces."""
    before = request.text_of(PartKind.PREFIX)
    old = request.text_of(PartKind.TARGET)
    return _make_target(before, old, request.language, request.origin)


def _make_target(before: str, old: str, language: str, uri: str) -> TargetText:
    name = uri.rpartition("/")[2]
    if not fences.uses_fences(language, uri):
        return TargetText(old, language, name)
    opening = fences.find_open_fence(LINE_END.split(before)[:-1])
    if opening is None:
        return TargetText(old, language, name, is_markup=True)
    return TargetText(old, opening.language)  # code within a block of the text


def find_distinctive_lines(lines: Sequence[str]) -> set[str]:
    """Return the stripped lines that are unlikely to occur in another text."""
    stripped = (line.strip() for line in lines)
    return {line for line in stripped if len(line) >= _MIN_DISTINCTIVE_CHARS and any(map(str.isalnum, line))}
