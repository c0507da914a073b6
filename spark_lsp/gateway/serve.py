"""The gateway's process: its listening socket, its ready line, its state file, its end.

We bind the sockets ourselves: uvicorn's own Unix sockets are open to all users, and replace a socket on which
another process still listens. Signals are ours too: uvicorn would close every connection before the
application notices, and would then end by the signal. Here each peer gets a message first, and the exit
status is 0.
"""

import asyncio
import gc
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import uvicorn

from spark_lsp import __version__, runtime
from spark_lsp.engine.base import Engine
from spark_lsp.errors import ConfigError
from spark_lsp.gateway.app import Gateway
from spark_lsp.gateway.coalescing import make_coalescing_websocket
from spark_lsp.gateway.listener import Address, bind_address
from spark_lsp.gateway.page.door import Door, own_address
from spark_lsp.gateway.session_engines import close_engines
from spark_lsp.supervise import keep_running, run_guarded, watch_loop
from spark_lsp.wire.server_messages import MAX_MESSAGE_BYTES

DRAIN_S = 5.0  # for the responses in progress, after a signal
POLL_S = 0.02
MAX_IDLE_POLL_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    """Serve until a signal comes, or until there was no connection for `idle` seconds (0: no limit)."""
    watch_loop(asyncio.get_running_loop())
    listener, url = bind_address(address)
    server = uvicorn.Server(_make_config(gateway))
    announced = anyio.Event()
    door = Door(gateway.page, own_address(url, address, gateway.page.names))
    gateway.page.open_door = door.open
    try:
        with anyio.open_signal_receiver(*SIGNALS) as signals:
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            async with anyio.create_task_group() as group:
                end_now = partial(run_guarded, on_failure=lambda _: _stop(server))
                group.start_soon(end_now, _end_on_signal, signals, gateway, server, automatic)
                group.start_soon(run_guarded, door.run)
                group.start_soon(_announce, server, announced, handlers, url, token_file, token, automatic)
                if idle:
                    end = partial(_end_when_idle, gateway, server, announced, idle, automatic)
                    group.start_soon(keep_running, end)
                await server.serve(sockets=[listener])
                await door.end()
                group.cancel_scope.cancel()
    finally:
        _remove_files(address, url, token_file, automatic)
        with anyio.CancelScope(shield=True):
            await close_engines(engines)


def _make_config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        ws=make_coalescing_websocket,  # type: ignore[arg-type]
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
    handlers: Mapping[signal.Signals, Any],
    url: str,
    token_file: Path | None,
    token: str,
    automatic: bool,
) -> None:
    """Write the state file and the ready line, once uvicorn has started."""
    while not server.started:  # uvicorn has no event for it
        await anyio.sleep(POLL_S)
    # uvicorn has set its own signal handlers. A signal before this line ends it too, with the same status.
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if (file := _state_file(url, token_file, automatic)) is not None:
        runtime.write_state(runtime.directory(), runtime.State(url, token, os.getpid(), __version__), file)
    gc.collect()
    gc.freeze()  # the objects so far live until the end: a full collection costs tens of milliseconds
    shown = str(token_file) if token_file is not None else None
    ready = {"event": "ready", "url": url, "token_file": shown, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    announced.set()


async def _end_on_signal(
    signals: AsyncIterator[signal.Signals], gateway: Gateway, server: uvicorn.Server, automatic: bool
) -> None:
    async for _ in signals:
        break
    if automatic:  # a server that looks now must start the next gateway
        runtime.remove_state(runtime.directory(), os.getpid())
    for handler in gateway.handlers:
        handler.announce_end("the gateway is ending")
    with anyio.move_on_after(DRAIN_S):
        while gateway.is_busy:
            await anyio.sleep(POLL_S)
    gateway.page.end()
    _stop(server)


async def _end_when_idle(
    gateway: Gateway, server: uvicorn.Server, announced: anyio.Event, idle: float, automatic: bool
) -> None:
    """End after `idle` seconds without a connection; at once if no server can find this gateway any more."""
    directory = runtime.directory() if automatic else None
    await announced.wait()
    while (idle_s := gateway.idle_s) < idle:
        if directory is not None and idle_s and not _is_found_in(directory):
            break
        await anyio.sleep(min(idle / 10, MAX_IDLE_POLL_S))
    gateway.page.end()
    _stop(server)


def _is_found_in(directory: Path) -> bool:
    """Return whether the state file names this process.

    It names another one if the server that started us was killed before we wrote the file, and the next
    server, which could not know of us, started one more gateway.
    """
    state = runtime.read_state(directory)
    return state is not None and state.pid == os.getpid()


def _state_file(url: str, token_file: Path | None, automatic: bool) -> str | None:
    """Return the file that publishes this gateway: servers look for one of them, and the user for another.

    A gateway on a Unix socket of the user's choice is not published. Nor is one with a token from the
    environment, which is written nowhere.
    """
    if automatic:
        return runtime.STATE_FILE
    return runtime.ENDPOINT_FILE if url.startswith("ws://") and token_file is not None else None


def _remove_files(address: Address, url: str, token_file: Path | None, automatic: bool) -> None:
    if (file := _state_file(url, token_file, automatic)) is not None:
        runtime.remove_state(runtime.directory(), os.getpid(), file)
    if address.uds is not None:
        address.uds.unlink(missing_ok=True)
    if token_file is not None and token_file == _own_token_file():
        token_file.unlink(missing_ok=True)


def _own_token_file() -> Path:
    return runtime.directory() / f"gateway-{os.getpid()}.token"


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def take_token(token_file: Path | None) -> tuple[str, Path | None]:
    """Return `(token, its file)`: from the file, else from SPARK_LSP_TOKEN, else a new token.

    A named file that is missing is created. Without a name, a new file is created, and removed at the end.
    Raises `ConfigError` for a file that other users can read, that is empty, or that cannot be used.
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
            "The gateway was not started, because everybody could use it",
            "Remove the file, and the gateway will make a token",
        )
    return token
