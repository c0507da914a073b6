"""Requests in words, for servers that know only the public protocol.

Such a server has neither our parts nor our edit formats. The parts become text between tags, and
`instructions` describe the form of the answer. An edit's answer must be one code fence, which separates it
from a chat model's remarks.
"""

from spark_lsp.request import EditFormat, Message, PartKind, Request, Task
from spark_lsp.wire.frames import Create, Reasoning

COMPLETE_INSTRUCTIONS = (
    "You complete code at a cursor. <prefix> is the text before it and <suffix> the text after it. "
    "Answer with only the text that belongs at the cursor, at most a few lines, without a code fence and "
    "without a word of explanation. Never repeat the text before or after the cursor."
)
EDIT_INSTRUCTIONS = (
    "You edit code. <target> is the text to change; <prefix> and <suffix> are around it and stay as they "
    "are. Answer with the whole new text of <target> in one Markdown code fence and nothing else. Make "
    "only the requested change, and keep everything else as it is, indentation and line ends included."
)
INSTRUCTION_OF_ACTION = {
    "document": "Add documentation to the definition in <target>, as its language does. Change no code.",
    "fix": "Correct the problem that <diagnostic> names in <target>.",
}
REASONING_OF_EFFORT = {"fast": "minimal", "balanced": None, "deep": "high"}


def make_public_create(request: Request, stream_id: str) -> Create:
    """Return the message for a request to a peer that knows only the public protocol."""
    effort = REASONING_OF_EFFORT[request.effort]
    return Create(
        stream_id=stream_id,
        model=request.model or None,
        instructions=_make_instructions(request),
        input=_make_input(request),
        max_output_tokens=request.max_tokens or None,
        reasoning=Reasoning(effort=effort) if effort else None,
        generate=False if request.warm else None,
    )


def expected_format(request: Request) -> EditFormat:
    """Return the form of the answer that the request demands."""
    return EditFormat.FENCED if request.task is Task.EDIT else EditFormat.TEXT


def _make_instructions(request: Request) -> str | None:
    system = [turn.text for turn in request.history if turn.role == "system"]
    words = {Task.COMPLETE: [COMPLETE_INSTRUCTIONS], Task.EDIT: [EDIT_INSTRUCTIONS]}.get(request.task, [])
    return "\n\n".join([*words, *system]) or None


def _make_input(request: Request) -> str | list[dict[str, str]]:
    sections = [_make_section(part.kind, part.text) for part in request.parts]
    instruction = request.instruction or INSTRUCTION_OF_ACTION.get(request.action, "")
    text = "\n\n".join([*sections, instruction] if instruction else sections)
    earlier = [turn for turn in request.history if turn.role != "system"]
    if not earlier and request.objection is None:
        return text
    turns = (*earlier, Message("user", text), *request.objection_turns())
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def _make_section(kind: PartKind, text: str) -> str:
    return f"<{kind.value}>\n{text}\n</{kind.value}>"
