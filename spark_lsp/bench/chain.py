"""Figures 4, 5, 7 and 9 at the editor: real processes on pipes, the language server and its gateway.

4: the time from a request, sent after a keystroke has been processed, to the first `spark/inlineCompletion`.
The baseline is stock pygls, which asks the tuned HTTP server with the whole document and sends the same.

5: an edit streams at 100,000 tokens per second; its progress reports in `characters` how many have come. The
lag is the delay of that number behind the engine's schedule.

7: a request that the current suggestion answers, because it still fits, minus the time of a process that only
echoes its input. Stock pygls returns an empty answer.

9: requests and their cancels, many in one write, until all are answered; the engine would take a minute.
"""

import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from spark_lsp import programs, runtime
from spark_lsp.bench import peers, stock
from spark_lsp.bench.memory import private
from spark_lsp.bench.pipe import Message, Pipe, serving, settle
from spark_lsp.bench.question import KEYS, source
from spark_lsp.client.answers import lsp_position, lsp_range
from spark_lsp.client.connection import SERVE
from spark_lsp.client.framing import frame_message
from spark_lsp.engine.replay import TOKEN_CHARS
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding

GROWTH = "spark/inlineCompletion"
REST = 0.002  # seconds between a keystroke and the request, to measure each alone
TOGETHER = 64  # messages in one write: no pipe may fill at both ends
PACE = 100_000  # tokens per second
FIRST_WORDS = "zip(names, values, strict=True)\n"  # the completion: it never begins with the typed text


@dataclass(slots=True)
class Editor:
    """One open document and a cursor in it."""

    server: Pipe
    document: Document
    offset: int
    _keys: int = field(default=0)

    def key(self) -> None:
        """Type a key."""
        typed = KEYS[self._keys % len(KEYS)]
        self._keys += 1
        before = lsp_range(self.document, self.offset, self.offset, Encoding.UTF16)
        self.document = self.document.splice(self.offset, self.offset, typed, self.document.version + 1)
        self.offset += 1
        named = {"uri": self.document.uri, "version": self.document.version}
        changes = [{"range": before, "text": typed}]
        self.server.notify("textDocument/didChange", {"textDocument": named, "contentChanges": changes})

    def request(self) -> Message:
        """Return the parameters of a request at the cursor."""
        return {
            "textDocument": {"uri": self.document.uri},
            "position": lsp_position(self.document, self.offset, Encoding.UTF16),
            "context": {"triggerKind": 2},
        }

    def first_us(self) -> float:
        """Type a key and send a request; return the microseconds until the first text."""
        self.key()
        time.sleep(REST)
        params, asked = self.request(), time.perf_counter_ns()
        number = self.server.ask("textDocument/inlineCompletion", params)
        self.server.until(_is_growth)
        first = time.perf_counter_ns() - asked
        self.server.answer(number)
        return first / 1000

    def asked_us(self, params: Message) -> float:
        """Send a request that can be answered at once; return the microseconds until the answer."""
        asked = time.perf_counter_ns()
        self.server.answer(self.server.ask("textDocument/inlineCompletion", params))
        return (time.perf_counter_ns() - asked) / 1000

    def pairs_per_s(self, params: Message, count: int) -> float:
        """Send `count` requests with their cancels, some in each write; return the answers per second."""
        pairs = list[bytes]()
        first = self.server.number + 1
        for number in range(first, first + count):
            pairs.append(
                frame_message({"id": number, "method": "textDocument/inlineCompletion", "params": params})
            )
            pairs.append(frame_message({"method": "$/cancelRequest", "params": {"id": number}}))
        self.server.number += count
        begun = time.perf_counter()
        for at in range(0, len(pairs), TOGETHER):
            self.server.write(b"".join(pairs[at : at + TOGETHER]))
            for _ in pairs[at : at + TOGETHER : 2]:
                self.server.until(lambda message: "id" in message and "method" not in message)
        return count / (time.perf_counter() - begun)

    def route(self, engine: str) -> None:
        """Route completions to another engine, by the editor's settings."""
        settings = {"spark": {"engine": {"routes": {"completion": [engine]}}}}
        self.server.notify("workspace/didChangeConfiguration", {"settings": settings})
        time.sleep(0.1)
        settle(self.server)


