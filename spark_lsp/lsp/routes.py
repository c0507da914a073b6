"""The routing table: which function handles which method, and the parts that it needs.

Each handler imports its feature's module at its first call.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from spark_lsp.lsp.parts import Parts

if TYPE_CHECKING:
    from spark_lsp.text.document import Document

NotificationHandler = Callable[[Parts, Any], None]
RequestHandler = Callable[[Parts, Any, "Document | None"], Awaitable[Any]]
CommandHandler = Callable[[Parts, tuple[Any, ...]], Awaitable[Any]]


def open_document(parts: Parts, params: types.DidOpenTextDocumentParams) -> None:
    """Handle textDocument/didOpen."""
    from spark_lsp.lsp.features import did_open

    documents = parts.workspace.documents
    did_open.open_document(params, documents=documents, sync=parts.sync, messages=parts.messages)


def change_document(parts: Parts, params: types.DidChangeTextDocumentParams) -> None:
    """Handle textDocument/didChange."""
    from spark_lsp.lsp.features import did_change

    documents = parts.workspace.documents
    did_change.change_document(params, documents=documents, sync=parts.sync, messages=parts.messages)


def save_document(parts: Parts, params: types.DidSaveTextDocumentParams) -> None:
    """Handle textDocument/didSave."""
    from spark_lsp.lsp.features import did_save

    documents = parts.workspace.documents
    did_save.save_document(params, documents=documents, sync=parts.sync, messages=parts.messages)


def close_document(parts: Parts, params: types.DidCloseTextDocumentParams) -> None:
    """Handle textDocument/didClose."""
    from spark_lsp.lsp.features import did_close

    did_close.close_document(params, documents=parts.workspace.documents, sync=parts.sync)


def change_settings(parts: Parts, params: types.DidChangeConfigurationParams) -> None:
    """Handle workspace/didChangeConfiguration."""
    from spark_lsp.lsp.features import did_change_configuration

    abilities = parts.client.abilities
    did_change_configuration.change_settings(params, settings=parts.settings, abilities=abilities)


def change_folders(parts: Parts, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Handle workspace/didChangeWorkspaceFolders."""
    from spark_lsp.lsp.features import did_change_workspace_folders

    did_change_workspace_folders.change_folders(params, workspace=parts.workspace, outgoing=parts.outgoing)


def cancel_progress(parts: Parts, params: types.WorkDoneProgressCancelParams) -> None:
    """Handle window/workDoneProgress/cancel: the user stops a job."""
    parts.progress.cancel(params.token)


async def begin(parts: Parts, _: types.InitializedParams, __: "Document | None") -> None:
    """Handle `initialized`."""
    await parts.startup.begin()


async def complete_inline(
    parts: Parts, params: types.InlineCompletionParams, document: "Document | None"
) -> types.InlineCompletionList:
    """Handle textDocument/inlineCompletion."""
    from spark_lsp.lsp.features import inline_completion

    encoding = parts.workspace.documents.encoding
    return await inline_completion.complete_inline(
        params, document, suggester=parts.suggester, encoding=encoding
    )


async def complete(
    parts: Parts, params: types.CompletionParams, document: "Document | None"
) -> types.CompletionList:
    """Handle textDocument/completion."""
    from spark_lsp.lsp.features import completion

    return await completion.complete(
        params,
        document,
        suggester=parts.suggester,
        abilities=parts.client.abilities,
        encoding=parts.workspace.documents.encoding,
        status=parts.status,
    )


async def list_actions(
    parts: Parts, params: types.CodeActionParams, document: "Document | None"
) -> list[types.CodeAction] | list[types.Command]:
    """Handle textDocument/codeAction."""
    from spark_lsp.lsp.features import code_action

    return await code_action.list_actions(
        params,
        document,
        documents=parts.workspace.documents,
        outgoing=parts.outgoing,
        abilities=parts.client.abilities,
        reader=parts.request_reader,
        cursor_rest=parts.cursor_rest,
        notes=parts.context.diagnostic_notes,
    )


async def resolve_action(_: Parts, params: types.CodeAction, __: "Document | None") -> types.CodeAction:
    """Handle codeAction/resolve: some editors send it although our actions are complete."""
    return params


async def start_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.edit."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.start_edit(
        _first(arguments),
        engine_side=parts.engine_side,
        outgoing=parts.outgoing,
        reader=parts.request_reader,
        edits=parts.edits,
        abilities=parts.client.abilities,
        messages=parts.messages,
        history=parts.edit_history,
    )


async def continue_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.editAgain."""
    from spark_lsp.lsp.features import going_on

    return await going_on.continue_edit(
        _first(arguments),
        engine_side=parts.engine_side,
        outgoing=parts.outgoing,
        reader=parts.request_reader,
        edits=parts.edits,
        last_edits=parts.last_edits,
        history=parts.edit_history,
    )


async def steer_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.steer."""
    from spark_lsp.lsp.features import going_on

    return await going_on.steer_edit(
        _first(arguments), engine_side=parts.engine_side, edits=parts.edits, history=parts.edit_history
    )


