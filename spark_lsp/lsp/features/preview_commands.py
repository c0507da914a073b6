"""workspace/executeCommand: the user's decisions about an edit in preview."""

from typing import Any, cast

from spark_lsp.errors import ArgumentError
from spark_lsp.lsp.edit_previews import EditPreviews
from spark_lsp.lsp.engine_side import EngineSide

NOTHING_DONE = "Nothing was changed"


async def apply_edit(argument: Any, *, engine_side: EngineSide, previews: EditPreviews) -> dict[str, Any]:
    """Apply the hunks of an edit that the user accepts: those in `hunks`, or all.

    `version` is the document's version at the user's decision, if the editor gives it. Return the numbers of
    the applied hunks and of those that are still in preview. Raises `ArgumentError` or
    `EditRefused`.
    """
    await engine_side.wait_until_up()
    values = cast(dict[str, Any], argument) if isinstance(argument, dict) else {}
    edit_id, given = values.get("id"), cast(object, values.get("hunks"))
    version: object = values.get("version")
    if not isinstance(edit_id, str):
        raise ArgumentError("spark.applyEdit needs the id of an edit", NOTHING_DONE)
    if version is not None and type(version) is not int:
        raise ArgumentError("The command's version is not a number", NOTHING_DONE)
    numbers = None if given is None else _read_numbers(given)
    applied, left = await previews.apply(edit_id, numbers, version)
    return {"id": edit_id, "applied": applied, "left": left}


async def discard_edit(
    arguments: tuple[Any, ...], *, engine_side: EngineSide, previews: EditPreviews
) -> dict[str, Any]:
    """Reject the edit with an id, or all edits in preview without one. Raises as `apply_edit`."""
    await engine_side.wait_until_up()
    values = cast(dict[str, Any], arguments[0]) if arguments and isinstance(arguments[0], dict) else {}
    edit_id = values.get("id")
    if arguments and not isinstance(edit_id, str):
        raise ArgumentError("spark.discardEdit needs the id of an edit", NOTHING_DONE)
    chosen = [edit_id] if isinstance(edit_id, str) else previews.shown_ids()
    for each in chosen:
        previews.discard(each)
    return {"id": " ".join(chosen)}


def _read_numbers(value: object) -> list[int]:
    """Return the numbers of hunks; some editors write integers as `1.0`."""
    items = cast(list[Any], value) if isinstance(value, list) else []
    if not items or not all(_is_integer(each) for each in items):
        raise ArgumentError("The command's hunks are not a list of numbers", NOTHING_DONE)
    return [int(each) for each in items]


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
