"""Undo of hunks that were accepted one after another, in an editor that applies edits as real ones do."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp.edit_preview import Settle
from spark_lsp.lsp.last_edits import LastEdit, LastEdits
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits
from tests.unit.lsp.test_edit_preview import (
    EDITOR,
    MARK,
    NEW,
    OLD,
    Scene,
    bodies,
    editors,
    offsets,
    run,
    texts,
)


class UndoScene(Scene):
    """A preview that is ready, and whose applied hunks are noted as the edit of its document."""

    def __init__(self, old: str, new: str, editor: tuple[Any, Any, bool, bool]) -> None:
        super().__init__(old, new, editor)
        self.last_edits = LastEdits(self.editor.documents)
        self.editor.on_change.append(self.last_edits.record_change)
        self.preview.record = self.note
        self.receive([1000], [])
        self.preview.settle(self.final)

    def note(self, document: Document, edits: Sequence[Edit]) -> Settle:
        last = self.last_edits.expect_hunks("edit-1", self.request, (), document, edits)
        return lambda applied: self.last_edits.settle(last, applied=applied)

    @property
    def edit(self) -> LastEdit:
        return self.last_edits.find_undoable(self.editor.document.uri, "")

    def undone(self) -> str | None:
        """Return the text after the undo; None if it is refused."""
        undo = self.edit.made.make_undo(self.editor.text)
        return None if undo is None else apply_edits(self.editor.text, undo)


@settings(max_examples=50, deadline=None)
@given(old=bodies, new=bodies, shared=st.integers(0, 6), editor=editors, data=st.data())
def test_undo_restores_all_accepted_hunks_or_is_refused(
    old: list[str], new: list[str], shared: int, editor: Any, data: st.DataObject
) -> None:
    async def scene() -> None:
        scene = UndoScene(*texts(old, new, shared), editor)
        while scene.preview.hunks.open and data.draw(st.booleans()):
            chosen = data.draw(st.sets(st.sampled_from(sorted(scene.preview.hunks.open)), min_size=1))
            await scene.preview.apply(chosen)
            for at in data.draw(offsets):
                scene.type(at)
        if not scene.preview.hunks.applied:
            return
        undone = scene.undone()
        if undone is None:  # only if a mark is in the text of a hunk, or in place of a removed one
            assert scene.preview.hunks.typed_over
            return
        assert undone.replace(MARK, "") == scene.old
        assert undone.count(MARK) == scene.typed

    run(scene)


@settings(max_examples=30, deadline=None)
@given(
    old=bodies,
    new=bodies,
    shared=st.integers(0, 6),
    editor=editors,
    ends=st.tuples(st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans()),
    data=st.data(),
)
def test_undo_without_typing_restores_the_text_byte_for_byte(
    old: list[str],
    new: list[str],
    shared: int,
    editor: Any,
    ends: tuple[str, bool, bool],
    data: st.DataObject,
) -> None:
    line_end, *are_complete = ends
    before, after = (
        text.replace("\n", line_end) if is_complete else text.removesuffix("\n").replace("\n", line_end)
        for text, is_complete in zip(texts(old, new, shared), are_complete, strict=True)
    )

    async def scene() -> None:
        scene = UndoScene(before, after, editor)
        if not scene.final:
            return
        for number in data.draw(st.permutations(sorted(scene.preview.hunks.open))):
            await scene.preview.apply([number])
            assert scene.undone() == scene.old
        assert scene.editor.text == scene.new

    run(scene)


def test_hunks_that_are_accepted_after_an_undo_are_undone_alone() -> None:
    async def scene() -> None:
        scene = UndoScene(OLD, NEW, EDITOR)
        await scene.preview.apply([0, 1])
        edit = scene.edit
        undoing = scene.previews.find_undoable("edit-1")
        assert undoing is not None
        assert await undoing.undo()
        edit.state = "undone"
        assert scene.editor.text == OLD
        await scene.preview.apply([2])
        assert [hunk.new for hunk in scene.edit.made.hunks] == [scene.final[2].new]
        assert scene.undone() == OLD

    run(scene)


def test_undo_is_refused_while_the_answer_grows_or_after_typing_over_a_hunk() -> None:
    async def scene() -> None:
        scene = UndoScene(OLD, NEW, EDITOR)
        await scene.preview.apply([0])
        scene.preview.state = "growing"
        with pytest.raises(EditRefused) as refused:
            scene.previews.find_undoable("edit-1")
        assert refused.value.code is Code.EDIT_NOT_READY
        scene.preview.state = "ready"
        scene.editor.type(scene.editor.text.index("33") + 1, MARK)
        with pytest.raises(EditRefused) as refused:
            scene.previews.find_undoable("edit-1")
        assert refused.value.code is Code.TEXT_CHANGED
        assert scene.undone() is None

    run(scene)


def test_hunks_that_the_editor_refuses_do_not_count() -> None:
    async def scene() -> None:
        scene = UndoScene(OLD, NEW, EDITOR)
        await scene.preview.apply([0])
        scene.editor.before_apply = lambda: scene.type(0)
        with pytest.raises(EditRefused):
            await scene.preview.apply([1])
        scene.editor.before_apply = lambda: None
        assert scene.undone() == MARK + OLD
        scene.editor.type(0, "# more\n")
        assert scene.undone() == "# more\n" + MARK + OLD

    run(scene)
