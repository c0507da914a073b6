# pyright: reportUnknownMemberType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""Between framed bodies and pygls: every request is answered exactly once, whatever comes in.

pygls structures messages and runs handlers. Before it sees one, this file checks what it does not: that
the body is JSON, that the server is initialized and not shut down, that the method exists (before its
parameters are looked at), that the parameters fit, and that the id is not in use.

Two things that JSON's grammar allows are refused where they come in, because what answers would break on
them: numbers that are not finite, and nesting so deep that walking it would exhaust the stack.

Nothing of a message's content is ever logged.
"""

import json
import logging
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from spark_lsp.errors import origin
from spark_lsp.lsp import lenient
from spark_lsp.lsp.requests import MessageId, RequestBook

log = logging.getLogger(__name__)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR, SERVER_NOT_INITIALIZED = -32603, -32002
DEEPEST = 100  # levels of nesting; LSP's own messages have about ten
LARGE = 65_536  # bytes from which a faster decoder pays
EXECUTE = "workspace/executeCommand"
NOT_JSON = "The message is not JSON"
VERSION = "2.0"


class Connection:
    """Takes bodies, answers what is wrong with them, and passes on what is right."""

    def __init__(
        self,
        protocol: LanguageServerProtocol,
        write: Callable[[bytes], None],
        requests: RequestBook,
    ) -> None:
        self._protocol = protocol
        self._write = write
        self._requests = requests  # handlers remove their requests when they have answered
        self._initialized = False
        self._shut_down = False
        self._complained: set[str] = set()  # of which notifications

    def receive(self, body: bytes) -> None:
        """Handle one body. Raises `SystemExit` for the notification `exit`."""
        try:
            message, finite = decode(body)
        except ValueError:
            self.refuse(None, PARSE_ERROR, NOT_JSON)
            return
        except Exception as error:
            log.error("a message could not be read: %s", origin(error))
            self.refuse(None, INTERNAL_ERROR, "spark-lsp failed to read this message")
            return
        if not isinstance(message, dict):
            self.refuse(None, INVALID_REQUEST, "A message must be an object; batches are not part of LSP")
            return
        sound = finite and not (may_be_deep(body) and is_deep(message))
        self._guarded(cast(dict[str, Any], message), sound=sound)

    def _guarded(self, message: dict[str, Any], *, sound: bool) -> None:
        """Handle a message; what fails unexpectedly is answered too."""
        try:
            self._dispatch(message, sound=sound)
        except Exception as error:
            log.error("a message could not be handled: %s", origin(error))
            if "method" in message and (message_id := _id(message)) is not None:
                self._requests.discard(message_id)
                self.refuse(message_id, INTERNAL_ERROR, "spark-lsp failed to answer this request")

    def refuse(self, message_id: MessageId | None, code: int, text: str) -> None:
        """Answer with an error."""
        error = {"code": code, "message": text}
        self._write(frame({"jsonrpc": "2.0", "id": message_id, "error": error}))

    def _dispatch(self, message: dict[str, Any], *, sound: bool) -> None:
        method = message.get("method")
        if message.setdefault("jsonrpc", VERSION) != VERSION:
            self.refuse(_id(message), INVALID_REQUEST, "Only JSON-RPC 2.0 is spoken here")
        elif "method" not in message:
            self._response(message, sound=sound)
        elif not isinstance(method, str):
            self.refuse(_id(message), INVALID_REQUEST, "The method must be a string")
        elif "id" in message:
            self._request(method, message, sound=sound)
        else:
            self._notification(method, message, sound=sound)

    def _request(self, method: str, message: dict[str, Any], *, sound: bool) -> None:
        message_id = _id(message)
        problem = self._problem(method, message_id)
        if problem is not None:
            self.refuse(message_id, *problem)
            return
        structured = self._structured(message) if sound else None
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
            self._requests.add(message_id, getattr(structured, "params", None))
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
        if message_id in self._requests:
            return INVALID_REQUEST, "A request with this id is still being answered"
        return None

    def _notification(self, method: str, message: dict[str, Any], *, sound: bool) -> None:
        if method != "exit" and (not self._initialized or self._shut_down):
            return
        if method != "$/cancelRequest" and not self._known(method):
            return
        structured = self._structured(message) if sound else None
        if structured is None:
            self._complain(method)
            return
        if method == "$/cancelRequest":
            self._requests.discard(structured.params.id)
        self._protocol.handle_message(structured)

    def _complain(self, method: str) -> None:
        """Log once that a notification is not as it should be; a thousand lines would say no more."""
        if method not in self._complained:
            self._complained.add(method)
            log.warning("notifications had parameters that are not valid: %s", method)

    def _response(self, message: dict[str, Any], *, sound: bool) -> None:
        """Hand on an answer to a request of ours; one that is not as it should be counts as an error."""
        if not sound:
            self.refuse(None, PARSE_ERROR, NOT_JSON)
            return
        if "id" not in message or not ("result" in message or "error" in message):
            self.refuse(
                _id(message), INVALID_REQUEST, "This is neither a request, a notification nor an answer"
            )
            return
        structured = self._structured(message)
        if structured is None:
            error = {"code": INVALID_REQUEST, "message": "The answer is not valid"}
            structured = self._structured({"id": message["id"], "error": error})
        if structured is not None:
            self._protocol.handle_message(structured)

    def _known(self, method: str) -> bool:
        manager = self._protocol.fm
        return method in manager.features or method in manager.builtin_features

    def _structured(self, message: dict[str, Any]) -> Any:
        """Return the message as pygls wants it, or None if it does not fit its type."""
        message.setdefault("jsonrpc", VERSION)
        if message.get("method") == EXECUTE and not _has_list(message.get("params"), "arguments"):
            return None
        try:
            return self._protocol.structure_message(lenient.mended(message))
        except JsonRpcException:
            return None


def decode(body: bytes) -> tuple[Any, bool]:
    """Return a body's JSON and whether all its numbers are finite. Raises `ValueError` for anything else.

    Small bodies, `initialize` among them, are read by the standard library: importing a faster one first
    would delay every start. It reads lone surrogates too, which the faster one refuses, and what is not
    finite, so that a request with such a number can be answered by its id.
    """
    if len(body) > LARGE:
        with suppress(ValueError, RecursionError):
            return _decode_large(body), True
    odd: list[str] = []

    def real(digits: str) -> float:
        if not math.isfinite(value := float(digits)):
            odd.append(digits)
        return value

    try:
        value = json.loads(str(body, "utf-8"), parse_float=real, parse_constant=odd.append)
    except RecursionError as error:
        raise ValueError(NOT_JSON) from error
    return value, not odd


def _decode_large(body: bytes) -> Any:
    import msgspec

    return msgspec.json.decode(body)


def may_be_deep(body: bytes) -> bool:
    """Tell whether a body has brackets enough to be nested too deeply, in texts or elsewhere."""
    return body.count(b"[") + body.count(b"{") >= DEEPEST


def is_deep(value: Any) -> bool:
    """Tell whether a value is nested too deeply."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return cast(dict[str, Any], node).values()
    return cast(list[Any], node) if isinstance(node, list) else ()


def _has_list(params: Any, name: str) -> bool:
    """Tell whether what `params` has of that name, if anything, is a list; pygls takes a text for one."""
    value = cast(dict[str, Any], params).get(name) if isinstance(params, dict) else None
    return value is None or isinstance(value, list)


def frame(message: dict[str, Any]) -> bytes:
    """Return a message with its header."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _id(message: dict[str, Any]) -> MessageId | None:
    found = message.get("id")
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None
