"""Drafts on a connection: sent only while the engine is silent, and only from what the mirror holds."""

from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.gateway import instant_drafts as drafts_module
from spark_lsp.wire.replica_store import digest

pytestmark = pytest.mark.anyio

SOURCE = """\
def load(path: Path, strict: bool) -> Config:
    with path.open("r", encoding="utf-8") as stream:
        return parse_config(stream.read(), strict=strict)
"""
BEGUN = "def load(path: Path, strict: bool) -> Config:\n    "
LINE = 'with path.open("r", encoding="utf-8") as stream:'


def mirror(peer: Any, doc: str, text: str) -> None:
    fields = {"uri": f"file:///{doc}.py", "version": 1, "length": len(text), "hash": digest(text)}
    peer.say("spark.doc.open", doc=doc, text=text, **fields)


def complete(peer: Any, lane: str, doc: str, offset: int, **fields: Any) -> None:
    details = {"at": (doc, 1, offset), "instruction": lane, **fields}
    peer.say("response.create", stream_id=lane, model="puppet", spark=details)


def find_drafts(peer: Any, lane: str) -> list[str]:
    return [each["text"] for each in peer.of(lane) if each["type"] == "spark.draft"]


async def test_a_draft_comes_from_another_document_while_the_engine_is_silent(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        mirror(peer, "d2", BEGUN)
        complete(peer, "a", "d2", len(BEGUN))
        await until(lambda: find_drafts(peer, "a"))
        (draft,) = [each for each in peer.of("a") if each["type"] == "spark.draft"]
        assert (draft["text"], draft["agreement"], draft["count"]) == (LINE, 1.0, 1)
        puppet.say("a", Started("puppet", "wood"), Chunk("other"), Finished())
        await until(lambda: peer.ending("a"))
        assert (peer.text("a"), peer.ending("a")) == ("other", ["response.completed"])
        assert [each["sequence_number"] for each in peer.of("a")] == list(range(len(peer.of("a"))))


async def test_a_draft_comes_from_a_document_that_arrives_after_the_request(
    puppet: Any, served: Any, until: Any
) -> None:
    async with served(puppet) as (peer, _):
        for lane, doc in (("a", "d2"), ("b", "d3")):
            mirror(peer, doc, BEGUN)
            complete(peer, lane, doc, len(BEGUN), origin=doc)
            await until(lambda lane=lane: lane in puppet.inside)
        puppet.say("a", Started("puppet", "wood"), Chunk("text"))
        await until(lambda: peer.text("a"))
        await anyio.sleep(0.05)  # far longer than a draft takes
        assert find_drafts(peer, "b") == []
        mirror(peer, "d1", SOURCE)
        await until(lambda: find_drafts(peer, "b"))
        assert (find_drafts(peer, "b"), find_drafts(peer, "a")) == ([LINE], [])


async def test_a_document_that_was_closed_gives_no_draft(
    puppet: Any, served: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts_module, "INDEX_DELAY_S", 0.0)
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        mirror(peer, "d2", BEGUN)
        complete(peer, "a", "d2", len(BEGUN))
        await until(lambda: find_drafts(peer, "a"))
        peer.say("spark.doc.close", doc="d1")
        complete(peer, "b", "d2", len(BEGUN))
        await until(lambda: "b" in puppet.inside)
        await anyio.sleep(0.05)  # far longer than a draft takes
        assert find_drafts(peer, "b") == []


async def test_a_document_that_changed_gives_its_new_text(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        mirror(peer, "d2", BEGUN)
        complete(peer, "a", "d2", len(BEGUN))
        await until(lambda: find_drafts(peer, "a"))
        start = SOURCE.index('"r"') + 1
        changed = {"edits": [(start, start + 1, "w")], "length": len(SOURCE)}
        peer.say("spark.doc.edit", doc="d1", base=1, version=2, **changed)
        complete(peer, "b", "d2", len(BEGUN))
        await until(lambda: find_drafts(peer, "b"))
        assert find_drafts(peer, "b") == [LINE.replace('"r"', '"w"')]


async def test_an_engine_that_answers_first_gets_no_draft(
    puppet: Any, served: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts_module, "DRAFT_DELAY_S", 0.05)
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        mirror(peer, "d2", BEGUN)
        complete(peer, "a", "d2", len(BEGUN))
        puppet.say("a", Started("puppet", "wood"), Chunk("with"))
        await until(lambda: peer.text("a") == "with")
        complete(peer, "b", "d1", len(BEGUN), priority="background")
        await anyio.sleep(0.1)
        assert find_drafts(peer, "a") == []
        puppet.say("a", Finished())
        await until(lambda: peer.ending("a"))


async def test_other_connections_do_not_share_their_documents(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (one, _), served(puppet) as (two, _):
        mirror(one, "d1", SOURCE)
        mirror(one, "d2", BEGUN)
        mirror(two, "d2", BEGUN)
        complete(one, "one", "d2", len(BEGUN))
        complete(two, "two", "d2", len(BEGUN))
        await until(lambda: find_drafts(one, "one") and "two" in puppet.inside)
        await anyio.sleep(0.05)
        assert find_drafts(two, "two") == []


@pytest.mark.parametrize("drafts", [False, True])
async def test_the_setting_turns_drafts_off_and_on(
    puppet: Any, served: Any, until: Any, drafts: bool
) -> None:
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        mirror(peer, "d2", BEGUN)
        peer.say("spark.configure", drafts=False)
        peer.say("spark.configure", drafts=drafts)
        complete(peer, "a", "d2", len(BEGUN))
        await until(lambda: "a" in puppet.inside)
        if drafts:
            await until(lambda: find_drafts(peer, "a"))
        else:
            await anyio.sleep(0.05)
            assert find_drafts(peer, "a") == []


async def test_an_edit_gets_no_draft(puppet: Any, served: Any, until: Any) -> None:
    async with served(puppet) as (peer, _):
        mirror(peer, "d1", SOURCE)
        parts = [{"kind": "prefix", "text": BEGUN}]
        peer.say(
            "response.create",
            stream_id="a",
            model="puppet",
            spark={"task": "edit", "instruction": "a", "parts": parts},
        )
        peer.say(
            "response.create",
            stream_id="b",
            model="puppet",
            spark={"task": "complete", "instruction": "b", "parts": parts},
        )
        await until(lambda: find_drafts(peer, "b"))
        assert find_drafts(peer, "a") == []


async def test_large_documents_are_indexed_between_other_work(
    puppet: Any, served: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts_module, "INDEX_DELAY_S", 0.0)
    filler = "".join(f"value_{number} = {number}\n" for number in range(3_000))
    async with served(puppet) as (peer, session):
        mirror(peer, "d1", filler + SOURCE)
        mirror(peer, "d2", BEGUN)
        await until(lambda: session._drafts._model.chars > 50_000)
        complete(peer, "a", "d2", len(BEGUN))
        await until(lambda: find_drafts(peer, "a"))
        assert find_drafts(peer, "a") == [LINE]


async def test_context_beside_a_document_gives_no_draft(
    puppet: Any, served: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts_module, "INDEX_DELAY_S", 0.0)
    async with served(puppet) as (peer, _):
        fields = {"version": 1, "length": len(SOURCE), "hash": digest(SOURCE), "text": SOURCE}
        peer.say("spark.doc.open", doc="d1", uri="spark-context:file:///d2.py", **fields)
        mirror(peer, "d2", BEGUN)
        mirror(peer, "d3", SOURCE.replace("load", "save").replace("strict", "loose"))
        mirror(peer, "d4", BEGUN.replace("load", "save").replace("strict", "loose"))
        complete(peer, "a", "d2", len(BEGUN))
        complete(peer, "b", "d4", len(BEGUN) - len("strict") + len("loose"))
        await until(lambda: find_drafts(peer, "b"))  # the timer of the other request is over too
        assert find_drafts(peer, "a") == []
