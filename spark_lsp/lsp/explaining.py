"""Explanations: what some lines do, in prose, told by `spark/explanation` while it is written.

Each notification has the whole text so far; the last has `done`, and a reason where there is no more.
Nothing of the document changes. A client that shows no such notifications gets the end as a message. Each
explanation that was started ends with exactly one notification that has `done`.
"""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import SparkError
from spark_lsp.lsp.meter import Meter
from spark_lsp.prompts import explain
from spark_lsp.request import Chunk, Request, Task
from spark_lsp.supervise import log_failure
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

INTERVAL = 0.05  # seconds between notifications


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an explanation ended, as a code and in words; without words it is complete."""

    code: Code
    reason: str = ""


FAILED = Ending(
    Code.INTERNAL_ERROR,
    "spark-lsp failed while it read this explanation. Ask again; please report it if it fails again.",
)
LEFT = Ending(Code.SERVER_STOPPED, "spark-lsp stopped before the end")
STOPPED = Ending(Code.CANCELLED_BY_USER, "stopped by you")
NOTHING = Ending(Code.NOTHING_TO_ADD, "the model had nothing to say")
COMPLETE = Ending(Code.COMPLETE)
GOES_ON = Ending(Code.BUSY)


@dataclass(eq=False)
class Explanation:
    """An explanation on its way."""

    id: str
    uri: str
    request: Request
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    text: str = ""
    told: float = 0.0


class Explainer:
    """All explanations under way."""

    def __init__(self, ls: "SparkServer") -> None:
        self._ls = ls
        self._jobs: dict[str, Explanation] = {}
        self._numbers = ls.job_numbers

    def start(self, document: Document, start: int, end: int) -> str:
        """Begin to explain a range of a document; returns the explanation's id."""
        shown = self._ls.outgoing.redacted(document).document
        asked = explain.build_question(document.language, shown.text[start:end])
        request = Request(Task.CHAT, instruction=asked, language=document.language)
        job = Explanation(f"explain-{next(self._numbers)}", document.uri, request)
        self._ls.spawn(self._run, job, on_failure=lambda _: self._end(job, FAILED))
        self._jobs[job.id] = job
        return job.id

    def cancel(self, identity: str) -> bool:
        """Stop an explanation; False if there is none of that id."""
        job = self._jobs.get(identity)
        if job is not None:
            job.scope.cancel()
        return job is not None

    async def _run(self, job: Explanation) -> None:
        ending = LEFT  # where the engine side or the server is ended
        try:
            with job.scope:
                ending = await self._outcome(job)
            ending = STOPPED if job.scope.cancelled_caught else ending
        finally:
            self._end(job, ending)

    async def _outcome(self, job: Explanation) -> Ending:
        """Read the explanation; returns how that ended."""
        try:
            await self._read(job)
        except SparkError as error:
            return Ending(error.code, str(error))
        except Exception as error:
            log_failure(self._outcome, error)
            return FAILED
        return COMPLETE if job.text.strip() else NOTHING

    def _end(self, job: Explanation, ending: Ending) -> None:
        """Tell the editor that an explanation has ended, once."""
        if job.id not in self._jobs:
            return
        self._tell(job, ending, done=True)
        del self._jobs[job.id]
        if self._ls.deaf:
            self._ls.say(types.MessageType.Info, job.text.strip() or ending.reason)

    async def _read(self, job: Explanation) -> None:
        with Meter(self._ls) as meter:
            async with self._ls.engine.open(job.request) as events:
                async for event in events:
                    meter.take(event)
                    if isinstance(event, Chunk):
                        job.text += event.text
                        self._tell_now_and_then(job)

    def _tell_now_and_then(self, job: Explanation) -> None:
        now = time.monotonic()
        if now - job.told >= INTERVAL:
            job.told = now
            self._tell(job, GOES_ON, done=False)

    def _tell(self, job: Explanation, ending: Ending, *, done: bool) -> None:
        message = {"id": job.id, "uri": job.uri, "text": job.text, "done": done, "reason": ending.reason}
        self._ls.notify("spark/explanation", {**message, "code": ending.code})
