"""Finds the new text in an engine's answer: the content of a fence, or the complete answer.

Answers have no fence, one, several, or one that is never closed, with or without explanations around. If the
text itself contains fences, the fence around the new text must be distinguished from those. The evidence is
the fences of the old text, and the lines that it shares with the answer. An ambiguous answer is refused,
because the wrong reading would delete the user's text.
"""

import re
from dataclasses import dataclass, field

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.prompts import fences
from spark_lsp.prompts.fences import Fence, FencedBlock
from spark_lsp.prompts.target_text import TargetText, find_distinctive_lines

_ONE_LINE = re.compile(r"```([^`\n]+)```")
_PLAIN_LANGUAGES = {"", "plaintext", "text", "txt"}
_SIDE_LANGUAGES = {"bash", "console", "diff", "log", "output", "patch", "sh", "shell", "text", "txt"}
_EARLIER_WORDS = re.compile(
    r"\b(?:before|original|originally|current|currently|old|draft|existing|first)\b", re.IGNORECASE
)
_PATH = re.compile(r"[\w.-]+\.\w+")


def extract_new_text(answer: str, target: TargetText) -> str:
    """Return the new text in an answer, whose line ends are line feeds.

    Raises `EditRefused` if the answer is ambiguous.
    """
    return _FencedAnswer(answer, target).new_text()


def has_closed_text(answer: str, target: TargetText) -> bool:
    """Tell whether an incomplete answer contains the complete new text, because its fence is closed."""
    fenced = _FencedAnswer(answer, target)
    try:
        reading = fenced.find_reading()
    except EditRefused:
        return False
    if not reading.is_closed:
        return False
    return not target.may_nest or fenced.has_fences_of_target(reading)


def find_code_end(answer: str, target: TargetText) -> int | None:
    """Return the end of the block that certainly holds the new text, in an answer that is still growing.

    Return None if only the complete answer can decide.
    """
    if target.may_nest:
        return None
    complete_lines, _, _ = answer.rpartition("\n")
    fenced = _FencedAnswer(complete_lines, target)
    for block in fences.parse_flat(fenced.fences):
        if block.closing is not None and fenced.is_certain(block):
            lines = fenced.lines[: block.closing.line + 1]
            return sum(len(line) + 1 for line in lines) - 1
    return None


