"""Drafts change the time of an answer and not its text: the embedded model with and without them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.drafting import DraftingModel
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.models import memory, registry
from spark_lsp.request import Part, PartKind, Request, Task
from tests.integration.test_local import answer, completion, end_of, pid, require_model, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.model]

SOURCE = Path(memory.__file__).read_text("utf-8")
INSTRUCTIONS = ("Rename `model` to `weights`",)


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


async def test_edits_have_a_process_of_their_own(drafter: LocalEngine) -> None:
    plain = LocalEngine("local", LocalSettings())
    model = DraftingModel(registry.find("auto"), plain, drafter)
    try:
        await answer(model, replace(edit("Rename it"), max_tokens=3))  # type: ignore[arg-type]
        assert (plain.info.state, drafter.info.state, model.info.state) == ("starting", "ready", "ready")
        await answer(model, completion("def add(a, b):\n    return"))  # type: ignore[arg-type]
        assert plain.info.state == "ready"
        assert pid(plain) != pid(drafter)
    finally:
        await model.aclose()
    assert (plain.info.state, drafter.info.state) == ("off", "off")
