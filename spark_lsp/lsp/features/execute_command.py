"""workspace/executeCommand: the commands of the table.

They answer at once: editors give up on slow ones after ten seconds. What comes of an edit is told by
`spark/edit`, what comes of an explanation by `spark/explanation`.
"""

from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, EditRefused

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer
    from spark_lsp.request import EngineInfo


async def edit(ls: "SparkServer", *arguments: Any) -> dict[str, str]:
    """Begin an edit. Raises `EditRefused` for an argument that cannot be used."""
    from spark_lsp.lsp.editing import as_order

    await ls.wait_until_up()
    argument = arguments[0] if arguments else None
    if isinstance(argument, dict):
        await ls.outgoing.looked(str(cast(dict[str, Any], argument).get("uri", "")))
    try:
        order = as_order(ls, argument)
    except EditRefused as error:
        if ls.deaf:
            ls.say(types.MessageType.Warning, str(error))
        raise
    return {"id": ls.editor.start(order), "state": "started"}


async def cancel(ls: "SparkServer", *arguments: Any) -> dict[str, str]:
    """Stop an edit by its id, or all of them: a person who types the command knows no id."""
    await ls.wait_until_up()
    if not arguments:
        return {"id": " ".join(ls.editor.cancel_all()), "state": "cancelled"}
    argument = arguments[0]
    fields = cast(dict[str, Any], argument) if isinstance(argument, dict) else {"id": argument}
    identity = fields.get("id")
    if not isinstance(identity, str):
        raise ArgumentError("spark.cancel needs the id of an edit", "Nothing was stopped")
    if not (ls.editor.cancel(identity) or ls.explainer.cancel(identity)):
        raise EditRefused("There is no such edit under way", "Nothing was stopped", code=Code.NO_SUCH_JOB)
    return {"id": identity, "state": "cancelled"}


async def accept(ls: "SparkServer", *arguments: Any) -> dict[str, int]:
    """Count a suggestion as accepted: once, however many of its words and lines were taken one by one."""
    await ls.wait_until_up()
    argument = arguments[0] if arguments else None
    token = cast(dict[str, Any], argument).get("token") if isinstance(argument, dict) else None
    if type(token) is not int:
        raise ArgumentError("spark.accept needs the token of a suggestion", "Nothing was counted")
    return {"accepted": ls.completer.accept(token)}


async def explain(ls: "SparkServer", *arguments: Any) -> dict[str, str]:
    """Begin to explain the lines of a range; what comes of it is told by `spark/explanation`."""
    from spark_lsp.lsp.editing import as_place

    await ls.wait_until_up()
    argument = arguments[0] if arguments else None
    if isinstance(argument, dict):
        await ls.outgoing.looked(str(cast(dict[str, Any], argument).get("uri", "")))
    document, start, end = as_place(ls, argument)
    return {"id": ls.explainer.start(document, start, end), "state": "started"}


async def select_engine(ls: "SparkServer", *arguments: Any) -> dict[str, Any]:
    """Ask one engine for everything until told otherwise (null); without an argument only list them."""
    await ls.wait_until_up()
    argument: Any = arguments[0] if arguments else {}
    fields = cast(dict[str, Any], argument) if isinstance(argument, dict) else {"engine": argument}
    if "engine" in fields:
        _select(ls, fields["engine"] or "")
    return {"engine": ls.selected, "engines": [_engine(each) for each in ls.engines]}


def _select(ls: "SparkServer", name: object) -> None:
    known = [engine.name for engine in ls.engines]
    if name and name not in known:
        raise ArgumentError(
            f"There is no engine {name!r}", "Nothing was changed", f"Use one of: {', '.join(known)}"
        )
    ls.selected = str(name)
    ls.configure_engine()


def _engine(engine: "EngineInfo") -> dict[str, Any]:
    names = ("name", "kind", "model", "simulated", "state", "reason", "code")
    return {name: getattr(engine, name) for name in names}


async def status(ls: "SparkServer", *arguments: Any) -> dict[str, Any]:
    """Return the status, and how many suggestions were accepted; where nobody sees it otherwise, say it."""
    if ls.deaf:
        ls.say(types.MessageType.Info, ls.status.line())
    accepted = len(ls.completer.accepted) if ls.linked else 0
    return {**ls.status.message(), "accepted": accepted}
