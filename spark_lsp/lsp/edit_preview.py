"""The preview of one edit: its hunks from the first certain one until all are applied or discarded.

The hunks follow the user's typing. Text typed in a hunk's range drops that hunk. A change that the editor
makes for us is recognized by its result, so the other hunks follow it exactly, however the editor reports it.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import anyio

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_applier import EditApplier
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.preview_screen import PreviewScreen, ShownHunk, State, View
from spark_lsp.prompts import reply
from spark_lsp.prompts.growing_edits import GrowingEdits
from spark_lsp.request import EditFormat
from spark_lsp.session.documents import Documents
from spark_lsp.session.hunks import Hunks
from spark_lsp.supervise import call_guarded
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits

CHANGE_TIMEOUT_SECONDS = 2.0  # for the editor to report a change that it has made for us
CHARACTERS_PER_TOKEN = 4
Settle = Callable[[bool], None]
"""Notes whether the editor has made a change."""
Recorder = Callable[[Document, Sequence[Edit]], Settle]
"""Notes that the editor is about to make a change of a document."""


def _ignore(_: bool) -> None:
    pass


def _record_nothing(_: Document, __: Sequence[Edit]) -> Settle:
    return _ignore


@dataclass(eq=False)
class _OwnChange:
    """A change that the editor makes for us; `settle` records it once its result is the document's text."""

    result: str
    settle: Callable[[], None]
    numbers: Collection[int] = ()  # of the hunks that it applies
    typed: list[Edit] = field(default_factory=list[Edit])
    is_answered: bool = False
    done: anyio.Event = field(default_factory=anyio.Event)


