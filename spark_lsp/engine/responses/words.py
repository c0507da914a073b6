"""The words that a service gets: rules, the document, its changes, and the task. No I/O.

The rules and the document come first and stay the same, so they can be prepared once (a *base*) and are in
the service's prompt cache. A request adds one small text: the changes since then, and the place of the work.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from spark_lsp.engine.openai.calls import AROUND_CHARS
from spark_lsp.engine.responses.splices import Splice, render
from spark_lsp.prompts import fences
from spark_lsp.prompts.chat import build_chat_prompt
from spark_lsp.prompts.context_files import ContextFile
from spark_lsp.request import Part, PartKind, Request, Task

Items = str | list[dict[str, Any]]
"""The `input` of a request: a text of the user, or messages."""

RULES = (
    "You are the engine of a code editor. One message has a document in <document>. Later ones have "
    "<changes>: unified diffs without context lines, to be applied to it one after another. Others have text "
    "of the same project. The last message ends with a task.\n"
    "<complete> shows the lines around the cursor, as they are now; <cursor/> is the cursor; with lines='1', "
    "one line is wanted. Answer with only the text to insert there, at most a few lines: no code fence, no "
    "explanation, no text that is already there.\n"
    "<edit> shows the lines to change, as they are now, and then the request. Answer with the whole new text "
    "of these lines in one Markdown code fence and nothing else. Change only what the request names; keep "
    "everything else as it is, indentation included."
)
CURSOR = "<cursor/>"
LINES_BEFORE, LINES_AFTER = 2, 1
LEFT_CHARS, RIGHT_CHARS = 80, 40  # of the cursor's line
NEIGHBOUR_CHARS = 40  # of each line around it
_DEFAULT_INSTRUCTIONS = {
    "document": "Add documentation to this definition, in the way of its language. Change no code.",
    "fix": "Correct the problem that is named.",
}
_STEADY = (PartKind.FILE, PartKind.RECENT_EDIT)


def steady_parts(request: Request, room: int) -> tuple[Part, ...]:
    """Return the context beside the document that may be prepared with it, at most `room` characters."""
    kept: list[Part] = []
    for part in request.parts:
        size = len(part.uri) + len(part.text)
        if part.kind in _STEADY and request.task is Task.COMPLETE and size <= room:
            kept.append(Part(part.kind, part.text, part.uri))
            room -= size
    return tuple(kept)


def base_items(text: str, language: str, beside: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the messages of a base: the rules, the document, and the context beside it."""
    items: list[dict[str, Any]] = [
        {"role": "developer", "content": RULES},
        {"role": "user", "content": f'<document language="{language}">\n{text}\n</document>'},
    ]
    if sections := _describe_parts(beside):
        items.append({"role": "user", "content": sections})
    return items


def changes_text(splices: Sequence[Splice], beside: Iterable[Part]) -> str:
    """Return the text for changes of the document and of the context beside it; empty without any."""
    changes = f"<changes>\n{render(splices)}</changes>\n" if splices else ""
    return changes + _describe_parts(beside)


def _describe_parts(parts: Iterable[Part]) -> str:
    names = {PartKind.FILE: "file", PartKind.RECENT_EDIT: "edit_elsewhere"}
    return "".join(
        f'<{names[part.kind]} path="{part.uri}">\n{part.text.rstrip()}\n</{names[part.kind]}>\n'
        for part in parts
    )


def task_text(request: Request) -> str:
    """Return the task of a completion or an edit."""
    if request.task is Task.COMPLETE:
        problems = request.text_of(PartKind.DIAGNOSTIC).rstrip()
        shown = f"<problems>\n{problems}\n</problems>\n" if problems else ""
        only = f" lines='{request.max_lines}'" if request.max_lines else ""
        begin = f"\nBegin with one of: {' '.join(request.starts)}" if request.starts else ""
        return f"{shown}<complete{only}>\n{_around_cursor(request)}\n</complete>{begin}"
    target = request.text_of(PartKind.TARGET)
    sections = [
        f"<edit>\n{target}\n</edit>",
        *(f"The problem: {part.text}" for part in request.parts if part.kind is PartKind.DIAGNOSTIC),
        request.instruction or _DEFAULT_INSTRUCTIONS.get(request.action, ""),
        _fence_instruction(target, request.language),
    ]
    return "\n".join(section for section in sections if section)


def _around_cursor(request: Request) -> str:
    before = request.text_of(PartKind.PREFIX).rsplit("\n", LINES_BEFORE + 1)[-LINES_BEFORE - 1 :]
    after = request.text_of(PartKind.SUFFIX).split("\n", LINES_AFTER + 1)[: LINES_AFTER + 1]
    left, right = before.pop()[-LEFT_CHARS:], after.pop(0)[:RIGHT_CHARS]
    lines = [line[:NEIGHBOUR_CHARS] for line in before]
    lines.append(left + CURSOR + right)
    lines += [line[:NEIGHBOUR_CHARS] for line in after]
    return "\n".join(lines)


def _fence_instruction(target: str, language: str) -> str:
    """Return the instruction for a fence that no fence in the text can close; empty for a usual one."""
    count = len(fences.choose_fence(target, language))
    return f"Put your answer in a fence of {count} backticks." if count > len("```") else ""


def alone_items(request: Request, files: tuple[ContextFile, ...] = ()) -> Items:
    """Return the messages of a request that no base can serve, with the text around its position."""
    chat = build_chat_prompt(request, AROUND_CHARS, files)
    if len(chat.messages) == 1:
        return chat.messages[0].text
    roles = {"system": "developer"}
    return [{"role": roles.get(turn.role, turn.role), "content": turn.text} for turn in chat.messages]
