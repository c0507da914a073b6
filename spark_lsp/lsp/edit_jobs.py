"""Edits: from a command to one versioned `workspace/applyEdit`, or to a refusal with its reason.

The command is answered at once; the work continues as a job. Text that the user types elsewhere during that
time moves the edit; text typed in the same place refuses it, so the visible text is never overwritten. If the
link is lost during an edit, the edit is started once more, because nothing was applied yet. Each started job
ends with exactly one `spark/edit`.
"""

import functools
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import anyio
from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused, SparkError
from spark_lsp.lsp import live_edits
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.edit_applier import EditApplier
from spark_lsp.lsp.edit_outcomes import (
    APPLIED,
    APPLIED_WITHOUT_MODEL,
    FAILED,
    REJECTED_BY_USER,
    SERVER_STOPPED,
    STOPPED_BY_USER,
    Outcome,
)
from spark_lsp.lsp.edit_preview import EditPreview, Settle
from spark_lsp.lsp.edit_previews import EditPreviews
from spark_lsp.lsp.edit_progress import EditProgress
from spark_lsp.lsp.edit_proposer import TEXT_UNCHANGED, EditProposer, proposal_of
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.last_edits import LastEdits
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.progress import Progress, ProgressRegistry
from spark_lsp.lsp.refused_proposals import RefusedProposals
from spark_lsp.lsp.rules import edit_by_rules
from spark_lsp.lsp.server_documents import ServerDocuments
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.steering import Steering
from spark_lsp.lsp.tests_writer import TestsWriter
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.prompts.going_on import join_instructions
from spark_lsp.prompts.instruction_comments import InstructionComment
from spark_lsp.session.documents import Documents
from spark_lsp.supervise import call_guarded, log_failure
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, rebase_edits

TEXT_CHANGED = "The text changed where the edit was to be made"


@dataclass(eq=False)
class EditJob:
    """An edit under way.

    `typed` has the changes of its document since the start; None if they are unknown, so that the edit
    cannot be placed.
    """

    id: str
    request: EditRequest
    preview: EditPreview
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    typed: list[Edit] | None = field(default_factory=list[Edit])
    is_cancelled: bool = False  # by the user
    note: str = ""  # about changes that were applied before the edit was stopped
    steering: Steering = field(default_factory=Steering)
    outcome: Outcome = FAILED


