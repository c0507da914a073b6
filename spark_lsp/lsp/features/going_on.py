"""workspace/executeCommand: the commands that go on from an edit. They answer at once, as the others do."""

from typing import Any, cast

from spark_lsp.errors import ArgumentError
from spark_lsp.lsp.again_request import read_again
from spark_lsp.lsp.edit_history import EditHistory
from spark_lsp.lsp.edit_jobs import EditJobs
from spark_lsp.lsp.edit_request import (
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    NOTHING_DONE,
    EditRequestReader,
    read_text,
    require_object,
)
from spark_lsp.lsp.edit_undo import EditUndo
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.last_edits import LastEdits
from spark_lsp.lsp.outgoing import Outgoing


async def continue_edit(
    argument: Any,
    *,
    engine_side: EngineSide,
    outgoing: Outgoing,
    reader: EditRequestReader,
    edits: EditJobs,
    last_edits: LastEdits,
    history: EditHistory,
) -> dict[str, str]:
    """Begin an edit that continues the last one. Raises `ArgumentError` or `EditRefused`."""
    await engine_side.wait_until_up()
    request = await read_again(argument, reader=reader, last_edits=last_edits, outgoing=outgoing)
    history.add(cast(dict[str, str], argument)["instruction"])
    return {"id": edits.start(request), "state": "started"}


async def steer_edit(
    argument: Any, *, engine_side: EngineSide, edits: EditJobs, history: EditHistory
) -> dict[str, str]:
    """Add an instruction to an edit under way. Raises `ArgumentError` or `EditRefused`."""
    await engine_side.wait_until_up()
    fields = require_object(argument, "spark.steer needs one argument, an object")
    instruction = read_text(fields, "instruction", MAX_TEXT_CHARACTERS).strip()
    if not instruction:
        raise ArgumentError("spark.steer needs an instruction", NOTHING_DONE)
    steered = edits.steer(read_text(fields, "id", MAX_NAME_CHARACTERS), instruction)
    history.add(instruction)
    return {"id": steered, "state": "steered"}


async def undo_edit(argument: Any, *, engine_side: EngineSide, undo: EditUndo) -> dict[str, str]:
    """Undo an edit: that of an id, or the last of a document. Raises `ArgumentError` or `EditRefused`."""
    await engine_side.wait_until_up()
    fields = require_object(argument, "The argument of spark.undoEdit is an object") if argument else {}
    uri = read_text(fields, "uri", MAX_TEXT_CHARACTERS)
    return undo.start(uri, read_text(fields, "id", MAX_NAME_CHARACTERS))
