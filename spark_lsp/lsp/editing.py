"""Targeted edits: from a command to one versioned `workspace/applyEdit`, or a named refusal.

The command is answered at once; the work goes on as a job. What the person types elsewhere meanwhile
moves the result, what they type in the same place refuses it: the text they see is never overwritten.
A link that is lost in mid-edit restarts the edit once, from the beginning; nothing was applied before.
Each job that was started ends with exactly one `spark/edit`, whatever happens to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import anyio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, EditRefused, EngineError, SparkError
from spark_lsp.lsp import abilities, convert
from spark_lsp.lsp.aside import aside
from spark_lsp.lsp.meter import Meter
from spark_lsp.lsp.progress import Progress
from spark_lsp.privacy.redaction import RedactedDocument, redact_secrets
from spark_lsp.prompts import actions, gate, reply, unfence
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import Chunk, EditFormat, Request, Started
from spark_lsp.session import context
from spark_lsp.session.reasons import REMEDIES, TEXTS
from spark_lsp.supervise import call_guarded, log_failure
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, rebase_edits

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

AGAIN = (Code.CONNECTION_LOST, Code.ANSWER_BROKE_OFF)  # nothing was applied, and another engine may be asked
CHANGED = "The text changed where the edit was to be made"
NOTHING = "Nothing was done"
MAX_ARGUMENT = 100_000  # characters of one text in a command's argument
WENT_WRONG = (
    "spark-lsp failed while it made this edit. The edit was given up. Look at the text and ask again; please "
    "report it if it fails again."
)
APPLY_WAIT = 120.0  # seconds an editor has to say whether it applied an edit; some ask the user first


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an edit ended: the state of `spark/edit`, its code, and why in words."""

    state: str
    code: Code
    reason: str = ""


