"""The lifetime of a connection, which the public protocol limits to an hour.

A spark.v1 client gets notice at `NOTICE_SHARE` of the lifetime and opens its next connection. When the
lifetime is over, the connection refuses new requests, and running responses have `GRACE_S` to finish.
"""

from collections.abc import Callable

import anyio

from spark_lsp.gateway.writer import ConnectionWriter
from spark_lsp.wire.server import ServerConnection

LIFETIME_S = 3600.0
NOTICE_SHARE = 0.9
GRACE_S = 30.0
POLL_S = 0.1  # between looks at the running responses, during the grace period only


async def limit_lifetime(
    lifetime_s: float, connection: ServerConnection, writer: ConnectionWriter, is_busy: Callable[[], bool]
) -> None:
    """Return when the connection must be closed because of its age."""
    await anyio.sleep(lifetime_s * NOTICE_SHARE)
    connection.announce_end("the connection is getting old")
    writer.wake()
    await anyio.sleep(lifetime_s * (1 - NOTICE_SHARE))
    connection.expire()
    writer.wake()
    with anyio.move_on_after(GRACE_S):
        while is_busy():
            await anyio.sleep(POLL_S)
