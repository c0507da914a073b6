"""Reads the argument of `spark.editAgain`: the last edit of a document goes on, with another sentence.

The model gets the earlier instruction, the text before it, its answer and the new sentence. All of that comes
from the server, so it does not matter whether the gateway or its connection is still the same.
"""

from typing import Any

from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, EditRefused
from spark_lsp.lsp.edit_request import (
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    NOTHING_DONE,
    EditRequest,
    EditRequestReader,
    read_text,
    require_object,
)
from spark_lsp.lsp.last_edits import LastEdit, LastEdits
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import RedactedDocument, redact_secrets
from spark_lsp.prompts import going_on
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import Message
from spark_lsp.text.document import Document


async def read_again(
    argument: Any, *, reader: EditRequestReader, last_edits: LastEdits, outgoing: Outgoing
) -> EditRequest:
    """Return the request that continues an edit.

    Raises `ArgumentError` for an invalid argument, and `EditRefused` if there is no such edit or its text is
    gone.
    """
    fields = require_object(argument, "spark.editAgain needs one argument, an object")
    instruction = read_text(fields, "instruction", MAX_TEXT_CHARACTERS).strip()
    if not instruction:
        raise ArgumentError("spark.editAgain needs an instruction", NOTHING_DONE)
    uri = read_text(fields, "uri", MAX_TEXT_CHARACTERS)
    edit = last_edits.find_latest(uri, read_text(fields, "id", MAX_NAME_CHARACTERS))
    await outgoing.wait_until_scanned(edit.uri)
    history = await run_in_thread(_make_history, edit)
    document = reader.find_document({"uri": edit.uri, "version": fields.get("version")})
    edit.made.catch_up(document.text)
    start, end = edit.made.target
    if not document.text[start:end].strip():
        raise EditRefused(
            "The lines of the earlier edit are not there any more",
            NOTHING_DONE,
            "Select the lines, and ask for an edit",
            code=Code.TEXT_CHANGED,
        )
    if not history:
        instruction = going_on.join_instructions(edit.instruction, instruction)
    tree = SyntaxTree.of(document)
    seen = outgoing.redact(document)
    return EditRequest("instruct", seen, tree, start, end, instruction, history=history)


def _make_history(edit: LastEdit) -> tuple[Message, ...]:
    """Return the conversation up to and including an edit; empty if it was not applied, or is too long."""
    if edit.state == "not_applied":
        return ()
    after = Document(edit.uri, edit.made.expected, language=edit.language)
    start, end = edit.made.answer
    new = RedactedDocument.from_document(after).document.text[start:end]
    turns = going_on.make_turns(edit.language, redact_secrets(edit.instruction), edit.old, new)
    return going_on.limit_turns((*edit.history, *turns))
