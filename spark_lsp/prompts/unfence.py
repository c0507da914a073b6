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

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import fences
from spark_lsp.prompts.fences import Block, Fence
from spark_lsp.request import PartKind, Request
from spark_lsp.text.document import Document

_LINE_END = re.compile(r"\r\n|\n|\r")
_ONE_LINE = re.compile(r"```([^`\n]+)```")
_PLAIN = {"", "plaintext", "text", "txt"}
_ASIDE = {"bash", "console", "diff", "log", "output", "patch", "sh", "shell", "text", "txt"}
_EARLIER = re.compile(r"\b(?:before|original|originally|current|currently|old|draft|existing|first)\b", re.I)
_PATH = re.compile(r"[\w.-]+\.\w+")
_TELLING = 4  # characters; a shorter line, such as a bracket, may stand anywhere


@dataclass(frozen=True)
class Place:
    """What an answer replaces: the old text, its language, and the name of its file.

    `is_text` is whether fences belong to its language.
    """

    old: str = ""
    language: str = ""
    name: str = ""
    is_text: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """The old text's lines."""
        return _LINE_END.split(self.old)

    @cached_property
    def fences(self) -> list[Fence]:
        """The old text's own fences."""
        return fences.fence_lines(self.lines)

    @property
    def may_nest(self) -> bool:
        """Whether the new text may hold fences."""
        return self.is_text or bool(self.fences)

    @cached_property
    def telling(self) -> set[str]:
        """The old text's lines that can hardly stand in another text by chance."""
        return _telling(self.lines)


def place_of(document: Document, start: int, end: int) -> Place:
    """Return what an answer for `[start, end)` of a document replaces."""
    return _place(document.text[:start], document.text[start:end], document.language, document.uri)


def place_in(request: Request) -> Place:
    """Return what the answer to a request for an edit replaces."""
    before, old = request.text_of(PartKind.PREFIX), request.text_of(PartKind.TARGET)
    return _place(before, old, request.language, request.origin)


def _place(before: str, old: str, language: str, uri: str) -> Place:
    name = uri.rpartition("/")[2]
    if not fences.is_markdown(language, uri):
        return Place(old, language, name)
    around = fences.block_around(_LINE_END.split(before)[:-1])
    return Place(old, language, name, is_text=True) if around is None else Place(old, around.language)


def new_text(answer: str, place: Place) -> str:
    """Return the new text in an answer, whose line ends are line feeds.

    Raises `EditRefused` if it can be read in more than one way.
    """
    return _Reply(answer, place).text()


def is_closed(answer: str, place: Place) -> bool:
    """Return whether an answer that was cut holds its new text whole, by its closed fence."""
    reply = _Reply(answer, place)
    try:
        reading = reply.reading()
    except EditRefused:
        return False
    return reading.closed and (
        not place.may_nest or fences.signature(reply.within(reading)) == fences.signature(place.fences)
    )


def end_of_code(said: str, place: Place) -> int | None:
    """Return where the block ends that surely holds the new text, in an answer that is still growing.

    None if that cannot be known before the answer's end.
    """
    if place.may_nest:
        return None
    whole, _, _ = said.rpartition("\n")
    reply = _Reply(whole, place)
    for block in fences.flat(reply.fences):
        if block.closing is not None and reply.is_sure(block):
            return sum(len(line) + 1 for line in reply.lines[: block.closing.line + 1]) - 1
    return None


