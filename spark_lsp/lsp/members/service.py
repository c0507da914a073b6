"""Starts, supervises and ends the child process that runs jedi. A fault of it costs one answer, never more.

The first question starts the child, which takes about a second, so that question gets no answer. A child that
does not answer within `HARD_LIMIT_SECONDS` is killed. After `MAX_DEATHS` deaths within `PAUSE_SECONDS`, the
service pauses for as long. It ends the child after `IDLE_SECONDS` without a question.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from spark_lsp import programs
from spark_lsp.errors import SparkError
from spark_lsp.lsp.members.query import MembersQuery
from spark_lsp.supervise import guarded

CHILD = Path(__file__).with_name("child.py")
SOFT_LIMIT_SECONDS = 0.15  # for an answer that a completion can wait for
HARD_LIMIT_SECONDS = 2.0
START_LIMIT_SECONDS = 30.0
IDLE_SECONDS = 300.0
PAUSE_SECONDS = 600.0
MAX_DEATHS = 3
MAX_BYTES = 300 << 20  # of the child's memory
MAX_LINE_BYTES = 4 << 20  # of an answer
_PASSED = ("PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")

Answer = list[frozenset[str] | None]


class MembersService:
    """Answers which attributes objects have. `spawn` starts background work."""

    def __init__(
        self,
        spawn: Callable[..., None],
        *,
        command: Sequence[str] | None = None,
        hard_limit_s: float = HARD_LIMIT_SECONDS,
        idle_s: float = IDLE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spawn = spawn
        self._command = command or programs.python("-I", "-S", str(CHILD))
        self._hard_limit_s = hard_limit_s
        self._idle_s = idle_s
        self._now = now
        self._process: Process | None = None
        self._is_running = False
        self._is_ready = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._last_id = 0
        self._deaths: list[float] = []
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether a child runs or starts."""
        return self._is_running

    @property
    def is_ready(self) -> bool:
        """Whether a child can answer."""
        return self._is_ready.is_set()

    @property
    def is_busy(self) -> bool:
        """Whether a question is still being answered; until then, others get no answer."""
        return bool(self._waiting)

    @property
    def is_paused(self) -> bool:
        """Whether the service has stopped starting children for a while."""
        recent = [each for each in self._deaths if self._now() - each < PAUSE_SECONDS]
        return len(recent) >= MAX_DEATHS

    async def ask(self, query: MembersQuery, timeout: float = SOFT_LIMIT_SECONDS) -> Answer | None:
        """Return the attributes of the object at each place, or None without an answer in `timeout` seconds.

        In the answer, None means an object that may have unknown attributes.
        """
        if self.is_paused or not self._start():
            return None
        self._restart_idle_timer()
        with anyio.move_on_after(timeout):
            await self._is_ready.wait()
            process = self._process
            # One question at a time: a later one would only wait, and its text be outdated.
            if process is None or process.stdin is None or self._waiting:
                return None
            return await self._exchange(process, query)
        return None

    async def _exchange(self, process: Process, query: MembersQuery) -> Answer | None:
        self._last_id += 1
        number = self._last_id
        loop = asyncio.get_running_loop()
        answer = self._waiting[number] = loop.create_future()
        timer = loop.call_later(self._hard_limit_s, guarded(self._kill_if_waiting), number)
        answer.add_done_callback(lambda _: timer.cancel())
        request = {
            "id": number, "text": query.text, "path": query.path, "root": query.root,
            "sources": query.sources, "attributes": query.places,
        }  # fmt: skip
        try:
            assert process.stdin is not None
            await process.stdin.send(json.dumps(request).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return None
        return await asyncio.shield(answer)

    def _kill_if_waiting(self, number: int) -> None:
        if number in self._waiting:
            self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _start(self) -> bool:
        """Start a child unless one runs. Return False if that is impossible."""
        if self._is_running:
            return True
        try:
            self._spawn(self._serve)
        except SparkError:
            return False
        self._is_running = True
        return True

    async def _serve(self) -> None:
        """Run one child to its end."""
        cache = _make_cache()
        self._is_running = True
        is_clean = False
        try:
            async with await self._open(cache) as process:
                self._process = process
                is_clean = await self._talk(process, cache)
        except OSError:
            is_clean = False
        finally:
            self._is_running, self._process = False, None
            self._is_ready.set()  # a question that waits for the start has no answer
            self._is_ready = asyncio.Event()
            waiting, self._waiting = self._waiting, {}
            for answer in waiting.values():
                if not answer.done():
                    answer.set_result(None)
            shutil.rmtree(cache, ignore_errors=True)
        if not is_clean:
            self._deaths = [*self._deaths[1 - MAX_DEATHS :], self._now()]

    async def _open(self, cache: str) -> Process:
        kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
        # jedi and parso look for a home when they are imported, and fail for a user who has none.
        kept |= dict.fromkeys(("HOME", "USERPROFILE", "XDG_CACHE_HOME", "LOCALAPPDATA"), cache)
        return await programs.open_process(
            self._command, stderr=subprocess.DEVNULL, cwd=programs.NEUTRAL, env=kept
        )

    async def _talk(self, process: Process, cache: str) -> bool:
        """Set a child up and read its answers to the end. Return whether it ended by intention."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            setup = {"packages": find_packages(), "cache": cache, "bytes": MAX_BYTES}
            await process.stdin.send(json.dumps(setup).encode() + b"\n")
            lines = BufferedByteReceiveStream(process.stdout)
            with anyio.fail_after(START_LIMIT_SECONDS):
                await lines.receive_until(b"\n", MAX_LINE_BYTES)
            self._is_ready.set()
            while True:
                self._take(json.loads(await lines.receive_until(b"\n", MAX_LINE_BYTES)))
        except (anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            was_asked = bool(self._waiting)
            return await process.wait() == 0 and not was_asked
        except (anyio.DelimiterNotFound, TimeoutError, ValueError, KeyError, TypeError):
            return False
        finally:
            self._kill()

    def _take(self, answer: dict[str, Any]) -> None:
        """Hand an answer to the question that waits for it. Raises an error for anything else."""
        members: Answer = [None if each is None else frozenset(each) for each in answer["members"]]
        waiting = self._waiting.pop(answer["id"])
        if not waiting.done():
            waiting.set_result(members)

    def _restart_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, guarded(self._end_idle))

    def _end_idle(self) -> None:
        if self._process is None:
            return
        if self._waiting or not self.is_ready:
            self._restart_idle_timer()
        else:
            self._spawn(self._close_stdin, self._process)

    async def _close_stdin(self, process: Process) -> None:
        if process.stdin is not None:
            await process.stdin.aclose()


def _make_cache() -> str:
    """Make a private directory for what jedi has parsed; it is removed when the child ends."""
    usual = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = usual if os.path.isabs(usual) and os.access(usual, os.W_OK | os.X_OK) else None
    return tempfile.mkdtemp(prefix="spark-lsp-members-", dir=parent)


def find_packages() -> list[str]:
    """Return the directories that contain jedi and parso, without importing them."""
    specs = [importlib.util.find_spec(name) for name in ("jedi", "parso")]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return sorted({os.path.dirname(os.path.dirname(os.path.abspath(origin))) for origin in origins})
