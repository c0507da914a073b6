# pyright: reportUnknownMemberType=false
# pygls is only partly annotated; tests/e2e checks the members used here.

"""The editor: its abilities, and the messages that the server sends to it.

This is the only file, apart from `server` and `pygls_adapter`, that sends through pygls.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from spark_lsp.lsp.abilities import Abilities

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer


class LanguageClient:
    """Sends notifications and requests to the editor through a pygls server."""

    def __init__(self, sender: "LanguageServer") -> None:
        self._sender = sender
        self.abilities = Abilities()  # the capabilities are unknown until `initialize`
        self.shows_partial_results = False  # whether it shows ghost text while the text is streamed
        self.shows_previews = False  # whether it shows the hunks of an edit before they are applied
        self.reports_rejections = False  # whether it sends `spark.reject`
        self.shows_explanations = False  # whether it handles `spark/explanation`

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification of plain values."""
        self._sender.protocol.notify(method, dict(params))

    def show_message(self, kind: types.MessageType, text: str) -> None:
        """Show a message to the user."""
        self._sender.window_show_message(types.ShowMessageParams(kind, text))

    async def request_choice(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        """Show a message with actions and return the chosen one. Raises what pygls raises for an error."""
        return await self._sender.window_show_message_request_async(params)

    async def request_configuration(self, params: types.ConfigurationParams) -> Any:
        """Return the editor's answer to `workspace/configuration`. Raises `JsonRpcException`."""
        return await self._sender.workspace_configuration_async(params)

    async def apply_edit(self, params: types.ApplyWorkspaceEditParams) -> Any:
        """Return the editor's answer to `workspace/applyEdit`. Raises `JsonRpcException`."""
        return await self._sender.workspace_apply_edit_async(params)

    async def show_document(self, params: types.ShowDocumentParams) -> Any:
        """Let the editor open a document; return its answer. Raises `JsonRpcException`."""
        return await self._sender.window_show_document_async(params)

    async def register(self, registration: types.Registration) -> Any:
        """Register for a method of the editor. Raises `JsonRpcException`."""
        return await self._sender.client_register_capability_async(types.RegistrationParams([registration]))

    async def refresh_content(self, params: types.TextDocumentContentRefreshParams) -> Any:
        """Let the editor request a document's text again. Raises `JsonRpcException`."""
        return await self._sender.workspace_text_document_content_refresh_async(params)

    async def create_progress(self, token: str) -> None:
        """Ask the editor to show the progress of a job. Raises `JsonRpcException`."""
        await self._sender.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams(token))

    def begin_progress(self, token: str, title: str) -> None:
        """Report that a cancellable job has begun."""
        self._sender.work_done_progress.begin(token, types.WorkDoneProgressBegin(title, cancellable=True))

    def end_progress(self, token: str, message: str) -> None:
        """Report that a job has ended."""
        self._sender.work_done_progress.end(token, types.WorkDoneProgressEnd(message=message))
