"""Prompts for instruction-tuned models with a chat interface, where the answer's beginning cannot be given.

An edit's answer is requested as one code fence, a completion's without one. The text around the cursor or
target is cut to a budget of characters, at line ends, farthest first. The target itself is never cut.

Models add text to an answer. `FencedAnswerFilter` ends an edit's answer at its closing fence.
`BareCompletionFilter` removes an opening fence and a repetition of the line's beginning before a completion.
"""

from dataclasses import dataclass, field
from typing import Protocol

from spark_lsp.prompts import fences, target_text, unfence
from spark_lsp.prompts.context_files import DIAGNOSTICS_FILE, EDITS_FILE, ContextFile
from spark_lsp.request import EditFormat, Message, PartKind, Request, Task

_COMPLETE = (
    "You complete code at a cursor. You are given the text before it and the text after it. Answer with only "
    "the text to insert at the cursor: no code fence, no explanation, no text that is already there."
)
_EDIT = (
    "You edit code. You are given the lines to change, and some text around them that stays as it is. Answer "
    "with the whole new text of the lines to change in one Markdown code fence and nothing else. Change only "
    "what the request names; keep everything else as it is, indentation included."
)
_LANGUAGE_OF_FILE = {EDITS_FILE: "diff", DIAGNOSTICS_FILE: "text"}  # of the context that changes often
_DEFAULT_INSTRUCTIONS = {
    "document": "Add documentation to this definition, in the way of its language. Change no code.",
    "fix": "Correct the problem that is named.",
}
_PREFIX_SHARE = 0.75  # of the budget for the text around
_MIN_ECHO_CHARS = 3  # a shorter beginning may be in a completion by chance
_USUAL_BACKTICKS = 3


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages, oldest first, and the format of the answer."""

    messages: tuple[Message, ...]
    format: EditFormat


def build_chat_prompt(request: Request, budget: int, files: tuple[ContextFile, ...] = ()) -> ChatPrompt:
    """Return the prompt for a request, with at most `budget` characters around the cursor or target.

    `files` is the context of a completion. Signatures come first, because they change least: servers keep the
    beginning of a prompt in their caches. Recent edits and diagnostics come last.
    """
    if request.task is Task.CHAT:
        return ChatPrompt((*request.history, Message("user", request.instruction)), EditFormat.TEXT)
    before, after = trim_context(request, budget)
    if request.task is Task.COMPLETE:
        changing = tuple(each for each in files if each[0] in _LANGUAGE_OF_FILE)
        steady = tuple(each for each in files if each not in changing)
        sections = [
            *_describe_files(request, steady, "Signatures from other files of the project:"),
            f"Before the cursor:\n{_fence_text(request, before)}",
            f"After the cursor:\n{_fence_text(request, after)}",
            *_describe_files(request, changing, "Recent edits and problems near the cursor:"),
        ]
        question = "\n\n".join(sections)
        return ChatPrompt((Message("system", _COMPLETE), Message("user", question)), EditFormat.TEXT)
    question = _edit_question(request, before, after)
    messages = (
        Message("system", _EDIT),
        *request.history,
        Message("user", question),
        *request.objection_turns(),
    )
    return ChatPrompt(messages, EditFormat.FENCED)


def _describe_files(request: Request, files: tuple[ContextFile, ...], title: str) -> list[str]:
    """Return the title and a section for each file; nothing without a file."""
    if not files:
        return []
    sections = [
        f"{path}\n{fences.wrap_in_fence(_LANGUAGE_OF_FILE.get(path, request.language), text.rstrip())}"
        for path, text in files
    ]
    return [title, *sections]


def _edit_question(request: Request, before: str, after: str) -> str:
    target = request.text_of(PartKind.TARGET)
    sections = [
        f"Before, for context:\n{_fence_text(request, before)}" if before.strip() else "",
        f"After, for context:\n{_fence_text(request, after)}" if after.strip() else "",
        f"The lines to change:\n{_fence_text(request, target)}",
        *(f"The problem: {part.text}" for part in request.parts if part.kind is PartKind.DIAGNOSTIC),
        request.instruction or _DEFAULT_INSTRUCTIONS.get(request.action, ""),
        _fence_instruction(target, request.language),
    ]
    return "\n\n".join(section for section in sections if section)


def _fence_instruction(target: str, language: str) -> str:
    """Return the instruction for a fence that no fence in the text can close; empty for a usual one."""
    count = len(fences.choose_fence(target, language))
    if count == _USUAL_BACKTICKS:
        return ""
    return f"Put your answer in a fence of {count} backticks."


def trim_context(request: Request, budget: int) -> tuple[str, str]:
    """Return the prefix and the suffix of a request, together at most `budget` characters, cut at line ends.

    The prefix gets most of the budget, and the part that a short suffix leaves.
    """
    prefix = request.text_of(PartKind.PREFIX)
    suffix = request.text_of(PartKind.SUFFIX)
    prefix_budget = max(int(budget * _PREFIX_SHARE), budget - len(suffix))
    before = _last_lines_within(prefix, prefix_budget)
    after = _first_lines_within(suffix, budget - len(before))
    return before, after


def _last_lines_within(text: str, budget: int) -> str:
    if len(text) <= budget:
        return text
    end = text[-budget:] if budget > 0 else ""
    return end[end.find("\n") + 1 :]


def _first_lines_within(text: str, budget: int) -> str:
    if len(text) <= budget:
        return text
    beginning = text[: max(budget, 0)]
    return beginning[: beginning.rfind("\n") + 1]


def _fence_text(request: Request, text: str) -> str:
    return fences.wrap_in_fence(request.language, text)


class AnswerFilter(Protocol):
    """Passes on the useful part of a model's answer, chunk by chunk; `fim.FimAnswerFilter` is one."""

    done: bool

    def feed(self, text: str) -> str:
        """Take a chunk and return the text to pass on; `done` becomes True if no more is needed."""
        ...

    def finish(self) -> str:
        """Return the text that `feed` held back and that belongs to the answer."""
        ...


