"""A request that waits for the engine side: it asks the engine only for a document that may leave."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from lsprotocol import types

from tests.unit.lsp.editors import MirrorLink, recording_parts

pytestmark = pytest.mark.anyio


class Link(MirrorLink):
    """A link that stays."""

    async def run(self) -> None:
        await anyio.sleep_forever()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository, in which only git knows whether a document may leave."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


async def test_a_request_waits_for_the_inspection_that_the_start_of_the_engine_side_begins(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a slow start answers the first request with "content modified"."""
    uri = (repository / "a.py").as_uri()
    parts, _ = recording_parts()
    document = parts.workspace.documents.open(uri, "python", 1, "x = 1\n")
    assert document is not None
    parts.sync.open(document)
    permitted: list[bool] = []

    async def suggest(*_: Any) -> None:
        permitted.append(not parts.outgoing.withholds(uri))

    monkeypatch.setattr(parts.completions, "suggest", suggest)
    request = parts.suggester.suggest(uri, document, types.Position(0, 0), "inlineCompletion")
    waiting = asyncio.ensure_future(request)
    while not parts.exclusion.is_fresh(uri):  # then the request waits for the engine side
        await asyncio.sleep(0.001)
    async with anyio.create_task_group() as group:
        group.start_soon(parts.run_engine_side, cast(Any, Link()))
        await waiting
        group.cancel_scope.cancel()
    assert permitted == [True]
