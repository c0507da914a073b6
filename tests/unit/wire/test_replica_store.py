"""A replica is right, or it is gone and asked for again."""

from typing import Any

import pytest

from spark_lsp.request import CONTEXT_SCHEME
from spark_lsp.wire.frames import DocCheck, DocChunk, DocEdit, DocOpen, EditFrame
from spark_lsp.wire.replica_store import ReplicaStore, digest

TEXT = "añ\ud800😀b\r\n"


def opened(whole: str = TEXT, *, first: int | None = None, **fields: Any) -> tuple[ReplicaStore, bool]:
    """Return a mirror that was sent the beginning of a document, and its verdict."""
    mirror = ReplicaStore()
    values = {"doc": "d1", "uri": "file:///a", "version": 1, "length": len(whole), "hash": digest(whole)}
    return mirror, mirror.open_document(DocOpen(**{**values, "text": whole[:first], **fields}))


def edit(base: int, version: int, length: int, *edits: tuple[int, int, str]) -> DocEdit:
    return DocEdit(
        doc="d1", base=base, version=version, length=length, edits=[EditFrame(*each) for each in edits]
    )


def text_of(mirror: ReplicaStore, version: int) -> str | None:
    replica = mirror.find("d1", version)
    return None if replica is None else replica.text


def test_the_hash_is_of_the_whole_text_with_lone_surrogates_too():
    assert digest("") == "cae66941d9efbd404e4d88758ea67670"  # blake2b-128 of nothing, as published
    assert len({digest(TEXT), digest(TEXT[:-1]), digest("")}) == 3


def test_a_document_in_one_message():
    mirror, accepted = opened()
    assert accepted
    assert text_of(mirror, 1) == TEXT
    assert text_of(mirror, 2) is None


def test_a_document_in_chunks_is_there_only_with_the_last_one():
    mirror, accepted = opened(first=2)
    assert accepted
    assert text_of(mirror, 1) is None
    assert mirror.add_chunk(DocChunk(doc="d1", version=1, text=TEXT[2:3]))
    assert text_of(mirror, 1) is None
    assert mirror.add_chunk(DocChunk(doc="d1", version=1, text=TEXT[3:]))
    assert text_of(mirror, 1) == TEXT


@pytest.mark.parametrize(
    "fields", [{"hash": digest("other")}, {"length": len(TEXT) - 1}, {"length": -1}, {"text": TEXT + "x"}]
)
def test_a_document_that_does_not_fit_its_own_description_is_asked_for_again(fields: dict[str, Any]):
    mirror, accepted = opened(**fields)
    assert not accepted
    assert text_of(mirror, 1) is None


@pytest.mark.parametrize(
    ("first", "chunk"),
    [
        (2, DocChunk(doc="d2", version=1, text=TEXT[2:])),  # never opened
        (2, DocChunk(doc="d1", version=2, text=TEXT[2:])),  # of another version
        (2, DocChunk(doc="d1", version=1, text=TEXT[2:] + "x")),  # too much
        (2, DocChunk(doc="d1", version=1, text="x" * len(TEXT[2:]))),  # another text
        (None, DocChunk(doc="d1", version=1, text="")),  # nothing was missing
    ],
)
def test_a_chunk_that_does_not_fit(first: int | None, chunk: DocChunk):
    mirror, _ = opened(first=first)
    assert not mirror.add_chunk(chunk)
    assert mirror.find(chunk.doc, chunk.version) is None


def test_edits_are_made_one_after_another():
    mirror, _ = opened("abc")
    assert mirror.apply_edits(edit(1, 2, 4, (0, 1, "xyz"), (3, 4, ""), (4, 4, "")))
    assert text_of(mirror, 1) is None
    assert text_of(mirror, 2) == "xyzc"
    assert mirror.check_hash(DocCheck(doc="d1", version=2, hash=digest("xyzc")))


@pytest.mark.parametrize(
    "change",
    [
        edit(0, 2, 3, (0, 1, "x")),  # on another version
        edit(1, 2, 9, (0, 1, "x")),  # to another length
        edit(1, 2, 4, (3, 4, "x")),  # beyond the end
        edit(1, 2, 4, (-1, 0, "x")),
        edit(1, 2, 4, (2, 1, "x")),
        DocEdit(doc="d2", base=1, version=2, edits=[], length=3),  # of no document
    ],
)
def test_an_edit_that_does_not_fit(change: DocEdit):
    mirror, _ = opened("abc")
    assert not mirror.apply_edits(change)
    assert mirror.find(change.doc, 2) is None


def test_an_edit_of_half_a_document_does_not_fit():
    mirror, _ = opened("abc", first=1)
    assert not mirror.apply_edits(edit(1, 2, 2, (0, 1, "")))


def test_a_check_finds_what_lengths_do_not_show():
    mirror, _ = opened("abc")
    assert not mirror.check_hash(DocCheck(doc="d1", version=1, hash=digest("abd")))
    assert text_of(mirror, 1) is None


def test_a_check_of_an_older_version_says_nothing():
    mirror, _ = opened("abc")
    assert mirror.check_hash(DocCheck(doc="d1", version=0, hash=digest("ab")))
    assert text_of(mirror, 1) == "abc"


def test_a_check_of_what_is_not_there_asks_for_it():
    mirror, _ = opened("abc", first=1)
    assert not mirror.check_hash(DocCheck(doc="d1", version=1, hash=digest("abc")))
    assert not mirror.check_hash(DocCheck(doc="d2", version=1, hash=digest("abc")))


def test_a_closed_document_is_forgotten():
    mirror, _ = opened("abc")
    mirror.close("d1")
    mirror.close("d1")
    assert text_of(mirror, 1) is None


def test_opening_again_replaces():
    mirror, _ = opened("abc")
    again = DocOpen(doc="d1", uri="file:///a", version=5, length=1, hash=digest("z"), text="z")
    assert mirror.open_document(again)
    assert (text_of(mirror, 1), text_of(mirror, 5)) == (None, "z")


def test_the_store_names_the_documents_that_changed() -> None:
    store = ReplicaStore()
    text = "abcd"
    half = DocOpen(doc="d1", uri="file:///a.py", version=1, length=4, hash=digest(text), text="ab")
    assert store.open_document(half)
    assert (store.take_changes(), store.text_of("d1"), store.names) == ({"d1"}, None, ["d1"])
    assert store.add_chunk(DocChunk(doc="d1", version=1, text="cd"))
    assert (store.take_changes(), store.text_of("d1")) == ({"d1"}, text)
    assert store.apply_edits(DocEdit(doc="d1", base=1, version=2, edits=[EditFrame(0, 1, "x")], length=4))
    assert (store.take_changes(), store.text_of("d1")) == ({"d1"}, "xbcd")
    assert store.check_hash(DocCheck(doc="d1", version=2, hash=digest("xbcd")))
    assert store.take_changes() == set()
    assert (store.name_of("file:///a.py"), store.name_of("file:///b.py")) == ("d1", "")
    assert not store.check_hash(DocCheck(doc="d1", version=2, hash="wrong"))
    assert (store.take_changes(), store.text_of("d1")) == ({"d1"}, None)
    store.close("d1")
    assert store.take_changes() == {"d1"}


def test_the_store_tells_context_from_documents() -> None:
    mirror, _ = opened()
    mirror.open_document(
        DocOpen(doc="c1", uri=f"{CONTEXT_SCHEME}file:///a", version=1, length=1, hash=digest("x"), text="x")
    )
    assert mirror.is_context("c1")
    assert not mirror.is_context("d1")
    assert not mirror.is_context("not here")
