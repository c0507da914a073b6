"""The previews of all edits: those under way, and refused ones that are still on the screen."""

from collections.abc import Sequence

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_applier import EditApplier
from spark_lsp.lsp.edit_preview import EditPreview, refuse_decision
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit


class EditPreviews:
    """Finds previews by the id of their edit, and passes the changes of documents to them."""

    def __init__(self, documents: Documents, client: LanguageClient, applier: EditApplier) -> None:
        self._documents = documents
        self._client = client
        self._applier = applier
        self._previews: dict[str, EditPreview] = {}

    def create(self, edit_id: str, request: EditRequest) -> EditPreview:
        """Return the preview of a new edit. Refused ones of the same document leave the screen."""
        for preview in list(self._previews.values()):
            if preview.uri == request.document.uri and preview.state == "refused":
                self.remove(preview)
        preview = EditPreview(edit_id, request, self._documents, self._client, self._applier)
        self._previews[edit_id] = preview
        return preview

    def remove(self, preview: EditPreview) -> None:
        """Remove a preview from the screen and forget it."""
        preview.end()
        self._previews.pop(preview.id, None)

    def record_change(self, document: Document, edits: Sequence[Edit]) -> None:
        """Let the document's previews follow a change."""
        for preview in self._of(document.uri):
            preview.follow(document, edits)
            if preview.state == "refused" and not preview.hunks.open:
                self.remove(preview)

    def lose_history(self, uri: str) -> None:
        """Drop the hunks of a document that was closed, or whose text cannot be followed."""
        for preview in self._of(uri):
            is_refused = preview.state == "refused"
            preview.lose_history()
            if is_refused:
                self._previews.pop(preview.id, None)

    async def apply(
        self, edit_id: str, numbers: Sequence[int] | None, version: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Apply some hunks, or all; return the numbers of those applied and of those left.

        `version` is the document's version at the user's decision. The editor may report its last changes
        after the command, so the server waits for that version first.

        Raises `EditRefused` for an unknown or refused edit, unknown hunks, or an edit that is not complete.
        """
        preview = self._find(edit_id)
        refuse_decision(preview)
        if version is not None and not await preview.wait_for_version(version):
            raise EditRefused(
                "The editor has not reported its last changes",
                "Nothing was changed",
                "Accept the edit again",
                code=Code.TEXT_CHANGED,
            )
        unknown = set(numbers or ()) - set(preview.hunks.open)
        if unknown or not preview.hunks.open:
            raise EditRefused(
                "The text has changed in these lines, or they were applied already",
                "Nothing was changed",
                "Ask for the edit again",
                code=Code.TEXT_CHANGED,
            )
        return await preview.apply(numbers), sorted(preview.hunks.open)

    def find_undoable(self, edit_id: str) -> EditPreview | None:
        """Return the preview of an edit some of whose hunks are applied; None if the edit is complete.

        Raises `EditRefused` while the answer is not complete, or if the user typed over an applied hunk.
        """
        preview = self._previews.get(edit_id)
        if preview is None or not preview.hunks.applied or preview.state == "ended":
            return None
        if preview.state == "growing":
            raise EditRefused(
                "The edit is not complete",
                "It was not undone",
                "Cancel it: this undoes its changes",
                code=Code.EDIT_NOT_READY,
            )
        if preview.hunks.typed_over:
            raise text_of_edit_changed()
        return preview

    def discard(self, edit_id: str) -> None:
        """Reject an edit's open hunks. Raises `EditRefused` for an unknown edit, or one not complete."""
        preview = self._find(edit_id)
        if preview.state == "refused":
            self.remove(preview)
        else:
            preview.discard()

    def shown_ids(self) -> list[str]:
        """Return the ids of the edits that wait for the user."""
        return [each.id for each in self._previews.values() if each.state in ("ready", "refused")]

    def _of(self, uri: str) -> list[EditPreview]:
        return [preview for preview in self._previews.values() if preview.uri == uri]

    def _find(self, edit_id: str) -> EditPreview:
        preview = self._previews.get(edit_id)
        if preview is None:
            raise EditRefused(
                "There is no such edit in preview", "Nothing was changed", code=Code.NO_SUCH_JOB
            )
        return preview


def text_of_edit_changed() -> EditRefused:
    """Return the error for an edit that cannot be undone, because the user has typed over it."""
    return EditRefused(
        "The text of the edit has changed since",
        "The edit was not undone",
        "Use the undo of your editor",
        code=Code.TEXT_CHANGED,
    )
