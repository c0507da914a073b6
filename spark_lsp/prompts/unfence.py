"""Which part of an engine's answer is the new text: what a fence holds, or all of it.

Answers come bare, in a fence, with talk around the fence, in several fences, or in a fence that is never
closed. Where the text has fences of its own, the wrapper must be told from them: the fences of the old text
and the lines that it shares with the answer are the evidence. An answer that can be read in two ways is
refused, because the wrong reading deletes the user's text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from spark_lsp.errors import EditRefused
from spark_lsp.prompts import fences
from spark_lsp.prompts.fences import Fence, FencedBlock
from spark_lsp.request import PartKind, Request
from spark_lsp.text.document import Document

_LINE_END = re.compile(r"\r\n|\n|\r")
_ONE_LINE = re.compile(r"```([^`\n]+)```")
_PLAIN_LANGUAGES = {"", "plaintext", "text", "txt"}
_SIDE_LANGUAGES = {"bash", "console", "diff", "log", "output", "patch", "sh", "shell", "text", "txt"}
_EARLIER_WORDS = re.compile(
    r"\b(?:before|original|originally|current|currently|old|draft|existing|first)\b", re.I
)
_PATH = re.compile(r"[\w.-]+\.\w+")
_MIN_DISTINCTIVE_CHARS = 4  # characters; a shorter line, such as a bracket, may stand anywhere


@dataclass(frozen=True)
class TargetText:
    """What an answer replaces: the old text, its language, and the name of its file.

    `is_text` is whether fences belong to its language.
    """

    old: str = ""
    language: str = ""
    name: str = ""
    is_markup: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """The old text's lines."""
        return _LINE_END.split(self.old)

    @cached_property
    def fences(self) -> list[Fence]:
        """The old text's own fences."""
        return fences.find_fences(self.lines)

    @property
    def may_nest(self) -> bool:
        """Whether the new text may hold fences."""
        return self.is_markup or bool(self.fences)

    @cached_property
    def distinctive_lines(self) -> set[str]:
        """The old text's lines that can hardly stand in another text by chance."""
        return _find_distinctive_lines(self.lines)


def target_in_document(document: Document, start: int, end: int) -> TargetText:
    """Return what an answer for `[start, end)` of a document replaces."""
    return _make_target(document.text[:start], document.text[start:end], document.language, document.uri)


def target_in_request(request: Request) -> TargetText:
    """Return what the answer to a request for an edit replaces."""
    before, old = request.text_of(PartKind.PREFIX), request.text_of(PartKind.TARGET)
    return _make_target(before, old, request.language, request.origin)


def _make_target(before: str, old: str, language: str, uri: str) -> TargetText:
    name = uri.rpartition("/")[2]
    if not fences.uses_fences(language, uri):
        return TargetText(old, language, name)
    around = fences.find_open_fence(_LINE_END.split(before)[:-1])
    return (
        TargetText(old, language, name, is_markup=True)
        if around is None
        else TargetText(old, around.language)
    )


def extract_new_text(answer: str, place: TargetText) -> str:
    """Return the new text in an answer, whose line ends are line feeds.

    Raises `EditRefused` if it can be read in more than one way.
    """
    return _FencedAnswer(answer, place).text()


def has_closed_text(answer: str, place: TargetText) -> bool:
    """Return whether an answer that was cut holds its new text whole, by its closed fence."""
    reply = _FencedAnswer(answer, place)
    try:
        reading = reply.find_reading()
    except EditRefused:
        return False
    return reading.closed and (
        not place.may_nest
        or fences.fence_signature(reply.fences_within(reading)) == fences.fence_signature(place.fences)
    )


def find_code_end(said: str, place: TargetText) -> int | None:
    """Return where the block ends that surely holds the new text, in an answer that is still growing.

    None if that cannot be known before the answer's end.
    """
    if place.may_nest:
        return None
    whole, _, _ = said.rpartition("\n")
    reply = _FencedAnswer(whole, place)
    for block in fences.parse_flat(reply.fences):
        if block.closing is not None and reply.is_certain(block):
            return sum(len(line) + 1 for line in reply.lines[: block.closing.line + 1]) - 1
    return None


