"""An editor that applies edits as real ones do, and reports what it did in one of their ways."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import anyio
import anyio.lowlevel
from lsprotocol import types

from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.convert import to_offsets
from spark_lsp.session.documents import Change, Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from spark_lsp.text.lines import LINE_END, common_prefix_length, common_suffix_length
from spark_lsp.text.positions import Encoding, to_position
from tests.unit.lsp.editors import RecordingClient

# How the editor reports a change: each edit from the last to the first, one range from the first difference
# to the last, or the full text.
Report = Literal["edits", "range", "text"]


class ApplyingEditor(RecordingClient):
    """An editor with one open document. `on_change` is called with each change that it reports.

    `versioned` editors accept `documentChanges` and refuse another version than their own. `reports_late`
    editors answer before they report the change. `undo` takes the last applied edit back.
    """

    def __init__(self, text: str, encoding: Encoding, report: Report, *, versioned: bool, late: bool) -> None:
        super().__init__()
        edit = types.WorkspaceEditClientCapabilities(document_changes=versioned)
        workspace = types.WorkspaceClientCapabilities(apply_edit=True, workspace_edit=edit)
        self.abilities = Abilities(types.ClientCapabilities(workspace=workspace))
        self.shows_previews = True
        self.documents = Documents(encoding)
        self.document = Document("file:///w/a.py", text, 1, "python")
        self.documents.open(self.document.uri, "python", 1, text)
        self.on_change: list[Callable[[Document, Sequence[Edit]], None]] = []
        self.applied = 0
        self.before_apply: Callable[[], None] = lambda: None  # something that the user does at this moment
        self._encoding = encoding
        self._report: Report = report
        self._versioned = versioned
        self._late = late
        self._undo: list[str] = []

    @property
    def text(self) -> str:
        """The text on the screen."""
        return self.document.text

    def type(self, at: int, text: str) -> None:
        """Insert text, as the user does."""
        self._change([Edit(at, at, text)], "edits")

    def undo(self) -> None:
        """Take the last applied edit back; only valid if nothing was typed since."""
        self._change([Edit(0, len(self.text), self._undo.pop())], "range")

    async def apply_edit(self, params: types.ApplyWorkspaceEditParams) -> Any:
        """Apply an edit, or refuse it."""
        await anyio.lowlevel.checkpoint()
        self.before_apply()
        version, text_edits = self._read(params.edit)
        if version is not None and version != self.document.version:
            return types.ApplyWorkspaceEditResult(False, failure_reason="another version")
        edits = [self._to_edit(each) for each in text_edits]
        apply_edits(self.text, edits)  # raises for edits that overlap
        self._undo.append(self.text)
        self.applied += 1
        if self._late:
            async with anyio.create_task_group() as group:
                group.start_soon(self._change_later, edits)
                return types.ApplyWorkspaceEditResult(True)
        self._change(edits, self._report)
        return types.ApplyWorkspaceEditResult(True)

    async def _change_later(self, edits: Sequence[Edit]) -> None:
        self._change(edits, self._report)

    def _read(self, edit: types.WorkspaceEdit) -> tuple[int | None, Sequence[types.TextEdit]]:
        assert edit.change_annotations is None
        if not self._versioned:
            assert edit.document_changes is None
            ((_, plain),) = (edit.changes or {}).items()
            return None, plain
        assert edit.changes is None
        assert edit.document_changes is not None
        (change,) = edit.document_changes
        assert isinstance(change, types.TextDocumentEdit), "no file may be created, renamed or deleted"
        return change.text_document.version, [each for each in change.edits if type(each) is types.TextEdit]

    def _to_edit(self, edit: types.TextEdit) -> Edit:
        start, end = to_offsets(self.document, edit.range, self._encoding)
        found = types.Range(
            types.Position(*to_position(self.document, start, self._encoding)),
            types.Position(*to_position(self.document, end, self._encoding)),
        )
        assert found == edit.range, "a position outside the text"
        return Edit(start, end, edit.new_text)

    def _change(self, edits: Sequence[Edit], report: Report) -> None:
        old = self.document
        new = apply_edits(old.text, edits)
        self.document = Document(old.uri, new, old.version + 1, old.language)
        if new == old.text:
            changes = [Change("", ((0, 0), (0, 0)))]
        elif report == "text":
            changes = [Change(new)]
        else:
            listed = sorted(edits, reverse=True) if report == "edits" else [_one_range(old.text, new)]
            changes = [self._to_change(old, each) for each in listed]
        reported, made = self.documents.change(old.uri, self.document.version, changes)
        assert reported.text == new
        for listener in self.on_change:
            listener(reported, made)

    def _to_change(self, old: Document, edit: Edit) -> Change:
        start, end = (to_position(old, at, self._encoding) for at in (edit.start, edit.end))
        return Change(edit.new, (start, end))

    def show(self, message: dict[str, Any]) -> None:
        """Check that a preview's hunks fit the text of their version, as lines and as exact edits."""
        if message["version"] != self.document.version:
            assert message["version"] < self.document.version
            return
        lines = LINE_END.split(self.text)
        for hunk in message["hunks"]:
            span = hunk["range"]
            positions = [types.Position(**span[end]) for end in ("start", "end")]
            edit = self._to_edit(types.TextEdit(types.Range(*positions), hunk["newText"]))
            first, last = hunk["lines"]["start"], hunk["lines"]["end"]
            shown = [*lines[:first], *hunk["newLines"], *lines[last:]]
            assert LINE_END.split(apply_edits(self.text, [edit])) == shown

    def notify(self, method: str, params: Any) -> None:
        """Check each preview as it arrives."""
        super().notify(method, params)
        if method == "spark/editPreview":
            self.show(dict(params))


def _one_range(old: str, new: str) -> Edit:
    head = common_prefix_length(old, new)
    tail = common_suffix_length(old[head:], new[head:])
    return Edit(head, len(old) - tail, new[head : len(new) - tail])
