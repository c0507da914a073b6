"""Remove a model's thinking from its answer, whatever engine gave it.

Reasoning models think before they answer. Many servers return the thinking in a separate field; others leave
it in the text: `<think>…</think>`, Kimi's `◁think▷…◁/think▷`, Mistral's `[THINK]…[/THINK]`, Cohere's and
Seed's tokens, and the channels of OpenAI's harmony format (`<|channel|>analysis<|message|>…<|end|>`). A draft
in the thinking must never be taken for the answer.

Only thinking at the very start of an answer is removed. The same words further on belong to the user's code.
`ThinkingFilter` works on a stream, and how the stream was split never changes the result.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from spark_lsp.prompts.chat import AnswerFilter

_CLOSERS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "◁think▷": "◁/think▷",
    "[think]": "[/think]",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
_HARMONY = ("<|start|>", "<|channel|>")
_MESSAGE, _FINAL = "<|message|>", "final"
_HARMONY_END = re.compile(r"<\|(?:end|return|call)\|>")
_MAX_END_CHARS = len("<|return|>")
_MAX_HEADER_CHARS = 120  # characters of a harmony header
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_ORPHAN = re.compile(r"</think(?:ing)?>|◁/think▷|\[/THINK\]", re.IGNORECASE)

_State = Literal["start", "thinking", "answer", "final", "ended"]


@dataclass(slots=True)
class ThinkingFilter:
    """Pass the answer on without the thinking before it.

    `prefilled` is for a model whose prompt already ends in the opening tag, so that only the closing one
    is in its answer: all text is then held back until the closing tag, or until `finish`.
    `thought` becomes True when thinking was removed.
    """

    prefilled: bool = False
    removed_thinking: bool = field(default=False, init=False)
    _state: _State = field(default="start", init=False)
    _held: str = field(default="", init=False)
    _closer: re.Pattern[str] = field(default=_HARMONY_END, init=False)
    _tail: int = field(default=_MAX_END_CHARS, init=False)

    def feed(self, text: str) -> str:
        """Take a piece of the answer and return the text that can be passed on."""
        if self._state == "answer":
            return text
        self._held += text
        shown = ""
        while (passed := self._advance()) is not None:
            shown += passed
        return shown

    def finish(self) -> str:
        """Return the text that was held back and turned out to belong to the answer."""
        held, self._held = self._held, ""
        if self._state in ("thinking", "ended"):
            return ""
        between = self._state == "start" and self.removed_thinking
        return "" if between and (not held.strip() or held.lstrip().startswith("<|")) else held

    @property
    def is_unfinished(self) -> bool:
        """Whether the text so far is thinking without an end, so that there is no answer yet."""
        return self.removed_thinking and self._state in ("thinking", "start")

    def _advance(self) -> str | None:
        """Advance by one state, and return the text that this frees; None when more input is needed."""
        if self._state == "start":
            return self._skip_to_closing_tag() if self.prefilled else self._read_start()
        if self._state == "thinking":
            return self._skip_thinking()
        if self._state == "final":
            return self._pass_final()
        if self._state == "ended":
            self._held = ""
        return None

    def _read_start(self) -> str | None:
        """Decide whether the answer, or the next part of it, begins with thinking."""
        lead = self._held.lstrip()
        start = lead[: len("<|begin_of_thought|>")].lower()
        for opener, closer in _CLOSERS.items():
            if start.startswith(opener):
                return self._enter_thinking(lead[len(opener) :], _pattern(closer), len(closer))
            if opener.startswith(start):
                return None
        if any(mark.startswith(start) or start.startswith(mark) for mark in _HARMONY):
            return self._read_header(lead)
        return self._pass_answer(lead)

    def _skip_to_closing_tag(self) -> str | None:
        """Wait for the closing tag of thinking whose opening tag was part of the prompt."""
        closer = _ORPHAN.search(self._held)
        if closer is None:
            return None
        self.prefilled = False
        self.removed_thinking = True
        self._held = self._held[closer.end() :]
        return ""

    def _enter_thinking(self, rest: str, closer: re.Pattern[str], longest: int) -> str:
        self._state, self.removed_thinking = "thinking", True
        self._held, self._closer, self._tail = rest, closer, longest - 1
        return ""

    def _read_header(self, lead: str) -> str | None:
        """Read `<|start|>assistant<|channel|>NAME<|message|>`; only the channel `final` is the answer."""
        header, message, rest = lead.partition(_MESSAGE)
        if not message:
            return self._pass_answer(lead) if len(lead) > _MAX_HEADER_CHARS else None
        if _FINAL not in header and "<|channel|>" in header:
            return self._enter_thinking(rest, _HARMONY_END, _MAX_END_CHARS)
        self._state, self._held = "final", rest
        return ""

    def _pass_answer(self, lead: str) -> str:
        """End the filter's work. Blank lines between the thinking and the answer are not part of it."""
        blank = self._held[: len(self._held) - len(lead)]
        shown = blank[blank.rfind("\n") + 1 :] + lead if self.removed_thinking else self._held
        self._state, self._held = "answer", ""
        return shown

    def _skip_thinking(self) -> str | None:
        closer = self._closer.search(self._held)
        if closer is None:
            self._held = self._held[-self._tail :]
            return None
        self._state, self._held = "start", self._held[closer.end() :]
        return ""

    def _pass_final(self) -> str | None:
        """Pass harmony's final channel on, without the token that ends it and what follows."""
        end = _HARMONY_END.search(self._held)
        if end is not None:
            shown, self._held, self._state = self._held[: end.start()], "", "ended"
            return shown
        opens = self._held.rfind("<|", max(len(self._held) - _MAX_END_CHARS, 0))
        at = opens if opens >= 0 else len(self._held) - self._held.endswith("<")
        shown, self._held = self._held[:at], self._held[at:]
        return shown or None


