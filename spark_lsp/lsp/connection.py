# pyright: reportUnknownMemberType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""Checks each message before pygls handles it, so that every request gets exactly one answer.

pygls structures messages and runs handlers. This file checks the rest: that the body is JSON, that the server
is initialized and not shut down, that the method exists (before the parameters), that the parameters are
valid, and that no other request has the same id.

JSON allows two things that would break the code that answers: numbers that are not finite, and nesting so
deep that a traversal would exhaust the stack. Both are refused here.

The log never has the content of a message.
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
MAX_NESTING = 100  # levels; LSP's own messages have about ten
LARGE_BODY_BYTES = 65_536  # from here on, a faster decoder saves time
EXECUTE = "workspace/executeCommand"
NOT_JSON = "The message is not JSON"
VERSION = "2.0"


class Connection:
    """Answers invalid messages with errors, and passes valid messages to pygls."""

    def __init__(
        self,
        protocol: LanguageServerProtocol,
        write: Callable[[bytes], None],
        requests: RequestBook,
    ) -> None:
        self._protocol = protocol
        self._write = write
        self._requests = requests  # handlers remove their requests when they answer
        self._initialized = False
        self._shut_down = False
        self._logged: set[str] = set()  # methods of invalid notifications

    def receive(self, body: bytes) -> None:
        """Handle one body. Raises `SystemExit` for the notification `exit`."""
        try:
            message, finite = decode(body)
        except ValueError:
            self.refuse(None, PARSE_ERROR, NOT_JSON)
            return
        except Exception as error:
            log.error("could not read a message: %s", origin(error))
            self.refuse(None, INTERNAL_ERROR, "spark-lsp failed to read this message")
            return
        if not isinstance(message, dict):
            self.refuse(None, INVALID_REQUEST, "A message must be an object; batches are not part of LSP")
            return
        valid = finite and not (may_be_deep(body) and is_deep(message))
        self._dispatch_guarded(cast(dict[str, Any], message), valid=valid)

    def _dispatch_guarded(self, message: dict[str, Any], *, valid: bool) -> None:
        """Handle a message; answer it with an error if that fails unexpectedly."""
        try:
            self._dispatch(message, valid=valid)
        except Exception as error:
            log.error("could not handle a message: %s", origin(error))
            if "method" in message and (message_id := _read_id(message)) is not None:
                self._requests.discard(message_id)
                self.refuse(message_id, INTERNAL_ERROR, "spark-lsp failed to answer this request")

    def refuse(self, message_id: MessageId | None, code: int, text: str) -> None:
        """Send an error response."""
        error = {"code": code, "message": text}
        self._write(frame({"jsonrpc": "2.0", "id": message_id, "error": error}))

    def _dispatch(self, message: dict[str, Any], *, valid: bool) -> None:
        method = message.get("method")
        if message.setdefault("jsonrpc", VERSION) != VERSION:
            self.refuse(_read_id(message), INVALID_REQUEST, "The version of JSON-RPC must be 2.0")
        elif "method" not in message:
            self._handle_response(message, valid=valid)
        elif not isinstance(method, str):
            self.refuse(_read_id(message), INVALID_REQUEST, "The method must be a string")
        elif "id" in message:
            self._handle_request(method, message, valid=valid)
        else:
            self._handle_notification(method, message, valid=valid)

    def _handle_request(self, method: str, message: dict[str, Any], *, valid: bool) -> None:
        message_id = _read_id(message)
        problem = self._find_problem(method, message_id)
        if problem is not None:
            self.refuse(message_id, *problem)
            return
        structured = self._structure(message) if valid else None
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
        self._forward(method, message_id, structured)

    def _forward(self, method: str, message_id: MessageId | None, structured: Any) -> None:
        """Pass a request to pygls. Its own methods answer at once; our handlers remove their requests."""
        assert message_id is not None
        if method not in self._protocol.fm.builtin_features:
            self._requests.add(message_id, getattr(structured, "params", None))
        self._protocol.handle_message(structured)

    def _find_problem(self, method: str, message_id: MessageId | None) -> tuple[int, str] | None:
        if message_id is None:
            return INVALID_REQUEST, "The id of a request must be a number or a string"
        if self._shut_down:
            return INVALID_REQUEST, "The server has been shut down"
        if not self._initialized and method != "initialize":
            return SERVER_NOT_INITIALIZED, "The server is not initialized yet"
        if self._initialized and method == "initialize":
            return INVALID_REQUEST, "The server is initialized already"
        if not self._is_known(method):
            return METHOD_NOT_FOUND, f"The method {method[:80]} is not offered"
        if message_id in self._requests:
            return INVALID_REQUEST, "A request with this id is still being answered"
        return None

    def _handle_notification(self, method: str, message: dict[str, Any], *, valid: bool) -> None:
        if method != "exit" and (not self._initialized or self._shut_down):
            return
        if method != "$/cancelRequest" and not self._is_known(method):
            return
        structured = self._structure(message) if valid else None
        if structured is None:
            self._log_invalid(method)
            return
        if method == "$/cancelRequest":
            self._requests.discard(structured.params.id)
        self._protocol.handle_message(structured)

    def _log_invalid(self, method: str) -> None:
        """Log an invalid notification, once per method."""
        if method not in self._logged:
            self._logged.add(method)
            log.warning("ignored notifications with invalid parameters: %s", method)

    def _handle_response(self, message: dict[str, Any], *, valid: bool) -> None:
        """Pass on an answer to a request of ours; an invalid one counts as an error."""
        if not valid:
            self.refuse(None, PARSE_ERROR, NOT_JSON)
            return
        if "id" not in message or not ("result" in message or "error" in message):
            self.refuse(
                _read_id(message), INVALID_REQUEST, "This is neither a request, a notification nor an answer"
            )
            return
        structured = self._structure(message)
        if structured is None:
            error = {"code": INVALID_REQUEST, "message": "The answer is not valid"}
            structured = self._structure({"id": message["id"], "error": error})
        if structured is not None:
            self._protocol.handle_message(structured)

    def _is_known(self, method: str) -> bool:
        manager = self._protocol.fm
        return method in manager.features or method in manager.builtin_features

    def _structure(self, message: dict[str, Any]) -> Any:
        """Return the message in the form of pygls; None if it does not have the type of its method."""
        message.setdefault("jsonrpc", VERSION)
        if message.get("method") == EXECUTE and not _has_list(message.get("params"), "arguments"):
            return None
        try:
            return self._protocol.structure_message(lenient.repair(message))
        except JsonRpcException:
            return None