FAILED = Outcome("failed", Code.INTERNAL_ERROR, WENT_WRONG)
STOPPED = Outcome("cancelled", Code.CANCELLED_BY_USER, "stopped by you")
LEFT = Outcome("cancelled", Code.SERVER_STOPPED, "spark-lsp stopped before the edit was made")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, as the command said it; offsets refer to `document`, the true text.

    `note` is the comment that held the instruction: it goes when that is done.
    """

    action: str
    seen: RedactedDocument
    tree: SyntaxTree  # of the true text
    start: int
    end: int
    instruction: str = ""
    diagnostics: tuple[actions.Diagnostic, ...] = ()
    note: actions.InstructionComment | None = None

    @property
    def document(self) -> Document:
        """The true text."""
        return self.seen.real


@dataclass(eq=False)
class Job:
    """An edit under way; `typed` is what has been changed in its document since it began."""

    id: str
    order: Order
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    typed: list[Edit] | None = field(default_factory=list[Edit])
    by_user: bool = False
    outcome: Outcome = FAILED


class Editor:
    """All edits under way."""

    def __init__(self, ls: "SparkServer") -> None:
        self._ls = ls
        self._jobs: dict[str, Job] = {}
        self._numbers = ls.job_numbers

    def start(self, order: Order) -> str:
        """Begin an edit; returns its id."""
        job = Job(f"edit-{next(self._numbers)}", order)
        self._ls.spawn(self._run, job, on_failure=lambda _: self._end(job))
        self._jobs[job.id] = job
        return job.id

    def cancel(self, identity: str) -> bool:
        """Stop an edit; False if there is none of that id."""
        job = self._jobs.get(identity)
        if job is None:
            return False
        job.by_user = True
        job.scope.cancel()
        return True

    def cancel_all(self) -> list[str]:
        """Stop all edits; returns their ids."""
        return [identity for identity in list(self._jobs) if self.cancel(identity)]

    def changed(self, document: Document, edits: Sequence[Edit]) -> None:
        """Note what was typed into the documents of edits under way."""
        for job in self._jobs.values():
            if job.order.document.uri == document.uri and job.typed is not None:
                job.typed += edits

    def lost(self, uri: str) -> None:
        """Note that a document was closed, reopened or is out of sync: its edits cannot be placed."""
        for job in self._jobs.values():
            if job.order.document.uri == uri:
                job.typed = None

    async def _run(self, job: Job) -> None:
        progress = Progress(self._ls, actions.title_of(job.order.action), lambda: self.cancel(job.id))
        outcome: Outcome | None = None
        try:
            with job.scope:
                outcome = await self._outcome(job, progress)
        finally:  # the engine side or the whole server may be ending
            job.outcome = outcome or (STOPPED if job.by_user else LEFT)
            call_guarded(progress.end, job.outcome.reason or "done")
            self._end(job)

    async def _outcome(self, job: Job, progress: Progress) -> Outcome:
        """Make and apply the edit; returns how that ended, and why."""
        try:
            await progress.begin()
            edits = await self._proposal(job, progress)
            await self._apply(job, _without_note(edits, job.order.note))
        except EditRefused as error:
            return Outcome("refused", error.code, str(error))
        except SparkError as error:
            return Outcome("failed", error.code, str(error))
        except Exception as error:
            log_failure(self._outcome, error)
            return FAILED
        return Outcome("applied", Code.APPLIED)

    def _end(self, job: Job) -> None:
        """Tell the editor how an edit ended, once."""
        if job.id not in self._jobs:
            return
        done, uri = job.outcome, job.order.document.uri
        message = {"id": job.id, "state": done.state, "reason": done.reason, "uri": uri, "code": done.code}
        self._ls.notify("spark/edit", message)
        del self._jobs[job.id]
        if done.state in ("refused", "failed"):
            self._ls.say(types.MessageType.Warning, done.reason)

    async def _proposal(self, job: Job, progress: Progress) -> list[Edit]:
        """Return the edits, in terms of the order's document. Raises `EditRefused` or `EngineError`."""
        order = job.order
        target, known = await aside(_without_model, order)
        if known is not None:
            return known
        shown = order.seen.document
        messages = [redact_secrets(each.message) for each in order.diagnostics]
        effort, instruction = self._ls.settings.edit.effort, redact_secrets(order.instruction)
        request = context.edit(shown, target, order.action, instruction, messages, effort)
        format_, text = await self._ask(request, progress)
        tree = order.tree if shown is order.document else SyntaxTree.of(shown)
        edits = await aside(
            reply.propose_edits,
            order.action,
            shown,
            tree,
            *target,
            format_,
            text,
            instruction=order.instruction,
            diagnostics=order.diagnostics,
        )
        if order.seen.would_harm_secrets(edits):
            raise EditRefused(
                "The proposal would change a secret, which the model was not shown",
                "The edit was not applied",
                "Choose lines without the secret, or change these by hand",
                code=Code.SECRET_TOUCHED,
            )
        return edits

    async def _ask(self, request: Request, progress: Progress) -> tuple[EditFormat, str]:
        try:
            return await self._ask_once(request, progress)
        except EngineError as error:
            if error.code not in AGAIN:
                raise
            progress.report(f"{error.what}; starting again")
            return await self._ask_once(request, progress)

    async def _ask_once(self, request: Request, progress: Progress) -> tuple[EditFormat, str]:
        format_, pieces, cut = EditFormat.TEXT, list[str](), False
        with Meter(self._ls) as meter:
            async with self._ls.engine.open(request) as events:
                async for event in events:
                    meter.take(event)
                    if isinstance(event, Started):
                        format_ = event.format
                        progress.report(f"{event.engine} is working")
                    elif isinstance(event, Chunk):
                        pieces.append(event.text)
                        count = sum(map(len, pieces))
                        progress.report(f"{count} characters", characters=count)
                    else:
                        cut = event.reason == "length"
        text = "".join(pieces)
        if cut and not reply.is_complete(format_, text, unfence.target_in_request(request)):
            raise EditRefused(
                "The model's answer was cut at its bound before it was whole",
                "The text is as it was",
                "Select less, or ask for less at once",
                code=Code.ANSWER_CUT,
            )
        return format_, text

    async def _apply(self, job: Job, edits: Sequence[Edit]) -> None:
        """Apply as one change, for just the version that the editor has told last."""
        if not edits:
            raise EditRefused(
                "The model proposed no change",
                "The text is as it was",
                "Say it in other words",
                code=Code.NO_CHANGE,
            )
        document = self._ls.documents.get(job.order.document.uri)
        moved = rebase_edits(edits, job.typed) if job.typed is not None and document is not None else None
        if moved is None or document is None:
            raise EditRefused(CHANGED, "The edit was not applied", "Ask again", code=Code.TEXT_CHANGED)
        documents, versioned = self._ls.documents, abilities.takes_versions(self._ls)
        version = documents.version_of(document)
        edit = convert.workspace_edit(document, version, moved, documents.encoding, versioned=versioned)
        label = actions.title_of(job.order.action)
        why = await self._applied(types.ApplyWorkspaceEditParams(edit, label))
        if why is not None:
            raise EditRefused(
                f"The editor did not apply the edit: {why}",
                "The text is as it was",
                "Ask again",
                code=Code.EDITOR_REFUSED,
            )

    async def _applied(self, params: types.ApplyWorkspaceEditParams) -> str | None:
        """Have the editor apply an edit; returns why it did not, or None."""
        answer: Any = None
        with anyio.move_on_after(APPLY_WAIT) as waited:
            try:
                answer = await self._ls.workspace_apply_edit_async(params)
            except JsonRpcException:
                return "it answered with an error"
        if waited.cancelled_caught:
            raise SparkError(
                f"The editor did not answer within {APPLY_WAIT:g} s whether it applied the edit",
                "The text may have changed or not",
                "Look at it before you ask again",
                code=Code.EDITOR_SILENT,
            )
        if not isinstance(answer, types.ApplyWorkspaceEditResult):
            return "it did not say whether it did"
        return None if answer.applied else answer.failure_reason or "it has another version of the text"


