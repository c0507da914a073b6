"""workspace/executeCommand: the commands of the table.

They answer at once, because editors abort slow commands after ten seconds. The result of an edit is sent by
`spark/edit`, and that of an explanation by `spark/explanation`.
"""

from typing import Any, cast

from lsprotocol.types import MessageType, Position

from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, EditRefused
from spark_lsp.lsp import convert
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.completions import Completions
from spark_lsp.lsp.cursor_rest import CursorRest
from spark_lsp.lsp.edit_history import EditHistory
from spark_lsp.lsp.edit_jobs import EditJobs
from spark_lsp.lsp.edit_request import EditRequestReader
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.explanations import Explanations
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.request import EngineInfo
from spark_lsp.session.documents import Documents

NOTHING_STOPPED = "Nothing was stopped"


async def start_edit(
    argument: Any,
    *,
    engine_side: EngineSide,
    outgoing: Outgoing,
    reader: EditRequestReader,
    edits: EditJobs,
    abilities: Abilities,
    messages: UserMessages,
    history: EditHistory,
) -> dict[str, str]:
    """Begin an edit. Raises `ArgumentError` or `EditRefused`."""
    await engine_side.wait_until_up()
    await _wait_for_document(argument, outgoing)
    try:
        request = reader.read_edit(argument)
    except EditRefused as error:
        if abilities.lacks_status_ui:
            messages.show(MessageType.Warning, str(error))
        raise
    if argument["action"] == "instruct":  # the user's own sentence
        history.add(request.instruction)
    return {"id": edits.start(request), "state": "started"}


async def cancel_job(
    arguments: tuple[Any, ...], *, engine_side: EngineSide, edits: EditJobs, explanations: Explanations
) -> dict[str, str]:
    """Stop a job by its id, or all edits without an id: a user who types the command knows no id."""
    await engine_side.wait_until_up()
    if not arguments:
        return {"id": " ".join(edits.cancel_all()), "state": "cancelled"}
    job_id = _read_field(arguments[0], "id")
    if not isinstance(job_id, str):
        raise ArgumentError("spark.cancel needs the id of an edit", NOTHING_STOPPED)
    if not (edits.cancel(job_id) or explanations.cancel(job_id)):
        raise EditRefused("There is no such edit under way", NOTHING_STOPPED, code=Code.NO_SUCH_JOB)
    return {"id": job_id, "state": "cancelled"}


async def accept_suggestion(
    argument: Any, *, engine_side: EngineSide, completions: Completions
) -> dict[str, int]:
    """Count a suggestion as accepted, once for any number of its words and lines that the user takes."""
    await engine_side.wait_until_up()
    token = cast(dict[str, Any], argument).get("token") if isinstance(argument, dict) else None
    if type(token) is not int:
        raise ArgumentError("spark.accept needs the token of a suggestion", "Nothing was counted")
    return {"accepted": completions.accept(token)}


async def reject_suggestion(
    argument: Any, *, engine_side: EngineSide, completions: Completions
) -> dict[str, bool]:
    """Remove a suggestion that the user sent away; it is not shown at its place again.

    With `leaving`, the user only left the mode in which it is on the screen. Then it counts as ignored, if it
    was there for long enough to be read.
    """
    await engine_side.wait_until_up()
    values = cast(dict[str, Any], argument) if isinstance(argument, dict) else {}
    token, leaving = values.get("token"), values.get("leaving", False)
    if type(token) is not int or type(leaving) is not bool:
        raise ArgumentError("spark.reject needs the token of a suggestion", "Nothing was removed")
    return {"rejected": completions.reject(token, leaving=leaving)}


async def start_explanation(
    argument: Any,
    *,
    engine_side: EngineSide,
    outgoing: Outgoing,
    reader: EditRequestReader,
    explanations: Explanations,
) -> dict[str, str]:
    """Begin to explain the lines of a range. Raises `ArgumentError` or `EditRefused`."""
    await engine_side.wait_until_up()
    await _wait_for_document(argument, outgoing)
    document, start, end = reader.read_lines(argument)
    return {"id": explanations.start(document, start, end), "state": "started"}


async def move_cursor(argument: Any, *, documents: Documents, cursor_rest: CursorRest) -> None:
    """Let the engine read ahead at a position. It is only a hint, so an unreadable one is ignored."""
    values = cast(dict[str, Any], argument) if isinstance(argument, dict) else {}
    given = values.get("position")
    position = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    document = documents.get(str(values.get("uri", "")))
    line, character = position.get("line"), position.get("character")
    if document is not None and type(line) is int and type(character) is int and min(line, character) >= 0:
        at = Position(line, character)
        cursor_rest.move(document, convert.to_offset_in(document, at, documents.encoding))


async def select_engine(
    arguments: tuple[Any, ...], *, engine_side: EngineSide, gateway: GatewayClient
) -> dict[str, Any]:
    """Use one engine for everything until the next selection; null selects none. Return the engines."""
    await engine_side.wait_until_up()
    if arguments and (not isinstance(arguments[0], dict) or "engine" in arguments[0]):
        gateway.select_engine(_read_field(arguments[0], "engine") or "")
    engines = [_describe_engine(engine) for engine in gateway.engines]
    return {"engine": gateway.selected_engine, "engines": engines}


def _read_field(argument: Any, name: str) -> object:
    """Return a field of an argument, which may also be that field's value alone."""
    return cast(dict[str, Any], argument).get(name) if isinstance(argument, dict) else argument


async def _wait_for_document(argument: Any, outgoing: Outgoing) -> None:
    """Wait until the document in an argument may be used."""
    if isinstance(argument, dict):
        await outgoing.wait_until_scanned(str(cast(dict[str, Any], argument).get("uri", "")))


def _describe_engine(engine: EngineInfo) -> dict[str, Any]:
    names = ("name", "kind", "model", "simulated", "state", "reason", "code")
    return {name: getattr(engine, name) for name in names}
