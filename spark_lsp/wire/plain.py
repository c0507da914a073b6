"""What is asked, in words, for a server that knows only the public protocol.

It has neither our parts nor our edit formats, so the parts go as text between tags, and how to answer is said
in `instructions`. An edit's answer is asked for as one code fence: what a chat model says around it can then
be told from it.
"""

from spark_lsp.request import EditFormat, Message, PartKind, Request, Task
from spark_lsp.wire.frames import Create, Reasoning

COMPLETE = (
    "You complete code at a cursor. <prefix> is the text before it and <suffix> the text after it. "
    "Answer with only the text that belongs at the cursor, at most a few lines, without a code fence and "
    "without a word of explanation. Never repeat what stands before or after the cursor."
)
EDIT = (
    "You edit code. <target> is the text to change; <prefix> and <suffix> are around it and stay as they "
    "are. Answer with the whole new text of <target> in one Markdown code fence and nothing else. Change "
    "only what is asked, and keep everything else as it is, indentation and line ends included."
)
ASKED = {
    "document": "Add documentation to the definition in <target>, as its language does. Change no code.",
    "fix": "Correct the problem that <diagnostic> names in <target>.",
}
EFFORTS = {"fast": "minimal", "balanced": None, "deep": "high"}


def plain_frame_of(request: Request, stream_id: str) -> Create:
    """Return the message for a request to a peer that knows only the public protocol."""
    effort = EFFORTS[request.effort]
    return Create(
        stream_id=stream_id,
        model=request.model or None,
        instructions=_how(request),
        input=_input(request),
        max_output_tokens=request.max_tokens or None,
        reasoning=Reasoning(effort=effort) if effort else None,
        generate=False if request.warm else None,
    )


def format_of(request: Request) -> EditFormat:
    """Return the form in which the answer was asked for."""
    return EditFormat.FENCED if request.task is Task.EDIT else EditFormat.TEXT


def _how(request: Request) -> str | None:
    system = [turn.text for turn in request.history if turn.role == "system"]
    words = {Task.COMPLETE: [COMPLETE], Task.EDIT: [EDIT]}.get(request.task, [])
    return "\n\n".join([*words, *system]) or None


def _input(request: Request) -> str | list[dict[str, str]]:
    sections = [_section(part.kind, part.text) for part in request.parts]
    asked = request.instruction or ASKED.get(request.action, "")
    text = "\n\n".join([*sections, asked] if asked else sections)
    earlier = [turn for turn in request.history if turn.role != "system"]
    if not earlier:
        return text
    return [{"role": turn.role, "content": turn.text} for turn in (*earlier, Message("user", text))]


def _section(kind: PartKind, text: str) -> str:
    return f"<{kind.value}>\n{text}\n</{kind.value}>"
