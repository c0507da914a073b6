"""`spark-lsp open`: the gateway's page in a browser.

The command asks the running gateway for an address and a ticket, and starts a gateway if none runs. An
editor's gateway has no port for browsers until then.
"""

import argparse
import http.client
import json
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from spark_lsp import runtime
from spark_lsp.cli import NOTHING, OK
from spark_lsp.cli.waiting import add_timeout, call_within
from spark_lsp.errors import GatewayError
from spark_lsp.launch import answers

PATIENCE = 25.0
HEADLESS = (
    "No browser could be started here. Within a minute, open this address in a browser on this machine. From "
    "another machine, forward its port first: ssh -L {port}:127.0.0.1:{port} {host}"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--print", action="store_true", help="print the address, and start no browser")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration of a gateway that is started"
    )
    add_timeout(parser, PATIENCE, "the gateway")


def run(arguments: argparse.Namespace) -> int:
    """Open the page; return 3 if no browser could be started, after printing the address."""
    address = call_within(arguments.timeout, "the gateway", lambda: _ask_for_address(arguments.config))
    if arguments.print:
        print(address)
        return OK
    from spark_lsp.programs import open_browser

    if open_browser(address):
        print(f"The page is open in your browser: {address.partition('#')[0]}")
        return OK
    port = address.partition("#")[0].rstrip("/").rpartition(":")[2]
    print(f"spark-lsp: {HEADLESS.format(port=port, host=socket.gethostname())}", file=sys.stderr)
    print(address)
    return NOTHING


def _ask_for_address(config: Path | None) -> str:
    """Return the page's address with a ticket. Raises `GatewayError`."""
    state = _find_gateway(config)
    answer = _post(state, "/page/tickets")
    return f"{answer['address']}#{answer['ticket']}"


def _find_gateway(config: Path | None) -> runtime.State:
    """Return the gateway of the editors, else the one that the user has started on a port, else a new one."""
    where = runtime.directory()
    for file in (runtime.STATE_FILE, runtime.ENDPOINT_FILE):
        if (state := runtime.read_state(where, file)) is not None and answers(state):
            return state
    import anyio

    from spark_lsp.launch import find_or_start

    anyio.run(find_or_start, config)
    if (state := runtime.read_state(where)) is None:
        raise GatewayError("The gateway has ended already", "There is no page", "Run it again")
    return state


def _post(state: runtime.State, path: str) -> dict[str, Any]:
    """Send a request with the gateway's token, and return its answer. Raises `GatewayError`."""
    unix = state.url.removeprefix("ws+unix:")
    authority = "localhost" if unix != state.url else state.url.partition("//")[2].partition("/")[0]
    try:
        with closing(http.client.HTTPConnection(authority, timeout=PATIENCE)) as connection:
            if unix != state.url:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(PATIENCE)
                connection.sock.connect(os.fspath(unix))
            connection.request("POST", path, headers={"Authorization": f"Bearer {state.token}"})
            reply = connection.getresponse()
            fields: dict[str, Any] = json.loads(reply.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise GatewayError(
            "The gateway did not give an address for its page", "No page was opened", "Run: spark-lsp doctor"
        ) from error
    if reply.status != http.HTTPStatus.OK:
        error_fields: dict[str, str] = fields.get("error", {})
        raise GatewayError(
            f"The gateway refused to open its page: {error_fields.get('message', '')}", "No page was opened"
        )
    return fields
