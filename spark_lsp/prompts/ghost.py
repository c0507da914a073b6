"""Turns a model's answer at a cursor into ghost text (an inline completion), chunk by chunk.

`feed` takes a chunk and computes the text to show, in a fixed order of steps. `finish` returns the text to
insert, or None. The steps, each with its own module in `shaping`:

1. Remove the beginning of the answer that is not text for the cursor (`opening`): thinking, the fence around
   the answer, an echo of the cursor's line. Convert its indentation to that of the file (`indentation`).
2. Cut at special tokens, and at code fences outside strings and comments: models end their answer with a
   token, or begin to explain after a fence. In a file with fences, such as Markdown, fences are text.
3. Cut where the answer leaves the cursor's position: below the block of the cursor's line, at the line that
   is already below the cursor, at a repeated line, after the requested number of lines, before a line with
   characters that disguise code (`deception`), and before a bracket too many (`line_cut`, `closers`).
4. Replace the editor's closing brackets and quotes right of the cursor, or end before them (`closers`).
5. Show nothing for white space only, or for a copy of the lines around the cursor (`repetition`).
6. Cut the text back to the last point at which the document parses (`parsing`), once it is complete.

A growing text passes the steps 1 to 5, so the shown text is only extended, trimmed or removed. If more than
closing brackets and quotes is right of the cursor, ghost text is limited to one line.
"""

from collections.abc import Sequence

from spark_lsp.prompts import fences, fim
from spark_lsp.prompts.answer_faults import count_faults, find_wrong_names, leaves_lines_dead
from spark_lsp.prompts.names import UnresolvedName
from spark_lsp.prompts.second_start import find_beginning, find_existing_start, find_starts
from spark_lsp.prompts.shaping.closers import ClosedAnswer
from spark_lsp.prompts.shaping.deception import JOINERS
from spark_lsp.prompts.shaping.indentation import IndentConverter
from spark_lsp.prompts.shaping.line_cut import LineCut
from spark_lsp.prompts.shaping.opening import AnswerOpening
from spark_lsp.prompts.shaping.parsing import ParseCheck
from spark_lsp.prompts.shaping.repetition import are_alike, is_next_of_series, may_become_alike
from spark_lsp.prompts.shaping.stops import find_fence_lines, find_partial_stop, find_stop
from spark_lsp.prompts.shaping.surroundings import Surroundings
from spark_lsp.text.lines import LINE_END, indent_width

MAX_GHOST_LINES = 64
MAX_GHOST_CHARS = 6_000  # each chunk costs a pass over all text before it
_MAX_CHARS_BEFORE = 2_000  # of the document, to find the lines above the cursor
_MAX_CHARS_AFTER = 4_000  # of the document, to find the lines below the cursor