def _without_model(order: Order) -> tuple[tuple[int, int], list[Edit] | None]:
    """Return the target, and the edits if they need no model."""
    target = actions.find_target(
        order.action, order.document, order.tree, order.start, order.end, order.diagnostics
    )
    return target, gate.edits_without_model(
        order.action, order.document, order.tree, *target, order.diagnostics, order.instruction
    )


def _without_note(edits: list[Edit], note: actions.InstructionComment | None) -> list[Edit]:
    """Return the edits, and the removal of the comment that asked for them unless they reach into it."""
    if not edits or note is None or any(note.start < each.end and each.start < note.end for each in edits):
        return edits
    return sorted([*edits, Edit(note.start, note.end, "")])


def as_order(ls: "SparkServer", argument: Any) -> Order:
    """Return the order in a command's argument.

    Raises `ArgumentError` for what is no order at all, `EditRefused` for one that cannot be done now.
    """
    if not isinstance(argument, dict):
        raise ArgumentError("spark.edit needs one argument, an object", NOTHING)
    fields = cast(dict[str, Any], argument)
    name = _text(fields, "action", 80)
    if name not in actions.action_names():
        raise ArgumentError(
            f"There is no action {name!r}", NOTHING, f"Use one of: {', '.join(actions.action_names())}"
        )
    if not (uri := _text(fields, "uri", MAX_ARGUMENT)):
        raise ArgumentError("The command names no document", NOTHING)
    document = _document(ls, uri, fields.get("version"))
    start, end = _offsets(ls, document, fields.get("range"))
    told: object = fields.get("diagnostics") or list[Any]()
    if not isinstance(told, list):
        raise ArgumentError("The command's diagnostics are not a list", NOTHING)
    diagnostics = tuple(diagnostic(ls, document, each) for each in cast(list[Any], told))
    seen, instruction = ls.outgoing.redacted(document), _text(fields, "instruction", MAX_ARGUMENT)
    tree = SyntaxTree.of(document)
    if instruction or not actions.needs_instruction(name):
        return Order(name, seen, tree, start, end, instruction, diagnostics)
    note, start, end = actions.find_instruction(document, tree, start, end)
    if note is None:
        raise EditRefused(
            "The edit has no instruction",
            NOTHING,
            "Write a comment `spark: what to do` above the lines, or use an editor that asks for it",
            code=Code.INSTRUCTION_MISSING,
        )
    return Order(name, seen, tree, start, end, note.instruction, diagnostics, note)


