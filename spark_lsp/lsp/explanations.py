"""Explanations: what some lines do, in prose, sent by `spark/explanation` while it is streamed.

Each notification has the complete text so far. The last one has `done`, and a reason if the text is
incomplete. The document does not change. A client that does not declare that it shows explanations gets the
text as a read-only document of the server, which opens with the first text and is refreshed at the end, or
else as a message at the end.
Each started explanation ends with exactly one notification that has `done`.
"""

import itertools
import time
from dataclasses import dataclass, field

import anyio
from lsprotocol.types import MessageType

from spark_lsp.answer_events import Chunk
from spark_lsp.codes import Code
from spark_lsp.errors import SparkError
from spark_lsp.lsp.answer_recorder import AnswerReader
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.server_documents import ServerDocuments
from spark_lsp.prompts import explain
from spark_lsp.request import Request, Task
from spark_lsp.supervise import log_failure
from spark_lsp.text.document import Document

DOCUMENT = "Explanation.md"
NOTIFY_INTERVAL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an explanation ended, as a code and in words; a complete one has no words."""

    code: Code
    reason: str = ""


FAILED = Ending(
    Code.INTERNAL_ERROR,
    "spark-lsp failed while it read this explanation. Ask again; please report it if it fails again.",
)
SERVER_STOPPED = Ending(Code.SERVER_STOPPED, "spark-lsp stopped before the end")
STOPPED_BY_USER = Ending(Code.CANCELLED_BY_USER, "stopped by you")
EMPTY = Ending(Code.NOTHING_TO_ADD, "the model had nothing to say")
COMPLETE = Ending(Code.COMPLETE)
UNFINISHED = Ending(Code.BUSY)


@dataclass(eq=False)
class Explanation:
    """An explanation that is being streamed."""

    id: str
    uri: str
    request: Request
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    text: str = ""
    notified_at: float = 0.0  # monotonic seconds
    document: str = ""  # the URI of the document that shows it, if one does
    ending: Ending | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)


class Explanations:
    """All explanations under way."""

    def __init__(
        self,
        *,
        outgoing: Outgoing,
        client: LanguageClient,
        messages: UserMessages,
        engine_side: EngineSide,
        answers: AnswerReader,
        documents: ServerDocuments,
    ) -> None:
        self._outgoing = outgoing
        self._client = client
        self._messages = messages
        self._engine_side = engine_side
        self._answers = answers
        self._documents = documents
        self._jobs: dict[str, Explanation] = {}
        self._numbers = itertools.count(1)

    def start(self, document: Document, start: int, end: int) -> str:
        """Begin to explain a range of a document; return the explanation's id."""
        shown = self._outgoing.redact(document).document
        question = explain.build_question(document.language, shown.text[start:end])
        request = Request(Task.CHAT, instruction=question, language=document.language)
        job = Explanation(f"explain-{next(self._numbers)}", document.uri, request)
        self._engine_side.spawn(self._run, job, on_failure=lambda _: self._end(job, FAILED))
        self._jobs[job.id] = job
        return job.id

    def cancel(self, job_id: str) -> bool:
        """Stop an explanation; return False for an unknown id."""
        job = self._jobs.get(job_id)
        if job is not None:
            job.scope.cancel()
        return job is not None

    async def _run(self, job: Explanation) -> None:
        ending = SERVER_STOPPED  # unless the answer is read before the engine side or the server ends
        try:
            with job.scope:
                ending = await self._read_to_end(job)
            ending = STOPPED_BY_USER if job.scope.cancelled_caught else ending
        finally:
            self._end(job, ending)

    async def _read_to_end(self, job: Explanation) -> Ending:
        """Read the explanation; return why it ended."""
        try:
            await self._read(job)
        except SparkError as error:
            return Ending(error.code, str(error))
        except Exception as error:
            log_failure(self._read_to_end, error)
            return FAILED
        return COMPLETE if job.text.strip() else EMPTY

    def _end(self, job: Explanation, ending: Ending) -> None:
        """Send the last notification of an explanation, once."""
        if job.id not in self._jobs:
            return
        self._notify(job, ending, done=True)
        del self._jobs[job.id]
        job.ending = ending
        job.ended.set()
        if job.document:
            self._keep(job)
        elif not self._client.shows_explanations:
            self._show_message(job, ending)

    def _show_message(self, job: Explanation, ending: Ending) -> None:
        self._messages.show(MessageType.Info, job.text.strip() or ending.reason)

    def _keep(self, job: Explanation) -> None:
        """Keep the text so far in the document that shows the explanation."""
        reason = job.ending.reason if job.ending is not None else ""
        text = "\n\n".join(part for part in (job.text.strip(), reason) if part)
        job.document = self._documents.put(job.id, DOCUMENT, f"{text}\n")

    async def _show_document(self, job: Explanation) -> None:
        """Open the document of an explanation, and refresh it at the end; if that fails, show a message."""
        is_shown = await self._documents.open(job.document)
        await job.ended.wait()
        if is_shown:
            await self._documents.refresh(job.document)
        elif job.ending is not None:
            self._show_message(job, job.ending)

    async def _read(self, job: Explanation) -> None:
        async with self._answers.open(job.request) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    job.text += event.text
                    self._notify_throttled(job)

    def _notify_throttled(self, job: Explanation) -> None:
        now = time.monotonic()
        if now - job.notified_at >= NOTIFY_INTERVAL_SECONDS:
            job.notified_at = now
            self._notify(job, UNFINISHED, done=False)
            self._open(job)

    def _open(self, job: Explanation) -> None:
        """Open a document for an explanation's first text, if the editor shows explanations there."""
        if self._client.shows_explanations or not self._documents.can_show:
            return
        is_new = not job.document
        self._keep(job)
        if is_new:
            self._engine_side.spawn(self._show_document, job)

    def _notify(self, job: Explanation, ending: Ending, *, done: bool) -> None:
        message = {
            "id": job.id,
            "uri": job.uri,
            "text": job.text,
            "done": done,
            "reason": ending.reason,
            "code": ending.code,
        }
        self._client.notify("spark/explanation", message)
