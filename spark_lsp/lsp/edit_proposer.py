"""Asks an engine for an edit, and turns its answer into edits of the document, or into a refusal.

If the link is lost during an answer, the request is sent once more, because nothing was applied yet.
"""

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused, EngineError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.edit_progress import EditProgress
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.prompts import reply, unfence
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import Chunk, EditFormat, Finished, Request, Started
from spark_lsp.session import context
from spark_lsp.text.edits import Edit

RETRIED = (Code.CONNECTION_LOST, Code.ANSWER_BROKE_OFF)  # nothing was applied, another engine may answer
TEXT_UNCHANGED = "The text is as it was"


class EditProposer:
    """Asks an engine for one edit at a time of each job."""

    def __init__(self, settings: SettingsStore, answers: AnswerReader) -> None:
        self._settings = settings
        self._answers = answers

    async def propose(self, request: EditRequest, progress: EditProgress) -> list[Edit]:
        """Return the edits of the request's document. Raises `EditRefused` or `EngineError`."""
        target = request.target
        shown = request.seen.document
        format_, text = await self._ask_model(self._build_request(request, target), progress)
        tree = request.tree if shown is request.document else SyntaxTree.of(shown)
        edits = await run_in_thread(
            reply.propose_edits,
            request.action,
            shown,
            tree,
            *target,
            format_,
            text,
            instruction=request.instruction,
            diagnostics=request.diagnostics,
        )
        if request.seen.would_harm_secrets(edits):
            raise EditRefused(
                "The proposal would change a secret, which the model was not shown",
                "The edit was not applied",
                "Choose lines without the secret, or change these by hand",
                code=Code.SECRET_TOUCHED,
            )
        return edits

    def _build_request(self, request: EditRequest, target: tuple[int, int]) -> Request:
        """Return the engine's request, without the secrets of the user's texts."""
        messages = [redact_secrets(diagnostic.message) for diagnostic in request.diagnostics]
        instruction, effort = redact_secrets(request.instruction), self._settings.current.edit.effort
        return context.build_edit(
            request.seen.document, target, request.action, instruction, messages, effort
        )

    async def _ask_model(self, request: Request, progress: EditProgress) -> tuple[EditFormat, str]:
        """Return the complete answer of an engine; retry once if the answer broke off."""
        try:
            return await self._read_answer(request, progress)
        except EngineError as error:
            if error.code not in RETRIED:
                raise
            progress.report(f"{error.what}; starting again")
            return await self._read_answer(request, progress)

    async def _read_answer(self, request: Request, progress: EditProgress) -> tuple[EditFormat, str]:
        format_, text, is_cut = EditFormat.TEXT, "", False
        async with self._answers.open(request) as events:
            async for event in events:
                if isinstance(event, Started):
                    format_ = event.format
                    progress.started(event)
                elif isinstance(event, Chunk):
                    text += event.text
                    progress.received(event.text)
                elif isinstance(event, Finished):
                    is_cut = event.reason == "length"
        if is_cut and not reply.is_complete(format_, text, unfence.target_in_request(request)):
            raise EditRefused(
                "The model reached its token limit before its answer was complete",
                TEXT_UNCHANGED,
                "Select fewer lines, or ask for a smaller change",
                code=Code.ANSWER_CUT,
            )
        return format_, text
