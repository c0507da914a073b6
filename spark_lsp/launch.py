"""Finds the user's running gateway, or starts one.

The state file contains its address, and a probe with its token shows whether it runs. If it does not, one of
the servers that search at the same moment gets the lock and starts it; the others wait for its state file. A
gateway of another version gets a signal to end after its last connection, and a new gateway takes over the
socket's name.
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

START_TIMEOUT_S = 20.0  # a cold start takes about 1 s
POLL_S = 0.02
PROBE_TIMEOUT_S = 2.0  # a gateway answers in about 1 ms
IDLE_S = 900.0  # from the last connection to the gateway's end, unless SPARK_LSP_GATEWAY_IDLE is set


class _KilledError(GatewayError):
    """A gateway was killed from outside before it answered. `find_or_start` starts one more."""


async def find_or_start(config: Path | None = None, idle: float | None = None) -> Endpoint:
    """Return the endpoint of the user's gateway; start one if none runs. Raises `GatewayError`.

    A gateway that this starts ends `idle` seconds after its last connection.
    """
    idle = usual_idle() if idle is None else idle
    where = runtime.directory()
    deadline = time.monotonic() + START_TIMEOUT_S
    killed = 0
    while time.monotonic() < deadline:
        if (state := await _find_running(where)) is not None:
            return _endpoint_of(state)
        with try_lock(where / "gateway.lock") as held:
            if held:
                try:
                    return await _start_gateway(where, config, idle, deadline)
                except _KilledError:
                    killed += 1
                    if killed > 1:
                        raise
        await anyio.sleep(POLL_S)
    raise _not_started(where, "another program holds its lock, but starts no gateway")


def usual_idle() -> float:
    """Return the seconds a gateway runs without connections: SPARK_LSP_GATEWAY_IDLE, or a quarter hour."""
    with suppress(ValueError):
        idle = float(os.environ.get("SPARK_LSP_GATEWAY_IDLE", ""))
        if math.isfinite(idle) and idle > 0:
            return idle
    return IDLE_S


async def _start_gateway(where: Path, config: Path | None, idle: float, deadline: float) -> Endpoint:
    """Start a gateway and wait until one answers; the caller holds the lock.

    It may be another gateway, whose starter was killed before it answered. The two gateways then agree by
    their state file which of them keeps running.
    """
    if (
        state := await _find_running(where)
    ) is not None:  # another server started one while we waited for the lock
        return _endpoint_of(state)
    _drain_other_version(where)
    process = _spawn_gateway(where, config, idle)
    while time.monotonic() < deadline:
        if (state := await _find_running(where)) is not None:
            return _endpoint_of(state)
        if process.poll() is not None:
            raise _ended_at_once(where, process.returncode)
        await anyio.sleep(POLL_S)
    process.kill()
    raise _not_started(where, f"it did not answer within {START_TIMEOUT_S:.0f} s")


def _endpoint_of(state: runtime.State) -> Endpoint:
    """Return the endpoint of the gateway in a state file.

    Another program may listen on its port by now, so a gateway on a port must prove that it knows the token.
    A socket in the user's private directory needs no proof.
    """
    return Endpoint(state.url, state.token, proves=not state.url.startswith("ws+unix:"), own=True)


async def _find_running(where: Path) -> runtime.State | None:
    """Return the state of a running gateway of our version that knows its token, or None."""
    state = runtime.read_state(where)
    if state is None or state.version != __version__ or not alive(state.pid):
        return None
    return state if await anyio.to_thread.run_sync(answers, state) else None


def answers(state: runtime.State) -> bool:
    """Return whether the gateway of a state file proves that it knows its token, within `PROBE_TIMEOUT_S`.

    The probe does not contain the token: another program may listen there by now.
    """
    import http.client
    import socket

    path = state.url.removeprefix("ws+unix:")
    authority = "localhost" if path != state.url else state.url.partition("//")[2].partition("/")[0]
    nonce = secrets.token_hex(16)
    try:
        with closing(http.client.HTTPConnection(authority, timeout=PROBE_TIMEOUT_S)) as connection:
            if path != state.url:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(PROBE_TIMEOUT_S)
                connection.sock.connect(path)
            connection.request("GET", "/healthz", headers={NONCE_HEADER: nonce})
            reply = connection.getresponse()
            return reply.status == 200 and vouches(state.token, nonce, reply.getheader(PROOF_HEADER, ""))
    except (OSError, ValueError, http.client.HTTPException):  # ValueError: an invalid URL or token
        return False


def alive(pid: int) -> bool:
    """Return whether a process with this id exists."""
    if os.name != "posix":
        return True  # the probe that follows decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _drain_other_version(where: Path) -> None:
    """Have a gateway of another version end after its last request; new clients no longer find it."""
    state = runtime.read_state(where)
    if state is not None and state.version != __version__ and alive(state.pid) and answers(state):
        with suppress(OSError):
            os.kill(state.pid, signal.SIGTERM)


def _spawn_gateway(where: Path, config: Path | None, idle: float) -> "subprocess.Popen[bytes]":
    """Start a gateway, detached: it must survive the editor that started it."""
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
    """Return a descriptor of a new, empty log for the gateway. Raises `GatewayError` if that is impossible.

    The gateway could not report a full or read-only directory itself: its log and its state are there.
    """
    try:
        log = os.open(where / "gateway.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        runtime.write_private(where / "gateway.trial", "x" * 512)
        (where / "gateway.trial").unlink(missing_ok=True)
    except OSError as error:
        raise GatewayError(
            f"The gateway could not be started: nothing can be written to {where} ({error.strerror})",
            "No suggestions and edits until it runs",
            "Free some space there, or set SPARK_LSP_RUNTIME_DIR to another directory",
        ) from error
    return log


def _ended_at_once(where: Path, code: int) -> GatewayError:
    error = _not_started(where, f"it ended at once with code {code}{_logged_reason(where)}")
    if os.name == "posix" and code == -signal.SIGKILL:
        return _KilledError(error.what, error.meaning, error.remedy)
    return error


def _logged_reason(where: Path) -> str:
    """Return the reason that a gateway gave in its log when it failed to start, or ""."""
    with suppress(OSError):
        log = (where / "gateway.log").read_text(encoding="utf-8", errors="replace")
        for failure in failures.read_all(log):
            if failure.event == failures.FAILED:
                return ": " + failure.message.rstrip(".")
    return ""


def _not_started(where: Path, why: str) -> GatewayError:
    return GatewayError(
        f"The gateway could not be started: {why}",
        "No suggestions and edits until it runs",
        f"See {where / 'gateway.log'}, or run `spark-lsp gateway` in a terminal to watch it",
    )
