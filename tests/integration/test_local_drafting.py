"""Drafts change the time of an answer and not its text: the embedded model with and without them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.models import memory
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.test_local import answer, end_of, require_model, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.model]

SOURCE = Path(memory.__file__).read_text("utf-8")
INSTRUCTIONS = ("Rename `model` to `weights`", "Return -1 where the free memory is unknown")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def drafter() -> AsyncIterator[LocalEngine]:
    require_model()
    engine = LocalEngine("local", LocalSettings(), drafts=True)
    yield engine
    await engine.aclose()


def edit(instruction: str) -> Request:
    start = SOURCE.index("def available")
    parts = (Part(PartKind.PREFIX, SOURCE[:start]), Part(PartKind.TARGET, SOURCE[start:]))
    return Request(Task.EDIT, parts, instruction, "instruct", "python")


async def test_drafts_do_not_change_an_edit(drafter: LocalEngine) -> None:
    assert await drafter.start()  # otherwise the comparison would show nothing
    plain = LocalEngine("local", LocalSettings())
    try:
        for instruction in INSTRUCTIONS:
            drafted = await answer(drafter, edit(instruction))
            expected = await answer(plain, edit(instruction))
            assert text_of(drafted) == text_of(expected)
            assert end_of(drafted).usage == end_of(expected).usage
    finally:
        await plain.aclose()