class EditJobs:
    """All edits under way."""

    def __init__(
        self,
        *,
        documents: Documents,
        settings: SettingsStore,
        client: LanguageClient,
        messages: UserMessages,
        progress: ProgressRegistry,
        engine_side: EngineSide,
        answers: AnswerReader,
        last_edits: LastEdits,
        server_documents: ServerDocuments,
        tests: TestsWriter,
    ) -> None:
        self._documents = documents
        self._settings = settings
        self._client = client
        self._messages = messages
        self._progress = progress
        self._engine_side = engine_side
        self._last_edits = last_edits
        self._tests = tests
        self._proposer = EditProposer(settings, answers)
        self._applier = EditApplier(documents, client)
        self._refused = RefusedProposals(client, server_documents)
        self._previews = EditPreviews(documents, client, self._applier)
        self._jobs: dict[str, EditJob] = {}
        self._numbers = itertools.count(1)

    def start(self, request: EditRequest) -> str:
        """Begin an edit; return its id. Raises `SparkError` if the engine side is down."""
        edit_id = f"edit-{next(self._numbers)}"
        job = EditJob(edit_id, request, self._previews.create(edit_id, request))
        job.preview.record = functools.partial(self._record_hunks, job)
        self._engine_side.spawn(self._run, job, on_failure=lambda _: self._end(job))
        self._jobs[job.id] = job
        return job.id

    @property
    def previews(self) -> EditPreviews:
        """The hunks that the user may accept or reject."""
        return self._previews

    def cancel(self, job_id: str) -> bool:
        """Stop an edit; return False for an unknown id."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        job.is_cancelled = True
        job.scope.cancel()
        return True

    def steer(self, job_id: str, instruction: str) -> str:
        """Add an instruction to an edit under way (without an id: to the newest one); return its id.

        Raises `EditRefused` if there is no such edit, or no model is answering it.
        """
        job = self._jobs.get(job_id or next(reversed(self._jobs), ""))
        if job is None:
            raise EditRefused(
                "There is no such edit under way", "The instruction was not sent", code=Code.NO_SUCH_JOB
            )
        job.steering.add(instruction)
        joined = join_instructions(job.request.instruction, instruction)
        job.request = replace(job.request, instruction=joined)
        return job.id

    def cancel_all(self) -> list[str]:
        """Stop all edits; return their ids."""
        return [job_id for job_id in list(self._jobs) if self.cancel(job_id)]

    def record_change(self, document: Document, edits: Sequence[Edit]) -> None:
        """Record text that was typed into the document of an edit under way."""
        for job in self._jobs.values():
            if job.request.document.uri == document.uri and job.typed is not None:
                job.typed += edits
        self._previews.record_change(document, edits)

    def lose_history(self, uri: str) -> None:
        """Record that a document was closed, reopened or is out of sync: its edits cannot be placed."""
        for job in self._jobs.values():
            if job.request.document.uri == uri:
                job.typed = None
        self._previews.lose_history(uri)

    async def _run(self, job: EditJob) -> None:
        progress = self._progress.create(job.request.title, lambda: self.cancel(job.id))
        outcome: Outcome | None = None
        try:
            with job.scope:
                outcome = await self._make_edit(job, progress)
        finally:  # the engine side or the server may be ending
            stopped = STOPPED_BY_USER if job.is_cancelled else SERVER_STOPPED
            job.outcome = outcome or replace(stopped, reason=stopped.reason + job.note)
            call_guarded(progress.end, job.outcome.reason or "done")
            self._end(job)

    async def _make_edit(self, job: EditJob, progress: Progress) -> Outcome:
        """Make and apply the edit; return its outcome."""
        try:
            await progress.begin()
            if job.request.action == "tests":
                return await self._write_tests(job, progress)
            known = await edit_by_rules(job.request)
            edits = await self._propose(job, progress) if known is None else known
            reason = await self._settle(job, _remove_note(edits, job.request.note), progress)
        except EditRefused as error:
            undone = await self._withdraw(job)
            self._show_refused(job, error)
            return Outcome("refused", error.code, f"{error}{undone}", proposal_of(error))
        except SparkError as error:
            return Outcome("failed", error.code, f"{error}{await self._withdraw(job)}")
        except Discarded:
            return REJECTED_BY_USER
        except Exception as error:
            log_failure(self._make_edit, error)
            return replace(FAILED, reason=f"{FAILED.reason}{await self._withdraw(job)}")
        except anyio.get_cancelled_exc_class():
            job.note = await self._withdraw(job)
            raise
        applied = APPLIED if known is None else APPLIED_WITHOUT_MODEL
        return replace(applied, reason=reason) if reason else applied

    async def _propose(self, job: EditJob, progress: Progress) -> list[Edit]:
        """Return the edits of the engine's answer; in the mode `live`, apply them while it grows."""

        watch = EditProgress(progress, job.preview)

        async def propose() -> list[Edit]:
            return await job.steering.run(
                lambda request: self._proposer.propose(request, watch),
                job.request,
                on_restart=lambda: progress.report(
                    "starting again with your further instruction", always=True
                ),
            )

        if self._apply_mode == "live":
            return await live_edits.apply_while(job.preview, propose)
        return await propose()

    async def _withdraw(self, job: EditJob) -> str:
        """Undo the hunks that were applied before the edit failed; return a sentence about that."""
        if self._apply_mode != "live":
            return ""
        sentence = await live_edits.undo(job.preview)
        if not job.preview.hunks.applied:
            self._last_edits.note_withdrawn(job.id, job.request.document.uri)
        return f". {sentence}" if sentence else ""

    def _show_refused(self, job: EditJob, error: EditRefused) -> None:
        """Leave a refused proposal on the screen, so that the user can judge the reason."""
        proposal = proposal_of(error)
        if proposal is not None and self._client.shows_previews:
            job.preview.refuse(error.code, str(error), proposal.edits)

    def _record_hunks(self, job: EditJob, document: Document, edits: Sequence[Edit]) -> Settle:
        """Note hunks that the editor is about to apply, so that the user can undo them as one edit."""
        last = self._last_edits.expect_hunks(job.id, job.request, job.typed or (), document, edits)
        return lambda applied: self._last_edits.settle(last, applied=applied)

    async def _write_tests(self, job: EditJob, progress: Progress) -> Outcome:
        """Write the tests of the job's code; the result names their file. Raises `SparkError`."""
        request, abilities = job.request, self._client.abilities
        plan = await run_in_thread(self._tests.plan, request, abilities)
        read = functools.partial(self._tests.read_edits, plan, request)
        watch = EditProgress(progress, job.preview)
        edits = await self._proposer.propose(request, watch, plan.question, read)
        if plan.file is None:
            await self._apply(job, _remove_note(edits, request.note))
            return APPLIED
        edit = self._tests.make_edit(plan.file, edits, abilities)
        await self._applier.send(types.ApplyWorkspaceEditParams(edit, request.title))
        reason = f"The tests of `{plan.subject.label}` are in {plan.file.path}"
        self._messages.show(types.MessageType.Info, f"{reason}.")
        return Outcome("applied", Code.APPLIED, reason)

    def _end(self, job: EditJob) -> None:
        """Send the job's outcome to the editor, once."""
        if job.id not in self._jobs:
            return
        if job.outcome.state != "applied":
            call_guarded(self._last_edits.note_unapplied, job.id, job.request, job.typed)
        self.send_outcome(job.id, job.request.document.uri, job.outcome)
        del self._jobs[job.id]
        if job.preview.state != "refused" or not job.preview.hunks.open:
            self._previews.remove(job.preview)
        if not self._offers_proposal(job):
            self.show_failure(job.outcome)

    def send_outcome(self, job_id: str, uri: str, outcome: Outcome) -> None:
        """Send the outcome of a job that changes a document to the editor."""
        message = {
            "id": job_id,
            "state": outcome.state,
            "reason": outcome.reason,
            "uri": uri,
            "code": outcome.code,
        }
        self._client.notify("spark/edit", message)

    def show_failure(self, outcome: Outcome) -> None:
        """Show the user the reason of an edit that was not made."""
        if outcome.state in ("refused", "failed"):
            self._messages.show(types.MessageType.Warning, outcome.reason)

    def _offers_proposal(self, job: EditJob) -> bool:
        """Offer to show the refused proposal, if there is one and the editor can show it; tell whether so."""
        proposal = job.outcome.proposal
        if proposal is None or not self._refused.can_offer:
            return False
        with suppress(SparkError):  # the engine side is ending
            document = job.request.document
            self._engine_side.spawn(self._refused.offer, job.id, document, proposal.edits, job.outcome.reason)
            return True
        return False

    async def send_edit(self, params: types.ApplyWorkspaceEditParams) -> str | None:
        """Let the editor apply an edit; return its reason for not doing so, or None."""
        return await self._applier.request(params)

    async def _apply(self, job: EditJob, edits: Sequence[Edit]) -> None:
        """Apply the edits as one change of the latest version that the editor has reported."""
        if not edits:
            raise EditRefused(
                "The model proposed no change",
                TEXT_UNCHANGED,
                "Describe the change in other words",
                code=Code.NO_CHANGE,
            )
        document = self._documents.get(job.request.document.uri)
        moved = rebase_edits(edits, job.typed) if job.typed is not None and document is not None else None
        if moved is None or document is None:
            raise _text_changed()
        last = self._last_edits.expect(job.id, job.request, job.typed or (), document, moved)
        try:
            await self._applier.apply(document, moved, job.request.title)
        except SparkError:
            self._last_edits.settle(last, applied=False)
            raise
        self._last_edits.settle(last, applied=True)

    async def _settle(self, job: EditJob, edits: Sequence[Edit], progress: Progress) -> str:
        """Apply the edits as the user wants it; return a sentence about it, which is usually empty."""
        preview = job.preview
        mode = self._apply_mode
        if mode == "final" or not edits:
            preview.end()
            await self._apply(job, edits)
            return ""
        if mode == "live":
            return await _settle_live(preview, edits)
        preview.settle(edits)
        progress.end("ready")
        await preview.wait()
        if preview.hunks.applied:
            return ""
        raise Discarded if preview.is_discarded else _text_changed()

    @property
    def _apply_mode(self) -> str:
        """When edits are applied: `final`, `preview` or `live`."""
        mode = self._settings.current.edit.apply
        if mode == "live":  # many changes while the user types: only a version shows that they fit the text
            return mode if self._client.abilities.takes_versions else "final"
        return "final" if mode == "preview" and not self._client.shows_previews else mode


class Discarded(Exception):
    """The user has rejected all hunks of an edit."""


async def _settle_live(preview: EditPreview, edits: Sequence[Edit]) -> str:
    """Apply the hunks that are not applied yet, as one change."""
    if preview.is_replaced and not await preview.undo():
        raise EditRefused(live_edits.LEFT, "The edit was not applied", "Ask again", code=Code.TEXT_CHANGED)
    preview.settle(edits)
    await preview.apply()
    dropped = len(preview.hunks.dropped)
    if not preview.hunks.applied:
        raise _text_changed()
    return f"Left out where you typed: {dropped} of {preview.hunks.count} changes" if dropped else ""


def _text_changed() -> EditRefused:
    return EditRefused(TEXT_CHANGED, "The edit was not applied", "Ask again", code=Code.TEXT_CHANGED)


def _remove_note(edits: list[Edit], note: InstructionComment | None) -> list[Edit]:
    """Return the edits and the removal of the comment that asked for them, unless they overlap."""
    if not edits or note is None or any(note.start < each.end and each.start < note.end for each in edits):
        return edits
    return sorted([*edits, Edit(note.start, note.end, "")])
