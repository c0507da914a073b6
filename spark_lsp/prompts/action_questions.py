"""The instructions that actions give to the model, where the text of the table is not enough."""

from spark_lsp.prompts import fences
from spark_lsp.prompts.rename_offer import name_at
from spark_lsp.prompts.stubs import find_stub
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.text.document import Document

END_OF_WORDS = ":\n\n"
"""Ends the instruction to complete a body; the function follows."""


def build_question(action: str, instruction: str, document: Document, tree: SyntaxTree, start: int) -> str:
    """Return the instruction to the model for an action at `start`.

    `document` is the text that the model may see, and `tree` that of the true text, which is as long.
    """
    if action == "complete":
        return _ask_for_body(instruction, document, tree, start)
    if action == "rename":
        return rename_instruction(document, start, instruction)
    return instruction


def rename_instruction(document: Document, start: int, wanted: str) -> str:
    """Return the instruction to rename the name at `start`; `wanted` is the new name, or an instruction."""
    if not wanted.strip().isidentifier():
        return wanted
    return f"Rename `{name_at(document, start)}` to `{wanted.strip()}` in these lines"


def _ask_for_body(instruction: str, document: Document, tree: SyntaxTree, start: int) -> str:
    """Return the instruction with the function: the lines to change are only a placeholder in it."""
    stub = find_stub(document, tree, start)
    if stub is None:
        return instruction
    if stub.start == stub.head:
        return f"{instruction}. Keep its first line"
    definition = tree.definition_at(start)
    end = definition.end if definition is not None else stub.end
    code = fences.wrap_in_fence(document.language, document.text[stub.head : end])
    return (
        f"{instruction}{END_OF_WORDS}{code}\n\n"
        "Answer with the lines of the body, which replace the placeholder below, with their indentation, "
        "and with nothing else"
    )