@dataclass(slots=True)
class AfterThinkingFilter:
    """A `Reader` that gives the answer without its thinking to another one."""

    reader: AnswerFilter
    prefilled: bool = False
    done: bool = field(default=False, init=False)
    thinking: ThinkingFilter = field(init=False)

    def __post_init__(self) -> None:
        self.thinking = ThinkingFilter(self.prefilled)

    def feed(self, text: str) -> str:
        """See `Reader`."""
        shown = self.reader.feed(self.thinking.feed(text))
        self.done = self.reader.done
        return shown

    def finish(self) -> str:
        """See `Reader`."""
        rest = self.thinking.finish()
        shown = self.reader.feed(rest) if rest else ""
        return shown + self.reader.finish()


def _pattern(closer: str) -> re.Pattern[str]:
    return re.compile(re.escape(closer), re.IGNORECASE)


def starts_with_thinking(text: str) -> bool:
    """Return whether a text would be taken for an answer that begins with thinking."""
    start = text.lstrip()[: len("<|begin_of_thought|>")].lower()
    return start.startswith((*_CLOSERS, *_HARMONY))


def remove_thinking(answer: str) -> str:
    """Return a whole answer without the thinking before it; empty if it holds nothing else.

    A closing tag without an opening one counts where a code fence follows it and none is open before it:
    the opening tag was then part of the prompt.
    """
    thinking = ThinkingFilter()
    answer = thinking.feed(answer) + thinking.finish()
    for closer in _ORPHAN.finditer(answer):
        before, after = answer[: closer.start()], answer[closer.end() :]
        balanced = len(_FENCE_LINE.findall(before)) % 2 == 0
        if balanced and _FENCE_LINE.search(after) and not _has_opening_tag(before, closer[0]):
            return after.lstrip("\r\n")
    return answer


def _has_opening_tag(before: str, closer: str) -> bool:
    return closer.lower().replace("/", "") in before.lower()
