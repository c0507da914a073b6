"""Explanations: what some lines do, in prose, told by `spark/explanation` while it is written.

Each notification has the whole text so far; the last has `done`, and a reason where there is no more.
Nothing of the document changes. A client that shows no such notifications gets the end as a message.
"""

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from lsprotocol import types

from spark_lsp.errors import SparkError
from spark_lsp.lsp.meter import Meter
from spark_lsp.prompts import explain
from spark_lsp.request import Chunk, Request, Task
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

INTERVAL = 0.05  # seconds between notifications


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
        self._numbers = itertools.count(1)

    def start(self, document: Document, start: int, end: int) -> str:
        """Begin to explain a range of a document; returns the explanation's id."""
        shown = self._ls.outgoing.redacted(document).document
        asked = explain.question(document.language, shown.text[start:end])
        request = Request(Task.CHAT, instruction=asked, language=document.language)
        job = Explanation(f"explain-{next(self._numbers)}", document.uri, request)
        self._jobs[job.id] = job
        self._ls.spawn(self._run, job)
        return job.id

    def cancel(self, identity: str) -> bool:
        """Stop an explanation; False if there is none of that id."""
        job = self._jobs.get(identity)
        if job is not None:
            job.scope.cancel()
        return job is not None

    async def _run(self, job: Explanation) -> None:
        reason = "stopped by you"
        with job.scope:
            try:
                await self._read(job)
                reason = "" if job.text.strip() else "the model had nothing to say"
            except SparkError as error:
                reason = str(error)
        del self._jobs[job.id]
        self._tell(job, reason, done=True)
        if self._ls.deaf:
            self._ls.say(types.MessageType.Info, job.text.strip() or reason)

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
            self._tell(job, "", done=False)

    def _tell(self, job: Explanation, reason: str, *, done: bool) -> None:
        message = {"id": job.id, "uri": job.uri, "text": job.text, "done": done, "reason": reason}
        self._ls.notify("spark/explanation", message)