def remove_wrapping_fence(answer: str) -> str:
    """Return documentation without the fence around it; examples in closed fences stay part of it."""
    lines = answer.split("\n")
    found = fences.find_fences(lines)
    if not found:
        return answer.removesuffix("```").rstrip()
    first, last = found[0], found[-1]
    if first.line == 0 and (len(found) == 1 or fences.parse_nested(found)[0].closing in (last, None)):
        end = last.line if len(found) > 1 and last.closes(first) else len(lines)
        return "\n".join(lines[1:end]).strip()
    if not fences.ends_inside_block(found):
        return answer
    return "\n".join(lines[: fences.parse_flat(found)[-1].opening.line]).rstrip()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read an answer: the new text is the lines `[first, last)`."""

    first: int
    last: int
    closed: bool = True


@dataclass(frozen=True)
class _FencedAnswer:
    """An answer and the evidence about it."""

    answer: str
    place: TargetText
    lines: list[str] = field(init=False)
    fences: list[Fence] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.answer.split("\n"))
        object.__setattr__(self, "fences", fences.find_fences(self.lines))

    def text(self) -> str:
        """Return the new text."""
        if (match := _ONE_LINE.fullmatch(self.answer.strip())) and not self.place.may_nest:
            return match[1]
        text = self._text(self.find_reading())
        return text if self.place.may_nest else text.rstrip().removesuffix("```")

    def find_reading(self) -> _Reading:
        """Return the one reading that the evidence leaves. Raises `EditRefused` if there is none."""
        if not self.fences:
            return _Reading(0, len(self.lines), closed=False)
        return self._read_markup() if self.place.may_nest else self._read_code()

    def fences_within(self, reading: _Reading) -> list[Fence]:
        """Return the fences inside a reading."""
        return [fence for fence in self.fences if reading.first <= fence.line < reading.last]

    def is_certain(self, block: FencedBlock) -> bool:
        """Return whether a block surely holds the new text: new, final, and up to the old text's end."""
        if not self.place.distinctive_lines:
            return True
        old = [line for each in self.place.lines if (line := each.strip())]
        last = next(line for line in reversed(old) if line in self.place.distinctive_lines)
        new = self._stripped_lines(block)
        return new != old and self._is_final(block) and (last in new or new[-1:] == old[-1:])

    def _text(self, reading: _Reading) -> str:
        return "\n".join(self.lines[reading.first : reading.last])

    def _read_all(self) -> _Reading:
        return _Reading(0, len(self.lines), closed=False)

    def _read_block(self, block: FencedBlock) -> _Reading:
        closing = block.closing
        last = len(self.lines) if closing is None else closing.line
        return _Reading(block.opening.line + 1, last, closing is not None)

    def _shared_lines(self, first: int, last: int) -> set[str]:
        """Return the lines of `[first, last)` that stand in the old text too."""
        return self.place.distinctive_lines & _find_distinctive_lines(self.lines[first:last])

    # Code without fences of its own.

    def _read_code(self) -> _Reading:
        blocks = fences.parse_flat(self.fences)
        picked = self._pick_block(blocks)
        if picked is None:
            raise _make_refusal("holds several code blocks")
        reading = self._read_block(picked)
        spans = [(block.opening.line, self._read_block(block).last) for block in blocks]
        starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(self.lines)]
        outside = set[str]().union(*map(self._shared_lines, starts, ends))
        inside = self._shared_lines(reading.first, reading.last)
        if not outside - inside:
            return reading
        if not inside or self._starts_like_old_text():
            return self._read_all()
        raise _make_refusal("holds code inside and outside a code block")

    def _starts_like_old_text(self) -> bool:
        first = next((line.strip() for line in self.place.lines if line.strip()), "")
        return first == next((line.strip() for line in self.lines if line.strip()), "")

    def _pick_block(self, blocks: list[FencedBlock]) -> FencedBlock | None:
        """Return the block that holds the new text, or None if several may."""
        tests = (self._names_the_file, self._is_new, self._is_code, self._shares_lines, self._is_final)
        for test in tests:
            blocks = [block for block in blocks if test(block)] or blocks
        return blocks[0] if len(blocks) == 1 else None

    def _names_the_file(self, block: FencedBlock) -> bool:
        return self.place.name in _PATH.findall(f"{self._line_before(block)} {block.opening.info}")

    def _is_new(self, block: FencedBlock) -> bool:
        return self._stripped_lines(block) != [line.strip() for line in self.place.lines if line.strip()]

    def _is_code(self, block: FencedBlock) -> bool:
        return block.opening.language not in _SIDE_LANGUAGES - {self.place.language}

    def _shares_lines(self, block: FencedBlock) -> bool:
        reading = self._read_block(block)
        return bool(self._shared_lines(reading.first, reading.last))

    def _is_final(self, block: FencedBlock) -> bool:
        return not _EARLIER_WORDS.search(self._line_before(block))

    def _stripped_lines(self, block: FencedBlock) -> list[str]:
        reading = self._read_block(block)
        return [line.strip() for line in self.lines[reading.first : reading.last] if line.strip()]

    def _line_before(self, block: FencedBlock) -> str:
        """Return the line above a block, without blank lines between."""
        above = (line for line in reversed(self.lines[: block.opening.line]) if line.strip())
        return next(above, "")

    # Text that may hold fences.

    def _read_markup(self) -> _Reading:
        """Return the reading of a text that may hold fences of its own."""
        opening, own = self.fences[0], fences.fence_signature(self.place.fences)
        if own and fences.fence_signature(self.fences) == own:
            return self._read_all()
        wraps = self._is_wrapper(opening)
        if wraps is False:
            return self._read_unwrapped()
        spans = [self._read_block(FencedBlock(opening, each)) for each in self.fences if each.closes(opening)]
        spans.append(self._read_block(FencedBlock(opening, None)))
        equal = next(
            (each for each in spans if fences.fence_signature(self.fences_within(each)) == own), None
        )
        if wraps:
            return self._choose_reading(equal, self._read_outermost(opening))
        if own and equal is not None and equal == self._read_block(fences.parse_nested(self.fences)[0]):
            return equal
        raise _make_refusal("begins with a code fence that may belong to the text or hold it")

    def _is_wrapper(self, opening: Fence) -> bool | None:
        """Return whether the first fence of the answer holds the text, or None if that is not certain."""
        if self._shared_lines(0, opening.line):
            return False
        talk = any(line.strip() for line in self.lines[: opening.line])
        if not self.place.is_markup:
            return None if talk and opening.info in {each.info for each in self.place.fences} else True
        language = opening.language
        if language in _PLAIN_LANGUAGES - {self.place.language}:
            return None if talk or self._text_follows() else True
        return fences.uses_fences(language) or language == self.place.language

    def _text_follows(self) -> bool:
        """Return whether text follows the last fence."""
        return any(line.strip() for line in self.lines[self.fences[-1].line + 1 :])

    def _read_unwrapped(self) -> _Reading:
        """Return the whole answer, without the closing fence of a wrapper that was begun for the engine."""
        odd = fences.ends_inside_block(self.place.fences)
        if fences.ends_inside_block(self.fences) == odd:
            return self._read_all()
        if fences.ends_inside_block(self.fences[:-1]) == odd and not self._text_follows():
            return _Reading(0, self.fences[-1].line)
        raise _make_refusal("leaves a code block open")

    def _read_outermost(self, opening: Fence) -> _Reading | None:
        """Return the reading in which the first fence holds everything up to the last, if it can."""
        last = self.fences[-1]
        block = FencedBlock(opening, last if last.closes(opening) and last is not opening else None)
        reading = self._read_block(block)
        if fences.ends_inside_block(self.fences_within(reading)) != fences.ends_inside_block(
            self.place.fences
        ):
            return None
        return None if self._text_follows() and fences.parse_nested(self.fences) != [block] else reading

    def _choose_reading(self, equal: _Reading | None, outer: _Reading | None) -> _Reading:
        """Choose between the reading whose fences are the old text's and the one that leaves out nothing."""
        if outer is not None and equal in (None, outer):
            return outer
        if equal is not None and outer is None and self._are_extra_blocks(equal.last):
            return equal
        if equal is not None and outer is not None and self._shared_lines(equal.last, outer.last):
            return outer
        raise _make_refusal("has code fences that can be read in more than one way")

    def _are_extra_blocks(self, last: int) -> bool:
        """Return whether the fences below a closing fence in line `last` can only be blocks of their own."""
        below = [fence for fence in self.fences if fence.line > last]
        return not below or (bool(below[0].info) and fences.parse_flat(below) == fences.parse_nested(below))


def _find_distinctive_lines(lines: Sequence[str]) -> set[str]:
    return {
        line
        for each in lines
        if len(line := each.strip()) >= _MIN_DISTINCTIVE_CHARS and any(map(str.isalnum, line))
    }


def _make_refusal(what: str) -> EditRefused:
    return EditRefused(
        f"The model's answer {what}; not applied", "The text is as it was", "Try again, or select fewer lines"
    )
