"""textDocument/codeAction: the edits that apply to a range. The answer needs no engine."""

from collections.abc import Sequence

from lsprotocol import types

from spark_lsp.errors import EditRefused
from spark_lsp.lsp import convert
from spark_lsp.lsp.abilities import Abilities
from spark_lsp.lsp.cursor_rest import CursorRest
from spark_lsp.lsp.edit_request import EditRequestReader
from spark_lsp.lsp.outgoing import Outgoing
from spark_lsp.lsp.threads import run_in_thread
from spark_lsp.privacy.redaction import redact_secrets
from spark_lsp.prompts import action_offers, fix_all
from spark_lsp.prompts.action_offers import ActionOffer
from spark_lsp.prompts.actions import Ask, CodeAction, Need
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.syntax import SyntaxTree
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
    """Return the actions of the table and of the user's settings that apply to this range.

    An automatic request, which an editor sends for a light bulb at every move of the cursor, gets only fixes
    unless text is selected. The other actions apply nearly everywhere. An action with an obstacle is
    listed, disabled, only if the request names kinds.
    """
    uri = params.text_document.uri
    await outgoing.wait_until_decided(uri)
    if document is None or outgoing.withholds(uri) or not outgoing.exclusion.find_narrowing(uri).edits:
        return []
    start, end = convert.to_offsets(document, params.range, documents.encoding)
    cursor_rest.move(document, end)
    diagnostics = {reader.convert_diagnostic(document, each): each for each in params.context.diagnostics}
    if documents.get(uri) is document:
        notes.replace_lines(document, start, end, map(_make_note, filter(_is_problem, diagnostics.items())))
    here = [each for each in diagnostics if _touches(document, each, start, end)]
    offers = await run_in_thread(
        action_offers.list_offers,
        document,
        start,
        end,
        here,
        own=reader.own_actions,
        all_diagnostics=list(diagnostics),
        is_wanted=lambda action: _is_wanted(params.context, action, is_cursor=end == start),
    )
    shown = [offer for offer in offers if _is_shown(params.context, offer)]
    if not abilities.shows_disabled_actions:
        shown = [offer for offer in shown if not offer.obstacle]
    found = [
        _to_code_action(params, document.version, offer, [diagnostics[each] for each in offer.diagnostics])
        for offer in shown
    ]
    if params.context.only and abilities.shows_code_actions and abilities.applies_edits:
        for number, offer in enumerate(shown):
            if offer.action.name == "fix_all" and not offer.obstacle:
                found[number] = await _with_edit(found[number], document, offer, documents, abilities)
    return _adapt_to_editor(abilities, found)


def _is_wanted(context: types.CodeActionContext, action: CodeAction, *, is_cursor: bool) -> bool:
    """Tell whether a request may show an action."""
    if not _is_requested(context.only, action.kind):
        return False
    if action.need is Need.FIXABLE:
        return bool(context.only) or not _is_automatic(context)
    return action.need is Need.DIAGNOSTIC or not (_is_automatic(context) and is_cursor)


def _is_shown(context: types.CodeActionContext, offer: ActionOffer) -> bool:
    """Tell whether a request shows the offer of an action that it wants."""
    if offer.obstacle:
        return bool(context.only)
    is_alone = offer.action.need is Need.FIXABLE and len(offer.diagnostics) == 1  # its own fix does the same
    return bool(context.only) or not is_alone


def _is_automatic(context: types.CodeActionContext) -> bool:
    return context.trigger_kind is types.CodeActionTriggerKind.Automatic


async def _with_edit(
    action: types.CodeAction,
    document: Document,
    offer: ActionOffer,
    documents: Documents,
    abilities: Abilities,
) -> types.CodeAction:
    """Return an action with its edit in place of its command: an editor that saves a file waits for edits."""
    tree = SyntaxTree.of(document)
    try:
        edits = await run_in_thread(fix_all.fix_all_edits, document, tree, offer.diagnostics)
    except EditRefused as error:
        return types.CodeAction(action.title, action.kind, disabled=types.CodeActionDisabled(str(error)))
    version, encoding = documents.version_of(document), documents.encoding
    action.edit = convert.to_workspace_edit(
        document, version, edits, encoding, versioned=abilities.takes_versions
    )
    action.command = None
    return action


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
    """Return the actions in a form that the editor can show and run: it must apply the resulting edits."""
    if not abilities.shows_code_actions:
        commands = [each.command for each in found if each.command]
        return [each for each in commands if abilities.applies_edits or each.command != EDIT_COMMAND]
    if abilities.applies_edits:
        return found
    why = types.CodeActionDisabled(CANNOT_APPLY)
    adapted = [
        types.CodeAction(each.title, each.kind, disabled=why) if _is_edit(each) else each for each in found
    ]
    return [each for each in adapted if abilities.shows_disabled_actions or not each.disabled]


def _is_edit(action: types.CodeAction) -> bool:
    return action.command is None or action.command.command == EDIT_COMMAND


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
    if offer.action.ask is not Ask.NOTHING:
        argument |= {"ask": offer.action.ask, "default": offer.default}
    return types.CodeAction(
        title=offer.title,
        kind=offer.action.kind,
        diagnostics=diagnostics or None,
        command=types.Command(title=offer.title, command=offer.action.command, arguments=[argument]),
    )
