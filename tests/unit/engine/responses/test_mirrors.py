"""Mirrors at another gateway: its replica is the text of each request, whatever came between."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.responses.mirrors import MOST_DOCUMENTS, Mirrors
from spark_lsp.request import Part, PartKind, Request, Span, Task
from spark_lsp.wire.client import ClientConnection

TEXTS = st.lists(st.text("ab\n😀", max_size=30), min_size=1, max_size=8)


def asking(prefix: str, suffix: str = "", uri: str = "u") -> Request:
    parts = (Part(PartKind.PREFIX, prefix, uri, Span(uri, 9, 0, 1)), Part(PartKind.SUFFIX, suffix, uri))
    return Request(Task.COMPLETE, parts, language="python", origin=uri)


def sent(connection: ClientConnection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while (message := connection.pop()) is not None:
        found.append(json.loads(message))
    return found


@given(TEXTS)
def test_the_replica_is_the_text_of_each_request(texts: list[str]) -> None:
    mirrors, connection, replica = Mirrors(), ClientConnection(spark=True), ""
    for text in texts:
        cited = mirrors.cite(asking(text[: len(text) // 2], text[len(text) // 2 :]), connection)
        for message in sent(connection):
            if message["type"] == "spark.doc.open":
                replica = message.get("text", "")
            for start, end, new in message.get("edits", ()):
                replica = replica[:start] + new + replica[end:]
        assert replica == text
        for part in cited.parts:
            assert part.span is not None
            assert replica[part.span.start : part.span.end] == part.text


def test_a_key_is_a_small_edit_and_a_request_that_cites() -> None:
    mirrors, connection = Mirrors(), ClientConnection(spark=True)
    text = "line\n" * 20_000
    connection.create(mirrors.cite(asking(text), connection), "ic")
    sent(connection)
    lane = connection.create(mirrors.cite(asking(text + "x"), connection), "ic")
    edit, create = sent(connection)
    assert (edit["type"], create["type"], create["stream_id"]) == ("spark.doc.edit", "response.create", lane)
    assert len(json.dumps([edit, create])) < 450


def test_old_documents_are_closed_and_wrong_ones_sent_again() -> None:
    mirrors, connection = Mirrors(), ClientConnection(spark=True)
    for number in range(MOST_DOCUMENTS + 1):
        mirrors.cite(asking("a", uri=f"u{number}"), connection)
    kinds = [message["type"] for message in sent(connection)]
    assert kinds.count("spark.doc.close") == 1
    mirrors.forget("u5")
    mirrors.cite(asking("a", uri="u5"), connection)
    assert [message["type"] for message in sent(connection)] == ["spark.doc.open"]


def test_a_request_without_a_document_stays_as_it_is() -> None:
    chat = Request(Task.CHAT, (), "Hello")
    assert Mirrors().cite(chat, ClientConnection(spark=True)) == chat
