"""The beginning of an answer: removes parts of the conversation, and text that is already left of the cursor.

In this order: thinking, a sentence that introduces a fenced block, the fence around the answer, the text of
the cursor's line (an echo), and a space or an indentation that is there twice. `AnswerOpening.strip` returns
an empty text as long as more of the answer decides.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts import fences
from spark_lsp.prompts.thinking import ThinkingFilter
from spark_lsp.text.lines import LINE_END, indent_width, indentation_of

_TALK = re.compile(
    r"\s*(?:Here(?:'s| is| are)|Sure|Certainly|Of course|Okay|The (?:code|following|completed?|missing))\b"
)
_MAX_TALK_CHARS = 300  # of a sentence before a fenced block
_WRAPPER = re.compile(r"\s*(`{3,}|~{3,})([^\n\r`]{0,60})(\r\n|\n|\r)")
_WRAPPER_START = re.compile(r"\s*(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^\n\r`]{0,60})?\Z")
_ECHOED_LINES = 3  # above the cursor's, at most
_WORDS = re.compile(r"\S\s")  # a call such as `max(` may well be nested in itself
_MIN_ECHO_CHARS = 4  # without indentation
_MIN_PROSE_ECHO_CHARS = 10
_LIST_MARK = re.compile(r"(?:[-*+]|\d+[.)]|#+|>) ?\Z")
_BLOCK_OPENERS = (":", "{", "(", "[", "then", "do", "else", "=>", "->")


@dataclass(frozen=True)
class AnswerOpening:
    """Strips the beginning of answers at the end of `before`.

    `fences_are_text` says so of the cursor's position, `in_block` that the cursor is inside a fenced block,
    and `is_prose` that the file is written in a markup language.
    """

    before: str
    language: str
    fences_are_text: bool
    in_block: bool
    is_prose: bool

    def strip(self, raw: str, *, is_final: bool) -> str:
        """Return the part of the answer that belongs to the text; `is_final` if `raw` is complete."""
        thinking = ThinkingFilter()
        text = thinking.feed(raw)
        if is_final:
            text += thinking.finish()
        unwrapped = self._remove_fence(text, is_final=is_final)
        if unwrapped is None:
            return ""
        is_wrapped = unwrapped is not text
        stripped = self._without_echo(unwrapped, is_final=is_final)
        if stripped is None:
            return ""
        if stripped is unwrapped:
            stripped = self._without_double_space(stripped)
        return self._indent_like_cursor(stripped) if is_wrapped else stripped

    def _remove_fence(self, text: str, *, is_final: bool) -> str | None:
        """Return the text inside the fence that begins the answer, else the text; None if it is undecided."""
        start = 0
        if _TALK.match(text) and not self.is_prose and not self.fences_are_text:
            end = LINE_END.search(text, len(text) - len(text.lstrip()))
            length = len(text) if end is None else end.start()
            if end is None and not is_final and length <= _MAX_TALK_CHARS:
                return None
            start = end.end() if end is not None and length <= _MAX_TALK_CHARS else 0
        wrapper = _WRAPPER.match(text, start)
        if wrapper is None:
            is_open = text.strip() and _WRAPPER_START.match(text, start) and self._may_be_wrapped(text)
            return None if is_open and not is_final else text
        return text[wrapper.end() :] if self._is_wrapper(wrapper[2].strip()) else text

    def _may_be_wrapped(self, text: str) -> bool:
        return not self.fences_are_text or "`" in text or "~" in text

    def _is_wrapper(self, info: str) -> bool:
        """Tell whether a first line that is a fence with this info string surrounds the answer."""
        if not self.fences_are_text:
            return True
        if self.in_block:
            return bool(info)  # a closing fence has none
        return fences.uses_fences(info) or (bool(info) and info.lower() == self.language.lower())

    def _without_echo(self, text: str, *, is_final: bool) -> str | None:
        """Return the text without a repetition of the text before it; None if that is undecided."""
        for echo in self._list_echoes():
            if text.startswith(echo):
                return text[len(echo) :]
            if text and echo.startswith(text) and not is_final:
                return None
        return text

    def _list_echoes(self) -> list[str]:
        """Return the texts that an answer may repeat, the longest first."""
        lines = LINE_END.split(self.before[-2_000:])
        found: list[str] = []
        for count in range(min(_ECHOED_LINES, len(lines) - 1), 0, -1):
            above = lines[-count - 1]
            if len(above.strip()) >= _MIN_ECHO_CHARS:
                echo = "\n".join(lines[-count - 1 :])
                found += [echo, echo.lstrip()] if echo != echo.lstrip() else [echo]
        line = lines[-1]
        bare = line.lstrip()
        if bare and bare != line:
            found.append(line)
        if self._is_telling(bare):
            found.append(bare)
        return found

    def _is_telling(self, bare: str) -> bool:
        """Tell whether an answer that begins with the line `bare` repeats it, rather than by chance."""
        if _LIST_MARK.match(bare) and (self.is_prose or self.language == "yaml"):
            return True
        if self.is_prose:
            return len(bare) >= _MIN_PROSE_ECHO_CHARS and len(bare.split()) > 1
        return len(bare) >= _MIN_ECHO_CHARS and bool(_WORDS.search(bare))

    def _without_double_space(self, text: str) -> str:
        """Remove a space, or an indentation, that is already before the cursor."""
        lines = LINE_END.split(self.before[-2_000:])
        line = lines[-1]
        if not line.endswith((" ", "\t")):
            return text
        if line.strip():
            return text.lstrip(" ") if text.startswith(" ") else text
        above = next((each for each in reversed(lines[:-1]) if each.strip()), "")
        is_deeper = above.rstrip().endswith(_BLOCK_OPENERS) and indent_width(above) >= indent_width(line)
        return text if is_deeper else text.lstrip(" \t")

    def _indent_like_cursor(self, text: str) -> str:
        """Indent the later lines of a fenced answer whose lines are relative to the first one."""
        line = LINE_END.split(self.before[-2_000:])[-1]
        indent = indentation_of(line)
        lines = text.split("\n")
        following = next((each for each in lines[1:] if each.strip()), None)
        if not indent or following is None:
            return text
        opens = lines[0].rstrip().endswith(_BLOCK_OPENERS)
        if indent_width(following) >= len(indent) + opens:
            return text
        return "\n".join([lines[0], *(f"{indent}{each}" if each.strip() else each for each in lines[1:])])