def _is_growth(message: Message) -> bool:
    return message.get("method") == GROWTH


def opened(server: Pipe, where: Path, characters: int) -> Editor:
    """Open a document with that much source code, and the cursor in the middle."""
    text = source(characters)
    document = Document((where / "read.py").as_uri(), text, 1, "python")
    item = {"uri": document.uri, "languageId": "python", "version": 1, "text": text}
    server.notify("textDocument/didOpen", {"textDocument": item})
    return Editor(server, document, text.index("\n", len(text) // 2))


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream as the editor received it: the lag of each report, messages and tokens per second."""

    lags_ms: list[float]
    messages_per_s: float
    tokens_per_s: float


def stream_edits(editor: Editor, seconds: float) -> Streamed:
    """Let a stream of 100,000 tokens per second edit the document for that time, then stop it."""
    server, document = editor.server, editor.document
    where = {
        "uri": document.uri,
        "version": document.version,
        "range": lsp_range(document, 0, 200, Encoding.UTF16),
    }
    order = {**where, "action": "instruct", "instruction": "rewrite it all"}
    before, asked = server.heard, time.perf_counter()
    server.ask("workspace/executeCommand", {"command": "spark.edit", "arguments": [order]})
    lags, characters, now = list[float](), 0, asked
    while (now := time.perf_counter()) < asked + seconds:
        come: int | None = server.until(_is_report)["params"]["value"].get("characters")
        now = time.perf_counter()
        if come is not None:
            characters = come
            lags.append((now - asked - characters / TOKEN_CHARS / PACE) * 1000)
    rate, messages = characters / TOKEN_CHARS / (now - asked), (server.heard - before) / (now - asked)
    server.ask("workspace/executeCommand", {"command": "spark.cancel", "arguments": [{"id": "edit-1"}]})
    server.until(lambda message: message.get("method") == "spark/edit")
    return Streamed(lags, messages, rate)


def _is_report(message: Message) -> bool:
    return message.get("method") == "$/progress"


def pipe_us(floor: "subprocess.Popen[bytes]", message: bytes) -> float:
    """Return the microseconds of one message's echo from a process."""
    assert floor.stdin is not None
    assert floor.stdout is not None
    asked, got = time.perf_counter_ns(), 0
    floor.stdin.write(message)
    while got < len(message):
        got += len(floor.stdout.read(65_536))
    return (time.perf_counter_ns() - asked) / 1000


@contextmanager
def stage(
    engines: peers.Engines, tuned: peers.Peer
) -> Generator[tuple[Editor, Editor, "subprocess.Popen[bytes]"]]:
    """Open the same document in our server, in stock pygls and, as the floor, in an echo process."""
    with ExitStack() as stack:
        environment, where = stack.enter_context(private(peers.toml(engines, {"edit": "fast"})))
        ours = stack.enter_context(serving(SERVE, where, environment))
        theirs = stack.enter_context(serving(stock.command("chain", tuned.url), where, environment))
        editors = [opened(server, where, 20_000) for server in (ours, theirs)]
        settle(ours)
        pipe = subprocess.PIPE
        command = (*peers.program("echo"), "pipe")
        floor = stack.enter_context(programs.start(command, stdin=pipe, stdout=pipe, bufsize=0))
        stack.callback(floor.kill)
        pids = [ours.pid, theirs.pid, floor.pid, *_gateway(where)]
        stack.enter_context(peers.together([tuned, *(peers.Peer("", pid) for pid in pids)]))
        yield editors[0], editors[1], floor


def _gateway(where: Path) -> list[int]:
    """Return the process of the gateway that our server has started."""
    state = runtime.read_state(where / "run")
    return [state.pid] if state is not None else []
