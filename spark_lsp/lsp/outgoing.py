"""What goes to the gateway of the open documents: none that must stay, and no secret of the others.

Everything that leaves the process about documents passes here. A document that the fence keeps in is
never opened on the mirror; the others are mirrored with their secrets turned into stars.

A large text takes up to seconds to be looked through. It is done on a thread then; what is typed meanwhile
is kept and looked at behind it, and requests wait for the end of it with `looked`.

Before that the fence decides whether a document may leave. If it asks git, it does so on a thread, and the
document stays in the editor until the answer is there.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spark_lsp.errors import origin
from spark_lsp.lsp import settings
from spark_lsp.lsp.aside import aside
from spark_lsp.lsp.fence import KEPT, Fence
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.supervise import run_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


log = logging.getLogger(__name__)

AT_ONCE = 32_768  # characters that are looked through in a turn of the loop; slow ones take 60 ms
DECIDED_AT_ONCE = 4  # documents for which git is asked at the same time


@dataclass(slots=True, eq=False)
class _Look:
    """A large document that is being looked through, and what was typed meanwhile."""

    document: Document
    later: list[tuple[Document, Sequence[Edit]]] = field(
        default_factory=list[tuple[Document, Sequence[Edit]]]
    )
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Outgoing:
    """The documents as the gateway may see them."""

    ls: "SparkServer"
    fence: Fence
    _shown: dict[str, RedactedDocument] = field(default_factory=dict[str, RedactedDocument])
    _looks: dict[str, _Look] = field(default_factory=dict[str, _Look])
    _decisions: "dict[str, asyncio.Task[None]]" = field(default_factory=dict[str, "asyncio.Task[None]"])
    _deciding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DECIDED_AT_ONCE))

    def open(self, document: Document) -> None:
        """Mirror a document as soon as the fence lets it leave."""
        if document.uri in self._shown or document.uri in self._looks:
            self.close(document.uri)  # it was opened twice
        self.fence.forget(document.uri)
        if self.ls.linked:
            self._decide(document.uri)

    def _decide(self, uri: str) -> "asyncio.Task[None] | None":
        """Have the fence look at a document, then follow its verdict; returns the task if git is asked."""
        if self.ls.asking is None and not self.fence.needs_git(uri):
            self.fence.look(uri)
            self.fence.tell()
            self._follow(uri)
            return None
        self._decisions[uri] = task = asyncio.ensure_future(self._decide_aside(uri))
        return task

    async def _decide_aside(self, uri: str) -> None:
        task = asyncio.current_task()
        try:
            await settings.settled(self.ls)
            async with self._deciding:
                await aside(self.fence.look, uri)
        except Exception as error:
            log.error("a document could not be looked up, so it stays: %s", origin(error))
        finally:
            if self._decisions.get(uri) is task:
                del self._decisions[uri]
        self.fence.tell()
        if uri not in self._decisions:  # it was not opened again meanwhile
            self._follow(uri)

    def _follow(self, uri: str) -> None:
        """Do what the verdict on a document says."""
        document = self.ls.documents.get(uri)
        mirrored = uri in self._shown or uri in self._looks
        if document is None and not mirrored:
            self.fence.forget(uri)
        elif self.fence.verdict(uri) is not None:
            if mirrored:
                self.close(uri)
        elif document is not None and not mirrored and self.ls.linked:
            self._look(document)

    async def decided(self, uri: str) -> None:
        """Wait until the fence knows whether a document may leave."""
        if self.fence.is_fresh(uri) and uri not in self._decisions:
            return
        task = self._decisions.get(uri) or self._decide(uri)
        if task is not None:
            await asyncio.wait([task])

    def _look(self, document: Document) -> None:
        self._shown.pop(document.uri, None)
        self._looks.pop(document.uri, None)
        if len(document) <= AT_ONCE:
            self._show(RedactedDocument.from_document(document))
        else:
            self._looks[document.uri] = look = _Look(document)
            work = run_guarded(self._look_aside, look, on_failure=lambda _: self._end_look(look))
            look.task = asyncio.ensure_future(work)  # a notification's handler is no task

    async def _look_aside(self, look: _Look) -> None:
        uri = look.document.uri
        try:
            shown = await aside(RedactedDocument.from_document, look.document)
            if self._looks.get(uri) is look:  # neither closed nor opened again meanwhile
                for document, edits in look.later:
                    shown, _ = shown.follow_edits(document, edits)
                self._show(shown)
        finally:
            self._end_look(look)

    def _end_look(self, look: _Look) -> None:
        """Let the requests go on that wait for a document to be read."""
        if self._looks.get(look.document.uri) is look:
            del self._looks[look.document.uri]
        look.done.set()

    def _show(self, shown: RedactedDocument) -> None:
        self._shown[shown.real.uri] = shown
        self.ls.engine.opened(shown.document)

    async def looked(self, uri: str) -> None:
        """Wait until the fence has decided about a document and its secrets are found."""
        await self.decided(uri)
        while look := self._looks.get(uri):
            await look.done.wait()

    def looking(self, uri: str) -> bool:
        """Tell whether a document is being looked through."""
        return uri in self._looks

    def edit(self, document: Document, edits: Sequence[Edit]) -> bool:
        """Mirror a change; False if the document is not mirrored."""
        if look := self._looks.get(document.uri):
            look.later.append((document, edits))
            return True
        if not self.fence.is_fresh(document.uri, KEPT / 2) and document.uri not in self._decisions:
            self._decide(document.uri)  # while the person types, so that no request has to wait for it
        shown = self._shown.get(document.uri)
        if shown is None or shown.real is document or not self.ls.linked:
            return False
        if sum(len(edit.new) for edit in edits) > AT_ONCE:
            self._look(document)
            return True
        shown, seen = shown.follow_edits(document, edits)
        self._shown[document.uri] = shown
        self.ls.engine.edited(shown.document, seen)
        return True

    def close(self, uri: str) -> None:
        """Take a document off the mirror."""
        self._shown.pop(uri, None)
        self._looks.pop(uri, None)
        if self.ls.linked:
            self.ls.engine.closed(uri)

    def redacted(self, document: Document) -> RedactedDocument:
        """Return what may be seen of a document, at the version that is given."""
        shown = self._shown.get(document.uri)
        return (
            shown
            if shown is not None and shown.real is document
            else RedactedDocument.from_document(document)
        )

    def kept(self, uri: str) -> bool:
        """Tell whether a document must stay; one that has come to stay is taken off the mirror."""
        must_stay = self.fence.verdict(uri) is not None
        if must_stay and (uri in self._shown or uri in self._looks):
            self.close(uri)
        return must_stay

    def again(self) -> None:
        """Follow settings that have changed."""
        for document in self.ls.documents.all():
            self._follow(document.uri)

    def look_again(self) -> None:
        """Decide about all documents again, after the open folders have changed."""
        for document in self.ls.documents.all():
            if self.ls.linked:
                self._decide(document.uri)