def decode(body: bytes) -> tuple[Any, bool]:
    """Return a body's JSON, and whether all its numbers are finite. Raises `ValueError` for invalid JSON.

    The standard library reads small bodies, such as `initialize`: importing the faster decoder first would
    delay every start. It also reads lone surrogates, which the faster decoder refuses, and infinite
    numbers, so that a request with such a number can be answered by its id.
    """
    if len(body) > LARGE_BODY_BYTES:
        with suppress(ValueError, RecursionError):
            return _decode_large(body), True
    infinite: list[str] = []

    def read_float(digits: str) -> float:
        if not math.isfinite(value := float(digits)):
            infinite.append(digits)
        return value

    try:
        value = json.loads(str(body, "utf-8"), parse_float=read_float, parse_constant=infinite.append)
    except RecursionError as error:
        raise ValueError(NOT_JSON) from error
    return value, not infinite


def _decode_large(body: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError as error:  # not a `ValueError` in msgspec 0.20
        raise ValueError(NOT_JSON) from error


def may_be_deep(body: bytes) -> bool:
    """Return whether a body has enough brackets, inside or outside of strings, to be nested too deeply."""
    return body.count(b"[") + body.count(b"{") >= MAX_NESTING


def is_deep(value: Any) -> bool:
    """Return whether a value is nested too deeply."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in _list_children(node)]
        if not level:
            return False
    return True


def _list_children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return cast(dict[str, Any], node).values()
    return cast(list[Any], node) if isinstance(node, list) else ()


def _has_list(params: Any, name: str) -> bool:
    """Return whether a field of `params` is missing or a list. pygls would take a string for a list."""
    value = cast(dict[str, Any], params).get(name) if isinstance(params, dict) else None
    return value is None or isinstance(value, list)


def frame(message: dict[str, Any]) -> bytes:
    """Return a message as JSON, with its header."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _read_id(message: dict[str, Any]) -> MessageId | None:
    found = message.get("id")
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None