def documentation(answer: str) -> str:
    """Return documentation without the fence around it; examples in closed fences stay part of it."""
    lines = answer.split("\n")
    found = fences.fence_lines(lines)
    if not found:
        return answer.removesuffix("```").rstrip()
    first, last = found[0], found[-1]
    if first.line == 0 and (len(found) == 1 or fences.nested(found)[0].closing in (last, None)):
        end = last.line if len(found) > 1 and last.closes(first) else len(lines)
        return "\n".join(lines[1:end]).strip()
    if not fences.leaves_open(found):
        return answer
    return "\n".join(lines[: fences.flat(found)[-1].opening.line]).rstrip()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read an answer: the new text is the lines `[first, last)`."""

    first: int
    last: int
    closed: bool = True


@dataclass(frozen=True)
class _Reply:
    """An answer and the evidence about it."""

    answer: str
    place: Place
    lines: list[str] = field(init=False)
    fences: list[Fence] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.answer.split("\n"))
        object.__setattr__(self, "fences", fences.fence_lines(self.lines))

    def text(self) -> str:
        """Return the new text."""
        if (match := _ONE_LINE.fullmatch(self.answer.strip())) and not self.place.may_nest:
            return match[1]
        text = self._text(self.reading())
        return text if self.place.may_nest else text.rstrip().removesuffix("```")

    def reading(self) -> _Reading:
        """Return the one reading that the evidence leaves. Raises `EditRefused` if there is none."""
        if not self.fences:
            return _Reading(0, len(self.lines), closed=False)
        return self._of_text() if self.place.may_nest else self._of_code()

    def within(self, reading: _Reading) -> list[Fence]:
        """Return the fences inside a reading."""
        return [fence for fence in self.fences if reading.first <= fence.line < reading.last]

    def is_sure(self, block: Block) -> bool:
        """Return whether a block surely holds the new text: new, final, and up to the old text's end."""
        if not self.place.telling:
            return True
        old = [line for each in self.place.lines if (line := each.strip())]
        last = next(line for line in reversed(old) if line in self.place.telling)
        new = self._stripped(block)
        return new != old and self._is_final(block) and (last in new or new[-1:] == old[-1:])

    def _text(self, reading: _Reading) -> str:
        return "\n".join(self.lines[reading.first : reading.last])

    def _all(self) -> _Reading:
        return _Reading(0, len(self.lines), closed=False)

    def _of(self, block: Block) -> _Reading:
        closing = block.closing
        last = len(self.lines) if closing is None else closing.line
        return _Reading(block.opening.line + 1, last, closing is not None)

    def _known(self, first: int, last: int) -> set[str]:
        """Return the lines of `[first, last)` that stand in the old text too."""
        return self.place.telling & _telling(self.lines[first:last])

    # Code without fences of its own.

    def _of_code(self) -> _Reading:
        blocks = fences.flat(self.fences)
        picked = self._picked(blocks)
        if picked is None:
            raise _ambiguous("holds several code blocks")
        reading = self._of(picked)
        spans = [(block.opening.line, self._of(block).last) for block in blocks]
        starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(self.lines)]
        outside = set[str]().union(*map(self._known, starts, ends))
        inside = self._known(reading.first, reading.last)
        if not outside - inside:
            return reading
        if not inside or self._begins_as_old():
            return self._all()
        raise _ambiguous("holds code inside and outside a code block")

    def _begins_as_old(self) -> bool:
        first = next((line.strip() for line in self.place.lines if line.strip()), "")
        return first == next((line.strip() for line in self.lines if line.strip()), "")

    def _picked(self, blocks: list[Block]) -> Block | None:
        """Return the block that holds the new text, or None if several may."""
        tests = (self._names_the_file, self._is_new, self._is_code, self._resembles, self._is_final)
        for test in tests:
            blocks = [block for block in blocks if test(block)] or blocks
        return blocks[0] if len(blocks) == 1 else None

    def _names_the_file(self, block: Block) -> bool:
        return self.place.name in _PATH.findall(f"{self._said_before(block)} {block.opening.info}")

    def _is_new(self, block: Block) -> bool:
        return self._stripped(block) != [line.strip() for line in self.place.lines if line.strip()]

    def _is_code(self, block: Block) -> bool:
        return block.opening.language not in _ASIDE - {self.place.language}

    def _resembles(self, block: Block) -> bool:
        reading = self._of(block)
        return bool(self._known(reading.first, reading.last))

    def _is_final(self, block: Block) -> bool:
        return not _EARLIER.search(self._said_before(block))

    def _stripped(self, block: Block) -> list[str]:
        reading = self._of(block)
        return [line.strip() for line in self.lines[reading.first : reading.last] if line.strip()]

    def _said_before(self, block: Block) -> str:
        """Return the line above a block, without blank lines between."""
        above = (line for line in reversed(self.lines[: block.opening.line]) if line.strip())
        return next(above, "")

    # Text that may hold fences.

    def _of_text(self) -> _Reading:
        """Return the reading of a text that may hold fences of its own."""
        opening, own = self.fences[0], fences.signature(self.place.fences)
        if own and fences.signature(self.fences) == own:
            return self._all()
        wraps = self._wraps(opening)
        if wraps is False:
            return self._unwrapped()
        spans = [self._of(Block(opening, each)) for each in self.fences if each.closes(opening)]
        spans.append(self._of(Block(opening, None)))
        equal = next((each for each in spans if fences.signature(self.within(each)) == own), None)
        if wraps:
            return self._decided(equal, self._outer(opening))
        if own and equal is not None and equal == self._of(fences.nested(self.fences)[0]):
            return equal
        raise _ambiguous("begins with a code fence that may belong to the text or hold it")

    def _wraps(self, opening: Fence) -> bool | None:
        """Return whether the first fence of the answer holds the text, or None if that is not certain."""
        if self._known(0, opening.line):
            return False
        talk = any(line.strip() for line in self.lines[: opening.line])
        if not self.place.is_text:
            return None if talk and opening.info in {each.info for each in self.place.fences} else True
        language = opening.language
        if language in _PLAIN - {self.place.language}:
            return None if talk or self._goes_on() else True
        return fences.is_markdown(language) or language == self.place.language

    def _goes_on(self) -> bool:
        """Return whether text follows the last fence."""
        return any(line.strip() for line in self.lines[self.fences[-1].line + 1 :])

    def _unwrapped(self) -> _Reading:
        """Return the whole answer, without the closing fence of a wrapper that was begun for the engine."""
        odd = fences.leaves_open(self.place.fences)
        if fences.leaves_open(self.fences) == odd:
            return self._all()
        if fences.leaves_open(self.fences[:-1]) == odd and not self._goes_on():
            return _Reading(0, self.fences[-1].line)
        raise _ambiguous("leaves a code block open")

    def _outer(self, opening: Fence) -> _Reading | None:
        """Return the reading in which the first fence holds everything up to the last, if it can."""
        last = self.fences[-1]
        block = Block(opening, last if last.closes(opening) and last is not opening else None)
        reading = self._of(block)
        if fences.leaves_open(self.within(reading)) != fences.leaves_open(self.place.fences):
            return None
        return None if self._goes_on() and fences.nested(self.fences) != [block] else reading

    def _decided(self, equal: _Reading | None, outer: _Reading | None) -> _Reading:
        """Choose between the reading whose fences are the old text's and the one that leaves out nothing."""
        if outer is not None and equal in (None, outer):
            return outer
        if equal is not None and outer is None and self._is_talk(equal.last):
            return equal
        if equal is not None and outer is not None and self._known(equal.last, outer.last):
            return outer
        raise _ambiguous("has code fences that can be read in more than one way")

    def _is_talk(self, last: int) -> bool:
        """Return whether the fences below a closing fence in line `last` can only be blocks of their own."""
        below = [fence for fence in self.fences if fence.line > last]
        return not below or (bool(below[0].info) and fences.flat(below) == fences.nested(below))


def _telling(lines: Sequence[str]) -> set[str]:
    return {line for each in lines if len(line := each.strip()) >= _TELLING and any(map(str.isalnum, line))}


def _ambiguous(what: str) -> EditRefused:
    return EditRefused(
        f"The model's answer {what}; not applied",
        "The text is as it was",
        "Try again, or select fewer lines",
        code=Code.ANSWER_UNREADABLE,
    )
