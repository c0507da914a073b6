r"""LSP's base protocol: a header block, an empty line, and as many bytes of JSON as the header says.

    Content-Length: 42\r\n
    \r\n
    {"jsonrpc":"2.0",…}

`Framer` accepts bytes from a pipe, in any pieces, and returns complete bodies. Header names
are case-insensitive; headers other than Content-Length are skipped.
"""

import re
from typing import Any

import msgspec

from spark_lsp.errors import RemoteProtocolError

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_BLANK = b"\r\n\r\n"
MAX_BODY = 256 * 1024 * 1024


def frame_message(message: dict[str, Any]) -> bytes:
    """Return one JSON-RPC message as bytes for the pipe; adds the version member."""
    body = msgspec.json.encode({"jsonrpc": "2.0", **message})
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Framer:
    """Splits a stream of bytes into bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Accept some bytes and return the bodies that are now complete.

        Raises `RemoteProtocolError` if the bytes are not LSP.
        """
        self._buffer += data
        bodies: list[bytes] = []
        while (body := self._next_body()) is not None:
            bodies.append(body)
        return bodies

    def _next_body(self) -> bytes | None:
        if self._length is None:
            self._length = self._header()
        if self._length is None or len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length = None
        return body

    def _header(self) -> int | None:
        end = self._buffer.find(_BLANK)
        if end < 0:
            if len(self._buffer) > 64 * 1024:
                raise RemoteProtocolError("A header that is not LSP's")
            return None
        match = _LENGTH.search(self._buffer[:end])
        if match is None or int(match[1]) > MAX_BODY:
            raise RemoteProtocolError("A header that is not LSP's")
        del self._buffer[: end + len(_BLANK)]
        return int(match[1])
