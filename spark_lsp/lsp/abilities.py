"""What the editor can do, according to its `initialize` request."""

from lsprotocol import types

# Editors that accept `documentChanges`, and refuse a stale version in them, without declaring it.
UNDECLARED_VERSION_SUPPORT = {"Neovim"}
LACK_STATUS_UI = {"helix"}  # editors that show our status and a failed command only in their log


class Abilities:
    """Answers questions about the client capabilities; `editor_name` is the client's own name."""

    def __init__(self, capabilities: types.ClientCapabilities | None = None, editor_name: str = "") -> None:
        self._capabilities = capabilities or types.ClientCapabilities()
        self._editor_name = editor_name

    @property
    def lacks_status_ui(self) -> bool:
        """Whether the editor shows neither our status nor the reason for a failed command."""
        return self._editor_name in LACK_STATUS_UI

    @property
    def applies_edits(self) -> bool:
        """Whether the editor lets a server change a document."""
        workspace = self._capabilities.workspace
        return workspace is not None and bool(workspace.apply_edit)

    @property
    def takes_versions(self) -> bool:
        """Whether the editor takes edits of one version of a document."""
        workspace = self._capabilities.workspace
        edit = workspace.workspace_edit if workspace else None
        return bool(edit and edit.document_changes) or self._editor_name in UNDECLARED_VERSION_SUPPORT

    @property
    def creates_files(self) -> bool:
        """Whether an edit may create a file."""
        workspace = self._capabilities.workspace
        edit = workspace.workspace_edit if workspace else None
        operations = (edit.resource_operations if edit else None) or ()
        return types.ResourceOperationKind.Create in operations and self.takes_versions

    @property
    def answers_configuration(self) -> bool:
        """Whether the editor answers `workspace/configuration`."""
        workspace = self._capabilities.workspace
        return workspace is not None and bool(workspace.configuration)

    @property
    def shows_questions(self) -> bool:
        """Whether the editor shows messages with actions. Emacs, for one, does not declare it."""
        window = self._capabilities.window
        return window is not None and window.show_message is not None

    @property
    def shows_documents(self) -> bool:
        """Whether the editor opens a document at the server's request."""
        window = self._capabilities.window
        return window is not None and window.show_document is not None and window.show_document.support

    @property
    def requests_contents(self) -> bool:
        """Whether the editor requests the text of a server's documents, once the server registers for it."""
        workspace = self._capabilities.workspace
        content = workspace.text_document_content if workspace else None
        return content is not None and bool(content.dynamic_registration)

    @property
    def shows_progress(self) -> bool:
        """Whether the editor shows work-done progress that a server starts."""
        window = self._capabilities.window
        return window is not None and bool(window.work_done_progress)

    @property
    def shows_ghost_text(self) -> bool:
        """Whether the editor requests `textDocument/inlineCompletion`."""
        text_document = self._capabilities.text_document
        return text_document is not None and text_document.inline_completion is not None

    @property
    def shows_code_actions(self) -> bool:
        """Whether the editor shows code actions, not only commands."""
        code_action = self._code_action
        return code_action is not None and code_action.code_action_literal_support is not None

    @property
    def shows_disabled_actions(self) -> bool:
        """Whether the editor shows why an action cannot be used."""
        code_action = self._code_action
        return code_action is not None and bool(code_action.disabled_support)

    @property
    def adjusts_indentation(self) -> bool:
        """Whether the editor indents the lines of a completion item, and no item can prevent it."""
        mode = self._completion.insert_text_mode if self._completion else None
        return mode is types.InsertTextMode.AdjustIndentation and not self.keeps_indentation

    @property
    def keeps_indentation(self) -> bool:
        """Whether a completion item can ask the editor to insert it without indenting it."""
        item = self._completion_item
        support = item.insert_text_mode_support if item else None
        return support is not None and types.InsertTextMode.AsIs in support.value_set

    @property
    def documentation_formats(self) -> tuple[types.MarkupKind | str, ...]:
        """The formats in which a completion item may be documented; empty if the editor lists none."""
        item = self._completion_item
        return tuple(item.documentation_format or ()) if item else ()

    @property
    def _completion(self) -> types.CompletionClientCapabilities | None:
        text_document = self._capabilities.text_document
        return text_document.completion if text_document else None

    @property
    def _completion_item(self) -> types.ClientCompletionItemOptions | None:
        return self._completion.completion_item if self._completion else None

    @property
    def _code_action(self) -> types.CodeActionClientCapabilities | None:
        text_document = self._capabilities.text_document
        return text_document.code_action if text_document else None
