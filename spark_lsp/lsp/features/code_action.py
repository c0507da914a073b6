"""textDocument/codeAction: what can be done here; no engine is asked."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import convert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spark_lsp.lsp.server import SparkServer
    from spark_lsp.prompts.actions import Offer

COMMAND = "spark.edit"


async def handle(ls: "SparkServer", params: types.CodeActionParams) -> list[types.CodeAction]:
    """Offer the actions of the table that apply to this range."""
    from spark_lsp.lsp.aside import aside
    from spark_lsp.lsp.editing import diagnostic
    from spark_lsp.prompts import actions

    uri = params.text_document.uri
    document = ls.document_then
    await ls.outgoing.decided(uri)
    if document is None or ls.outgoing.kept(uri) or not ls.outgoing.fence.narrowing(uri).edits:
        return []
    start, end = convert.offsets(document, params.range, ls.documents.encoding)
    found = {diagnostic(ls, document, each): each for each in params.context.diagnostics}
    offers = await aside(actions.applicable, document, start, end, list(found))
    return [
        _action(params, document.version, offer, [found[each] for each in offer.diagnostics])
        for offer in offers
        if _wanted(params.context.only, offer.action.kind)
    ]


def _wanted(only: "Sequence[types.CodeActionKind | str] | None", kind: str) -> bool:
    """Tell whether an editor that asks for some kinds only asks for this one."""
    names = [str(getattr(each, "value", each)) for each in only or [""]]
    return any(not name or kind == name or kind.startswith(f"{name}.") for name in names)


def _action(
    params: types.CodeActionParams, version: int, offer: "Offer", diagnostics: list[types.Diagnostic]
) -> types.CodeAction:
    argument = {
        "action": offer.action.name,
        "uri": params.text_document.uri,
        "version": version,
        "range": params.range,
        "diagnostics": diagnostics,
    }
    return types.CodeAction(
        title=offer.title,
        kind=offer.action.kind,
        diagnostics=diagnostics or None,
        command=types.Command(title=offer.title, command=COMMAND, arguments=[argument]),
    )
