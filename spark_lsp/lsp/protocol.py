# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""pygls' protocol, mended where it keeps for ever what it needs for a moment.

It remembers a future for everything that it runs, so that a cancel can find it, and forgets it when the
answer goes out. What has no answer of its own it never forgets: notifications that start work, and the
inner step of every command. In a server that lives for days these add up. And at a shutdown it goes
through all of them and cancels each, by which some are forgotten while it still counts.

What is sent and received for every key takes a shorter way here: a message's envelope is three names, and
which kind of message came is told by those that it has.
"""

import contextvars
import json
import logging
from collections.abc import Callable
from typing import Any, cast

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol

from spark_lsp.supervise import guarded

log = logging.getLogger(__name__)

SELDOM = ("initialize", "shutdown", "exit")  # where pygls has an order of its own to keep


class _Futures(dict[int | str, Any]):
    """Futures by id, which may be gone through while some of them go."""

    def items(self) -> Any:
        return list(super().items())


class Protocol(LanguageServerProtocol):
    """See the module's text."""

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
            future.add_done_callback(guarded(lambda done: self._forget(msg_id, done)))

    def handle_message(self, message: Any) -> None:
        """Hand a message that has been checked to its handler."""
        method = getattr(message, "method", None)
        if method is None or method in SELDOM:
            super().handle_message(message)
            return
        number = getattr(message, "id", None)
        run = contextvars.copy_context().run
        if number is None:
            run(self._handle_notification, method, message.params)
        else:
            run(cast(Any, self._server).arrived, message.params)
            run(self._handle_request, number, method, message.params)

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        if isinstance(params, dict):  # ours, of plain values
            self._send({"method": method, "params": params})
        else:
            super().notify(method, params)

    def _send_response(self, msg_id: int | str, result: Any = None, error: Any = None) -> None:
        if error is not None:
            super()._send_response(msg_id, result, _without_traceback(error))
            return
        self._result_types.pop(msg_id, None)
        self._send({"id": msg_id, "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        if self.writer is not None:
            content = json.dumps({"jsonrpc": self.VERSION, **message}, default=self._serialize_message)
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content.encode("ascii")))

    def _forget(self, msg_id: int | str, done: Any) -> None:
        if self._request_futures.get(msg_id) is done:
            del self._request_futures[msg_id]


def _without_traceback(error: Any) -> Any:
    """Return an error as it may be shown: pygls puts the traceback of its own failures into `data`."""
    if isinstance(error.data, dict) and "traceback" in error.data:
        log.error("an answer could not be sent: a library failed")
        return types.ResponseError(error.code, "spark-lsp failed to answer this request. Please report it")
    return error
