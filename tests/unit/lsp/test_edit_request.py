"""A command's edit: the instruction that its engine gets."""

import pytest

from spark_lsp.errors import ArgumentError
from spark_lsp.lsp.edit_request import EditRequestReader
from spark_lsp.prompts import actions
from tests.unit.lsp.editors import MirrorLink, attached_parts

pytestmark = pytest.mark.anyio
URI = "untitled:a.py"
SIMPLIFY = actions.find_action("simplify")
OWN = actions.own_action("Be brief", "Make this shorter", frozenset(), "refactor.rewrite")


@pytest.fixture
async def reader() -> EditRequestReader:
    parts = attached_parts(MirrorLink())
    document = parts.workspace.documents.open(URI, "python", 1, "if not not a:\n    b()\n")
    assert document is not None
    parts.outgoing.open(document)
    await parts.outgoing.wait_until_decided(URI)
    return EditRequestReader(parts.workspace.documents, parts.outgoing, lambda: [OWN])


def command(**fields: str) -> dict[str, object]:
    here = {"line": 0, "character": 0}
    return {"uri": URI, "action": "simplify", "range": {"start": here, "end": here}, **fields}


async def test_an_action_brings_its_own_instruction(reader: EditRequestReader) -> None:
    assert reader.read_edit(command()).instruction == SIMPLIFY.instruction


async def test_the_user_s_instruction_is_more_specific(reader: EditRequestReader) -> None:
    request = reader.read_edit(command(instruction="use one comparison"))
    assert request.instruction == "use one comparison"


async def test_an_own_action_is_an_edit_with_its_instruction_and_title(reader: EditRequestReader) -> None:
    request = reader.read_edit(command(action=OWN.name))
    assert (request.action, request.instruction, request.title) == (
        "instruct",
        "Make this shorter",
        "Be brief",
    )


@pytest.mark.parametrize("name", ["own:Something else", "explain", "", "no such action"])
async def test_an_unknown_action_is_named_with_the_known_ones(reader: EditRequestReader, name: str) -> None:
    with pytest.raises(ArgumentError) as failed:
        reader.read_edit(command(action=name))
    assert "own:Be brief" in failed.value.remedy
    assert "simplify" in failed.value.remedy


async def test_a_rename_without_a_name_gets_one(reader: EditRequestReader) -> None:
    here = {"line": 0, "character": 11}
    request = reader.read_edit({**command(action="rename"), "range": {"start": here, "end": here}})
    assert request.instruction == "a_renamed"


@pytest.mark.parametrize(
    ("action", "instruction", "expected"),
    [
        ("instruct", "Write a test for this", ("tests", True)),
        ("instruct", "Write a shorter test condition", ("instruct", False)),
        ("tests", "Write tests, below it", ("tests", True)),
        ("tests", "", ("tests", False)),
    ],
)
async def test_where_tests_belong_is_read_from_the_instruction(
    reader: EditRequestReader, action: str, instruction: str, expected: tuple[str, bool]
) -> None:
    request = reader.read_edit(command(action=action, instruction=instruction))
    assert (request.action, request.in_place) == expected
