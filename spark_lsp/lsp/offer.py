"""Offers to fetch the embedded model when no engine can serve without it.

Nothing is downloaded unasked: the person is told what it is, how large and under which licence, once a
session. The fetch runs in a process of its own, with progress that can stop it; what came is kept.
"""

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from lsprotocol import types

from spark_lsp import failures, programs
from spark_lsp.errors import ModelError
from spark_lsp.failures import Failure
from spark_lsp.lsp import question
from spark_lsp.lsp.progress import Progress
from spark_lsp.models import paths, registry
from spark_lsp.models.registry import Model
from spark_lsp.request import EngineInfo

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

FETCH = "Fetch it"


@dataclass(slots=True)
class Offer:
    """What was offered in this session."""

    ls: "SparkServer"
    _made: set[str] = field(default_factory=set[str])

    def make(self, engine: EngineInfo) -> bool:
        """Offer the model of an engine that is off for want of it; False if that is not its trouble."""
        model = missing(engine)
        if model is None or not question.can_ask(self.ls):
            return False
        if model.name not in self._made:
            self._made.add(model.name)
            self.ls.spawn(self._offer, model, on_failure=lambda _: self._failed(model))
        return True

    async def _offer(self, model: Model) -> None:
        text = (
            f"spark-lsp: no engine can answer, since the embedded model is not on this machine. "
            f"Fetch {model.title}, {model.size / 1e6:.0f} MB, {model.licence}, to {paths.directory()}?"
        )
        if not await question.ask(self.ls, types.MessageType.Info, text, FETCH):
            text = f"No suggestions without it. To fetch it later: spark-lsp model pull {model.name}"
            self.ls.say(types.MessageType.Info, text)
            return
        await self._fetch(model)

    def _failed(self, model: Model) -> None:
        """Say that the fetch failed; what came of it is kept."""
        text = f"The model could not be fetched here. Run in a terminal: spark-lsp model pull {model.name}"
        self.ls.say(types.MessageType.Warning, text)

    async def _fetch(self, model: Model) -> None:
        command = programs.spark_lsp("model", "pull", model.name, "--json")
        quiet = subprocess.DEVNULL
        opened = programs.open_process(command, stdin=quiet, stderr=quiet, cwd=programs.NEUTRAL)
        async with await opened as process:
            stopped = anyio.Event()

            def stop() -> None:
                stopped.set()
                _stop(process)

            progress = Progress(self.ls, f"Fetching {model.summary}", stop)
            try:
                await progress.begin()
                failure = await self._follow(process, progress)
                await process.wait()
            finally:  # a fetch that nobody follows any more is stopped
                if process.returncode is None:
                    _stop(process)
                progress.end("done" if process.returncode == 0 else "stopped")
        if process.returncode == 0:
            self.ls.say(types.MessageType.Info, f"{model.name} is here and verified.")
            return
        if stopped.is_set():
            text = f"The fetch was stopped. What came is kept; go on: spark-lsp model pull {model.name}"
            self.ls.say(types.MessageType.Warning, text)
        elif failure is not None:
            self.ls.say(types.MessageType.Warning, failure.message)
        else:
            self._failed(model)

    async def _follow(self, process: Process, progress: Progress) -> Failure | None:
        """Report the progress of a fetch; returns why it failed, if it said so."""
        assert process.stdout is not None
        reached, rest, failure = 0, "", None
        async for text in TextReceiveStream(process.stdout, errors="replace"):
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                failure = failures.read(line) or failure
                reached = _report(line, progress, reached)
        return failure


def missing(engine: EngineInfo) -> Model | None:
    """Return the model that an embedded engine lacks, if it is one that can be fetched."""
    if engine.kind != "local" or engine.state != "off":
        return None
    try:
        model = registry.find(engine.model)
    except ModelError:
        return None
    return None if paths.looks_present(model) else model


def _report(line: str, progress: Progress, reached: int) -> int:
    """Show a line of a fetch; returns how many percent are reached. Reading the file once more is a tenth."""
    try:
        step: Any = msgspec.json.decode(line)
        part = step["percent"] * 9 // 10 if step["step"] == "fetch" else 90 + step["percent"] // 10
        where = f"from {step['source']}" if step["source"] else step["step"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return reached  # not a step
    reached = max(reached, part)
    progress.report(f"{where}, {reached} %", reached)
    return reached


def _stop(process: Process) -> None:
    """End a fetch; it keeps what came. SIGINT would be lost where the editor was started with it ignored."""
    try:
        process.terminate()
    except ProcessLookupError:
        return
