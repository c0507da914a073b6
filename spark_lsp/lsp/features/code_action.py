"""textDocument/codeAction: what can be done here; no engine is asked."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.lsp import abilities, convert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spark_lsp.lsp.server import SparkServer
    from spark_lsp.prompts.actions import ActionOffer, Diagnostic
    from spark_lsp.text.document import Document

COMMAND = "spark.edit"


CANNOT_APPLY = "this editor does not let a language server change the text"


async def handle(
    ls: "SparkServer", params: types.CodeActionParams
) -> "list[types.CodeAction] | list[types.Command]":
    """Offer the actions of the table that apply to this range.

    An editor that asks by itself at every move of the cursor, to show a light bulb, gets fixes only, unless
    something is selected: the other actions apply nearly everywhere.
    """
    from spark_lsp.lsp.aside import aside
    from spark_lsp.lsp.editing import diagnostic
    from spark_lsp.prompts import actions

    uri = params.text_document.uri
    document = ls.document_then
    await ls.outgoing.decided(uri)
    if document is None or ls.outgoing.kept(uri) or not ls.outgoing.fence.narrowing(uri).edits:
        return []
    start, end = convert.offsets(document, params.range, ls.documents.encoding)
    told = {diagnostic(ls, document, each): each for each in params.context.diagnostics}
    here = [each for each in told if _touches(document, each, start, end)]
    offers = await aside(actions.list_offers, document, start, end, here)
    by_itself = params.context.trigger_kind is types.CodeActionTriggerKind.Automatic
    wanted = [
        offer
        for offer in offers
        if _wanted(params.context.only, offer.action.kind)
        and (offer.diagnostics or not by_itself or end > start)
    ]
    found = [
        _action(params, document.version, offer, [told[each] for each in offer.diagnostics])
        for offer in wanted
    ]
    return _as_the_editor_shows(ls, found)


def _touches(document: "Document", diagnostic: "Diagnostic", start: int, end: int) -> bool:
    """Return whether a diagnostic lies in the lines of a range: some editors send those of the whole file."""
    first, last = document.line_at(diagnostic.start), document.line_at(diagnostic.end)
    return first <= document.line_at(end) and last >= document.line_at(start)


def _as_the_editor_shows(
    ls: "SparkServer", found: list[types.CodeAction]
) -> "list[types.CodeAction] | list[types.Command]":
    """Return actions as far as the editor can show and run them: each ends in an edit that it must apply."""
    literal = abilities.shows_actions(ls)
    if abilities.applies_edits(ls):
        return found if literal else [each.command for each in found if each.command]
    if not (literal and abilities.shows_disabled(ls)):
        return []
    why = types.CodeActionDisabled(CANNOT_APPLY)
    return [types.CodeAction(each.title, each.kind, disabled=why) for each in found]


def _wanted(only: "Sequence[types.CodeActionKind | str] | None", kind: str) -> bool:
    """Tell whether an editor that asks for some kinds only asks for this one."""
    names = [str(getattr(each, "value", each)) for each in only or [""]]
    return any(not name or kind == name or kind.startswith(f"{name}.") for name in names)


def _action(
    params: types.CodeActionParams, version: int, offer: "ActionOffer", diagnostics: list[types.Diagnostic]
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
