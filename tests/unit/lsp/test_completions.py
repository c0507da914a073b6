"""The streams of documents: what is forgotten with a closed document."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spark_lsp.request import Chunk, Draft, Finished, Started
from spark_lsp.text.document import Document
from tests.unit.lsp.editors import recording_parts

pytestmark = pytest.mark.anyio
URI = "file:///a.py"


async def test_closing_a_document_ends_its_requests_and_forgets_them() -> None:
    completions: Any = recording_parts()[0].completions
    waiter = completions._replace_request(URI, "inlineCompletion")
    completions._replace_request("file:///b.py", "inlineCompletion")
    completions.forget_document(URI)
    assert {uri for uri, _ in completions._newest} == {"file:///b.py"}
    assert waiter.exception().code == -32801


async def test_a_draft_is_no_part_of_an_answer_yet() -> None:
    """The server reads drafts and shows none of them."""
    completions: Any = recording_parts()[0].completions
    document = Document(URI, "python", 1, "x = ")
    completions._engine_side = SimpleNamespace(spawn=lambda *_, **__: None)
    stream = completions._start_stream(document, 4)
    completions._process_event(stream, Draft("1 + 1"))
    completions._process_event(stream, Started("gpu", "m"))
    assert (stream.suggestion.text, stream.suggestion.done) == ("", False)
    completions._process_event(stream, Chunk("2\n"))
    completions._process_event(stream, Finished())
    assert (stream.suggestion.text, stream.suggestion.done) == ("2", True)


@pytest.mark.parametrize("instant", [True, False])
async def test_the_gateway_learns_whether_the_user_wants_drafts(instant: bool) -> None:
    sent: list[bool] = []
    parts, _ = recording_parts()
    link = SimpleNamespace(configure=lambda *_, drafts: sent.append(drafts))
    parts.gateway.attach(cast(Any, link))
    parts.settings.apply({"completion": {"instant": instant}})
    parts.gateway.configure()
    assert sent[-1] is instant
