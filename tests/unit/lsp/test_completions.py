"""The streams of documents: what is forgotten with a closed document."""

from typing import Any

import pytest

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