def as_place(ls: "SparkServer", argument: Any) -> tuple[Document, int, int]:
    """Return the document and the whole lines that an argument names, for those who change nothing.

    Raises as `as_order` does.
    """
    if not isinstance(argument, dict):
        raise ArgumentError("The command needs one argument, an object", NOTHING)
    fields = cast(dict[str, Any], argument)
    document = _document(ls, _text(fields, "uri", MAX_ARGUMENT), fields.get("version"))
    start, end = _offsets(ls, document, fields.get("range"))
    return document, *actions.find_target("fix", document, SyntaxTree.of(document), start, end, ())


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    """Return a text of an argument, empty where there is none."""
    value: object = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise ArgumentError(f"The command's {name} is not a text of up to {longest} characters", NOTHING)
    return value


def _document(ls: "SparkServer", uri: str, version: object) -> Document:
    if version is not None and type(version) is not int:
        raise ArgumentError("The command's version is not a number", NOTHING)
    document = ls.documents.get(uri)
    if document is None:
        why = str(ls.documents.why_not(uri))
        raise EditRefused("The document cannot be edited", why, code=Code.DOCUMENT_UNUSABLE)
    _must_be_free(ls, uri)
    if version is not None and version != document.version:
        what = "The action belongs to an earlier text"
        raise EditRefused(what, NOTHING, "Ask for it again", code=Code.TEXT_CHANGED)
    return document


def _must_be_free(ls: "SparkServer", uri: str) -> None:
    """Raise `EditRefused` for a document that must stay, or that its project closes to edits."""
    why = ls.outgoing.fence.verdict(uri) if ls.outgoing.kept(uri) else None
    if why is None and not ls.outgoing.fence.narrowing(uri).edits:
        why = Code.EXCLUDED_BY_PROJECT, "edit.enabled is false"
    if why is not None:
        reason, detail = why
        raise EditRefused(
            f"No edit: {TEXTS[reason]}" + (f" ({detail})" if detail else ""),
            "Nothing was sent",
            REMEDIES[reason].capitalize(),
            code=reason,
        )


def _offsets(ls: "SparkServer", document: Document, range_: Any) -> tuple[int, int]:
    try:
        lsp_range = types.Range(_position(range_["start"]), _position(range_["end"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArgumentError("The command's range is not an LSP range", NOTHING) from error
    return convert.offsets(document, lsp_range, ls.documents.encoding)


def _position(value: Any) -> types.Position:
    """Return a position that came as JSON; some editors write whole numbers as `1.0`."""
    line, character = value["line"], value["character"]
    if (
        isinstance(line, bool)
        or isinstance(character, bool)
        or line != int(line)
        or character != int(character)
    ):
        raise ValueError("not whole numbers")
    return types.Position(int(line), int(character))


def diagnostic(ls: "SparkServer", document: Document, value: Any) -> actions.Diagnostic:
    """Return a diagnostic in our own terms; `value` is LSP's, as JSON or as a type."""
    if isinstance(value, types.Diagnostic):
        start, end = convert.offsets(document, value.range, ls.documents.encoding)
        return actions.Diagnostic(start, end, value.message, str(value.code or ""), value.source or "")
    fields = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    start, end = _offsets(ls, document, fields.get("range"))
    return actions.Diagnostic(
        start, end, str(fields.get("message", "")), str(fields.get("code", "")), str(fields.get("source", ""))
    )
