"""Prompts for instruction-tuned models behind a chat interface, which cannot be begun for.

The answer to an edit is asked for as one code fence, and found in whatever is said around it; a completion
is asked for bare. What is around the place is cut to a budget of characters, at lines, nearest first: the
text to change is never cut.

Models say more than they were asked. `Fenced` ends an edit's answer where its fence closes; `Bare` takes off
what they put before a completion: an opening fence, and the beginning of the line, once more.
"""

from dataclasses import dataclass, field
from typing import Protocol

from spark_lsp.prompts import fences, unfence
from spark_lsp.request import EditFormat, Message, PartKind, Request, Task

_COMPLETE = (
    "You complete code at a cursor. You are given the text before it and the text after it. Answer with only "
    "the text to insert at the cursor: no code fence, no explanation, nothing that stands there already."
)
_EDIT = (
    "You edit code. You are given the lines to change, and some text around them that stays as it is. Answer "
    "with the whole new text of the lines to change in one Markdown code fence and nothing else. Change only "
    "what is asked; keep everything else as it is, indentation included."
)
_DEFAULT_INSTRUCTIONS = {
    "document": "Add documentation to this definition, in the way of its language. Change no code.",
    "fix": "Correct the problem that is named.",
}
_PREFIX_SHARE = 0.75
_MIN_ECHO_CHARS = 3  # characters; a shorter beginning may stand there by chance


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages, oldest first, and the form in which the answer will come."""

    messages: tuple[Message, ...]
    format: EditFormat


def build_chat_prompt(request: Request, budget: int) -> ChatPrompt:
    """Return what to ask; `budget` bounds the text around the place, in characters."""
    if request.task is Task.CHAT:
        return ChatPrompt((*request.history, Message("user", request.instruction)), EditFormat.TEXT)
    before, after = trim_context(request, budget)
    if request.task is Task.COMPLETE:
        asked = (
            f"Before the cursor:\n{_fence_text(request, before)}\n\n"
            f"After the cursor:\n{_fence_text(request, after)}"
        )
        return ChatPrompt((Message("system", _COMPLETE), Message("user", asked)), EditFormat.TEXT)
    target = request.text_of(PartKind.TARGET)
    sections = [
        f"Before, for context:\n{_fence_text(request, before)}" if before.strip() else "",
        f"After, for context:\n{_fence_text(request, after)}" if after.strip() else "",
        f"The lines to change:\n{_fence_text(request, target)}",
        *(f"The problem: {part.text}" for part in request.parts if part.kind is PartKind.DIAGNOSTIC),
        request.instruction or _DEFAULT_INSTRUCTIONS.get(request.action, ""),
        _fence_instruction(target, request.language),
    ]
    asked = "\n\n".join(section for section in sections if section)
    return ChatPrompt((Message("system", _EDIT), *request.history, Message("user", asked)), EditFormat.FENCED)


def _fence_instruction(target: str, language: str) -> str:
    """Return what to say about the answer's fence, so that no fence in the text can close it."""
    count = len(fences.choose_fence(target, language))
    return "" if count == 3 else f"Put your answer in a fence of {count} backticks."


def trim_context(request: Request, budget: int) -> tuple[str, str]:
    """Return the prefix and the suffix of a request within a budget, cut at lines."""
    prefix, suffix = request.text_of(PartKind.PREFIX), request.text_of(PartKind.SUFFIX)
    room = max(int(budget * _PREFIX_SHARE), budget - len(suffix))
    before = prefix if len(prefix) <= room else _from_line(prefix[-room:] if room > 0 else "")
    room = budget - len(before)
    after = suffix if len(suffix) <= room else _to_line(suffix[: max(room, 0)])
    return before, after


def _from_line(text: str) -> str:
    return text[text.find("\n") + 1 :]


def _to_line(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _fence_text(request: Request, text: str) -> str:
    return fences.wrap_in_fence(request.language, text)


class AnswerFilter(Protocol):
    """What stands between what a model says and what is passed on; `fim.Reply` is one."""

    done: bool

    def feed(self, text: str) -> str:
        """Take some text, and return what of it may be passed on; `done` says that it is enough."""
        ...

    def finish(self) -> str:
        """Return what was held back."""
        ...


@dataclass(slots=True)
class FencedAnswerFilter:
    """Passes an answer on until the code fence that holds the new text has closed: only talk follows.

    For a target that may hold fences of its own (`place`), an answer is passed on whole.
    """

    place: unfence.TargetText = field(default_factory=unfence.TargetText)
    done: bool = False
    _said: str = ""
    _seen: int = 0  # lines' ends are looked for behind here

    def feed(self, text: str) -> str:
        """See `Reader`."""
        if self.done:
            return ""
        self._said += text
        recent = self._said[self._seen :]
        if ("```" in recent or "~~~" in recent) and (end := unfence.find_code_end(self._said, self.place)):
            self.done = True
            return text[: max(len(text) - (len(self._said) - end), 0)]
        self._seen = max(self._said.rfind("\n", 0, len(self._said) - 1), 0)
        return text

    def finish(self) -> str:
        """Nothing is held back."""
        return ""


@dataclass(slots=True)
class BareCompletionFilter:
    """Passes a completion on without what stands before it; `line` is the cursor's, up to the cursor.

    In `language` Markdown a code fence is part of the text, unless it says that Markdown is in it.
    """

    line: str = ""
    language: str = ""
    done: bool = field(default=False, init=False)
    _held: str = ""
    _begun: bool = False

    def feed(self, text: str) -> str:
        """See `Reader`."""
        if self._begun:
            return text
        self._held += text
        begun = self._without_fence(self._held)
        begun = None if begun is None else self._without_echo(begun)
        if begun is None:
            return ""
        self._begun = True
        return begun

    def finish(self) -> str:
        """Return what was held back because it might have been a fence, or the line once more."""
        self.done = True
        return "" if self._begun or self._is_wrapper(self._held.strip()) else self._held

    def _without_fence(self, said: str) -> str | None:
        head = said.lstrip()
        if not head or "```".startswith(head):
            return None
        if not head.startswith("```"):
            return said
        first, newline, code = head.partition("\n")
        if not newline:
            return None
        return code if self._is_wrapper(first) else said

    def _is_wrapper(self, line: str) -> bool:
        """Return whether a line is a fence that is no part of the completion."""
        found = fences.find_fences([line])
        if not fences.uses_fences(self.language):
            return line.startswith("```")
        return bool(found) and fences.uses_fences(found[0].language)

    def _without_echo(self, said: str) -> str | None:
        line, head = self.line.strip(), said.lstrip()
        if len(line) < _MIN_ECHO_CHARS:
            return said
        if len(head) < len(line) and line.startswith(head):
            return None
        return head[len(line) :] if head.startswith(line) else said