async def undo_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.undoEdit."""
    from spark_lsp.lsp.features import going_on

    return await going_on.undo_edit(_first(arguments), engine_side=parts.engine_side, undo=parts.edit_undo)


async def list_instructions(parts: Parts, _: tuple[Any, ...]) -> dict[str, list[str]]:
    """Handle the command spark.instructions."""
    return {"instructions": await parts.edit_history.list()}


async def cancel_job(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.cancel."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.cancel_job(
        arguments, engine_side=parts.engine_side, edits=parts.edits, explanations=parts.explanations
    )


async def apply_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Handle the command spark.applyEdit."""
    from spark_lsp.lsp.features import preview_commands

    return await preview_commands.apply_edit(
        _first(arguments), engine_side=parts.engine_side, previews=parts.edits.previews
    )


async def discard_edit(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Handle the command spark.discardEdit."""
    from spark_lsp.lsp.features import preview_commands

    return await preview_commands.discard_edit(
        arguments, engine_side=parts.engine_side, previews=parts.edits.previews
    )


async def accept_suggestion(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, int]:
    """Handle the command spark.accept."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.accept_suggestion(
        _first(arguments), engine_side=parts.engine_side, completions=parts.completions
    )


async def reject_suggestion(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, bool]:
    """Handle the command spark.reject."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.reject_suggestion(
        _first(arguments), engine_side=parts.engine_side, completions=parts.completions
    )


async def start_explanation(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, str]:
    """Handle the command spark.explain."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.start_explanation(
        _first(arguments),
        engine_side=parts.engine_side,
        outgoing=parts.outgoing,
        reader=parts.request_reader,
        explanations=parts.explanations,
    )


async def select_engine(parts: Parts, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Handle the command spark.selectEngine."""
    from spark_lsp.lsp.features import execute_command

    return await execute_command.select_engine(
        arguments, engine_side=parts.engine_side, gateway=parts.gateway
    )


async def move_cursor(parts: Parts, arguments: tuple[Any, ...]) -> None:
    """Handle the command spark.cursor."""
    from spark_lsp.lsp.features import execute_command

    await execute_command.move_cursor(
        _first(arguments), documents=parts.workspace.documents, cursor_rest=parts.cursor_rest
    )


async def get_status(parts: Parts, _: tuple[Any, ...]) -> dict[str, Any]:
    """Handle the command spark.status; also show the status if the editor has no place for it."""
    status = parts.status.current
    if parts.client.abilities.lacks_status_ui:
        parts.messages.show(types.MessageType.Info, status.line())
    if not parts.gateway.is_attached:
        return {**status.message(), "accepted": 0}
    completions = parts.completions
    counts = completions.counts.message()
    return {**status.message(), "accepted": completions.count_accepted(), "suggestions": counts}


def _first(arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else None


# Handled at once and in order, because they change state.
NOTIFICATIONS: dict[str, NotificationHandler] = {
    types.TEXT_DOCUMENT_DID_OPEN: open_document,
    types.TEXT_DOCUMENT_DID_CHANGE: change_document,
    types.TEXT_DOCUMENT_DID_SAVE: save_document,
    types.TEXT_DOCUMENT_DID_CLOSE: close_document,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: change_settings,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: change_folders,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: cancel_progress,
}

# Handled in a task, with the document as it was when the request arrived.
REQUESTS: dict[str, RequestHandler] = {
    types.INITIALIZED: begin,  # a notification that starts work
    types.TEXT_DOCUMENT_INLINE_COMPLETION: complete_inline,
    types.TEXT_DOCUMENT_CODE_ACTION: list_actions,
    types.CODE_ACTION_RESOLVE: resolve_action,
}

COMMANDS: dict[str, CommandHandler] = {
    "spark.edit": start_edit,
    "spark.editAgain": continue_edit,
    "spark.steer": steer_edit,
    "spark.undoEdit": undo_edit,
    "spark.instructions": list_instructions,
    "spark.cancel": cancel_job,
    "spark.applyEdit": apply_edit,
    "spark.discardEdit": discard_edit,
    "spark.accept": accept_suggestion,
    "spark.reject": reject_suggestion,
    "spark.explain": start_explanation,
    "spark.cursor": move_cursor,
    "spark.selectEngine": select_engine,
    "spark.status": get_status,
}

# The options that the server announces for a method.
OPTIONS: dict[str, object] = {
    types.TEXT_DOCUMENT_DID_SAVE: types.SaveOptions(include_text=True),
    types.TEXT_DOCUMENT_INLINE_COMPLETION: types.InlineCompletionOptions(work_done_progress=False),
    types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(
        code_action_kinds=[
            types.CodeActionKind.QuickFix,
            types.CodeActionKind.RefactorRewrite,
            types.CodeActionKind.RefactorExtract,
            types.CodeActionKind.RefactorInline,
            "source.fixAll.spark",
            "spark.explain",
        ]
    ),
    types.TEXT_DOCUMENT_COMPLETION: types.CompletionOptions(trigger_characters=[".", "(", " ", "\n"]),
}

# pygls' own handlers that we do not use: those of its document store, and those for which it would keep a
# future of each message until the process ends.
REPLACED = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.TEXT_DOCUMENT_DID_SAVE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
    types.WORKSPACE_EXECUTE_COMMAND,
    types.SET_TRACE,
)
