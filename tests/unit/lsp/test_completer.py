"""The streams of documents: what is forgotten with a closed document."""

from typing import Any

import pytest

from spark_lsp.lsp.completing import Completer

pytestmark = pytest.mark.anyio
URI = "file:///a.py"


async def test_a_closed_document_leaves_nothing_and_ends_who_waits() -> None:
    nobody: Any = None
    completer: Any = Completer(nobody)
    waiter = completer._overtake(URI, "inlineCompletion")
    completer._overtake("file:///b.py", "inlineCompletion")
    completer.closed(URI)
    assert {uri for uri, _ in completer._latest} == {"file:///b.py"}
    assert waiter.exception().code == -32801
