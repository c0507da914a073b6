"""What the editor can do, as it told in `initialize`."""

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

# Editors that take `documentChanges`, and refuse a stale version in them, without saying that they do.
UNTOLD = {"Neovim"}


def applies_edits(ls: "SparkServer") -> bool:
    """Return whether the editor lets a server change a document."""
    workspace = ls.client_capabilities.workspace
    return workspace is not None and bool(workspace.apply_edit)


def takes_versions(ls: "SparkServer") -> bool:
    """Return whether the editor takes edits of one version of a document."""
    workspace = ls.client_capabilities.workspace
    edit = workspace.workspace_edit if workspace else None
    return bool(edit and edit.document_changes) or ls.editor_name in UNTOLD


def shows_actions(ls: "SparkServer") -> bool:
    """Return whether the editor shows code actions, not only commands."""
    able = _code_action(ls)
    return able is not None and able.code_action_literal_support is not None


def shows_disabled(ls: "SparkServer") -> bool:
    """Return whether the editor shows why an action cannot be used."""
    able = _code_action(ls)
    return able is not None and bool(able.disabled_support)


def adjusts_indentation(ls: "SparkServer") -> bool:
    """Return whether the editor indents the lines of a completion item, and cannot be told not to."""
    completion = _completion(ls)
    mode = completion.insert_text_mode if completion else None
    return mode is types.InsertTextMode.AdjustIndentation and not keeps_indentation(ls)


def keeps_indentation(ls: "SparkServer") -> bool:
    """Return whether the editor can be told to insert a completion item without indenting it."""
    completion = _completion(ls)
    item = completion.completion_item if completion else None
    support = item.insert_text_mode_support if item else None
    return support is not None and types.InsertTextMode.AsIs in support.value_set


def _completion(ls: "SparkServer") -> types.CompletionClientCapabilities | None:
    text_document = ls.client_capabilities.text_document
    return text_document.completion if text_document else None


def _code_action(ls: "SparkServer") -> types.CodeActionClientCapabilities | None:
    text_document = ls.client_capabilities.text_document
    return text_document.code_action if text_document else None
