"""Processes of simulated editors, driven together: one command to all, one answer from each."""

import json
import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from spark_lsp import programs
from spark_lsp.bench.fleet_editors import Tally
from spark_lsp.errors import SparkError


@dataclass(slots=True)
class Editors:
    """Some processes with editors; each method shares its work among them."""

    processes: "Sequence[subprocess.Popen[bytes]]"
    connected: int = 0
    _pending: int = field(default=0)

    def connect(self, url: str, tokens: Sequence[str], count: int, characters: int, answer: str) -> float:
        """Connect that many editors; return the seconds it took. Raises `SparkError` if one could not."""
        shares = self._shares(count)
        same = {"url": url, "tokens": list(tokens), "characters": characters, "answer": answer}
        results = self._tell([{"do": "connect", "count": share, **same} for share in shares])
        done = sum(result["connected"] for result in results)
        if done != count:
            raise SparkError(f"Only {done} of {count} editors got a connection", "Nothing was measured")
        self.connected += count
        return max(result["seconds"] for result in results)

    def begin_typing(self, count: int, seconds: float, pause_s: float, *, edits: bool = False) -> None:
        """Have that many editors type; `finish` returns the result."""
        same = {"do": "type", "seconds": seconds, "pause_s": pause_s, "edits": edits}
        self._send([{**same, "count": share} for share in self._shares(count)])

    def finish(self) -> Tally:
        """Return what became of the requests of all editors."""
        return merge(Tally(**result) for result in self._receive())

    def type(self, count: int, seconds: float, pause_s: float, *, edits: bool = False) -> Tally:
        """Have that many editors type for that time."""
        self.begin_typing(count, seconds, pause_s, edits=edits)
        return self.finish()

    def storm(self, url: str, token: str, count: int) -> dict[str, int]:
        """Open that many connections at once; return how many got which HTTP status."""
        shares = self._shares(count)
        results = self._tell([{"do": "storm", "url": url, "token": token, "count": each} for each in shares])
        statuses: dict[str, int] = {}
        for result in results:
            for status, number in result["statuses"].items():
                statuses[status] = statuses.get(status, 0) + number
        return statuses

    def _shares(self, count: int) -> list[int]:
        parts = len(self.processes)
        return [count // parts + (index < count % parts) for index in range(parts)]

    def _tell(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        self._send(commands)
        return self._receive()

    def _send(self, commands: Sequence[dict[str, Any]]) -> None:
        for process, command in zip(self.processes, commands, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(command).encode() + b"\n")
            process.stdin.flush()

    def _receive(self) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for process in self.processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SparkError("A process of simulated editors ended", "Nothing was measured")
            answers.append(json.loads(line))
        return answers


def merge(tallies: Any) -> Tally:
    """Return the sum of several tallies."""
    whole = Tally()
    for each in tallies:
        for name in ("first_ms", "total_ms", "retried_ms"):
            getattr(whole, name).extend(getattr(each, name))
        for name in ("complete", "lost", "repeated"):
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
        for code, number in each.errors.items():
            whole.errors[code] = whole.errors.get(code, 0) + number
    return whole


@contextmanager
def editors(processes: int) -> Generator[Editors]:
    """Start that many processes of editors, which have none at first."""
    command = programs.python("-m", "spark_lsp.bench.fleet_editors")
    with ExitStack() as stack:
        started = [stack.enter_context(_started(command)) for _ in range(processes)]
        yield Editors(started)


@contextmanager
def _started(command: Sequence[str]) -> "Generator[subprocess.Popen[bytes]]":
    with programs.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
