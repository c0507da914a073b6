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
class Prompt:
    """What a model is asked: `messages` by role, the assistant's begun turn, and how to read the answer."""

    messages: tuple[tuple[str, str], ...]
    begun: str
    format: EditFormat
    stop: tuple[str, ...]
    max_tokens: int

    @property
    def text(self) -> str:
        """The whole prompt in ChatML; control tokens within the texts are made harmless."""
        turns = [f"<|im_start|>{role}\n{quoted(text)}<|im_end|>\n" for role, text in self.messages]
        return "".join((*turns, "<|im_start|>assistant\n", self.begun))


def quoted(text: str) -> str:
    """Return text in which no control token of a model stands as one."""
    return _CONTROL.sub("<\u00a6", text)


def prompt_of(request: Request) -> Prompt:
    """Return the prompt for an edit or a chat."""
    if request.task is not Task.EDIT:
        tokens = request.max_tokens or 1024
        turns = (*_earlier(request), ("user", request.instruction))
        return Prompt(turns, "", EditFormat.TEXT, ("<|im_end|>",), tokens)
    if request.action == "document":
        return _document(request)
    return _change(request)


def _document(request: Request) -> Prompt:
    code = fences.wrapped(request.language, request.text_of(PartKind.TARGET))
    ask = (
        f"Write the documentation for this {request.language} code: what it does in one short sentence, "
        f"then, only if they are not obvious, its arguments and its result. Do not repeat the code.\n\n{code}"
    )
    system = "You write short, precise documentation. You answer with the docstring only."
    return Prompt(
        (("system", system), ("user", ask)), '"""', EditFormat.DOCSTRING, ('"""', "<|im_end|>", "```"), 120
    )


def _change(request: Request) -> Prompt:
    target = request.text_of(PartKind.TARGET)
    code = fences.wrapped(request.language, target)
    if request.action == "fix":
        ask = _fix(request, code)
    else:
        ask = f"{request.instruction.rstrip('.')}. Change nothing else.\n\n{code}"
    system = (
        "You edit code. You answer with the whole changed code in one block and change only what is asked."
    )
    tokens = max(64, len(target) * 2 // _CHARS_PER_TOKEN + 128)
    fence = fences.fence_for(target, request.language)
    begun = f"{fence}{request.language}\n"
    stop = (f"\n{fence}", "<|im_end|>")
    turns = (("system", system), *_earlier(request), ("user", ask))
    return Prompt(turns, begun, EditFormat.REPLACE, stop, tokens)


def _earlier(request: Request) -> tuple[tuple[str, str], ...]:
    """The conversation that the request continues."""
    return tuple((turn.role, turn.text) for turn in request.history)


def _fix(request: Request, code: str) -> str:
    """Ask to correct some lines; a fix often needs the lines above to be seen."""
    problems = "; ".join(part.text for part in request.parts if part.kind is PartKind.DIAGNOSTIC)
    above = fences.wrapped(request.language, _tail(request.text_of(PartKind.PREFIX)))
    return (
        f"For context, the code above:\n\n{above}\n\nThese lines follow, and there is a problem in them: "
        f"{problems}\n\n{code}\n\nWrite these lines corrected, with the same indentation, and nothing else."
    )


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_CONTEXT_LINES:])
