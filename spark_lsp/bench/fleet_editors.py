"""A program that simulates many editors for `spark-lsp bench fleet`.

Each editor is the language server's own link to the gateway, with one open file. The program reads one JSON
command per line and answers each with one JSON line; see `fleet_groups`.
"""

import itertools
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from spark_lsp.answer_events import Chunk, Finished
from spark_lsp.bench.question import Typist, source
from spark_lsp.codes import Code
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import EngineError
from spark_lsp.gateway.team import raise_file_limit
from spark_lsp.session import context
from spark_lsp.text.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_S = 60.0  # an answer that takes longer counts as lost
AT_ONCE = 32  # editors that connect at the same time
CONNECT_S = 120.0
EDIT_CHARS = 200  # size of the target of an edit
RETRIED = (Code.CONNECTION_LOST, Code.ANSWER_BROKE_OFF)  # as the language server does, once


@dataclass(slots=True)
class Tally:
    """What became of the requests of one command. Times are in milliseconds."""

    first_ms: list[float] = field(default_factory=list[float])
    total_ms: list[float] = field(default_factory=list[float])
    retried_ms: list[float] = field(default_factory=list[float])  # of the answers that began again
    complete: int = 0
    lost: int = 0  # ended with an error, or not at all
    repeated: int = 0  # ended twice, or with a text that is not the engine's
    errors: dict[str, int] = field(default_factory=dict[str, int])


class SimulatedEditor:
    """One editor with one file."""

    def __init__(self, url: str, token: str, number: int, characters: int, answer: str) -> None:
        self._endpoint = Endpoint(url, token)
        self._answer = answer
        self._is_ready = anyio.Event()
        text = source(characters)
        document = Document(f"file:///bench/{number}/module.py", text, 1, "python")
        self._typist = Typist(document, text.index("\n", len(text) // 2))
        self.remote = Remote(self._locate, self._note_status)
        self.remote.configure({}, {}, {})
        self.remote.open_document(document)

    async def _locate(self) -> Endpoint:
        return self._endpoint

    def _note_status(self, status: LinkStatus) -> None:
        if status.state == "ready":
            self._is_ready.set()

    async def wait_until_ready(self) -> bool:
        """Return whether the editor got a connection in time."""
        with anyio.move_on_after(CONNECT_S):
            await self._is_ready.wait()
            return True
        return False

    async def type_for(self, seconds: float, pause_s: float, tally: Tally, *, edits: bool) -> None:
        """Type keys with a completion after each, or request edits, until the time is over."""
        end = time.monotonic() + seconds
        await anyio.sleep(random.uniform(0, pause_s))
        while time.monotonic() < end:
            await self._ask(tally, edits=edits)
            await anyio.sleep(pause_s * random.uniform(0.5, 1.5))

    async def _ask(self, tally: Tally, *, edits: bool) -> None:
        question = self._typist.key()
        self.remote.edit_document(question.document, question.edits)
        request = question.request()
        if edits:
            target = (question.offset, min(question.offset + EDIT_CHARS, len(question.document)))
            request = context.build_edit(question.document, target, "edit", "improve this", model="replay")
        begun = time.perf_counter()
        for attempt in range(2):
            try:
                with anyio.fail_after(ANSWER_S):
                    async with self.remote.open(request) as events:
                        first, text, ends = await _read(events)
            except (EngineError, TimeoutError) as error:
                code = str(error.code) if isinstance(error, EngineError) else "timeout"
                tally.errors[code] = tally.errors.get(code, 0) + 1
                if attempt or code not in RETRIED:
                    tally.lost += 1
                    return
                continue
            _count(tally, begun, first, attempt)
            tally.complete += 1
            expected = self._answer if edits else self._answer[: len(text)]
            tally.repeated += ends != 1 or text != expected
            return


async def _read(events: Any) -> tuple[float, str, int]:
    """Return the time of the first text, the text, and how often the answer ended."""
    first, pieces, ends = 0.0, list[str](), 0
    async for event in events:
        if isinstance(event, Chunk):
            first = first or time.perf_counter()
            pieces.append(event.text)
        ends += isinstance(event, Finished)
    return first, "".join(pieces), ends


def _count(tally: Tally, begun: float, first: float, attempt: int) -> None:
    now = time.perf_counter()
    tally.first_ms.append((first - begun) * 1000)
    tally.total_ms.append((now - begun) * 1000)
    if attempt:
        tally.retried_ms.append((now - begun) * 1000)


class Program:
    """Carries out the commands."""

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self._group = group
        self._editors: list[SimulatedEditor] = []
        self._numbers = itertools.count()

    async def connect(
        self, url: str, tokens: list[str], count: int, characters: int, answer: str
    ) -> dict[str, Any]:
        """Connect `count` more editors; they use the tokens in turn."""
        begun = time.monotonic()
        limit = anyio.CapacityLimiter(AT_ONCE)
        ready = [False] * count

        async def connect_one(index: int) -> None:
            async with limit:
                number = next(self._numbers)
                editor = SimulatedEditor(url, tokens[number % len(tokens)], number, characters, answer)
                self._group.start_soon(editor.remote.run)
                self._editors.append(editor)
                ready[index] = await editor.wait_until_ready()

        async with anyio.create_task_group() as group:
            for index in range(count):
                group.start_soon(connect_one, index)
        return {"connected": sum(ready), "seconds": time.monotonic() - begun}

    async def type(self, count: int, seconds: float, pause_s: float, edits: bool = False) -> dict[str, Any]:
        """Have the first `count` editors type, or request edits, for that time."""
        tally = Tally()
        async with anyio.create_task_group() as group:
            for editor in self._editors[:count]:
                group.start_soon(lambda one=editor: one.type_for(seconds, pause_s, tally, edits=edits))
        return asdict(tally)

    async def storm(self, url: str, token: str, count: int) -> dict[str, Any]:
        """Open `count` connections at once; return how many got which HTTP status."""
        statuses: dict[str, int] = {}
        streams: list[anyio.abc.ByteStream] = []

        async def knock() -> None:
            status = "none"
            try:
                with anyio.fail_after(CONNECT_S):
                    stream, status = await _shake_hands(url, token)
                    streams.append(stream)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
                status = type(error).__name__
            statuses[status] = statuses.get(status, 0) + 1

        begun = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(knock)
        took = time.monotonic() - begun
        for stream in streams:
            await stream.aclose()
        return {"statuses": statuses, "seconds": took}


async def _shake_hands(url: str, token: str) -> tuple[anyio.abc.ByteStream, str]:
    host, _, port = url.removeprefix("ws://").partition("/")[0].partition(":")
    stream = await anyio.connect_tcp(host, int(port))
    lines = (
        "GET /v1/responses HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: c3BhcmstbHNwLXN0b3JtIQ==",
    )
    await stream.send(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = await stream.receive()
    return stream, answer.split(b" ", 2)[1].decode()


async def main() -> None:
    """Carry out commands until stdin ends."""
    raise_file_limit()
    async with anyio.create_task_group() as group:
        program = Program(group)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            words = json.loads(line)
            do: Callable[..., Any] = getattr(program, words.pop("do"))
            sys.stdout.write(json.dumps(await do(**words)) + "\n")
            sys.stdout.flush()
        group.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, backend_options={"use_uvloop": sys.platform != "win32"})