class GhostText:
    """Ghost text for `offset` of a document's `text`; see the module docstring.

    `max_lines` 0 allows a complete block.
    """

    def __init__(self, text: str, offset: int, language: str = "", *, max_lines: int = 0) -> None:
        before = text[max(0, offset - _MAX_CHARS_BEFORE) : offset]
        after = text[offset : offset + _MAX_CHARS_AFTER]
        self._offset = offset
        self._around = Surroundings(text, offset, language)
        self._below = next((line for line in LINE_END.split(after)[1:] if line.strip()), None)
        self._above = [line for line in LINE_END.split(before)[:-1] if line.strip()][-2:]
        self._eol = "\r\n" if "\r\n" in text[:_MAX_CHARS_AFTER] else "\n"
        self._is_in_block = fences.ends_inside_block(fences.find_fences(find_fence_lines(text[:offset])))
        is_prose = fences.uses_fences(language)
        self._fences_are_text = self._is_in_block or is_prose
        nesting = self._around.nesting
        may_open_fence = self._fences_are_text or (not nesting.is_code and nesting.stack[-1].spans_lines)
        self._opening = AnswerOpening(before, language, may_open_fence, self._is_in_block, is_prose)
        self._indentation = IndentConverter(before, after, language)
        self._parse_check = ParseCheck(self._around)
        is_line_end = self._around.tokens is not None
        self._line_cut = LineCut(
            self._around, self._below, (max_lines or MAX_GHOST_LINES) if is_line_end else 1
        )
        self.reset()

    def reset(self) -> None:
        """Forget the answer so far: another one follows."""
        self._raw = ""
        self._clean = ""  # `_raw` after step 1
        self._kept = 0  # the length of `_clean` after steps 2 and 3
        self._answer = ClosedAnswer(self._around)
        self._is_complete = False
        self._text, self._end = "", self._offset
        self._line_count = 0
        self._whole_lines, self._lines_end = "", self._offset
        self._wrong: tuple[str, tuple[UnresolvedName, ...]] = ("", ())
        self._judged = ("", False)  # complete lines, and whether they have faults

    def feed(self, chunk: str) -> bool:
        """Take a chunk of the answer. Return True if the ghost text is complete; later chunks are ignored."""
        if self._is_complete:
            return True
        self._raw += chunk
        self._is_complete = self._find_cut(is_final=False)
        self._text, self._end = self._shape_shown_text()
        self._shape_whole_lines()
        return self._is_complete

    @property
    def text(self) -> str:
        """The text to show so far."""
        return self._text

    @property
    def end(self) -> int:
        """The end of the document's text that `text` replaces: the cursor, or the end of closers after it."""
        return self._end

    @property
    def whole_lines(self) -> str:
        """The complete lines so far that parse, without a last line that may still change."""
        return self._whole_lines

    @property
    def lines_end(self) -> int:
        """The end of the document's text that `whole_lines` replaces."""
        return self._lines_end

    @property
    def is_useful(self) -> bool:
        """Whether the complete lines help alone: not a mere comment, nor a block's head without its body."""
        lines = self._whole_lines
        _, newline, last = lines.rpartition("\n")
        if not newline:
            last = self._around.line + lines
        return fim.has_code_line(lines) and not fim.is_header_without_body(last, self._below or "")

    @property
    def deserves_second_answer(self) -> bool:
        """Whether the answer gave no text although code must follow, or gave a text that cannot be shown."""
        if self._text:
            return False
        return bool(self._raw.strip()) or fim.expects_text(self._around.line, self._around.rest)

    def find_second_starts(self) -> tuple[str, ...]:
        """Return texts, one of which a better answer than this one begins with; empty if that is unknown."""
        answer = self._clean[: self._kept].rstrip()
        starts = find_starts(*self._put_in(answer, self._offset))
        return starts or find_existing_start(self._text, [*self._marked, *self._find_wrong_names()])

    def find_avoided_start(self) -> str:
        """Return the text with which a better answer does not begin; empty if that is unknown.

        An answer that repeats the line below, or that lets it never run, should be another statement.
        """
        first = LINE_END.split(self._clean.lstrip(), 1)[0]
        line = (self._around.line + first).strip()
        repeats = bool(line) and not self._text and self._is_copy_of_below(line)
        is_end = bool(self._text) and leaves_lines_dead(*self._put_in(self._text, self._end))
        return find_beginning(first) if repeats or is_end else ""

    def _put_in(self, answer: str, end: int) -> tuple[str, str, str, str]:
        """Return an answer that replaces the text up to `end` with the text around it, and the language."""
        text = self._around.text
        return text[: self._offset], answer, text[end:], self._around.language

    def mark_wrong(self, text: str, wrong: Sequence[UnresolvedName]) -> None:
        """Record the attributes in the final `text` that do not exist."""
        self._wrong = (text, tuple(wrong))

    def count_faults(self) -> int:
        """Return how many names in the text, and in the lines below it, do not exist."""
        return count_faults(*self._put_in(self._text, self._end)) + len(self._marked)

    @property
    def has_faulty_lines(self) -> bool:
        """Whether the complete lines so far have such faults; more lines may remove them."""
        if self._whole_lines != self._judged[0]:
            has_faults = count_faults(*self._put_in(self._whole_lines, self._lines_end)) > 0
            self._judged = (self._whole_lines, has_faults)
        return self._judged[1]

    @property
    def _marked(self) -> tuple[UnresolvedName, ...]:
        marked, wrong = self._wrong
        return wrong if marked == self._text else ()

    def _find_wrong_names(self) -> tuple[UnresolvedName, ...]:
        return find_wrong_names(*self._put_in(self._text, self._end))

    def cut_wrong_names(self) -> str | None:
        """Return the text up to the statement with the first name that does not exist, or None."""
        wrong = (*self._marked, *self._find_wrong_names())
        kept = min((each.cut for each in wrong), default=len(self._text))
        if kept < len(self._text):
            self._text = self._text[:kept].rstrip() if fim.has_code_line(self._text[:kept]) else ""
        return self._text or None

    def finish(self) -> str | None:
        """Return the text to insert, or None. `end` then belongs to this text."""
        if not self._is_complete:
            self._find_cut(is_final=True)
        self._text, self._end = self._shape_final(self._kept)
        return self._text or None

    def _shape_shown_text(self) -> tuple[str, int]:
        if self._is_complete:
            return self._shape_final(self._kept)
        certain = find_partial_stop(self._clean[: self._kept])
        text, length = self._shape_text(certain, is_growing=True)
        return ("", self._offset) if self._may_repeat(text) else self._locate(text, length)

    def _shape_whole_lines(self) -> None:
        """Update the complete lines, if there are more of them that leave no bracket open."""
        starts = [at for at, state in self._answer.states.items() if at <= self._kept and state.depth <= 0]
        if not all(self._around.closed) or self._around.is_loose:
            starts = [at for at in self._answer.states if at <= self._kept]
        if starts and starts[-1] > self._line_count:
            self._line_count = starts[-1]
            self._whole_lines, self._lines_end = self._shape_final(starts[-1])

    def _shape_final(self, length: int) -> tuple[str, int]:
        """Return the first `length` characters of the answer as a text that parses, and its end."""
        text, length = self._shape_text(length)
        # The shorter text loses the line end at its end, which may have ended a comment: check it, too.
        while text and (kept := self._parse_check.trim(text)) < len(text):
            text, length = self._shape_text(kept)
        return self._locate(text, length)

    def _locate(self, text: str, length: int) -> tuple[str, int]:
        """Return a text with the document's line ends, and the end of the text that it replaces."""
        if not text:
            return "", self._offset
        return LINE_END.sub(self._eol, text), self._offset + self._answer.rest_end(length)

    def _shape_text(self, length: int, *, is_growing: bool = False) -> tuple[str, int]:
        """Apply the steps 4 and 5 to the first `length` characters; return the text and its length."""
        text = self._without_wrapper(self._clean[:length].rstrip()).rstrip()
        if self._around.tokens is None:
            text = self._before_rest(text) if is_growing else self._without_rest(text)
        elif is_growing:
            text = text[: self._answer.held_from(len(text))].rstrip()
        text = text[: self._answer.without_last_closers(len(text))].rstrip().rstrip(JOINERS)
        replaced = self._around.rest[: self._answer.rest_end(len(text))]
        if not _contains_in_order(text, replaced):
            text = text[: self._answer.taken[0].start].rstrip()
            replaced = ""
        if "".join(text.split()) == "".join(replaced.split()) or self._is_repetition(text):
            return "", 0
        return text, len(text)

    def _without_wrapper(self, text: str) -> str:
        """Remove a last line that is a bare fence and would open a block: it closes the model's own fence."""
        if not self._fences_are_text or self._is_in_block or not text.endswith(("`", "~")):
            return text
        lines = LINE_END.split(text)
        found = fences.find_fences(lines)
        if not found or not fences.ends_inside_block(found):
            return text
        last = found[-1]
        if last.info or last.line != len(lines) - 1:
            return text
        return text[: -len(lines[-1])]

    def _find_cut(self, *, is_final: bool) -> bool:
        """Compute the text that steps 1 to 3 keep. Return True if it is complete."""
        self._clean = self._indentation.convert(self._opening.strip(self._raw, is_final=is_final))
        self._answer.extend(self._clean)
        stop = find_stop(self._answer, self._clean, MAX_GHOST_CHARS, fences_are_text=self._fences_are_text)
        limit = stop[0] if stop else _limit_length(self._clean)
        if limit is None and not self._raw.strip():
            limit = _limit_length(self._raw)
        cut = self._line_cut.find(self._answer, self._clean[:limit], is_final=is_final)
        if cut is None:
            self._kept = len(self._clean) if limit is None else limit
            return limit is not None and (stop is None or stop[1])
        self._kept = cut
        return True

    def _without_rest(self, text: str) -> str:
        """Remove text at the end that is already right of the cursor."""
        rest = self._around.rest.strip()
        text = _first_line_if_it_ends_with(rest, text)
        return text.removesuffix(rest)

    def _before_rest(self, text: str) -> str:
        """Return a growing text up to where it starts to repeat the text right of the cursor.

        More text decides whether `_without_rest` removes the repetition. Text that was shown before that
        would vanish and, if the model continues, come back.
        """
        rest = self._around.rest.strip()
        text = _first_line_if_it_ends_with(rest, text)
        for size in range(min(len(rest), len(text)), 0, -1):
            if text.endswith(rest[:size]):
                return text[:-size]
        return text

    def _is_repetition(self, text: str) -> bool:
        """Tell whether one line only repeats the line below, or the two equal lines above."""
        line = (self._around.line + text.strip()).strip()
        if self._is_like_below(text) and self._is_copy_of_below(line):
            return True
        return len(self._above) == 2 and all(line == above.strip() for above in self._above)

    def _is_copy_of_below(self, line: str) -> bool:
        """Tell whether a line is that below, or nearly.

        A member of a series is no copy, nor a line that the user has begun in another way.
        """
        below = (self._below or "").strip()
        if line != below:
            above = self._above[-1].strip() if self._above else ""
            is_own_line = not below.startswith(self._around.line.strip())
            if is_own_line or is_next_of_series(above, line, below):
                return False
        return are_alike(line, below)

    def _is_like_below(self, text: str) -> bool:
        """Tell whether the line below is indented like the cursor's line with `text`."""
        if self._below is None or self._around.rest.strip():
            return False
        if not self._around.line.strip() and text[:1] in ("\n", "\r"):
            return True
        return indent_width(self._around.line + text) == indent_width(self._below)

    def _may_repeat(self, text: str) -> bool:
        """Tell whether a growing line may still become a repetition."""
        if "\n" in text or "\r" in text or self._around.rest.strip():
            return False
        line = (self._around.line + text).strip()
        above = [each.strip() for each in self._above]
        if len(above) == 2 and above[0] == above[1] and above[0].startswith(line):
            return True
        # An empty line begins every line.
        below = (self._below or "").strip() if self._is_like_below(text) else ""
        return not line or may_become_alike(line, below)


def _contains_in_order(text: str, part: str) -> bool:
    """Tell whether `text` contains the characters of `part`, in order: editors show no other replacement."""
    at = 0
    for char in part:
        at = text.find(char, at) + 1
        if not at:
            return False
    return True


def _first_line_if_it_ends_with(rest: str, text: str) -> str:
    """Return the first line if it completes the cursor's line: the lines after it are another statement."""
    first = text.split("\n", 1)[0].rstrip()
    return first if first.endswith(rest) else text


def _limit_length(raw: str) -> int | None:
    """Return the end of the last line that ends within `MAX_GHOST_CHARS`, or None for a shorter text."""
    if len(raw) <= MAX_GHOST_CHARS:
        return None
    return max((match.start() for match in LINE_END.finditer(raw, 0, MAX_GHOST_CHARS)), default=0)
