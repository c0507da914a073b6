"""Prompts for edits and chats, for instruction-tuned models that read ChatML.

A small model does not keep to a format for long. The prompt therefore contains the beginning of the
assistant's turn (an opening fence, opening quotes), and the answer ends at the closing fence or quotes. For
documentation, the model writes the text alone and spark-lsp inserts it, so the model cannot damage the code
around it.

A small model often answers with an exact copy of the code. The second attempt therefore has another wording:
the instruction follows the code, and the answer begins with the words that the change was made. This
changes half of the copies of the 0.5B model, and needs no randomness.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts import fences
from spark_lsp.prompts.checks.purpose import find_purpose
from spark_lsp.request import EditFormat, PartKind, Request, Task

_EDIT = (
    "You edit code. You answer with the whole changed code in one block and make only the requested change."
)

_TESTS = (
    "Write only one short test function that calls the code and asserts its results. "
    "Do not repeat the code, and import nothing."
)
_CONTROL = re.compile(r"<\|(?=\w+\|>)")
_MAX_CONTEXT_LINES = 12  # above the lines of a fix
_CHARS_PER_TOKEN = 3  # of code; a low estimate, so that an answer has enough tokens
_CHAT_TOKENS = 1024  # if the request has no limit
_DOCUMENTATION_TOKENS = 120
_MIN_CHANGE_TOKENS = 64
_ADDED_TOKENS = 128  # for code that a change adds


@dataclass(frozen=True, slots=True)
class ChatMLPrompt:
    """A prompt, and the way to read its answer.

    `messages` are pairs of role and text; `begun` is the beginning of the assistant's turn.
    """

    messages: tuple[tuple[str, str], ...]
    begun: str
    format: EditFormat
    stop: tuple[str, ...]
    max_tokens: int

    @property
    def text(self) -> str:
        """The complete prompt in ChatML; control tokens in the messages are masked."""
        turns = "".join(
            f"<|im_start|>{role}\n{mask_control_tokens(text)}<|im_end|>\n" for role, text in self.messages
        )
        return f"{turns}<|im_start|>assistant\n{self.begun}"


def mask_control_tokens(text: str) -> str:
    """Return a text whose control tokens are no tokens for a model; `reply` reverses this in answers."""
    return _CONTROL.sub("<\u00a6", text)


def build_chatml_prompt(request: Request) -> ChatMLPrompt:
    """Return the prompt for an edit or a chat."""
    if request.task is not Task.EDIT:
        turns = (*_history_turns(request), ("user", request.instruction))
        max_tokens = request.max_tokens or _CHAT_TOKENS
        return ChatMLPrompt(turns, "", EditFormat.TEXT, ("<|im_end|>",), max_tokens)
    if request.action == "document":
        return _documentation_prompt(request)
    return _change_prompt(request)


def _documentation_prompt(request: Request) -> ChatMLPrompt:
    code = fences.wrap_in_fence(request.language, request.text_of(PartKind.TARGET))
    question = (
        f"Write the documentation for this {request.language} code: its purpose in one short sentence, "
        f"then, only if they are not obvious, its arguments and its result. Do not repeat the code.\n\n{code}"
    )
    system = "You write short, precise documentation. You answer with the docstring only."
    return ChatMLPrompt(
        messages=(("system", system), ("user", question), *_objection_turns(request, '"""', '"""')),
        begun='"""',
        format=EditFormat.DOCSTRING,
        stop=('"""', "<|im_end|>", "```"),
        max_tokens=_DOCUMENTATION_TOKENS,
    )


def _change_prompt(request: Request) -> ChatMLPrompt:
    target = request.text_of(PartKind.TARGET)
    code = fences.wrap_in_fence(request.language, target)
    fence = fences.choose_fence(target, request.language)
    begun = f"{fence}{request.language}\n"
    if request.attempt > 1:
        change = name_change(request)
        question = f"{code}\n\n{change}. Change nothing else."
        begun = f'Here is the code after the change "{change}":\n\n{begun}'
    elif request.action == "fix":
        question = _fix_question(request, code)
    elif find_purpose(request.action, request.instruction) == "tests":
        question = f"{code}\n\n{name_change(request)}. {_TESTS}"
    else:
        question = f"{name_change(request)}. Change nothing else.\n\n{code}"
    return ChatMLPrompt(
        messages=(
            ("system", _EDIT),
            *_history_turns(request),
            ("user", question),
            *_objection_turns(request, begun, f"\n{fence}"),
        ),
        begun=begun,
        format=EditFormat.REPLACE,
        stop=(f"\n{fence}", "<|im_end|>"),
        max_tokens=max(_MIN_CHANGE_TOKENS, len(target) * 2 // _CHARS_PER_TOKEN + _ADDED_TOKENS),
    )


def name_change(request: Request) -> str:
    """Return the requested change in words."""
    if request.action == "fix":
        return f"Correct this problem: {_list_problems(request)}"
    return request.instruction.rstrip(".")


def _list_problems(request: Request) -> str:
    return "; ".join(part.text for part in request.parts if part.kind is PartKind.DIAGNOSTIC)


def _history_turns(request: Request) -> tuple[tuple[str, str], ...]:
    """Return the conversation that the request continues."""
    return tuple((turn.role, turn.text) for turn in request.history)


def _objection_turns(request: Request, begun: str, closing: str) -> tuple[tuple[str, str], ...]:
    """Return the first answer as the model wrote it, and the objection to it."""
    if request.objection is None:
        return ()
    turns = request.objection_turns(f"{begun}{request.objection.answer.rstrip()}{closing}")
    return tuple((turn.role, turn.text) for turn in turns)


def _fix_question(request: Request, code: str) -> str:
    """Return the question for a fix, with the lines above: a fix often depends on them."""
    above = "\n".join(request.text_of(PartKind.PREFIX).splitlines()[-_MAX_CONTEXT_LINES:])
    return (
        f"For context, the code above:\n\n{fences.wrap_in_fence(request.language, above)}\n\n"
        f"These lines follow, and there is a problem in them: {_list_problems(request)}\n\n{code}\n\n"
        "Write these lines corrected, with the same indentation, and nothing else."
    )
