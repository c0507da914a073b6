# pyright: reportUnknownMemberType=false
# pygls is only partly annotated; tests/e2e checks the members used here.

"""The language server: registers the routing table with pygls, and turns failures into answers.

Until the answer to `initialize` is sent, it imports as little as possible: an editor waits for that answer at
every start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.errors import ArgumentError, SparkError, origin
from spark_lsp.lsp import routes
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.parts import Parts
from spark_lsp.lsp.pygls_adapter import PyglsProtocol
from spark_lsp.lsp.requests import RequestBook
from spark_lsp.supervise import call_guarded, guarded

if TYPE_CHECKING:
    from spark_lsp.config import Source
    from spark_lsp.text.document import Document

log = logging.getLogger(__name__)

INVALID_PARAMS, INTERNAL_ERROR, REQUEST_FAILED = -32602, -32603, -32803


class SparkServer(LanguageServer):
    """One editor's server. `sources` returns the layers of settings below the editor's."""

    def __init__(self, sources: "Callable[[], Sequence[Source]]" = tuple) -> None:
        super().__init__("spark-lsp", __version__, protocol_cls=PyglsProtocol)
        self.parts = Parts(LanguageClient(self), sources)
        self.requests = RequestBook(self._find_document)
        self._register_routes()

    def _find_document(self, uri: str) -> "Document | None":
        return self.parts.workspace.documents.get(uri)

    def _register_routes(self) -> None:
        for method in routes.REPLACED:
            self.protocol.fm.builtin_features.pop(method, None)
        self.feature(types.INITIALIZE)(self._guard_initialize())
        for method, handler in routes.NOTIFICATIONS.items():
            self.feature(method, routes.OPTIONS.get(method))(self._guard_notification(handler))
        for method, handler in routes.REQUESTS.items():
            self._register_request(method, handler)
        self.feature(types.WORKSPACE_EXECUTE_COMMAND)(self._register_commands())

    def _register_request(self, method: str, handler: routes.RequestHandler) -> None:
        self.feature(method, routes.OPTIONS.get(method))(self._guard_request(handler))

    def _guard_initialize(self) -> Callable[[Any], None]:
        """Return the handler of `initialize`. It offers the completion menu to editors that need it."""

        def handle(params: Any) -> None:
            from spark_lsp.lsp.features.initialize import initialize

            needs_menu = initialize(
                params,
                client=self.parts.client,
                workspace=self.parts.workspace,
                settings=self.parts.settings,
                startup=self.parts.startup,
            )
            if needs_menu:
                self._register_request(types.TEXT_DOCUMENT_COMPLETION, routes.complete)

        return guarded(handle)

    def _guard_notification(self, handler: routes.NotificationHandler) -> Callable[[Any], None]:
        """Return a handler that never raises."""

        def handle(params: Any) -> None:
            call_guarded(handler, self.parts, params, on_failure=lambda _: self._recover(handler, params))

        return handle

    def _recover(self, handler: routes.NotificationHandler, params: Any) -> None:
        """Continue after a failed notification: mirror the document again, or stop using an older text."""
        if handler not in (routes.open_document, routes.change_document):
            return
        uri, version = params.text_document.uri, params.text_document.version
        document = self._find_document(uri)
        call_guarded(self.parts.sync.lose_history, uri)
        if document is not None and document.version == version:
            call_guarded(self.parts.sync.reopen, document)
        else:
            self.parts.workspace.documents.mark_out_of_sync(uri)
            call_guarded(self.parts.sync.discard, uri)

    def _guard_request(self, handler: routes.RequestHandler) -> Callable[[Any], Awaitable[Any]]:
        """Return a handler whose exceptions become error responses without a traceback."""

        async def handle(params: Any) -> Any:
            document = self.requests.document(self.protocol.msg_id)
            return await self._answer(lambda: handler(self.parts, params, document))

        return handle

    def _guard_command(self, handler: routes.CommandHandler) -> Callable[..., Awaitable[Any]]:
        async def handle(*arguments: Any) -> Any:
            return await self._answer(lambda: handler(self.parts, arguments))

        return handle

    def _register_commands(self) -> Callable[[types.ExecuteCommandParams], Awaitable[Any]]:
        """Register the names of all commands, and return their handler.

        If the editor cancels a command, it gets its answer at once. The command runs to its end all the same,
        because the editor may be applying its edit already.
        """

        commands = {name: self._guard_command(handler) for name, handler in routes.COMMANDS.items()}
        for name, command in commands.items():
            self.command(name)(command)

        async def handle(params: types.ExecuteCommandParams) -> Any:
            command = commands[params.command]  # the connection has checked the name
            return await asyncio.shield(command(*(params.arguments or ())))

        return handle

    async def _answer(self, work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await work()
        except JsonRpcException:
            raise
        except ArgumentError as error:
            raise JsonRpcException(str(error), INVALID_PARAMS, {"code": error.code}) from None
        except SparkError as error:
            raise JsonRpcException(str(error), REQUEST_FAILED, {"code": error.code}) from None
        except Exception as error:
            log.error("could not answer a request: %s", origin(error))
            message = "spark-lsp failed to answer this request. Nothing was changed. Please report it"
            raise JsonRpcException(message, INTERNAL_ERROR, {"code": Code.INTERNAL_ERROR}) from None
        finally:
            self.requests.discard(self.protocol.msg_id)
