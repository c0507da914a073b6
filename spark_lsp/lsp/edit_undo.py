"""Undoes the last edit that spark-lsp made in a document, and nothing that the user typed since.

An editor's own undo takes back the newest change first, so it takes back what the user typed after the edit.
This one replaces only the ranges of the edit. It refuses if text was typed over them: the ranges must contain
exactly the edit's text. The request names the document's version, so an editor refuses it for a later text.
"""

import functools
import itertools
from collections.abc import Awaitable, Callable

from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused, SparkError
from spark_lsp.lsp import convert
from spark_lsp.lsp.edit_jobs import EditJobs
from spark_lsp.lsp.edit_outcomes import APPLIED, FAILED, Outcome
from spark_lsp.lsp.edit_preview import EditPreview
from spark_lsp.lsp.edit_previews import text_of_edit_changed
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.last_edits import LastEdit, LastEdits
from spark_lsp.session.documents import Documents
from spark_lsp.supervise import log_failure

REFUSED = "The edit was not undone"
Undo = Callable[[], Awaitable[str | None]]
"""Undoes an edit; returns the editor's reason for not doing so, or None."""


class EditUndo:
    """See the module's text."""

    def __init__(
        self,
        *,
        documents: Documents,
        client: LanguageClient,
        engine_side: EngineSide,
        edits: EditJobs,
        last_edits: LastEdits,
    ) -> None:
        self._documents = documents
        self._client = client
        self._engine_side = engine_side
        self._edits = edits
        self._last_edits = last_edits
        self._numbers = itertools.count(1)
        self._running: set[str] = set()

    def start(self, uri: str, edit_id: str) -> dict[str, str]:
        """Have the editor undo an edit; return the ids. The outcome is a `spark/edit`.

        Raises `EditRefused` if there is no such edit, or text was typed over it.
        """
        edit = self._last_edits.find_undoable(uri, edit_id)
        preview = self._edits.previews.find_undoable(edit.id)
        if preview is None:
            undo = functools.partial(self._edits.send_edit, self._make_params(edit))
        else:
            undo = functools.partial(_undo_hunks, preview)
        undo_id = f"undo-{next(self._numbers)}"
        edit.state = "undone"  # so that a second command undoes the edit before it
        self._running.add(undo_id)
        self._engine_side.spawn(
            self._run, undo_id, edit, undo, on_failure=lambda _: self._end(undo_id, edit, FAILED)
        )
        return {"id": undo_id, "undone": edit.id, "state": "started"}

    def _make_params(self, edit: LastEdit) -> types.ApplyWorkspaceEditParams:
        document = self._documents.get(edit.uri)
        if document is None:
            why = str(self._documents.find_problem(edit.uri))
            raise EditRefused("The document cannot be edited", why, code=Code.DOCUMENT_UNUSABLE)
        undo = edit.made.make_undo(document.text)
        if undo is None:
            raise text_of_edit_changed()
        changes = convert.to_workspace_edit(
            document,
            self._documents.version_of(document),
            undo,
            self._documents.encoding,
            versioned=self._client.abilities.takes_versions,
        )
        return types.ApplyWorkspaceEditParams(changes, "Undo the last edit of spark-lsp")

    async def _run(self, undo_id: str, edit: LastEdit, undo: Undo) -> None:
        self._end(undo_id, edit, await self._apply(undo))

    def _end(self, undo_id: str, edit: LastEdit, outcome: Outcome) -> None:
        """Send the outcome to the editor, once."""
        if undo_id not in self._running:
            return
        self._running.remove(undo_id)
        if outcome.state != "applied":
            edit.state = "applied"
        self._edits.send_outcome(undo_id, edit.uri, outcome)
        self._edits.show_failure(outcome)

    async def _apply(self, undo: Undo) -> Outcome:
        try:
            problem = await undo()
        except EditRefused as error:
            return Outcome("refused", error.code, str(error))
        except SparkError as error:
            return Outcome("failed", error.code, str(error))
        except Exception as error:
            log_failure(self._apply, error)
            return FAILED
        if problem is None:
            return APPLIED
        error = EditRefused(f"The editor did not undo the edit: {problem}", REFUSED, "Ask again")
        return Outcome("refused", Code.EDITOR_REFUSED, str(error))


async def _undo_hunks(preview: EditPreview) -> None:
    """Undo the hunks that the user has accepted, while others are in preview. Raises `EditRefused`."""
    if not await preview.undo():
        raise text_of_edit_changed()
