"""The gateway's process: sockets, signals, the ready line, the state file, the idle end.

We bind the sockets ourselves: uvicorn's own Unix sockets are open to everybody and take over a name
that somebody else still listens on. Signals are ours too: uvicorn would close every connection before
the application hears of it and then die of the signal, where we want to tell each peer and end with 0.
"""

import asyncio
import gc
import json
import os
import secrets
import signal
import socket
import stat
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import uvicorn

from spark_lsp import __version__, runtime
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import close_engine
from spark_lsp.errors import ConfigError
from spark_lsp.gateway.app import Gateway
from spark_lsp.gateway.corked import CorkedWebSocket
from spark_lsp.supervise import keep_running, run_guarded, watch_loop
from spark_lsp.wire.server import MAX_MESSAGE_BYTES

DRAIN = 5.0  # seconds that answers under way have to finish when the gateway is told to end
POLL = 0.02
SEGMENT = 4096
HELD = 16 * 1024  # bytes that may wait to be read: a small message waits for them


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a Unix socket at `uds`, else `host` and `port` (0 picks one)."""

    host: str = "127.0.0.1"
    port: int = 0
    uds: Path | None = None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def bind(address: Address) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL. Raises `ConfigError` if the address cannot be had."""
    try:
        if address.uds is not None:
            return _bind_unix(address.uds), f"ws+unix:{address.uds}"
        return _bind_tcp(address.host, address.port)
    except (OSError, OverflowError, UnicodeError) as error:  # also a port or a host name that is none
        where = address.uds or f"{address.host}:{address.port}"
        raise ConfigError(
            f"Cannot listen on {where}: {getattr(error, 'strerror', None) or error}",
            "The gateway was not started",
            "Choose another port or path, or end what listens there",
        ) from error


def _bind_tcp(host: str, port: int) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    with _closed_on_error(listener):
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _hold_little(listener)
        listener.bind((host, port))
        listener.listen()
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return listener, f"ws://{shown}:{listener.getsockname()[1]}/v1/responses"


def _hold_little(listener: socket.socket) -> None:
    """Have the listener's connections hold little, in segments so small that each two are acknowledged.

    A buffer below two segments, which are 64 KB on loopback, would wait for acknowledgements of 40 ms.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)


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
    """Unlink a socket that nobody listens on; one that somebody does is left, and bind will fail."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)


async def serve(
    gateway: Gateway,
    engines: Iterable[Engine],
    address: Address,
    token_file: Path | None,
    idle: float,
    *,
    automatic: bool,
    token: str,
) -> None:
    """Serve until told to end by a signal, or until idle for `idle` seconds (0: never)."""
    watch_loop(asyncio.get_running_loop())
    listener, url = bind(address)
    server, announced = _Server(_config(gateway)), anyio.Event()
    try:
        async with anyio.create_task_group() as group:
            at_once = partial(run_guarded, on_failure=lambda _: _stop(server))
            group.start_soon(at_once, _end_on_signal, gateway, server, automatic)
            group.start_soon(_announce, server, announced, url, token_file, token, automatic)
            if idle:
                end = partial(_end_when_idle, gateway, server, announced, idle, automatic)
                group.start_soon(keep_running, end)
            await server.serve(sockets=[listener])
            group.cancel_scope.cancel()
    finally:
        _tidy(address, token_file, automatic)
        with anyio.CancelScope(shield=True):
            await _close(engines)


def _config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        ws=CorkedWebSocket,
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )


async def _announce(
    server: uvicorn.Server,
    announced: anyio.Event,
    url: str,
    token_file: Path | None,
    token: str,
    automatic: bool,
) -> None:
    while not server.started:  # uvicorn has no event for it
        await anyio.sleep(POLL)
    if automatic:
        runtime.write_state(runtime.directory(), runtime.State(url, token, os.getpid(), __version__))
    gc.collect()
    gc.freeze()  # what lives now lives for ever: a full collection costs tens of milliseconds
    shown = str(token_file) if token_file is not None else None
    ready = {"event": "ready", "url": url, "token_file": shown, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    announced.set()


async def _end_on_signal(gateway: Gateway, server: uvicorn.Server, automatic: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            break
    if automatic:  # who looks now shall start the next one
        runtime.remove_state(runtime.directory(), os.getpid())
    for session in gateway.sessions:
        session.leave("the gateway was told to end")
    with anyio.move_on_after(DRAIN):
        while any(session.busy for session in gateway.sessions):
            await anyio.sleep(POLL)
    server.should_exit = True


async def _end_when_idle(
    gateway: Gateway, server: uvicorn.Server, announced: anyio.Event, idle: float, automatic: bool
) -> None:
    """End when nobody has been here for `idle` seconds; at once where nobody can come any more."""
    where = runtime.directory() if automatic else None
    await announced.wait()
    while gateway.sessions or time.monotonic() - gateway.idle_since < idle:
        if where is not None and not gateway.sessions and not _leads_here(where):
            break
        await anyio.sleep(min(idle / 10, 1.0))
    server.should_exit = True


def _leads_here(where: Path) -> bool:
    """Tell whether the state file leads to this process.

    It leads to another when whoever had us started was killed before we had said where we are, and the
    next server, which could not know of us, started one more.
    """
    state = runtime.read_state(where)
    return state is not None and state.pid == os.getpid()


def _tidy(address: Address, token_file: Path | None, automatic: bool) -> None:
    if automatic:
        runtime.remove_state(runtime.directory(), os.getpid())
    for path in (address.uds, token_file if token_file == _own_token_file() else None):
        if path is not None:
            path.unlink(missing_ok=True)


def _own_token_file() -> Path:
    return runtime.directory() / f"gateway-{os.getpid()}.token"


async def _close(engines: Iterable[Engine]) -> None:
    for engine in engines:
        await close_engine(engine)


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def automatic_address() -> Address:
    """Return where the automatic gateway listens: a Unix socket of its own, else a loopback port.

    The name bears the process id, so that a new gateway never takes the name of one that still drains;
    sockets of processes that are gone are removed.
    """
    if not hasattr(socket, "AF_UNIX"):
        return Address()
    where = runtime.directory()
    for stale in where.glob("gateway-*.sock"):
        with suppress(OSError):
            _remove_stale(stale)
    path = where / f"gateway-{os.getpid()}.sock"
    return Address(uds=path) if runtime.fits_socket(where / "gateway.sock") else Address()


def take_token(token_file: Path | None) -> tuple[str, Path | None]:
    """Return `(token, its file)`: from the file, else from SPARK_LSP_TOKEN, else newly made.

    A file that is named but missing is made; one that nobody named is made anew, and removed at the end.
    Raises `ConfigError` for a file that others can read, that is empty, or that cannot be had.
    """
    if token_file is None and (token := os.environ.get("SPARK_LSP_TOKEN")):
        return token, None
    path = token_file or _own_token_file()
    try:
        if token_file is None or not path.exists():
            runtime.write_private(path, secrets.token_urlsafe(32))
        return _read_token(path), path
    except OSError as error:
        raise ConfigError(
            f"The token file {path} cannot be used: {error.strerror}",
            "The gateway was not started",
            "Name a file in a directory of yours",
        ) from error


def _read_token(path: Path) -> str:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(
            f"The token file {path} can be read by others", "The gateway was not started", f"chmod 600 {path}"
        )
    token = path.read_text("utf-8", errors="replace").strip()
    if not token:
        raise ConfigError(
            f"The token file {path} is empty",
            "The gateway was not started: everybody could use it",
            "Remove the file, and a token will be made",
        )
    return token
