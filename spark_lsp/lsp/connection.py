# pyright: reportUnknownMemberType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""Between framed bodies and pygls: every request is answered exactly once, whatever comes in.

pygls structures messages and runs handlers. Before it sees one, this file checks what it does not: that
the body is JSON, that the server is initialized and not shut down, that the method exists (before its
parameters are looked at), that the parameters fit, and that the id is not in use.

Nothing of a message's content is ever logged.
"""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

log = logging.getLogger(__name__)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
SERVER_NOT_INITIALIZED = -32002
LARGE = 65_536  # bytes from which a faster decoder pays
EXECUTE = "workspace/executeCommand"
NOT_JSON = "The message is not JSON"

MessageId = int | str


class Connection:
    """Takes bodies, answers what is wrong with them, and passes on what is right."""

    def __init__(
        self,
        protocol: LanguageServerProtocol,
        write: Callable[[bytes], None],
        in_flight: set[MessageId],
    ) -> None:
        self._protocol = protocol
        self._write = write
        self._in_flight = in_flight  # handlers take their ids out when they have answered
        self._initialized = False
        self._shut_down = False

    def receive(self, body: bytes) -> None:
        """Handle one body. Raises `SystemExit` for the notification `exit`."""
        try:
            message = decode(body)
        except ValueError:
            self.refuse(None, PARSE_ERROR, NOT_JSON)
            return
        if not isinstance(message, dict):
            self.refuse(None, INVALID_REQUEST, "A message must be an object; batches are not part of LSP")
            return
        self._dispatch(cast(dict[str, Any], message))

    def refuse(self, message_id: MessageId | None, code: int, text: str) -> None:
        """Answer with an error."""
        error = {"code": code, "message": text}
        self._write(frame({"jsonrpc": "2.0", "id": message_id, "error": error}))

    def _dispatch(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self._response(message)
        elif not isinstance(method, str):
            self.refuse(_id(message), INVALID_REQUEST, "The method must be a string")
        elif "id" in message:
            self._request(method, message)
        else:
            self._notification(method, message)

    def _request(self, method: str, message: dict[str, Any]) -> None:
        message_id = _id(message)
        problem = self._problem(method, message_id)
        if problem is not None:
            self.refuse(message_id, *problem)
            return
        structured = self._structured(message)
        if structured is None:
            self.refuse(message_id, INVALID_PARAMS, f"The parameters of {method} are not valid")
            return
        if method == EXECUTE and structured.params.command not in self._protocol.fm.commands:
            self.refuse(message_id, INVALID_PARAMS, "There is no such command")
            return
        if method == "initialize":
            self._initialized = True
        if method == "shutdown":
            self._shut_down = True
        self._pass_on(method, message_id, structured)

    def _pass_on(self, method: str, message_id: MessageId | None, structured: Any) -> None:
        """Hand a request to pygls; its own methods answer at once, ours take their ids out themselves."""
        assert message_id is not None
        own = method in self._protocol.fm.builtin_features and method != EXECUTE
        if not own:
            self._in_flight.add(message_id)
        self._protocol.handle_message(structured)

    def _problem(self, method: str, message_id: MessageId | None) -> tuple[int, str] | None:
        if message_id is None:
            return INVALID_REQUEST, "The id of a request must be a number or a string"
        if self._shut_down:
            return INVALID_REQUEST, "The server has been shut down"
        if not self._initialized and method != "initialize":
            return SERVER_NOT_INITIALIZED, "The server is not initialized yet"
        if self._initialized and method == "initialize":
            return INVALID_REQUEST, "The server is initialized already"
        if not self._known(method):
            return METHOD_NOT_FOUND, f"The method {method[:80]} is not offered"
        if message_id in self._in_flight:
            return INVALID_REQUEST, "A request with this id is still being answered"
        return None

    def _notification(self, method: str, message: dict[str, Any]) -> None:
        if method != "exit" and (not self._initialized or self._shut_down):
            return
        if method != "$/cancelRequest" and not self._known(method):
            return
        structured = self._structured(message)
        if structured is None:
            log.warning("a notification had parameters that are not valid: %s", method)
            return
        if method == "$/cancelRequest":
            self._in_flight.discard(structured.params.id)
        self._protocol.handle_message(structured)

    def _response(self, message: dict[str, Any]) -> None:
        if "id" not in message or not ("result" in message or "error" in message):
            self.refuse(
                _id(message), INVALID_REQUEST, "This is neither a request, a notification nor an answer"
            )
            return
        structured = self._structured(message)
        if structured is not None:
            self._protocol.handle_message(structured)

    def _known(self, method: str) -> bool:
        manager = self._protocol.fm
        return method in manager.features or method in manager.builtin_features

    def _structured(self, message: dict[str, Any]) -> Any:
        """Return the message as pygls wants it, or None if it does not fit its type."""
        message.setdefault("jsonrpc", "2.0")
        try:
            return self._protocol.structure_message(harmless(message))
        except JsonRpcException:
            return None


def decode(body: bytes) -> Any:
    """Return a body's JSON. Raises `ValueError` for anything else.

    Small bodies, `initialize` among them, are read by the standard library: importing a faster one first
    would delay every start. It reads lone surrogates too, which the faster one refuses.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise ValueError(NOT_JSON)
    if len(body) > LARGE:
        with suppress(ValueError, RecursionError):
            return _decode_large(body)
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (RecursionError, UnicodeDecodeError) as error:
        raise ValueError(NOT_JSON) from error


def _decode_large(body: bytes) -> Any:
    import msgspec

    return msgspec.json.decode(body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def frame(message: dict[str, Any]) -> bytes:
    """Return a message with its header."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def harmless(message: dict[str, Any]) -> dict[str, Any]:
    """Mend what older clients send and what means no harm: `triggerKind` counted from 0."""
    params = message.get("params")
    if message.get("method") == "textDocument/inlineCompletion" and isinstance(params, dict):
        context = cast(dict[str, Any], params).get("context")
        if not isinstance(context, dict) or cast(dict[str, Any], context).get("triggerKind") not in (1, 2):
            return {**message, "params": {**params, "context": {"triggerKind": 2}}}
    return message


def _id(message: dict[str, Any]) -> MessageId | None:
    found = message.get("id")
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None
