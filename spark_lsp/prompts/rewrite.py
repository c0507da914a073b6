"""Prompts for edits and chats, for instruction-tuned models that read ChatML.

A small model does not keep to a format for long, so the format is not left to it: the assistant's turn
is begun for it (an opening fence, opening quotes), and the answer ends where the fence or the quotes
close. Documentation is asked for as text alone and put in its place by us: what a model does not write
it cannot spoil.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts import fences
from spark_lsp.request import EditFormat, PartKind, Request, Task

_CONTROL = re.compile(r"<\|(?=\w+\|>)")
_CONTEXT_LINES = 12
_CHARS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class ChatMLPrompt:
    """What a model is asked: `messages` by role, the assistant's begun turn, and how to read the answer."""

    messages: tuple[tuple[str, str], ...]
    begun: str
    format: EditFormat
    stop: tuple[str, ...]
    max_tokens: int

    @property
    def text(self) -> str:
        """The whole prompt in ChatML; control tokens within the texts are made harmless."""
        turns = [
            f"<|im_start|>{role}\n{mask_control_tokens(text)}<|im_end|>\n" for role, text in self.messages
        ]
        return "".join((*turns, "<|im_start|>assistant\n", self.begun))


def mask_control_tokens(text: str) -> str:
    """Return text in which no control token of a model stands as one."""
    return _CONTROL.sub("<\u00a6", text)


def build_chatml_prompt(request: Request) -> ChatMLPrompt:
    """Return the prompt for an edit or a chat."""
    if request.task is not Task.EDIT:
        tokens = request.max_tokens or 1024
        turns = (*_history_turns(request), ("user", request.instruction))
        return ChatMLPrompt(turns, "", EditFormat.TEXT, ("<|im_end|>",), tokens)
    if request.action == "document":
        return _documentation_prompt(request)
    return _change_prompt(request)


def _documentation_prompt(request: Request) -> ChatMLPrompt:
    code = fences.wrap_in_fence(request.language, request.text_of(PartKind.TARGET))
    ask = (
        f"Write the documentation for this {request.language} code: what it does in one short sentence, "
        f"then, only if they are not obvious, its arguments and its result. Do not repeat the code.\n\n{code}"
    )
    system = "You write short, precise documentation. You answer with the docstring only."
    return ChatMLPrompt(
        (("system", system), ("user", ask)), '"""', EditFormat.DOCSTRING, ('"""', "<|im_end|>", "```"), 120
    )


def _change_prompt(request: Request) -> ChatMLPrompt:
    target = request.text_of(PartKind.TARGET)
    code = fences.wrap_in_fence(request.language, target)
    if request.action == "fix":
        ask = _fix_question(request, code)
    else:
        ask = f"{request.instruction.rstrip('.')}. Change nothing else.\n\n{code}"
    system = (
        "You edit code. You answer with the whole changed code in one block and change only what is asked."
    )
    tokens = max(64, len(target) * 2 // _CHARS_PER_TOKEN + 128)
    fence = fences.choose_fence(target, request.language)
    begun = f"{fence}{request.language}\n"
    stop = (f"\n{fence}", "<|im_end|>")
    turns = (("system", system), *_history_turns(request), ("user", ask))
    return ChatMLPrompt(turns, begun, EditFormat.REPLACE, stop, tokens)


def _history_turns(request: Request) -> tuple[tuple[str, str], ...]:
    """The conversation that the request continues."""
    return tuple((turn.role, turn.text) for turn in request.history)


def _fix_question(request: Request, code: str) -> str:
    """Ask to correct some lines; a fix often needs the lines above to be seen."""
    problems = "; ".join(part.text for part in request.parts if part.kind is PartKind.DIAGNOSTIC)
    above = fences.wrap_in_fence(request.language, _last_lines(request.text_of(PartKind.PREFIX)))
    return (
        f"For context, the code above:\n\n{above}\n\nThese lines follow, and there is a problem in them: "
        f"{problems}\n\n{code}\n\nWrite these lines corrected, with the same indentation, and nothing else."
    )


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_CONTEXT_LINES:])