def remove_wrapping_fence(answer: str) -> str:
    """Return documentation without the fence around it; examples in closed fences stay part of it."""
    lines = answer.split("\n")
    found = fences.find_fences(lines)
    if not found:
        return answer.removesuffix("```").rstrip()
    first = found[0]
    last = found[-1]
    is_wrapped = first.line == 0 and fences.parse_nested(found)[0].closing in (last, None)
    if first.line == 0 and (len(found) == 1 or is_wrapped):
        end = last.line if len(found) > 1 and last.closes(first) else len(lines)
        return "\n".join(lines[1:end]).strip()
    if not fences.ends_inside_block(found):
        return answer
    open_fence = fences.parse_flat(found)[-1].opening
    return "\n".join(lines[: open_fence.line]).rstrip()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read an answer: the new text is the lines `[first, last)`."""

    first: int
    last: int
    is_closed: bool = True


@dataclass(frozen=True)
class _FencedAnswer:
    """An answer and the evidence for its readings."""

    answer: str
    target: TargetText
    lines: list[str] = field(init=False)
    fences: list[Fence] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.answer.split("\n"))
        object.__setattr__(self, "fences", fences.find_fences(self.lines))

    def new_text(self) -> str:
        """Return the new text. Raises `EditRefused` if the answer is ambiguous."""
        match = _ONE_LINE.fullmatch(self.answer.strip())
        if match and not self.target.may_nest:
            return match[1]
        reading = self.find_reading()
        text = "\n".join(self.lines[reading.first : reading.last])
        return text if self.target.may_nest else text.rstrip().removesuffix("```")

    def find_reading(self) -> _Reading:
        """Return the only reading that fits the evidence. Raises `EditRefused` for an ambiguous answer."""
        if not self.fences:
            return self._read_all()
        return self._read_markup() if self.target.may_nest else self._read_code()

    def fences_within(self, reading: _Reading) -> list[Fence]:
        """Return the fences inside a reading."""
        return [fence for fence in self.fences if reading.first <= fence.line < reading.last]

    def has_fences_of_target(self, reading: _Reading) -> bool:
        """Tell whether the fences inside a reading are those of the old text."""
        within = self.fences_within(reading)
        return fences.fence_signature(within) == fences.fence_signature(self.target.fences)

    def is_certain(self, block: FencedBlock) -> bool:
        """Tell whether a block certainly holds the new text: it is new, final, and has the old text's end."""
        distinctive = self.target.distinctive_lines
        if not distinctive:
            return True
        old = [line for each in self.target.lines if (line := each.strip())]
        new = self._stripped_lines(block)
        last_distinctive = next(line for line in reversed(old) if line in distinctive)
        has_end = last_distinctive in new or new[-1:] == old[-1:]
        return new != old and self._is_final(block) and has_end

    def _read_all(self) -> _Reading:
        return _Reading(0, len(self.lines), is_closed=False)

    def _read_block(self, block: FencedBlock) -> _Reading:
        first = block.opening.line + 1
        if block.closing is None:
            return _Reading(first, len(self.lines), is_closed=False)
        return _Reading(first, block.closing.line)

    def _shared_lines(self, first: int, last: int) -> set[str]:
        """Return the lines of `[first, last)` that are also in the old text."""
        return self.target.distinctive_lines & find_distinctive_lines(self.lines[first:last])

    # Code that contains no fences.

    def _read_code(self) -> _Reading:
        blocks = fences.parse_flat(self.fences)
        block = self._pick_block(blocks)
        if block is None:
            raise _make_refusal("holds several code blocks")
        reading = self._read_block(block)
        inside = self._shared_lines(reading.first, reading.last)
        if self._shared_lines_outside(blocks) <= inside:
            return reading
        if not inside or self._starts_like_old_text():
            return self._read_all()
        raise _make_refusal("holds code inside and outside a code block")

    def _shared_lines_outside(self, blocks: list[FencedBlock]) -> set[str]:
        """Return the lines outside all blocks that are also in the old text."""
        shared: set[str] = set()
        start = 0
        for block in blocks:
            shared |= self._shared_lines(start, block.opening.line)
            start = self._read_block(block).last
        return shared | self._shared_lines(start, len(self.lines))

    def _starts_like_old_text(self) -> bool:
        old = next((line.strip() for line in self.target.lines if line.strip()), "")
        return old == next((line.strip() for line in self.lines if line.strip()), "")

    def _pick_block(self, blocks: list[FencedBlock]) -> FencedBlock | None:
        """Return the block that holds the new text, or None if several may.

        The tests go from strong to weak evidence. A test that no block passes says nothing.
        """
        tests = (self._names_the_file, self._is_new, self._is_code, self._shares_lines, self._is_final)
        for test in tests:
            blocks = [block for block in blocks if test(block)] or blocks
        return blocks[0] if len(blocks) == 1 else None

    def _names_the_file(self, block: FencedBlock) -> bool:
        return self.target.name in _PATH.findall(f"{self._line_before(block)} {block.opening.info}")

    def _is_new(self, block: FencedBlock) -> bool:
        return self._stripped_lines(block) != [line.strip() for line in self.target.lines if line.strip()]

    def _is_code(self, block: FencedBlock) -> bool:
        return block.opening.language not in _SIDE_LANGUAGES - {self.target.language}

    def _shares_lines(self, block: FencedBlock) -> bool:
        reading = self._read_block(block)
        return bool(self._shared_lines(reading.first, reading.last))

    def _is_final(self, block: FencedBlock) -> bool:
        return not _EARLIER_WORDS.search(self._line_before(block))

    def _stripped_lines(self, block: FencedBlock) -> list[str]:
        reading = self._read_block(block)
        return [line.strip() for line in self.lines[reading.first : reading.last] if line.strip()]

    def _line_before(self, block: FencedBlock) -> str:
        """Return the last line above a block that is not blank."""
        above = (line for line in reversed(self.lines[: block.opening.line]) if line.strip())
        return next(above, "")

    # Text that may contain fences.

    def _read_markup(self) -> _Reading:
        opening = self.fences[0]
        own = fences.fence_signature(self.target.fences)
        if own and fences.fence_signature(self.fences) == own:
            return self._read_all()
        is_wrapper = self._is_wrapper(opening)
        if is_wrapper is False:
            return self._read_unwrapped()
        matching = self._find_matching_reading(opening)
        if is_wrapper:
            return self._choose_reading(matching, self._read_outermost(opening))
        if own and matching is not None:
            outermost_block = fences.parse_nested(self.fences)[0]
            if matching == self._read_block(outermost_block):
                return matching
        raise _make_refusal("begins with a code fence that may belong to the text or hold it")

    def _find_matching_reading(self, opening: Fence) -> _Reading | None:
        """Return the first reading from `opening` on whose fences are those of the old text."""
        closings: list[Fence | None] = [fence for fence in self.fences if fence.closes(opening)]
        for closing in (*closings, None):
            reading = self._read_block(FencedBlock(opening, closing))
            if self.has_fences_of_target(reading):
                return reading
        return None

    def _is_wrapper(self, opening: Fence) -> bool | None:
        """Tell whether the first fence of the answer holds the new text; None if that is uncertain."""
        if self._shared_lines(0, opening.line):
            return False
        has_preamble = any(line.strip() for line in self.lines[: opening.line])
        if not self.target.is_markup:
            may_be_own = has_preamble and opening.info in {each.info for each in self.target.fences}
            return None if may_be_own else True
        language = opening.language
        if language in _PLAIN_LANGUAGES - {self.target.language}:
            return None if has_preamble or self._text_follows() else True
        return fences.uses_fences(language) or language == self.target.language

    def _text_follows(self) -> bool:
        """Tell whether there is text after the last fence."""
        return any(line.strip() for line in self.lines[self.fences[-1].line + 1 :])

    def _read_unwrapped(self) -> _Reading:
        """Return the complete answer, without the closing fence for a wrapper that the prompt opened."""
        is_open = fences.ends_inside_block(self.target.fences)
        if fences.ends_inside_block(self.fences) == is_open:
            return self._read_all()
        if fences.ends_inside_block(self.fences[:-1]) == is_open and not self._text_follows():
            return _Reading(0, self.fences[-1].line)
        raise _make_refusal("leaves a code block open")

    def _read_outermost(self, opening: Fence) -> _Reading | None:
        """Return the reading in which the first fence holds everything up to the last one, if possible."""
        last = self.fences[-1]
        closing = last if last is not opening and last.closes(opening) else None
        block = FencedBlock(opening, closing)
        reading = self._read_block(block)
        within = self.fences_within(reading)
        if fences.ends_inside_block(within) != fences.ends_inside_block(self.target.fences):
            return None
        if self._text_follows() and fences.parse_nested(self.fences) != [block]:
            return None
        return reading

    def _choose_reading(self, matching: _Reading | None, outermost: _Reading | None) -> _Reading:
        """Choose between the reading with the old text's fences and the longest one."""
        if outermost is not None and matching in (None, outermost):
            return outermost
        if matching is not None and outermost is None and self._are_extra_blocks(matching.last):
            return matching
        if (
            matching is not None
            and outermost is not None
            and self._shared_lines(matching.last, outermost.last)
        ):
            return outermost
        raise _make_refusal("has code fences that can be read in more than one way")

    def _are_extra_blocks(self, last: int) -> bool:
        """Tell whether the fences below line `last` can only be separate blocks after the new text."""
        below = [fence for fence in self.fences if fence.line > last]
        if not below:
            return True
        return bool(below[0].info) and fences.parse_flat(below) == fences.parse_nested(below)


def _make_refusal(what: str) -> EditRefused:
    return EditRefused(
        f"The model's answer {what}; not applied",
        "Nothing was changed",
        "Try again, or select fewer lines",
        code=Code.ANSWER_UNREADABLE,
    )
