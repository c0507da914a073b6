"""Asks an engine for an edit, and turns its answer into edits of the document, or into a refusal.

An answer that fails a check is followed by one second request with the exact reason (`prompts.second_try`),
never by a third. If the link is lost during an answer, the request is sent once more, because nothing was
applied yet.
"""

import functools
from collections.abc import Callable

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused, EngineError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.edit_progress import EditProgress
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.prompts import reply, target_text
from spark_lsp.prompts.checks.refusal import ProposalRefused
from spark_lsp.prompts.second_try import (
    Attempt,
    choose_attempt,
    lacks_named_code,
    plan_second_request,
)
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat, Request
from spark_lsp.session import context
from spark_lsp.session.edit_route import choose_route
from spark_lsp.session.proposal import Proposal
from spark_lsp.text.edits import Edit

RETRIED = (Code.CONNECTION_LOST, Code.ANSWER_BROKE_OFF)  # nothing was applied, another engine may answer
TEXT_UNCHANGED = "The text is as it was"
AnswerToEdits = Callable[[EditFormat, str], list[Edit]]
"""Returns the edits in an answer; raises `EditRefused`."""
DOUBT = "The answer lacks a name of the instruction"


def proposal_of(error: EditRefused) -> Proposal | None:
    """Return the proposal that a refusal keeps for the user, or None."""
    if not isinstance(error, ProposalRefused) or not error.edits:
        return None
    return Proposal(error.edits, str(error), error.code)


class EditProposer:
    """Asks an engine for one edit at a time of each job."""

    def __init__(self, settings: SettingsStore, answers: AnswerReader) -> None:
        self._settings = settings
        self._answers = answers

    async def propose(
        self,
        request: EditRequest,
        progress: EditProgress,
        question: str = "",
        read: AnswerToEdits | None = None,
    ) -> list[Edit]:
        """Return the edits of the request's document. Raises `EditRefused` or `EngineError`.

        `question` replaces the request's own, and `read` the usual way to read edits out of an answer.
        """
        asked = self._build_request(request, question or request.question)
        read = read or functools.partial(_read_edits, request)
        attempt = await self._attempt(request, asked, progress, read)
        again = plan_second_request(asked, attempt)
        if again is not None:
            progress.report(f"{_describe(attempt)}; asking again")
            attempt = await self._attempt_again(request, again, attempt, progress, read)
        if attempt.refusal is not None:
            raise attempt.refusal
        return list(attempt.edits)

    async def _attempt_again(
        self,
        request: EditRequest,
        again: Request,
        first: Attempt,
        progress: EditProgress,
        read: AnswerToEdits,
    ) -> Attempt:
        """Return the better of the first attempt and a second one; an engine that fails costs the second."""
        try:
            second = await self._attempt(request, again, progress, read)
        except EngineError:
            return first
        return choose_attempt(first, second)

    async def _attempt(
        self, request: EditRequest, asked: Request, progress: EditProgress, read: AnswerToEdits
    ) -> Attempt:
        """Return an answer with its edits or its refusal. Raises `EngineError`."""
        format_, text, is_cut = await self._ask_model(asked, progress)
        try:
            if is_cut and not reply.is_complete(format_, text, target_text.target_in_request(asked)):
                raise EditRefused(
                    "The model reached its token limit before its answer was complete",
                    TEXT_UNCHANGED,
                    "Select fewer lines, or ask for a smaller change",
                    code=Code.ANSWER_CUT,
                )
            edits = await run_in_thread(read, format_, text)
        except EditRefused as error:
            _forget_secrets(request, error)
            return Attempt(text, refusal=error)
        return Attempt(text, tuple(edits), is_doubtful=_is_doubtful(request, edits))

    def _build_request(self, request: EditRequest, question: str) -> Request:
        """Return the engine's request, without the secrets of the user's texts."""
        messages = [redact_secrets(diagnostic.message) for diagnostic in request.diagnostics]
        settings = self._settings.current.edit
        model, effort = choose_route(request.action, settings.effort, settings.deep)
        return context.build_edit(
            request.seen.document,
            request.target,
            request.action,
            redact_secrets(question),
            messages,
            effort,
            model=model,
            history=request.history,
        )

    async def _ask_model(self, request: Request, progress: EditProgress) -> tuple[EditFormat, str, bool]:
        """Return the complete answer of an engine; retry once if the answer broke off."""
        try:
            return await self._read_answer(request, progress)
        except EngineError as error:
            if error.code not in RETRIED:
                raise
            progress.report(f"{error.what}; starting again")
            return await self._read_answer(request, progress)

    async def _read_answer(self, request: Request, progress: EditProgress) -> tuple[EditFormat, str, bool]:
        """Return the form of an answer, its text, and whether it reached its limit."""
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
        return format_, text, is_cut


def _read_edits(request: EditRequest, format_: EditFormat, text: str) -> list[Edit]:
    """Return the edits that an answer proposes. Raises `EditRefused`."""
    shown = request.seen.document
    edits = reply.propose_edits(
        request.action,
        shown,
        request.tree if shown is request.document else SyntaxTree.of(shown),
        *request.target,
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


def _forget_secrets(request: EditRequest, error: EditRefused) -> None:
    """Drop refused edits that would change a secret, so that no editor offers them."""
    if isinstance(error, ProposalRefused) and request.seen.would_harm_secrets(error.edits):
        error.edits = ()


def _is_doubtful(request: EditRequest, edits: list[Edit]) -> bool:
    old = request.document.text[slice(*request.target)]
    return lacks_named_code(request.instruction, old, "".join(edit.new for edit in edits))


def _describe(attempt: Attempt) -> str:
    """Return the reason for a second request, for the progress."""
    if attempt.refusal is None:
        return DOUBT
    return attempt.refusal.event if isinstance(attempt.refusal, ProposalRefused) else attempt.refusal.what
