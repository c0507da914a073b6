"""Reads the pages of a running gateway, such as `/status` and `/metrics`, with its token."""

import http.client
import os
import socket
from contextlib import closing

from spark_lsp.errors import GatewayError
from spark_lsp.runtime import State

TIMEOUT_S = 5.0
_UNIX = "ws+unix:"


def read_page(state: State, path: str) -> bytes:
    """Return the body of a page. Raises `GatewayError` if the gateway does not answer."""
    address = state.url.removeprefix(_UNIX)
    is_socket = address != state.url
    authority = "localhost" if is_socket else state.url.partition("//")[2].partition("/")[0]
    try:
        with closing(http.client.HTTPConnection(authority, timeout=TIMEOUT_S)) as connection:
            if is_socket:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(TIMEOUT_S)
                connection.sock.connect(os.fspath(address))
            connection.request("GET", path, headers={"Authorization": f"Bearer {state.token}"})
            return connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        raise GatewayError(
            "The gateway did not report its state",
            "The state of its engines is not known",
            "Run: spark-lsp doctor",
        ) from error
