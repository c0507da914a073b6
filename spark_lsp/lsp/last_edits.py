"""The last edits of each document, for `spark.editAgain` and `spark.undoEdit`; kept until the server ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.request import Message
from spark_lsp.session.documents import Documents
from spark_lsp.session.made_edit import MadeEdit, move_range
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

MOST_EDITS = 10  # of one document
MOST_DOCUMENTS = 50


@dataclass(eq=False)
class LastEdit:
    """One edit. `old` is its target before it, and `history` its earlier turns; both are without secrets.

    `state` is that of the text: an edit that the editor has not yet confirmed is `sent`.
    """

    id: str
    uri: str
    language: str
    instruction: str
    old: str
    history: tuple[Message, ...]
    made: MadeEdit
    state: str = "sent"  # sent, applied, undone, or not_applied

    @property
    def is_applied(self) -> bool:
        """Whether the document contains the edit, as far as is known."""
        return self.state == "applied" or (self.state == "sent" and self.made.landed)


class LastEdits:
    """See the module's text."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._edits: dict[str, list[LastEdit]] = {}  # by document; the document used last is the last

    def expect(
        self,
        edit_id: str,
        request: EditRequest,
        typed: Sequence[Edit],
        document: Document,
        edits: Sequence[Edit],
    ) -> LastEdit:
        """Note that the editor is about to apply `edits` to `document`.

        `typed` are the changes between the request's document and this one.
        """
        made = MadeEdit(document.text, edits, _move_target(request, typed))
        return self._add(edit_id, request, made, "sent")

    def note_unapplied(self, edit_id: str, request: EditRequest, typed: Sequence[Edit] | None) -> None:
        """Note an edit that was not applied, so that another instruction can continue it."""
        document = self._documents.get(request.document.uri)
        if document is not None and typed is not None and self._find(document.uri, edit_id) is None:
            made = MadeEdit(document.text, (), _move_target(request, typed))
            self._add(edit_id, request, made, "not_applied")

    def _add(self, edit_id: str, request: EditRequest, made: MadeEdit, state: str) -> LastEdit:
        start, end = request.target
        document = request.seen.document
        instruction = request.instruction or request.title
        old = document.text[start:end]
        edit = LastEdit(
            edit_id, document.uri, document.language, instruction, old, request.history, made, state
        )
        edits = self._edits.pop(edit.uri, [])
        self._edits[edit.uri] = [*edits, edit][-MOST_EDITS:]
        while len(self._edits) > MOST_DOCUMENTS:
            del self._edits[next(iter(self._edits))]
        return edit

    def settle(self, edit: LastEdit, *, applied: bool) -> None:
        """Note whether the editor has applied an edit."""
        edit.state = "applied" if applied else "not_applied"
        if applied:
            edit.made.confirm()

    def record_change(self, document: Document, edits: Sequence[Edit]) -> None:
        """Follow a change of a document."""
        for edit in self._edits.get(document.uri, ()):
            edit.made.follow(document.text, edits)

    def find_latest(self, uri: str, edit_id: str) -> LastEdit:
        """Return the edit of that id; without one, the last of the document or of all documents.

        Raises `EditRefused` if there was no such edit.
        """
        edit = self._find(uri, edit_id)
        if edit is None:
            raise _refuse_without_edit(
                "There is no earlier edit to continue", "Select the lines, and ask for an edit"
            )
        return edit

    def find_undoable(self, uri: str, edit_id: str) -> LastEdit:
        """Return the edit to undo: as `find_latest`, but the last that is applied."""
        edit = self._find(uri, edit_id, applied=True)
        if edit is None:
            raise _refuse_without_edit("There is no edit of spark-lsp to undo", "Use the undo of your editor")
        return edit

    def _find(self, uri: str, edit_id: str, *, applied: bool = False) -> LastEdit | None:
        lists = (
            self._edits.values() if edit_id else [self._edits.get(uri or next(reversed(self._edits), ""), [])]
        )
        fitting = (
            edit
            for edits in lists
            for edit in reversed(edits)
            if (not edit_id or edit.id == edit_id) and (not applied or edit.is_applied)
        )
        return next(fitting, None)


def _move_target(request: EditRequest, typed: Sequence[Edit]) -> tuple[int, int]:
    """Return the request's target in the text after the changes."""
    target = request.target
    for change in typed:
        target = move_range(*target, change)
    return target


def _refuse_without_edit(event: str, remedy: str) -> EditRefused:
    return EditRefused(event, "Nothing was done", remedy, code=Code.NO_EARLIER_EDIT)
