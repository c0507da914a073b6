# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pygls is only partly annotated; tests/unit/test_contracts.py checks the members used here.

"""The only file that uses private parts of pygls; tests/unit/test_contracts.py checks each of them.

pygls keeps a future for everything that it runs, so that a cancellation can find it, and removes the future
when the answer is sent. It never removes the futures of work without an answer: notifications that start
work, and the inner step of every command. In a server that runs for days these add up. On shutdown, pygls
iterates over the futures and cancels each, which removes some of them during the iteration.

The messages of every keystroke take a shorter path here: an envelope consists of three names, and the names
that are present determine the kind of the message.
"""

import contextvars
import json
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol

from spark_lsp.supervise import guarded

log = logging.getLogger(__name__)

LIFECYCLE_METHODS = ("initialize", "shutdown", "exit")  # they take the long path through pygls


class _Futures(dict[int | str, Any]):
    """Futures by id; they may be removed during an iteration over `items`."""

    def items(self) -> Any:
        return list(super().items())


class PyglsProtocol(LanguageServerProtocol):
    """pygls' protocol without the two leaks, and with a shorter path for frequent messages."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._request_futures = _Futures()

    def _execute_handler(
        self,
        msg_id: int | str,
        handler: Callable[..., Any],
        callback: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(guarded(lambda done: self._forget_future(msg_id, done)))

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
        self._result_types.pop(msg_id, None)
        self._send({"id": msg_id, "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        if self.writer is not None:
            content = json.dumps({"jsonrpc": self.VERSION, **message}, default=self._serialize_message)
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content.encode("ascii")))

    def _forget_future(self, msg_id: int | str, done: Any) -> None:
        if self._request_futures.get(msg_id) is done:
            del self._request_futures[msg_id]


def _remove_traceback(error: Any) -> Any:
    """Return an error without the traceback that pygls puts into `data` when it fails."""
    if isinstance(error.data, dict) and "traceback" in error.data:
        log.error("could not send an answer, because pygls failed")
        return types.ResponseError(error.code, "spark-lsp failed to answer this request. Please report it")
    return error
