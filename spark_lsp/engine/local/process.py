"""The child process of the embedded model, as the gateway sees it: start, address, end.

The child gets a minimal environment: the variables of Python and the dynamic linker, a new key, and two
variables that stop waiting threads from spinning, without which a busy machine needs seconds per token. None
of the user's other variables reach native code. The gateway starts the child by its file, so the child
imports no other module of spark-lsp.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from spark_lsp import programs, runtime
from spark_lsp.codes import Code, to_known_code
from spark_lsp.errors import EngineError

_CHILD = Path(__file__).with_name("child.py")
_KEY_VARIABLE = "SPARK_LSP_CHILD_KEY"
_PASSED = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "LANG")
_PASSED_PREFIXES = ("PYTHON", "LD_LIBRARY", "DYLD_", "LC_")
_CALM = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
_LOAD_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0
# A request may have to wait until another request's edit ends.
_READ_TIMEOUT_S = 120.0


class Died(EngineError):
    """The child was killed or crashed before it was ready, without a report."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded model's process ended before it was ready",
            "The embedded model is not available",
            "Run: spark-lsp doctor",
            code=Code.ENGINE_UNAVAILABLE,
        )


class ModelProcess:
    """One running child, made by `start`. `client` sends requests to it until it ends.

    `drafts`: it drafts its answers from their prompts.
    """

    def __init__(self, process: Process, home: Path) -> None:
        self._process = process
        self._home = home
        self.drafts = False
        self.client = httpx.AsyncClient()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.returncode is None

    async def wait_for_end(self) -> int:
        """Wait for the child's end and return its exit status (negative: the signal that ended it)."""
        return await self._process.wait()

    async def post(self, body: dict[str, Any]) -> httpx.Response:
        """Send a call of `/completion`; return its streamed response. Raises `httpx.HTTPError`."""
        request = self.client.build_request("POST", "/completion", json=body)
        return await self.client.send(request, stream=True)

    async def save_slot(self, slot: int, name: str) -> None:
        """Write the state of a slot to a file of the child's directory. Raises `httpx.HTTPError`."""
        await self._act_on_slot(slot, "save", name)

    async def restore_slot(self, slot: int, name: str) -> None:
        """Read the state of a slot from a file of the child's directory. Raises `httpx.HTTPError`."""
        await self._act_on_slot(slot, "restore", name)

    async def _act_on_slot(self, slot: int, action: str, name: str) -> None:
        response = await self.client.post(f"/slots/{slot}?action={action}", json={"filename": name})
        response.raise_for_status()

    def delete_state(self, name: str) -> None:
        """Delete a file of the child's directory."""
        (self._home / name).unlink(missing_ok=True)

    async def aclose(self) -> None:
        """End the child for good: politely by closing its stdin, then by force. Safe to call twice."""
        with anyio.CancelScope(shield=True):
            await self.client.aclose()
            if self.alive:
                await self._end()
            shutil.rmtree(self._home, ignore_errors=True)

    async def _end(self) -> None:
        assert self._process.stdin
        await self._process.stdin.aclose()
        with anyio.move_on_after(_END_TIMEOUT_S):
            await self._process.wait()
        if self.alive:
            self._process.kill()
            await self._process.wait()


async def start(model: Path, context: int, *, drafts: bool = False) -> ModelProcess:
    """Start a child that serves `model` with `context` tokens; return when it can answer.

    With `drafts`, it drafts its answers from their prompts, if its llama.cpp can.
    Raises `Died` if the child ended during its start, `EngineError` with the reason if it cannot start.
    """
    home = _private_directory()
    key = secrets.token_urlsafe(24)
    process = await programs.open_process(
        _command(model, home, context, drafts=drafts),
        stderr=subprocess.DEVNULL,
        cwd=programs.NEUTRAL,
        env=_environment(key),
    )
    child = ModelProcess(process, home)
    try:
        answer = await _first_line(process)
    except BaseException:
        await child.aclose()
        raise
    if answer.get("event") != "ready":
        died = not answer and await _has_died(process)
        await child.aclose()
        raise Died() if died else _not_started(answer)
    await child.client.aclose()
    child.client = _client(str(answer["address"]), key)
    child.drafts = answer.get("drafts") is True
    return child


def _command(model: Path, home: Path, context: int, *, drafts: bool) -> tuple[str, ...]:
    socket = home / "model.sock"
    listen = str(socket) if sys.platform != "win32" and runtime.fits_socket(socket) else "127.0.0.1"
    places = ("--model", os.path.abspath(model), "--listen", listen, "--home", str(home))
    flags = ("--draft",) if drafts else ()
    return programs.python(str(_CHILD), *places, "--context", str(context), *flags)


def _private_directory() -> Path:
    """Make a directory only this user can enter, in the runtime directory where there is one."""
    usual = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = usual if os.path.isabs(usual) and os.access(usual, os.W_OK | os.X_OK) else None
    return Path(tempfile.mkdtemp(prefix="spark-lsp-model-", dir=parent))


def _environment(key: str) -> dict[str, str]:
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return {**passed, **_CALM, _KEY_VARIABLE: key}


async def _first_line(process: Process) -> dict[str, Any]:
    """Return the child's report of its start; {} if it died or hung."""
    assert process.stdout
    with anyio.move_on_after(_LOAD_TIMEOUT_S):
        try:
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 65536)
            return json.loads(line)
        except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.ClosedResourceError, ValueError):
            return {}
    return {}


async def _has_died(process: Process) -> bool:
    """Tell whether a child that closed its output is gone; it is, in a moment."""
    with anyio.move_on_after(_END_TIMEOUT_S):
        await process.wait()
    return process.returncode is not None


_REMEDIES = {
    Code.PACKAGE_MISSING: "Run: pip install 'spark-lsp[local]'",
    Code.MODEL_UNAVAILABLE: "Run: spark-lsp model pull; or set another model file",
}


def _not_started(answer: dict[str, Any]) -> EngineError:
    """Return the error for a child that reported a failure, or nothing in time."""
    code = to_known_code(answer.get("code"), Code.ENGINE_UNAVAILABLE)
    return EngineError(
        str(answer.get("reason") or "The embedded model's process did not become ready"),
        "The embedded model is not available",
        _REMEDIES.get(code, "Run: spark-lsp doctor"),
        code=code,
    )


def _client(address: str, key: str) -> httpx.AsyncClient:
    """Return an HTTP client without kept connections: the server closes them after 100 requests or 5 s."""
    limits = httpx.Limits(max_keepalive_connections=0)
    if address.startswith("unix://"):
        transport = httpx.AsyncHTTPTransport(uds=address.removeprefix("unix://"), limits=limits)
        address = "http://model"
    else:
        transport = httpx.AsyncHTTPTransport(limits=limits)
    headers = {"Authorization": f"Bearer {key}"}
    timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=5.0)
    return httpx.AsyncClient(base_url=address, transport=transport, headers=headers, timeout=timeout)
