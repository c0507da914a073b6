# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pygls is only partly annotated; tests/unit/test_contracts.py checks the members used here.

"""The only file that uses private parts of pygls; tests/unit/test_contracts.py checks each of them.

The messages of every keystroke take a shorter path here: an envelope consists of three names, and the names
that are present determine the kind of the message. pygls tests a message against three protocol classes
instead, which takes longer than the handler.

pygls has a public way for everything else: `fm` holds the handlers, and the converter that it passes to a
protocol turns its types into values for JSON.
"""

import contextvars
import json
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

LIFECYCLE_METHODS = ("initialize", "shutdown", "exit")  # they take the long path through pygls


class PyglsProtocol(LanguageServerProtocol):
    """pygls' protocol with a shorter path for frequent messages, and without tracebacks in answers."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self._to_plain: Callable[[Any], Any] = converter.unstructure

    def handle_message(self, message: Any) -> None:
        """Pass a checked message to its handler."""
        method = getattr(message, "method", None)
        if method is None or method in LIFECYCLE_METHODS:
            super().handle_message(message)
            return
        number = getattr(message, "id", None)
        run = contextvars.copy_context().run
        if number is None:
            run(self._handle_notification, method, message.params)
        else:
            run(self._handle_request, number, method, message.params)

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        if isinstance(params, dict):  # one of ours: its values are plain
            self._send({"method": method, "params": params})
        else:
            super().notify(method, params)

    def _send_response(self, msg_id: int | str, result: Any = None, error: Any = None) -> None:
        if error is not None:
            super()._send_response(msg_id, result, _remove_traceback(error))
            return
        self._send({"id": msg_id, "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        if self.writer is not None:
            content = json.dumps({"jsonrpc": self.VERSION, **message}, default=self._to_plain)
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content.encode("ascii")))


def _remove_traceback(error: Any) -> Any:
    """Return an error without the traceback that pygls puts into `data` when it fails."""
    if isinstance(error.data, dict) and "traceback" in error.data:
        log.error("could not send an answer, because pygls failed")
        return types.ResponseError(error.code, "spark-lsp failed to answer this request. Please report it")
    return error