class EditPreview:
    """One edit's hunks, shown to clients that declare `previews`."""

    def __init__(
        self,
        edit_id: str,
        request: EditRequest,
        documents: Documents,
        client: LanguageClient,
        applier: EditApplier,
    ) -> None:
        self.id = edit_id
        self.uri = request.document.uri
        self.hunks = Hunks()
        self.state: State = "growing"
        self.is_discarded = False
        self.is_replaced = False  # hunks of an answer were applied that is not the final one
        self.code: Code | None = None
        self.record: Recorder = _record_nothing  # the hunks that are applied
        self.changed = asyncio.Event()  # there may be a new open hunk, or none is left
        self._reported = asyncio.Event()  # the document may have changed
        self._version = request.document.version  # of the text to which the hunks refer
        self._request = request
        self._documents = documents
        self._applier = applier
        self._label = request.title
        self._reason = ""
        self._growing: GrowingEdits | None = None
        self._added: list[Edit] = []  # the edits behind the hunks, in the text at the time of the request
        self._begun: Edit | None = None  # the growing edit that was shown last
        self._characters = 0
        self._began = time.monotonic()
        self._own: _OwnChange | None = None
        self._lock = anyio.Lock()
        self._screen = PreviewScreen(edit_id, request.document, documents, client, self.view)

    # --- the answer ---

    @property
    def tokens(self) -> int:
        """An estimate of the tokens received so far."""
        return -(-self._characters // CHARACTERS_PER_TOKEN)

    @property
    def seconds(self) -> float:
        """The time since the edit began."""
        return time.monotonic() - self._began

    def begin(self, form: EditFormat) -> None:
        """Begin an answer; the hunks of an earlier one, which it replaces, go away at once."""
        request = self._request
        self._growing = None
        if reply.replaces_target(request.action, request.instruction):
            self._growing = GrowingEdits(request.seen.document, *request.target, form)
        self._begun = None
        self._characters = 0
        self._replace([])

    def receive(self, text: str) -> None:
        """Take a chunk of the answer."""
        self._characters += len(text)
        growing = self._growing
        if growing is None:
            return
        growing.feed(text)
        new = growing.certain[len(self._added) :]
        begun = growing.growing
        if not new and begun == self._begun and not growing.is_withdrawn:
            return
        shown = new if begun is None else [*new, begun]
        if growing.is_withdrawn or self._request.seen.would_harm_secrets(shown):
            self._growing = None  # only the complete answer decides
            self._replace([])
            return
        self._begun = begun
        self._add(new)
        self._screen.show_soon()

    def settle(self, edits: Sequence[Edit]) -> None:
        """Take the complete edits; the preview is then ready."""
        self._growing = None
        if self.state != "ended":
            self.state = "ready"
        if self._added == list(edits[: len(self._added)]):
            self._add(edits[len(self._added) :])
        else:
            self._replace(edits)
        self._show_now()

    def refuse(self, code: Code, reason: str, edits: Sequence[Edit] | None = None) -> None:
        """Show why the edit is not applied, with its hunks; `edits` are those of the complete answer."""
        self._growing = None
        if edits is not None and list(edits) != self._added:
            self._replace(edits)
        self.state, self.code, self._reason = "refused", code, reason
        self._show_now()

    def end(self) -> None:
        """Remove the preview from the screen."""
        if self.state == "ended":
            return
        self.state = "ended"
        self._growing = None
        self._show_now()
        self.changed.set()

    def _add(self, edits: Sequence[Edit]) -> None:
        if edits and not (self.is_replaced and self.hunks.applied):
            self._added += edits
            self.hunks.add(edits)
            self.changed.set()

    def _replace(self, edits: Sequence[Edit]) -> None:
        """Show other hunks in place of those so far; the list is empty in between."""
        self.is_replaced = self.is_replaced or bool(self.hunks.applied)
        self.hunks.clear()
        self._added = []
        if self._screen.shows_hunks:
            self._show_now()
        self._add(edits)

    # --- the document ---

    def follow(self, document: Document, edits: Sequence[Edit]) -> None:
        """Follow a change of the document: ours, or text that the user typed."""
        self._version = document.version
        self._reported.set()
        own = self._own
        if own is None:
            self.hunks.follow(edits)
        else:
            own.typed += edits
            if document.text == own.result:
                self._finish_own(own, is_exact=True)
            elif own.is_answered:
                self._finish_own(own, is_exact=False)
            else:
                return  # the positions are those of an intermediate text
        self.changed.set()
        self._show_now()

    def lose_history(self) -> None:
        """Drop all hunks: the document was closed, or its text cannot be followed."""
        self.hunks.lose_history()
        self.end()

    def _finish_own(self, own: _OwnChange, *, is_exact: bool) -> None:
        self._own = None
        if is_exact:
            own.settle()
        else:
            self.hunks.follow(own.typed)
            if own.is_answered:  # an editor may report one change in several messages
                self.hunks.count_as_applied(own.numbers)
        own.done.set()

    # --- the user ---

    async def wait(self) -> None:
        """Wait until no hunk is left to decide about."""
        while self.hunks.open and self.state != "ended":
            self.changed.clear()
            await self.changed.wait()

    async def wait_for_version(self, version: int) -> bool:
        """Wait until the editor has reported a version of the document; return False if it does not."""
        with anyio.move_on_after(CHANGE_TIMEOUT_SECONDS):
            while (document := self._documents.get(self.uri)) is not None:
                if document.version >= version:
                    return True
                self._reported.clear()
                await self._reported.wait()
        return False

    async def apply(self, numbers: Collection[int] | None = None) -> list[int]:
        """Let the editor apply some open hunks, or all, as one change; return their numbers.

        Raises `EditRefused` if the editor does not apply them, `SparkError` if it does not answer.
        """
        async with self._lock:
            chosen = [n for n in sorted(self.hunks.open) if numbers is None or n in numbers]
            document = self._documents.get(self.uri)
            if not chosen or document is None:
                return []
            if document.version != self._version:
                raise _unknown_text()
            edits = sorted(self.hunks.open[number] for number in chosen)

            def settle() -> None:
                self.hunks.follow_applied([n for n in chosen if n in self.hunks.open], document.text)

            await self._change(document, edits, settle, self.record(document, edits), chosen)
            self.hunks.count_as_applied(chosen)  # if the editor reported another text, or none yet
            self.changed.set()
            return chosen

    async def undo(self) -> bool:
        """Undo all applied hunks; return False if the user has typed over one, and leave them all.

        Raises what `apply` raises.
        """
        async with self._lock:
            document = self._documents.get(self.uri)
            if self.hunks.typed_over or document is None or document.version != self._version:
                return not self.hunks.applied
            if self.hunks.inverses:
                edits = sorted(self.hunks.inverses.values())
                await self._change(document, edits, self.hunks.follow_undone, _ignore)
            return True

    def discard(self) -> None:
        """Reject the open hunks."""
        self.is_discarded = True
        self.hunks.open.clear()
        self.end()

    async def _change(
        self,
        document: Document,
        edits: Sequence[Edit],
        settle: Callable[[], None],
        note: Settle,
        numbers: Collection[int] = (),
    ) -> None:
        """Let the editor make a change, and wait until it reports the new text."""
        own = self._own = _OwnChange(apply_edits(document.text, edits), settle, numbers)
        try:
            with anyio.CancelScope(shield=True):  # the editor may have made the change already
                await self._applier.apply(document, edits, self._label)
            own.is_answered = True
        except BaseException:
            if self._own is own:
                self._finish_own(own, is_exact=False)
            raise
        finally:
            call_guarded(note, own.is_answered)
        with anyio.move_on_after(CHANGE_TIMEOUT_SECONDS):
            await own.done.wait()

    # --- the screen ---

    def view(self) -> View:
        """Return everything that the editor shows of this edit."""
        shown = [ShownHunk(number, edit) for number, edit in sorted(self.hunks.open.items())]
        growing = self._growing.growing if self._growing is not None else None
        moved = self.hunks.rebase(growing) if growing is not None else None
        if moved is not None:
            shown.append(ShownHunk(self.hunks.count, moved, is_growing=True))
        hunks = () if self.state == "ended" else tuple(shown)
        applied, dropped = tuple(self.hunks.applied), tuple(self.hunks.dropped)
        return View(
            self.state, self.code, self._reason, self.tokens, round(self.seconds, 3), hunks, applied, dropped
        )

    def _show_now(self) -> None:
        if self._own is None or self.state == "ended":
            self._screen.show_now()


def _unknown_text() -> EditRefused:
    """Return the error for a document whose changes did not all reach the preview."""
    return EditRefused(
        "The text changed where the edit was to be made",
        "The edit was not applied",
        "Ask again",
        code=Code.TEXT_CHANGED,
    )


def refuse_decision(preview: EditPreview) -> None:
    """Raise `EditRefused` unless the user may accept hunks of this preview now."""
    if preview.state == "refused":
        raise EditRefused(
            "spark-lsp refused this proposal, so it cannot be applied",
            "Nothing was changed",
            "Ask again, or change the lines by hand",
            code=preview.code or Code.PROPOSAL_REJECTED,
        )
    if preview.state != "ready":
        raise EditRefused(
            "The edit is not complete", "Nothing was changed", "Wait a moment", code=Code.EDIT_NOT_READY
        )
