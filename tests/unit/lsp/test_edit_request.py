"""A command's edit: the instruction that its engine gets."""

import pytest

from spark_lsp.lsp.edit_request import EditRequestReader
from spark_lsp.prompts import actions
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
URI = "untitled:a.py"
SIMPLIFY = actions.CodeAction(
    "simplify", "Simplify this condition", "refactor.rewrite", instruction="Simplify the condition"
)


@pytest.fixture
async def reader(monkeypatch: pytest.MonkeyPatch) -> EditRequestReader:
    monkeypatch.setattr(actions, "_BY_NAME", {SIMPLIFY.name: SIMPLIFY})
    parts = attached_parts(MirrorLink())
    document = parts.workspace.documents.open(URI, "python", 1, "if not not a:\n    b()\n")
    assert document is not None
    parts.outgoing.open(document)
    await parts.outgoing.wait_until_decided(URI)
    return EditRequestReader(parts.workspace.documents, parts.outgoing)


def command(**fields: str) -> dict[str, object]:
    here = {"line": 0, "character": 0}
    return {"uri": URI, "action": "simplify", "range": {"start": here, "end": here}, **fields}


async def test_an_action_brings_its_own_instruction(reader: EditRequestReader) -> None:
    assert reader.read_edit(command()).instruction == "Simplify the condition"


async def test_the_user_s_instruction_is_more_specific(reader: EditRequestReader) -> None:
    request = reader.read_edit(command(instruction="use one comparison"))
    assert request.instruction == "use one comparison"
