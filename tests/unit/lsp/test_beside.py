"""The context beside a document: what a keystroke finds in memory, and how the mirror follows it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from spark_lsp.lsp.beside.candidates import FAR_TOKENS, Surroundings, list_candidates
from spark_lsp.lsp.beside.neighbours import Neighbours
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.parts import Parts
from spark_lsp.prompts.imported_symbols import ImportedSymbol
from spark_lsp.request import EngineInfo, PartKind
from spark_lsp.session.diagnostic_notes import DiagnosticNote
from spark_lsp.session.packing import CHARS_PER_TOKEN, pack_context
from spark_lsp.session.recent_edits import Hunk
from spark_lsp.text.document import Document
from tests.unit.lsp.editors import MirrorLink, attached_parts

URI = "file:///w/main.py"
CONTEXT = f"spark-context:{URI}"
ROOTS = ("/w",)


def symbol(local: str, path: str = "/w/lib.py", place: int = 0, **fields: Any) -> ImportedSymbol:
    return ImportedSymbol(local, path, f"def {local}(): ...", fields.get("is_open", False), place, False)


def document(text: str = "x = near(\n") -> Document:
    return Document(URI, text, 1, "python")


# The pure part.


def test_used_names_come_first_then_open_files_then_edited_ones() -> None:
    hunk = Hunk("file:///w/edited.py", 0, 4, "a\n", "b\n", 0, 0.0)
    symbols = [
        symbol("far"),
        symbol("near", "/w/disk.py"),
        symbol("near", "/w/edited.py"),
        symbol("near", "/w/open.py", is_open=True),
    ]
    known = Surroundings(document(), 0, symbols, [hunk], roots=ROOTS)
    ranked = sorted(list_candidates(known), key=lambda each: each.rank)
    assert [each.title for each in ranked] == ["open.py", "edited.py", "disk.py", "edited.py", "lib.py"]
    assert [each.kind for each in ranked].index(PartKind.RECENT_EDIT) == 3


def test_moving_the_cursor_does_not_change_a_context_that_fits() -> None:
    text = "a(\n" + "\n" * 100 + "b(\n"
    symbols = [symbol("a", place=0), symbol("b", place=1)]
    parts = [
        pack_context(list_candidates(Surroundings(document(text), at, symbols, roots=ROOTS)), 1_000)
        for at in (0, len(text))
    ]
    assert parts[0] == parts[1]
    assert parts[0][0].text == "def a(): ...\ndef b(): ...\n"


def test_names_that_are_not_used_near_the_cursor_are_few() -> None:
    many = [replace(symbol(f"n{n}", place=n), text="x" * 300) for n in range(100)]
    found = list_candidates(Surroundings(document(), 0, many, roots=ROOTS))
    assert 0 < sum(len(each.text) for each in found) <= FAR_TOKENS * CHARS_PER_TOKEN
    wide = [replace(each, is_wide=True) for each in many]
    assert list_candidates(Surroundings(document(), 0, wide, roots=ROOTS)) == []


def test_a_slow_engine_keeps_its_context_while_it_has_what_is_used() -> None:
    text = "a(\n" + "\n" * 100 + "b(\n" + "\n" * 100 + "c(\n"
    symbols = [symbol(name, place=place) for place, name in enumerate("abc")]
    before = ""
    texts: list[str] = []
    for word in "abac":
        known = Surroundings(document(text), text.index(f"{word}("), symbols, roots=ROOTS, before=before)
        (part,) = pack_context(list_candidates(known), 20)  # room for two
        before = part.text
        texts.append(before)
    assert texts[0] == texts[1] == texts[2] == "def a(): ...\ndef b(): ...\n"
    assert "def c(): ..." in texts[3]


# The mirror.


@pytest.fixture
def link() -> MirrorLink:
    return MirrorLink()


def serve(parts: Parts, tokens: int) -> None:
    """Let an engine with this budget serve completions."""
    parts.gateway.engines = (EngineInfo("gpu", "openai", "m", beside_budget=tokens or UNSET),)
    parts.gateway.serving = {"completion": "gpu"}


@pytest.fixture
async def parts(link: MirrorLink) -> Parts:
    parts = attached_parts(link)
    serve(parts, 4_000)
    opened = parts.workspace.documents.open(URI, "python", 1, "x = 1\n")
    assert opened is not None
    _ = parts.context.beside
    parts.sync.open(opened)
    return parts


def note(parts: Parts, *messages: str) -> None:
    notes = [DiagnosticNote(0, 1, message) for message in messages]
    parts.context.diagnostic_notes.replace_lines(document("x = 1\n"), 0, 0, notes)


def gather(parts: Parts) -> list[str]:
    return [part.text for part in parts.context.beside.gather(document("x = 1\n"), 0)]


@pytest.mark.anyio
async def test_the_mirror_has_the_text_of_the_parts(parts: Parts, link: MirrorLink) -> None:
    note(parts, "first", "second")
    (part,) = parts.context.beside.gather(document("x = 1\n"), 0)
    assert part.span is not None
    assert link.texts[CONTEXT][part.span.start : part.span.end] == part.text
    assert (part.span.doc, part.span.version) == (CONTEXT, 1)
    assert parts.context.beside.gather(document("x = 1\n"), 0) == (part,)
    note(parts, "first", "third")
    (part,) = parts.context.beside.gather(document("x = 1\n"), 0)
    assert part.span is not None
    assert part.span.version == 2
    parts.context.beside.forget_all()
    (again,) = parts.context.beside.gather(document("x = 1\n"), 0)
    assert again.span is not None
    assert again.span.version == 3
    changes = [method for method, uri in link.calls if uri == CONTEXT]
    assert changes == ["opened", "edited", "closed", "opened"]
    note(parts)
    assert gather(parts) == []
    assert CONTEXT not in link.texts


@pytest.mark.anyio
async def test_nothing_is_gathered_without_a_budget(parts: Parts, link: MirrorLink) -> None:
    note(parts, "a problem")
    assert gather(parts) != []
    serve(parts, 0)
    assert gather(parts) == []
    assert CONTEXT not in link.texts


@pytest.mark.anyio
async def test_settings_close_the_mirror(parts: Parts, link: MirrorLink) -> None:
    note(parts, "a problem")
    gather(parts)
    parts.settings.apply({"context": {"diagnostics": False}})
    assert CONTEXT not in link.texts
    assert gather(parts) == []


@pytest.mark.anyio
async def test_closing_a_document_closes_its_context(parts: Parts, link: MirrorLink) -> None:
    note(parts, "a problem")
    gather(parts)
    parts.workspace.documents.close(URI)
    parts.sync.discard(URI)
    assert link.texts == {}


@given(st.lists(st.lists(st.sampled_from(["one", "two", "three", "ones"]), max_size=3), max_size=6))
@settings(deadline=None, max_examples=50)
def test_the_mirror_follows_any_change(steps: list[list[str]]) -> None:
    link = MirrorLink()
    parts = attached_parts(link)
    serve(parts, 4_000)
    parts.settings.apply({"context": {"imports": False, "recentEdits": False}})
    for messages in steps:
        note(parts, *messages)
        assert "".join(gather(parts)) == link.texts.get(CONTEXT, "")


# The background.


class WorkList(EngineSide):
    """An engine side that keeps its work until the test does it."""

    def __init__(self) -> None:
        self.work: list[Any] = []

    def spawn(self, work: Any, *arguments: Any, on_failure: Any = None) -> None:
        self.work.append(work)

    async def do_all(self) -> None:
        while self.work:
            await self.work.pop()()


@pytest.mark.anyio
async def test_a_forgotten_verdict_withholds_a_file_until_it_is_judged_again(
    parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "lib.py").write_text("def near(): pass\n")
    parts.workspace.roots = (tmp_path.as_uri(),)
    uri = (tmp_path / "main.py").as_uri()
    opened = parts.workspace.documents.open(uri, "python", 1, "from lib import near\n")
    assert opened is not None
    parts.sync.open(opened)
    side = WorkList()
    neighbours = Neighbours(
        documents=parts.workspace.documents,
        outgoing=parts.outgoing,
        roots=lambda: parts.workspace.roots,
        engine_side=side,
        is_wanted=lambda: True,
    )
    neighbours.follow(opened)
    await side.do_all()
    assert [each.text for each in neighbours.list_symbols(uri)] == ["def near(): ..."]
    assert side.work == []
    parts.exclusion.forget((tmp_path / "lib.py").as_uri())
    assert neighbours.list_symbols(uri) == []
    await side.do_all()
    assert [each.local for each in neighbours.list_symbols(uri)] == ["near"]
