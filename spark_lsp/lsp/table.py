"""The visible table of what the language server offers."""

from lsprotocol import types

# What is offered: the method, the file of `features` that answers it (imported at the first call), whether
# it is a request or starts work (then it runs as a task; a notification that changes state runs at once,
# in order), and the options that are advertised.
FEATURES: tuple[tuple[str, str, bool, object], ...] = (
    (types.INITIALIZE, "initialize", False, None),
    (types.INITIALIZED, "initialized", True, None),
    (types.TEXT_DOCUMENT_DID_OPEN, "did_open", False, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, "did_change", False, None),
    (types.TEXT_DOCUMENT_DID_SAVE, "did_save", False, types.SaveOptions(include_text=True)),
    (types.TEXT_DOCUMENT_DID_CLOSE, "did_close", False, None),
    (types.WORKSPACE_DID_CHANGE_CONFIGURATION, "did_change_configuration", False, None),
    (types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, "did_change_workspace_folders", False, None),
    (types.WINDOW_WORK_DONE_PROGRESS_CANCEL, "work_done_progress_cancel", False, None),
    (
        types.TEXT_DOCUMENT_INLINE_COMPLETION,
        "inline_completion",
        True,
        types.InlineCompletionOptions(work_done_progress=False),
    ),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        "code_action",
        True,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite]
        ),
    ),
    (types.CODE_ACTION_RESOLVE, "code_action_resolve", True, None),
)
MENU = types.CompletionOptions(trigger_characters=[".", "(", " ", "\n"])

# Commands, and the functions of `features/execute_command.py` that answer them.
COMMANDS = {
    "spark.edit": "edit",
    "spark.cancel": "cancel",
    "spark.accept": "accept",
    "spark.explain": "explain",
    "spark.selectEngine": "select_engine",
    "spark.status": "status",
}

REPLACED = (  # pygls' own handlers, whose document store is not ours
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.TEXT_DOCUMENT_DID_SAVE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL,
)
