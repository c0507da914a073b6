"""Removes a model's thinking from its answer, for all engines.

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
_MAX_TAG_CHARS = max(map(len, _CLOSERS))
_HARMONY = ("<|start|>", "<|channel|>")
_MESSAGE = "<|message|>"
_FINAL = "final"
_HARMONY_END = re.compile(r"<\|(?:end|return|call)\|>")
_MAX_END_CHARS = len("<|return|>")
_MAX_HEADER_CHARS = 120  # of a harmony header
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_ORPHAN = re.compile(r"</think(?:ing)?>|◁/think▷|\[/THINK\]", re.IGNORECASE)

# "final" is the harmony format's channel with the answer, "ended" the text after it.
_State = Literal["start", "thinking", "answer", "final", "ended"]


@dataclass(slots=True)
class ThinkingFilter:
    """Passes the answer on without the thinking before it.

    Set `prefilled` if the prompt already ends with the opening tag. The answer then has only the closing tag,
    and all text is held back until that tag, or until `finish`. `removed_thinking` is True after thinking was
    removed.
    """

    prefilled: bool = False
    removed_thinking: bool = field(default=False, init=False)
    _state: _State = field(default="start", init=False)
    _held: str = field(default="", init=False)
    _closer: re.Pattern[str] = field(default=_HARMONY_END, init=False)
    _tail: int = field(default=_MAX_END_CHARS, init=False)

    def feed(self, text: str) -> str:
        """Take a chunk of the answer and return the text that can be passed on."""
        if self._state == "answer":
            return text
        self._held += text
        answer = ""
        while (passed := self._advance()) is not None:
            answer += passed
        return answer

    def finish(self) -> str:
        """Return the text that was held back and belongs to the answer."""
        held = self._held
        self._held = ""
        if self._state in ("thinking", "ended"):
            return ""
        is_after_thinking = self._state == "start" and self.removed_thinking
        is_blank_or_token = not held.strip() or held.lstrip().startswith("<|")
        return "" if is_after_thinking and is_blank_or_token else held

    @property
    def is_unfinished(self) -> bool:
        """Whether the text so far is thinking without an end, so that there is no answer yet."""
        return self.removed_thinking and self._state in ("thinking", "start")

    def _advance(self) -> str | None:
        """Advance by one state and return the text that can be passed on; None if more input is needed."""
        if self._state == "start" and self.prefilled:
            return self._skip_to_closing_tag()
        if self._state == "start":
            return self._read_start()
        if self._state == "thinking":
            return self._skip_thinking()
        if self._state == "final":
            return self._pass_final()
        if self._state == "ended":
            self._held = ""
        return None

    def _read_start(self) -> str | None:
        """Decide whether the answer, or the next part of it, begins with thinking."""
        text = self._held.lstrip()
        start = text[:_MAX_TAG_CHARS].lower()
        for opener, closer in _CLOSERS.items():
            if start.startswith(opener):
                pattern = re.compile(re.escape(closer), re.IGNORECASE)
                return self._enter_thinking(text[len(opener) :], pattern, len(closer))
            if opener.startswith(start):
                return None  # the text may become this tag
        if any(mark.startswith(start) or start.startswith(mark) for mark in _HARMONY):
            return self._read_header(text)
        return self._pass_answer(text)

    def _skip_to_closing_tag(self) -> str | None:
        """Wait for the closing tag of thinking whose opening tag was part of the prompt."""
        closer = _ORPHAN.search(self._held)
        if closer is None:
            return None
        self.prefilled = False
        self.removed_thinking = True
        self._held = self._held[closer.end() :]
        return ""

    def _enter_thinking(self, rest: str, closer: re.Pattern[str], max_closer_chars: int) -> str:
        self._state = "thinking"
        self.removed_thinking = True
        self._held = rest
        self._closer = closer
        self._tail = max_closer_chars - 1
        return ""

    def _read_header(self, text: str) -> str | None:
        """Read `<|start|>assistant<|channel|>NAME<|message|>`; only the channel `final` is the answer."""
        header, message, rest = text.partition(_MESSAGE)
        if not message:
            return self._pass_answer(text) if len(text) > _MAX_HEADER_CHARS else None
        if _FINAL not in header and "<|channel|>" in header:
            return self._enter_thinking(rest, _HARMONY_END, _MAX_END_CHARS)
        self._state = "final"
        self._held = rest
        return ""

    def _pass_answer(self, text: str) -> str:
        """Pass on everything from now on. Blank lines between the thinking and the answer are left out."""
        answer = self._held
        if self.removed_thinking:
            blank = answer[: len(answer) - len(text)]
            answer = blank[blank.rfind("\n") + 1 :] + text
        self._state = "answer"
        self._held = ""
        return answer

    def _skip_thinking(self) -> str | None:
        closer = self._closer.search(self._held)
        if closer is None:
            self._held = self._held[-self._tail :]  # it may be the beginning of the closing tag
            return None
        self._state = "start"
        self._held = self._held[closer.end() :]
        return ""

    def _pass_final(self) -> str | None:
        """Pass harmony's final channel on, up to the token that ends it."""
        end = _HARMONY_END.search(self._held)
        if end is not None:
            answer = self._held[: end.start()]
            self._held = ""
            self._state = "ended"
            return answer
        # Hold back text that may be the beginning of that token.
        at = self._held.rfind("<|", max(len(self._held) - _MAX_END_CHARS, 0))
        if at < 0:
            at = len(self._held) - self._held.endswith("<")
        answer = self._held[:at]
        self._held = self._held[at:]
        return answer or None


@dataclass(slots=True)
class AfterThinkingFilter:
    """An `AnswerFilter` that passes the answer without its thinking to another one, `inner`."""

    inner: AnswerFilter
    prefilled: bool = False
    done: bool = field(default=False, init=False)
    thinking: ThinkingFilter = field(init=False)

    def __post_init__(self) -> None:
        self.thinking = ThinkingFilter(self.prefilled)

    def feed(self, text: str) -> str:
        """See `AnswerFilter`."""
        passed = self.inner.feed(self.thinking.feed(text))
        self.done = self.inner.done
        return passed

    def finish(self) -> str:
        """See `AnswerFilter`."""
        rest = self.thinking.finish()
        passed = self.inner.feed(rest) if rest else ""
        return passed + self.inner.finish()


def starts_with_thinking(text: str) -> bool:
    """Tell whether a text looks like an answer that begins with thinking."""
    start = text.lstrip()[:_MAX_TAG_CHARS].lower()
    return start.startswith((*_CLOSERS, *_HARMONY))


def remove_thinking(answer: str) -> str:
    """Return a complete answer without the thinking before it; empty if it holds nothing else.

    A closing tag without an opening one ends thinking if a code fence follows it and none is open before it.
    The opening tag was then part of the prompt.
    """
    thinking = ThinkingFilter()
    answer = thinking.feed(answer) + thinking.finish()
    for closer in _ORPHAN.finditer(answer):
        before = answer[: closer.start()]
        after = answer[closer.end() :]
        is_outside_fence = len(_FENCE_LINE.findall(before)) % 2 == 0
        opener = closer[0].lower().replace("/", "")
        if is_outside_fence and _FENCE_LINE.search(after) and opener not in before.lower():
            return after.lstrip("\r\n")
    return answer
