"""The gateway's listening socket: a Unix socket, or a port on an interface."""

import os
import socket
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spark_lsp import runtime
from spark_lsp.errors import ConfigError

SEGMENT_BYTES = 4096
RECEIVE_BUFFER_BYTES = 16 * 1024  # a small message waits for the bytes before it
PROBE_TIMEOUT_S = 1


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a Unix socket at `uds`, else `host` and `port` (0 picks one)."""

    host: str = "127.0.0.1"
    port: int = 0
    uds: Path | None = None


def bind_address(address: Address) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL. Raises `ConfigError` if the address cannot be used."""
    try:
        if address.uds is not None:
            return _bind_unix(address.uds), f"ws+unix:{address.uds}"
        return _bind_tcp(address.host, address.port)
    except (OSError, OverflowError, UnicodeError) as error:  # also for an invalid port or host name
        where = address.uds or f"{address.host}:{address.port}"
        raise ConfigError(
            f"Cannot listen on {where}: {getattr(error, 'strerror', None) or error}",
            "The gateway was not started",
            "Choose another port or path, or end the process that listens there",
        ) from error


def _bind_tcp(host: str, port: int) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    with _closed_on_error(listener):
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _shrink_buffer(listener)
        listener.bind((host, port))
        listener.listen()
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return listener, f"ws://{shown}:{listener.getsockname()[1]}/v1/responses"


def _shrink_buffer(listener: socket.socket) -> None:
    """Give the listener's connections a small receive buffer, and segments of which two fit into it.

    Otherwise the sender would wait 40 ms for acknowledgements: a segment has 64 KB on the loopback interface.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)


def _bind_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX)
    with _closed_on_error(listener):
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen()
    return listener


@contextmanager
def _closed_on_error(listener: socket.socket) -> Generator[None, None, None]:
    try:
        yield
    except BaseException:
        listener.close()
        raise


def _remove_stale(path: Path) -> None:
    """Unlink a socket without a listener. With a listener, the socket stays and binding will fail."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)


def automatic_address() -> Address:
    """Return the address of an automatic gateway: a separate Unix socket, else a loopback port.

    The name contains the process id, so that a new gateway never takes the name of one that still drains.
    Stale sockets of ended processes are removed.
    """
    if not hasattr(socket, "AF_UNIX"):
        return Address()
    directory = runtime.directory()
    for stale in directory.glob("gateway-*.sock"):
        with suppress(OSError):
            _remove_stale(stale)
    path = directory / f"gateway-{os.getpid()}.sock"
    return Address(uds=path) if runtime.fits_socket(directory / "gateway.sock") else Address()
