"""Finds the user's running gateway, or starts one.

The state file says where it should be; a probe with its token shows whether it is. If not, one of the
servers that look at the same moment gets the lock and starts it, the others wait for its state file.
A gateway of another version is asked to drain, and a new one is started: the old one serves whom it has
until they are gone, and its socket's name passes to the new one.
"""

import math
import os
import secrets
import signal
import subprocess
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from spark_lsp import __version__, failures, programs, runtime
from spark_lsp.engine.gateway_client.connect import NONCE_HEADER, PROOF_HEADER, Endpoint, vouches
from spark_lsp.errors import GatewayError
from spark_lsp.locks import try_lock

START_DEADLINE = 20.0  # seconds; a cold start takes about one
POLL = 0.02
PROBE = 2.0  # seconds that a gateway has to answer; it takes about a millisecond
IDLE = 900.0  # seconds a gateway outlives its last connection, unless SPARK_LSP_GATEWAY_IDLE says otherwise


class _KilledError(GatewayError):
    """A gateway was killed before it answered: not its own doing, so it is started once more."""


async def find_or_start(config: Path | None = None, idle: float | None = None) -> Endpoint:
    """Return the endpoint of the user's gateway, started if need be. Raises `GatewayError`.

    One that is started outlives its last connection by `idle` seconds.
    """
    idle = usual_idle() if idle is None else idle
    where = runtime.directory()
    deadline = time.monotonic() + START_DEADLINE
    killed = 0
    while time.monotonic() < deadline:
        if (state := await _running(where)) is not None:
            return _endpoint(state)
        with try_lock(where / "gateway.lock") as held:
            if held:
                try:
                    return await _start(where, config, idle, deadline)
                except _KilledError:
                    killed += 1
                    if killed > 1:
                        raise
        await anyio.sleep(POLL)
    raise _not_started(where, "another program holds its lock and starts none")


def usual_idle() -> float:
    """Return how long a gateway stays without a connection: SPARK_LSP_GATEWAY_IDLE, else a quarter hour."""
    with suppress(ValueError):
        idle = float(os.environ.get("SPARK_LSP_GATEWAY_IDLE", ""))
        if math.isfinite(idle) and idle > 0:
            return idle
    return IDLE


async def _start(where: Path, config: Path | None, idle: float, deadline: float) -> Endpoint:
    """Start a gateway and wait until one answers; the caller holds the lock.

    That may be one whose starter was killed, and which nobody knew of until now: the two agree by their
    state file which of them stays.
    """
    if (state := await _running(where)) is not None:  # somebody else did while we waited for the lock
        return _endpoint(state)
    _drain_other_version(where)
    process = _spawn(where, config, idle)
    while time.monotonic() < deadline:
        if (state := await _running(where)) is not None:
            return _endpoint(state)
        if process.poll() is not None:
            raise _ended_at_once(where, process.returncode)
        await anyio.sleep(POLL)
    process.kill()
    raise _not_started(where, f"it did not answer within {START_DEADLINE:.0f} s")


def _endpoint(state: runtime.State) -> Endpoint:
    """Where the gateway of a state file is; on a port somebody else may listen by now, so it must prove
    itself, while the user's own directory is the user's own."""
    return Endpoint(state.url, state.token, proves=not state.url.startswith("ws+unix:"), own=True)


async def _running(where: Path) -> runtime.State | None:
    """Return the state of a gateway of our version that answers to its token, or None."""
    state = runtime.read_state(where)
    if state is None or state.version != __version__ or not alive(state.pid):
        return None
    return state if await anyio.to_thread.run_sync(answers, state) else None


def answers(state: runtime.State) -> bool:
    """Tell whether the gateway of a state file knows its token; waits `PROBE` seconds at most.

    It is asked for a proof and never told the token: somebody else may listen there by now.
    """
    import http.client
    import socket

    path = state.url.removeprefix("ws+unix:")
    authority = "localhost" if path != state.url else state.url.partition("//")[2].partition("/")[0]
    nonce = secrets.token_hex(16)
    try:
        with closing(http.client.HTTPConnection(authority, timeout=PROBE)) as connection:
            if path != state.url:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(PROBE)
                connection.sock.connect(path)
            connection.request("GET", "/healthz", headers={NONCE_HEADER: nonce})
            reply = connection.getresponse()
            return reply.status == 200 and vouches(state.token, nonce, reply.getheader(PROOF_HEADER, ""))
    except (OSError, ValueError, http.client.HTTPException):  # ValueError: a URL or token that is none
        return False


def alive(pid: int) -> bool:
    """Tell whether a process is there."""
    if os.name != "posix":
        return True  # the probe that follows tells
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _drain_other_version(where: Path) -> None:
    """Ask a gateway of another version to end when its last request has; it is no longer found."""
    state = runtime.read_state(where)
    if state is not None and state.version != __version__ and alive(state.pid) and answers(state):
        with suppress(OSError):
            os.kill(state.pid, signal.SIGTERM)


def _spawn(where: Path, config: Path | None, idle: float) -> "subprocess.Popen[bytes]":
    """Start a gateway that is nobody's child in spirit: it outlives the editor that needed it first."""
    words = ["gateway", "--automatic", "--idle", str(idle)]
    if config is not None:
        words += ["--config", str(config.absolute())]  # it will run in another directory
    environment = {**os.environ, "SPARK_LSP_RUNTIME_DIR": str(where)}
    log = _open_log(where)
    try:
        process = programs.start(
            programs.spark_lsp(*words),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=programs.NEUTRAL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(where, "the program could not be run") from error
    finally:
        os.close(log)
    threading.Thread(target=process.wait, daemon=True).start()  # so that it never stays as a zombie
    return process


def _open_log(where: Path) -> int:
    """Return a descriptor of the gateway's log, made anew. Raises `GatewayError` where nothing can be kept.

    The gateway could not say so itself: its log and its state lie in the same directory.
    """
    try:
        log = os.open(where / "gateway.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        runtime.write_private(where / "gateway.trial", "x" * 512)
        (where / "gateway.trial").unlink(missing_ok=True)
    except OSError as error:
        raise GatewayError(
            f"The gateway could not be started: nothing can be written to {where} ({error.strerror})",
            "No suggestions and no edits until it runs",
            "Free some space there, or name another directory in SPARK_LSP_RUNTIME_DIR",
        ) from error
    return log


def _ended_at_once(where: Path, code: int) -> GatewayError:
    error = _not_started(where, f"it ended at once with code {code}{_last_words(where)}")
    return (
        _KilledError(error.what, error.meaning, error.remedy)
        if os.name == "posix" and code == -signal.SIGKILL
        else error
    )


def _last_words(where: Path) -> str:
    """Return what a gateway that could not start said about it: one sentence, or nothing."""
    with suppress(OSError):
        log = (where / "gateway.log").read_text(encoding="utf-8", errors="replace")
        for failure in failures.read_all(log):
            if failure.event == failures.FAILED:
                return ": " + failure.message.rstrip(".")
    return ""


def _not_started(where: Path, why: str) -> GatewayError:
    return GatewayError(
        f"The gateway could not be started: {why}",
        "No suggestions and no edits until it runs",
        f"See {where / 'gateway.log'}, or run `spark-lsp gateway` in a terminal to watch it",
    )
