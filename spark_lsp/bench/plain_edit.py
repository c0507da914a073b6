"""The baseline of the suite `edits`: the same engine with a plain prompt, and none of spark-lsp's own steps.

The prompt holds the file, the lines to change and the instruction. The first fenced block of the answer, or
else the complete answer, replaces the lines; its indentation follows theirs. The request goes through the
gateway as a chat, so both ways use one process with the model.
"""

import re
import textwrap
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from spark_lsp import runtime
from spark_lsp.answer_events import Chunk
from spark_lsp.bench.edit_tasks import EditTask, TaskFile
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import SparkError
from spark_lsp.request import Request, Task
from spark_lsp.text.lines import LINE_END, indentation_of

ANSWER_TOKENS = 1024
START_SECONDS = 30.0
_BLOCK = re.compile(r"```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"\A```[^\n]*\n")


class PlainEngine:
    """Asks the route of edits through the gateway whose runtime directory is `where`."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._is_ready = anyio.Event()
        self.remote = Remote(self._locate, self._follow)

    async def _locate(self) -> Endpoint:
        state = runtime.read_state(self._where)
        if state is None:
            raise SparkError("The server has started no gateway", "The plain prompt was not sent")
        is_socket = state.url.startswith("ws+unix:")
        return Endpoint(state.url, state.token, proves=not is_socket, own=True)

    def _follow(self, status: LinkStatus) -> None:
        if status.state == "ready":
            self._is_ready.set()

    async def wait_until_ready(self) -> None:
        """Wait for the gateway's hello."""
        with anyio.move_on_after(START_SECONDS):
            await self._is_ready.wait()
            return
        raise SparkError("The gateway did not answer", "Nothing was measured")

    async def ask(self, prompt: str, max_tokens: int = ANSWER_TOKENS) -> str:
        """Return the engine's answer to a prompt."""
        request = Request(Task.CHAT, instruction=prompt, model="edit", max_tokens=max_tokens)
        async with self.remote.open(request) as events:
            return "".join([event.text async for event in events if isinstance(event, Chunk)])


@asynccontextmanager
async def plain_engine(where: Path) -> AsyncGenerator[PlainEngine]:
    """Connect to a gateway while the block runs."""
    engine = PlainEngine(where)
    async with anyio.create_task_group() as group:
        group.start_soon(engine.remote.run)
        await engine.wait_until_ready()
        yield engine
        group.cancel_scope.cancel()


def build_prompt(file: TaskFile, task: EditTask) -> str:
    """Return the plain prompt for a task."""
    start, end = file.lines_of(task)
    text = LINE_END.sub("\n", file.source)
    lines = LINE_END.sub("\n", file.source[start:end])
    return (
        f"This is the file {file.name}:\n\n```{file.language}\n{text}```\n\n"
        f"Change these lines of it:\n\n```{file.language}\n{lines}```\n\n"
        f"{task.instruction}. Change nothing else. "
        "Answer with the new text of these lines in one code block."
    )


def apply_answer(file: TaskFile, task: EditTask, answer: str) -> str:
    """Return the file's text with an answer in place of the task's lines."""
    start, end = file.lines_of(task)
    block = _BLOCK.search(answer)
    new = block[1] if block else _OPENING.sub("", answer.lstrip("\n"))
    old = file.source[start:end]
    if new.strip():
        new = textwrap.indent(textwrap.dedent(new), indentation_of(old)).rstrip() + "\n"
    return file.source[:start] + file.with_line_ends(new) + file.source[end:]