@dataclass(slots=True)
class FencedAnswerFilter:
    """Passes an answer on up to the end of the code fence that holds the new text.

    If the target may contain fences, the complete answer is passed on.
    """

    target: target_text.TargetText = field(default_factory=target_text.TargetText)
    done: bool = False
    _answer: str = ""
    _searched: int = 0  # the offset of the last line that was searched for a fence

    def feed(self, text: str) -> str:
        """See `AnswerFilter`."""
        if self.done:
            return ""
        self._answer += text
        recent = self._answer[self._searched :]
        has_fence = "```" in recent or "~~~" in recent
        end = unfence.find_code_end(self._answer, self.target) if has_fence else None
        if end:
            self.done = True
            surplus = len(self._answer) - end
            return text[: max(len(text) - surplus, 0)]
        self._searched = max(self._answer.rfind("\n", 0, len(self._answer) - 1), 0)
        return text

    def finish(self) -> str:
        """Return nothing: this filter holds no text back."""
        return ""


@dataclass(slots=True)
class BareCompletionFilter:
    """Passes a completion on without a fence or a repetition before it.

    `line` is the line left of the cursor. In a `language` with fences, such as Markdown, a fence is part of
    the text, unless its info string names such a language.
    """

    line: str = ""
    language: str = ""
    done: bool = field(default=False, init=False)
    _held: str = ""
    _started: bool = False

    def feed(self, text: str) -> str:
        """See `AnswerFilter`."""
        if self._started:
            return text
        self._held += text
        beginning = self._without_fence(self._held)
        if beginning is not None:
            beginning = self._without_echo(beginning)
        if beginning is None:
            return ""
        self._started = True
        return beginning

    def finish(self) -> str:
        """Return held text that might have been a fence or a repetition, but belongs to the completion."""
        self.done = True
        return "" if self._started or self._is_wrapper(self._held.strip()) else self._held

    def _without_fence(self, answer: str) -> str | None:
        """Return the answer without an opening fence, or None while it may begin with one."""
        head = answer.lstrip()
        if not head or "```".startswith(head):
            return None
        if not head.startswith("```"):
            return answer
        first, newline, code = head.partition("\n")
        if not newline:
            return None
        return code if self._is_wrapper(first) else answer

    def _is_wrapper(self, line: str) -> bool:
        """Tell whether a line is a fence around the completion, and not a part of it."""
        if not fences.uses_fences(self.language):
            return line.startswith("```")
        found = fences.find_fences([line])
        return bool(found) and fences.uses_fences(found[0].language)

    def _without_echo(self, answer: str) -> str | None:
        """Return the answer without a repetition of the line, or None while it may begin with one."""
        line = self.line.strip()
        if len(line) < _MIN_ECHO_CHARS:
            return answer
        head = answer.lstrip()
        if len(head) < len(line) and line.startswith(head):
            return None
        return head[len(line) :] if head.startswith(line) else answer
