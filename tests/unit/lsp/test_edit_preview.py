"""Previews against an editor that applies edits in every way of real ones, while the user types."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.codes import Code
from spark_lsp.errors import EditRefused
from spark_lsp.lsp import edit_preview, live_edits
from spark_lsp.lsp.edit_applier import EditApplier
from spark_lsp.lsp.edit_previews import EditPreviews
from spark_lsp.lsp.edit_request import EditRequest
from spark_lsp.privacy.redaction import RedactedDocument
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.edits import apply_edits, diff_texts
from spark_lsp.text.positions import Encoding
from tests.unit.lsp.applying_editor import ApplyingEditor

MARK = "\ue000"  # typed by the user, and by nobody else
LINES = ["a = 1", "b = '😀é'", "c = 3", "", "return x", "d = a + b", "if a:", "    e = 5", "ффф = 7"]
bodies = st.lists(st.sampled_from(LINES), min_size=3, max_size=14).map(
    lambda lines: ["x = 0", *lines, "y = 9"]
)
editors = st.builds(
    lambda encoding, report, versioned, late: (encoding, report, versioned, late),
    st.sampled_from(list(Encoding)),
    st.sampled_from(["edits", "range", "text"]),
    st.booleans(),
    st.booleans(),
)

versioned = editors.filter(lambda editor: editor[2])  # `live` needs versions


class Scene:
    """An editor, and the preview of an edit of its complete text."""

    def __init__(self, old: str, new: str, editor: tuple[Any, Any, bool, bool]) -> None:
        encoding, report, versioned, late = editor
        self.old, self.new = old, new
        self.final = diff_texts(old, new)
        self.editor = ApplyingEditor(old, encoding, report, versioned=versioned, late=late)
        documents = self.editor.documents
        self.previews = EditPreviews(documents, self.editor, EditApplier(documents, self.editor))
        self.editor.on_change.append(self.previews.record_change)
        seen = RedactedDocument.from_document(self.editor.document)
        request = EditRequest("instruct", seen, SyntaxTree.of(seen.real), 0, len(old), "change it")
        request.__dict__["target"] = (0, len(old))
        self.request = request
        self.preview = self.previews.create("edit-1", request)
        self.typed = 0

    def type(self, at: int) -> None:
        """Type a mark at an offset, which is reduced to one of the text."""
        self.typed += 1
        self.editor.type(at % (len(self.editor.text) + 1), MARK)

    def receive(self, sizes: list[int], typing: list[int]) -> None:
        """Feed the answer in chunks; type a mark after each chunk for which there is an offset."""
        answer = f"```python\n{self.new}```\n"
        self.preview.begin(EditFormat.FENCED)
        at = 0
        for number in range(len(answer)):
            if at >= len(answer):
                break
            size = sizes[number % len(sizes)]
            self.preview.receive(answer[at : at + size])
            at += size
            if number < len(typing):
                self.type(typing[number])

    def without_marks(self) -> str:
        return self.editor.text.replace(MARK, "")

    def expected(self) -> str:
        """The old text with the applied hunks, and nothing else."""
        return apply_edits(self.old, [self.final[number] for number in self.preview.hunks.applied])

    def check(self) -> None:
        assert self.without_marks() == self.expected()
        assert self.editor.text.count(MARK) == self.typed


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(work)


def texts(old: list[str], new: list[str], shared: int) -> tuple[str, str]:
    changed = [*old[:shared], *new, *old[shared:]]
    return "\n".join(old) + "\n", "\n".join(changed) + "\n"


async def turns() -> None:
    """Let the other tasks run."""
    for _ in range(8):
        await anyio.lowlevel.checkpoint()


sizes = st.lists(st.integers(1, 60), min_size=1, max_size=5)
offsets = st.lists(st.integers(0, 400), max_size=6)


@settings(max_examples=50, deadline=None)
@given(old=bodies, new=bodies, shared=st.integers(0, 6), editor=editors, sizes=sizes, data=st.data())
def test_accepted_hunks_change_nothing_else(
    old: list[str], new: list[str], shared: int, editor: Any, sizes: list[int], data: st.DataObject
) -> None:
    async def scene() -> None:
        scene = Scene(*texts(old, new, shared), editor)
        if not scene.final:
            return
        scene.receive(sizes, data.draw(offsets))
        scene.preview.settle(scene.final)
        while scene.preview.hunks.open and data.draw(st.booleans()):
            chosen = data.draw(st.sets(st.sampled_from(sorted(scene.preview.hunks.open)), min_size=1))
            await scene.preview.apply(chosen)
            scene.check()
            for at in data.draw(offsets):
                scene.type(at)
        scene.check()
        scene.preview.discard()
        assert scene.editor.sent("spark/editPreview")[-1]["state"] == "ended"

    run(scene)


@settings(max_examples=40, deadline=None)
@given(old=bodies, new=bodies, shared=st.integers(0, 6), editor=versioned, typing=offsets, data=st.data())
def test_live_hunks_are_undone_unless_they_were_typed_over(
    old: list[str], new: list[str], shared: int, editor: Any, typing: list[int], data: st.DataObject
) -> None:
    async def scene() -> None:
        scene = Scene(*texts(old, new, shared), editor)

        async def propose() -> None:
            answer = f"```python\n{scene.new}```\n"
            scene.preview.begin(EditFormat.FENCED)
            for number in range(0, len(answer), 20):
                scene.preview.receive(answer[number : number + 20])
                await turns()
                if number // 20 < len(typing):
                    scene.type(typing[number // 20])
            await turns()

        await live_edits.apply_while(scene.preview, propose)
        scene.check()
        if data.draw(st.booleans()):
            scene.preview.settle(scene.final)
            await scene.preview.apply()
            scene.check()
            return
        had_applied, was_typed_over = bool(scene.preview.hunks.applied), bool(scene.preview.hunks.typed_over)
        said = await live_edits.undo(scene.preview)
        assert said == ("" if not had_applied else live_edits.LEFT if was_typed_over else live_edits.UNDONE)
        if not was_typed_over:
            assert scene.without_marks() == scene.old
        assert scene.editor.text.count(MARK) == scene.typed

    run(scene)


EDITOR = (Encoding.UTF16, "edits", True, False)
OLD = "".join(f"value_{n} = {n}\n" for n in range(20))
NEW = OLD.replace("= 3\n", "= 33\n").replace("value_9 = 9\n", "").replace("= 15\n", "= 15\nmore = 1\n")


def sent(scene: Scene) -> list[dict[str, Any]]:
    return scene.editor.sent("spark/editPreview")


def shown(scene: Scene) -> list[Any]:
    """Return the hunks on the screen after all messages."""
    hunks: list[Any] = []
    for message in sent(scene):
        hunks = [*hunks[: message["first"]], *message["hunks"]]
    return hunks


def test_one_hunk_is_accepted_and_the_rest_stays() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.settle(scene.final)
        assert [each["index"] for each in shown(scene)] == [0, 1, 2]
        assert await scene.previews.apply("edit-1", [1]) == ([1], [0, 2])
        assert scene.editor.text == OLD.replace("value_9 = 9\n", "")
        last = sent(scene)[-1]
        assert (last["state"], last["version"], last["applied"]) == ("ready", 2, [1])
        assert [each["index"] for each in shown(scene)] == [0, 2]
        with pytest.raises(EditRefused) as refused:
            await scene.previews.apply("edit-1", [1])
        assert refused.value.code is Code.TEXT_CHANGED
        scene.editor.undo()
        assert scene.editor.text == OLD
        assert (await scene.previews.apply("edit-1", None))[1] == []
        assert scene.editor.text == apply_edits(OLD, [scene.final[0], scene.final[2]])

    run(scene)


def test_typing_in_a_hunk_drops_it_with_a_reason() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.settle(scene.final)
        scene.editor.type(OLD.index("3\n") + 1, "!")
        last = sent(scene)[-1]
        assert [each["index"] for each in last["dropped"]] == [0]
        assert last["dropped"][0]["code"] == Code.TEXT_CHANGED
        assert [each["index"] for each in shown(scene)] == [1, 2]

    run(scene)


def test_a_growing_answer_sends_only_new_hunks() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.preview.begin(EditFormat.FENCED)
        lines = NEW.splitlines(keepends=True)
        scene.preview.receive("```python\n" + "".join(lines[:8]))
        await anyio.sleep(edit_preview.CHANGE_TIMEOUT_SECONDS / 40)
        scene.preview.receive("".join(lines[8:14]) + "v")
        await anyio.sleep(edit_preview.CHANGE_TIMEOUT_SECONDS / 40)
        assert sent(scene)[0]["state"] == "growing"
        assert [each["index"] for each in sent(scene)[0]["hunks"]] == [0]
        assert sent(scene)[-1]["first"] == 1
        assert [each["index"] for each in sent(scene)[-1]["hunks"]] == [1]

    run(scene)


def test_a_second_answer_replaces_the_hunks_of_the_first() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        assert shown(scene)
        scene.preview.begin(EditFormat.FENCED)
        assert (sent(scene)[-1]["state"], sent(scene)[-1]["hunks"]) == ("growing", [])
        other = OLD.replace("= 5\n", "= 55\n")
        scene.preview.settle(diff_texts(OLD, other))
        assert [each["newText"] for each in shown(scene)] == ["55"]

    run(scene)


def test_a_refused_proposal_is_shown_and_cannot_be_applied() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.refuse(Code.PROPOSAL_REJECTED, "It changes other code")
        last = sent(scene)[-1]
        assert (last["state"], last["code"], last["reason"]) == (
            "refused",
            Code.PROPOSAL_REJECTED,
            "It changes other code",
        )
        with pytest.raises(EditRefused) as refused:
            await scene.previews.apply("edit-1", None)
        assert refused.value.code is Code.PROPOSAL_REJECTED
        scene.previews.discard("edit-1")
        assert sent(scene)[-1]["state"] == "ended"
        with pytest.raises(EditRefused):
            scene.previews.discard("edit-1")

    run(scene)


def test_closing_the_document_drops_all() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.settle(scene.final)
        scene.editor.documents.close(scene.editor.document.uri)
        scene.previews.lose_history(scene.editor.document.uri)
        assert (sent(scene)[-1]["state"], sent(scene)[-1]["hunks"]) == ("ended", [])
        with anyio.fail_after(5):
            await scene.preview.wait()

    run(scene)


def test_hunks_are_never_placed_in_a_text_that_was_opened_again() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([200], [])
        scene.previews.lose_history(scene.editor.document.uri)
        scene.editor.documents.open(scene.editor.document.uri, "python", 7, "other\n" * 100)
        scene.preview.settle(scene.final)
        assert (scene.preview.state, scene.preview.hunks.open) == ("ended", {})
        assert await scene.preview.apply() == []
        assert scene.editor.applied == 0

    run(scene)


def test_a_change_that_did_not_reach_the_preview_refuses_it() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.settle(scene.final)
        scene.editor.on_change.clear()
        scene.editor.type(0, "import os\n")
        with pytest.raises(EditRefused) as refused:
            await scene.preview.apply()
        assert refused.value.code is Code.TEXT_CHANGED
        assert scene.editor.applied == 0

    run(scene)


def test_an_edit_that_crosses_a_keystroke_is_refused_and_the_hunks_follow() -> None:
    async def scene() -> None:
        scene = Scene(OLD, NEW, EDITOR)
        scene.receive([1000], [])
        scene.preview.settle(scene.final)
        scene.editor.before_apply = lambda: scene.type(0)
        with pytest.raises(EditRefused) as refused:
            await scene.preview.apply()
        assert refused.value.code is Code.EDITOR_REFUSED
        scene.editor.before_apply = lambda: None
        await scene.preview.apply()
        assert scene.without_marks() == NEW

    run(scene)
