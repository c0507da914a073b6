"""textDocument/codeAction: the edits that apply to a range. The answer needs no engine."""

from collections.abc import Sequence

from lsprotocol import types

from spark_lsp.lsp import convert
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.cursor_rest import CursorRest
from spark_lsp.lsp.edit_request import EditRequestReader
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.prompts import actions
from spark_lsp.prompts.actions import ActionOffer, Diagnostic
from spark_lsp.session.diagnostic_notes import DiagnosticNote, DiagnosticNotes
from spark_lsp.session.documents import Documents
from spark_lsp.text.document import Document

EDIT_COMMAND = "spark.edit"
CANNOT_APPLY = "this editor does not let a language server change the text"


async def list_actions(
    params: types.CodeActionParams,
    document: Document | None,
    *,
    documents: Documents,
    outgoing: Outgoing,
    abilities: Abilities,
    reader: EditRequestReader,
    cursor_rest: CursorRest,
    notes: DiagnosticNotes,
) -> list[types.CodeAction] | list[types.Command]:
    """Return the actions of the table that apply to this range.

    An automatic request, which an editor sends for a light bulb at every move of the cursor, gets only fixes
    unless text is selected. The other actions apply nearly everywhere. An action with an obstacle is
    listed, disabled, only if the request names kinds.
    """
    uri = params.text_document.uri
    await outgoing.wait_until_decided(uri)
    if document is None or outgoing.withholds(uri) or not outgoing.exclusion.narrowing(uri).edits:
        return []
    start, end = convert.to_offsets(document, params.range, documents.encoding)
    cursor_rest.move(document, end)
    diagnostics = {reader.convert_diagnostic(document, each): each for each in params.context.diagnostics}
    if documents.get(uri) is document:
        notes.replace_lines(document, start, end, map(_make_note, filter(_is_problem, diagnostics.items())))
    here = [each for each in diagnostics if _touches(document, each, start, end)]
    offers = await run_in_thread(actions.list_offers, document, start, end, here)
    is_automatic = params.context.trigger_kind is types.CodeActionTriggerKind.Automatic
    only_fixes = is_automatic and end == start
    found = [
        _to_code_action(params, document.version, offer, [diagnostics[each] for each in offer.diagnostics])
        for offer in offers
        if _is_requested(params.context.only, offer.action.kind)
        and (offer.diagnostics or not only_fixes)
        and (not offer.obstacle or (params.context.only and abilities.shows_disabled_actions))
    ]
    return _adapt_to_editor(abilities, found)


def _is_problem(item: tuple[Diagnostic, types.Diagnostic]) -> bool:
    """Return whether a diagnostic is an error or a warning, and not only a hint."""
    severity = item[1].severity
    return severity is None or severity <= types.DiagnosticSeverity.Warning


def _make_note(item: tuple[Diagnostic, types.Diagnostic]) -> DiagnosticNote:
    """Return a diagnostic as context for ghost text, without secrets."""
    return DiagnosticNote(item[0].start, item[0].end, redact_secrets(item[0].message))


def _touches(document: Document, diagnostic: Diagnostic, start: int, end: int) -> bool:
    """Return whether a diagnostic is in the lines of a range: some editors send those of the entire file."""
    first, last = document.line_at(diagnostic.start), document.line_at(diagnostic.end)
    return first <= document.line_at(end) and last >= document.line_at(start)


def _adapt_to_editor(
    abilities: Abilities, found: list[types.CodeAction]
) -> list[types.CodeAction] | list[types.Command]:
    """Return the actions in a form that the editor can show and run: it must apply the resulting edit."""
    if abilities.applies_edits:
        if abilities.shows_code_actions:
            return found
        return [each.command for each in found if each.command]
    if not (abilities.shows_code_actions and abilities.shows_disabled_actions):
        return []
    why = types.CodeActionDisabled(CANNOT_APPLY)
    return [types.CodeAction(each.title, each.kind, disabled=why) for each in found]


def _is_requested(only: Sequence[types.CodeActionKind | str] | None, kind: str) -> bool:
    """Return whether a request's `only` includes this kind."""
    names = [str(getattr(each, "value", each)) for each in only or [""]]
    return any(not name or kind == name or kind.startswith(f"{name}.") for name in names)


def _to_code_action(
    params: types.CodeActionParams, version: int, offer: ActionOffer, diagnostics: list[types.Diagnostic]
) -> types.CodeAction:
    if offer.obstacle:
        disabled = types.CodeActionDisabled(offer.obstacle)
        return types.CodeAction(offer.title, offer.action.kind, disabled=disabled)
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
        command=types.Command(title=offer.title, command=EDIT_COMMAND, arguments=[argument]),
    )
