"""Offers to download the embedded model if no engine can answer without it.

Nothing is downloaded without the user's consent: a question, shown once per session, gives the model's name,
size and licence. The download runs in a separate process and can be stopped by its progress. The part that
was downloaded is kept.
"""

import subprocess
from typing import Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from lsprotocol.types import MessageType

from spark_lsp import failures, programs
from spark_lsp.errors import ModelError
from spark_lsp.failures import Failure
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.progress import Progress, ProgressRegistry
from spark_lsp.lsp.questions import ask_user
from spark_lsp.models import paths, registry
from spark_lsp.models.registry import Model
from spark_lsp.request import EngineInfo

FETCH = "Fetch it"


class ModelOffers:
    """Remembers which models were offered in this session."""

    def __init__(
        self,
        client: LanguageClient,
        messages: UserMessages,
        progress: ProgressRegistry,
        engine_side: EngineSide,
    ) -> None:
        self._client = client
        self._messages = messages
        self._progress = progress
        self._engine_side = engine_side
        self._offered: set[str] = set()

    def offer_missing_model(self, engine: EngineInfo) -> bool:
        """Offer the model that an engine lacks; return False if no model is missing, or no question fits."""
        model = find_missing_model(engine)
        if model is None or not self._client.abilities.shows_questions:
            return False
        if model.name not in self._offered:
            self._offered.add(model.name)
            self._engine_side.spawn(self._offer, model, on_failure=lambda _: self._report_failure(model))
        return True

    async def _offer(self, model: Model) -> None:
        text = (
            f"spark-lsp: no engine can answer, since the embedded model is not on this machine. "
            f"Fetch {model.title}, {model.size / 1e6:.0f} MB, {model.licence}, to {paths.directory()}?"
        )
        if model.terms:
            text = f"{text} {model.terms}"
        if not await ask_user(self._client, MessageType.Info, text, FETCH):
            text = f"No suggestions without it. To fetch it later: spark-lsp model pull {model.name}"
            self._messages.show(MessageType.Info, text)
            return
        await self._download(model)

    def _report_failure(self, model: Model) -> None:
        """Report that the download failed, with the command that continues it."""
        text = f"The model could not be fetched here. Run in a terminal: spark-lsp model pull {model.name}"
        self._messages.show(MessageType.Warning, text)

    async def _download(self, model: Model) -> None:
        # The question has named the licence.
        accepted = ("--accept-licence",) if model.terms else ()
        command = programs.spark_lsp("model", "pull", model.name, "--json", *accepted)
        quiet = subprocess.DEVNULL
        opened = programs.open_process(command, stdin=quiet, stderr=quiet, cwd=programs.NEUTRAL)
        async with await opened as process:
            stopped = anyio.Event()

            def stop() -> None:
                stopped.set()
                _terminate(process)

            progress = self._progress.create(f"Fetching {model.summary}", stop)
            try:
                await progress.begin()
                failure = await self._read_steps(process, progress)
                await process.wait()
            finally:  # the engine side may be ending
                if process.returncode is None:
                    _terminate(process)
                progress.end("done" if process.returncode == 0 else "stopped")
        if process.returncode == 0:
            self._messages.show(MessageType.Info, f"{model.name} is here and verified.")
            return
        if stopped.is_set():
            text = (
                f"You stopped the download. Its part on this machine is kept. "
                f"To continue: spark-lsp model pull {model.name}"
            )
            self._messages.show(MessageType.Warning, text)
        elif failure is not None:
            self._messages.show(MessageType.Warning, failure.message)
        else:
            self._report_failure(model)

    async def _read_steps(self, process: Process, progress: Progress) -> Failure | None:
        """Report the progress of a download; return its failure if it reported one."""
        assert process.stdout is not None
        reached, rest, failure = 0, "", None
        async for text in TextReceiveStream(process.stdout, errors="replace"):
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                failure = failures.read(line) or failure
                reached = _report_step(line, progress, reached)
        return failure


def find_missing_model(engine: EngineInfo) -> Model | None:
    """Return the model that an embedded engine lacks, if it can be downloaded."""
    if engine.kind != "local" or engine.state != "off":
        return None
    try:
        model = registry.find(engine.model)
    except ModelError:
        return None
    return None if paths.looks_present(model) else model


def _report_step(line: str, progress: Progress, reached: int) -> int:
    """Show a line of a download; return the completed percentage. The last tenth is the verification."""
    try:
        step: Any = msgspec.json.decode(line)
        part = step["percent"] * 9 // 10 if step["step"] == "fetch" else 90 + step["percent"] // 10
        where = f"from {step['source']}" if step["source"] else step["step"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return reached  # the line is no step
    reached = max(reached, part)
    progress.report(f"{where}, {reached} %", reached)
    return reached


def _terminate(process: Process) -> None:
    """End a download. SIGINT would be lost if the editor was started with that signal ignored."""
    try:
        process.terminate()
    except ProcessLookupError:
        return
