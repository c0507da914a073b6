"""Edits as filling in the middle: the model writes the missing lines, and all other text stays as it is.

A small model fills in lines far better than it follows an instruction. The body of a stub and a single line
with a diagnostic are therefore holes in the document. An instruction for a single line becomes a hole only
after the model has copied the line. A comment above the hole holds the question and the old line. Measured
with the 0.5B model: of seven copied lines, filling in solved five, and another wording of the same question
one. Filling in several lines did more damage, so these keep the question in words.
"""

from dataclasses import dataclass, field

from spark_lsp.prompts import fim
from spark_lsp.prompts.action_questions import END_OF_WORDS
from spark_lsp.prompts.actions import find_action
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.prompts.context_files import find_comment_leader
from spark_lsp.prompts.rewrite import name_change
from spark_lsp.prompts.stubs import is_placeholder
from spark_lsp.request import PartKind, Request, Task
from spark_lsp.text.lines import LINE_END, indent_width, indentation_of

_ATTEMPTS = {"fix": 1, "instruct": 2}  # at which a single line is filled in
_LINES_ABOVE = 30
_LINES_BELOW = 10
_BODY_TOKENS = 200
_LINE_TOKENS = 96
_MAX_STATEMENTS = 2  # in place of one line: a guard, and the line
_MAX_ECHOED_LINES = 4  # of the comment, at the beginning of an answer
_CLOSERS = (")", "]", "}", "end")
_BRANCHES = ("else", "elif", "except", "finally", "catch", "rescue", "ensure")
_OPENERS = (":", "{", "then", "do")


@dataclass(slots=True)
class HoleFilter:
    """Passes on the lines of an answer that belong into the hole; see `chat.AnswerFilter`.

    `width` is the indentation of the hole in columns, `below` the next line after it. With a `leader` of
    comments, the hole is one line: comments at the beginning repeat the prompt, and the answer ends after one
    statement, or after a block and one statement. `opens_block`: the line is the head of a block that stays.
    """

    width: int
    below: str = ""
    leader: str = ""
    opens_block: bool = False
    done: bool = False
    _partial: str = ""  # the text after the last line end
    _blank: int = 0  # line ends that were not passed on
    _echoed: int = 0
    _statements: int = 0
    _lines: int = 0  # of the current statement
    _has_text: bool = field(default=False, repr=False)

    def make_another(self) -> "HoleFilter":
        """Return a filter for another answer to the same request."""
        return HoleFilter(self.width, self.below, self.leader, self.opens_block)

    def feed(self, text: str) -> str:
        """Take a chunk and return the complete lines that belong into the hole."""
        *lines, self._partial = (self._partial + text).split("\n")
        return "".join(self._read(line) for line in lines)

    def finish(self) -> str:
        """Return the last line, if it belongs into the hole."""
        last, self._partial = self._partial, ""
        return self._read(last)

    def _read(self, line: str) -> str:
        if self.done:
            return ""
        if not line.strip():
            self._blank += 1
            return ""
        if self._is_echo(line):
            self._echoed += 1
            self._blank = 0
            self.done = self._echoed > _MAX_ECHOED_LINES
            return ""
        if self._is_after_hole(line):
            self.done = True
            return ""
        before = "\n" * (self._blank + 1) if self._has_text else ""
        self._blank, self._has_text = 0, True
        self.done = self.opens_block
        return before + line

    def _is_echo(self, line: str) -> bool:
        return bool(self.leader) and not self._has_text and line.lstrip().startswith(self.leader)

    def _is_after_hole(self, line: str) -> bool:
        """Tell whether a line is outside of the hole; count the statements in it."""
        if indent_width(line) < self.width or (self._has_text and line.rstrip() == self.below.rstrip()):
            return True
        self._lines += 1
        if indent_width(line) > self.width or line.lstrip().startswith((*_CLOSERS, *_BRANCHES)):
            return False
        is_simple = self._statements > 0 and self._lines == 2
        self._statements += 1
        self._lines = 1
        return bool(self.leader) and (is_simple or self._statements > _MAX_STATEMENTS)


@dataclass(frozen=True, slots=True)
class FillIn:
    """The prompt of a fill-in, and the way to read its answer."""

    prompt: str
    stop: tuple[str, ...]
    max_tokens: int
    answer: HoleFilter


def build_fill_in(request: Request, family: str) -> FillIn | None:
    """Return the fill-in for an edit; None if the question is better put in words, or for other families."""
    template = fim.TEMPLATES.get(family, fim.PLAIN)
    if request.task is not Task.EDIT or not template.suffix or request.history or request.objection:
        return None
    leader = find_comment_leader(request.language)
    target = LINE_END.sub("\n", request.text_of(PartKind.TARGET))
    # The model would read control tokens in another form, and copy that.
    if leader is None or fim.split_control_tokens(target, template) != target:
        return None
    if request.action == "complete":
        return None if leader in target else _fill_body(request, family, target)
    is_line = "\n" not in target.strip("\n") and target.strip() and not target.lstrip().startswith(leader)
    attempt = _ATTEMPTS.get(find_purpose(request.action, request.instruction))
    if not is_line or request.attempt != attempt:
        return None
    return _fill_line(request, family, target.strip("\n"), leader)


def _fill_body(request: Request, family: str, target: str) -> FillIn | None:
    """Return the fill-in for a body at the first attempt; None if the user has given other words."""
    words = request.instruction.partition(END_OF_WORDS)[0]
    indent = next((indentation_of(line) for line in target.split("\n") if line.strip()), None)
    is_usual = request.attempt == 1 and words == find_action("complete").instruction
    if not is_usual or indent is None or not is_placeholder(target):
        return None
    before, after = _trim_around(request)
    return _make_fill_in(family, before, after, _BODY_TOKENS, HoleFilter(indent_width(indent)))


def _fill_line(request: Request, family: str, line: str, leader: str) -> FillIn:
    before, after = _trim_around(request)
    indent = indentation_of(line)
    words = f"{name_change(request)}\nBefore:\n{line.strip()}\nAfter:"
    note = _write_comment(words, indent, leader)
    below = next((each for each in after.split("\n") if each.strip()), "")
    opens_block = line.rstrip().endswith(_OPENERS) and indent_width(below) > indent_width(line)
    answer = HoleFilter(indent_width(line), below, leader, opens_block)
    return _make_fill_in(family, before + note, after, _LINE_TOKENS, answer)


def _write_comment(words: str, indent: str, leader: str) -> str:
    """Return words as complete lines of comment."""
    return "".join(f"{indent}{leader} {line}".rstrip() + "\n" for line in LINE_END.split(words))


def _make_fill_in(family: str, before: str, after: str, max_tokens: int, answer: HoleFilter) -> FillIn:
    stop = fim.TEMPLATES[family].stop
    return FillIn(fim.render_prompt(before, after, family), stop, max_tokens, answer)


def _trim_around(request: Request) -> tuple[str, str]:
    """Return the lines around the target; the first ones begin at line starts."""
    before = LINE_END.sub("\n", request.text_of(PartKind.PREFIX)).splitlines(keepends=True)
    after = LINE_END.sub("\n", request.text_of(PartKind.SUFFIX)).splitlines(keepends=True)
    return "".join(before[-_LINES_ABOVE:]), "".join(after[: _LINES_BELOW + 1])
