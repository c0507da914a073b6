"""Replay recorded typing sessions: how many requests does the server answer without waiting for an engine?

usage: .venv/bin/python -m scripts.measure_waiting [--client every|own] [--delay MS] [--steps N] [SESSION…]

Each session runs in a separate server and gateway, in real time, with each value of `completion.speculate`.
The engine is a replay of the session's file, with a first token after `--delay` milliseconds and 100 tokens a
second.

The client `every` requests ghost text after each key and move, as most editors do. The client `own` does so
only if it has no suggestion that fits, as our own clients do, and shows growing text.

Columns: requests; those that a newer key or request replaced before their answer; of the others, those
answered at once, without waiting for an engine, in percent; requests to the engine; those ahead of the
editor's request, and how many of them were of use; acceptances; recorded acceptances whose suggestion was not
there yet.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio

from scripts.typing_session import SESSIONS, Session, Step, load_session
from spark_lsp.client.answers import lsp_position, lsp_range, read_item, read_range
from spark_lsp.client.capabilities import initialize_params
from spark_lsp.client.connection import Connection, connect
from spark_lsp.client.rehearsal import stop_gateway
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.session.suggestions import Suggestion
from spark_lsp.text.document import Document
from spark_lsp.text.positions import Encoding

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

POLICIES = ("off", "accepted", "shown")
TIMEOUT_S = 60.0
START_S = 20.0
CONFIG = """\
[engines.replay]
kind = "replay"
text = "engine.txt"
continues = true
tokens_per_s = 100
delay_ms = {delay}
[routes]
completion = ["replay"]
edit = ["replay"]
[completion]
instant = false
speculate = "{policy}"
maxLines = {lines}
"""


@dataclass(slots=True)
class Outcome:
    """The server's counts after a session, and the client's."""

    session: str
    policy: str
    counts: Mapping[str, int]
    accepted: int
    missed: int

    @property
    def share(self) -> float:
        """The share of the answered requests that were answered at once."""
        return self.counts["at_once"] / max(1, self.counts["requests"] - self.counts["replaced"])


class Player:
    """The user's editor with the one document of a session."""

    def __init__(self, session: Session, *, asks_always: bool) -> None:
        self._session = session
        self._asks_always = asks_always
        uri = f"file:///sessions/{session.name}"
        self.document = Document(uri, session.text, 1, session.language)
        self.cursor = session.cursor
        self.accepted = 0
        self.missed = 0
        self._versions = {1: self.document}
        self._offer: Suggestion | None = None
        self._connection: Connection | None = None
        self._tasks: TaskGroup | None = None

    def handle(self, method: str, params: Any) -> Any:
        """Answer a request of the server, or take growing text."""
        if method == "workspace/configuration":
            return [None for _ in params.get("items", [])]
        if method == "spark/inlineCompletion" and params["item"] is not None:
            self._take(params["item"], self._versions.get(params["version"]))
        return None

    async def play(self, connection: Connection, steps: Sequence[Step]) -> Mapping[str, int]:
        """Play the steps, and return the server's counts."""
        self._connection = connection
        growing = not self._asks_always
        await connection.request(
            "initialize", initialize_params("file:///sessions", {}, os.getpid(), growing), TIMEOUT_S
        )
        connection.notify("initialized", {})
        item = {"uri": self.document.uri, "languageId": self._session.language, "version": 1}
        connection.notify("textDocument/didOpen", {"textDocument": {**item, "text": self.document.text}})
        with anyio.move_on_after(START_S):
            while (await self._command("spark.status"))["state"] != "ready":
                await anyio.sleep(0.05)
        async with anyio.create_task_group() as self._tasks:
            for step in steps:
                await anyio.sleep(step.seconds)
                self._do(step)
        return (await self._command("spark.status"))["suggestions"]

    def _do(self, step: Step) -> None:
        if step.kind == "accept":
            self._accept(step.text)
        elif step.kind == "type":
            self._change(self.cursor, self.cursor, step.text)
        elif step.kind == "delete":
            self._change(self.cursor - step.number, self.cursor, "")
        else:
            self.cursor = step.number
        self._ask()

    def _accept(self, text: str) -> None:
        """Accept a text if the editor shows it; type it otherwise."""
        offer = self._find_offer()
        if offer is None or not offer.text.startswith(text):
            self.missed += 1
            for letter in text[:-1]:
                self._change(self.cursor, self.cursor, letter)
                self._ask()
            self._change(self.cursor, self.cursor, text[-1:])
            return
        self.accepted += 1
        end = offer.end if offer.text == text else self.cursor
        self._change(self.cursor, end, text)
        self._start(self._command, "spark.accept", {"token": offer.token})

    def _change(self, start: int, end: int, new: str) -> None:
        before = self.document
        self.document = before.splice(start, end, new, before.version + 1)
        self._versions[self.document.version] = self.document
        self.cursor = start + len(new)
        identifier = {"uri": before.uri, "version": self.document.version}
        change = {"range": lsp_range(before, start, end, Encoding.UTF16), "text": new}
        params = {"textDocument": identifier, "contentChanges": [change]}
        self._wire.notify("textDocument/didChange", params)

    def _find_offer(self) -> Suggestion | None:
        """Return the rest of the suggestion at the cursor."""
        moved = self._offer.move_to(self.document, self.cursor) if self._offer is not None else None
        return moved if moved is not None and moved.text else None

    def _ask(self) -> None:
        """Request ghost text, unless the client has some."""
        if self._asks_always or self._find_offer() is None:
            position = lsp_position(self.document, self.cursor, Encoding.UTF16)
            self._start(self._request, position, self.document)

    def _start(self, work: Any, *arguments: object) -> None:
        assert self._tasks is not None
        self._tasks.start_soon(work, *arguments)

    async def _request(self, position: dict[str, int], document: Document) -> None:
        params = {
            "textDocument": {"uri": document.uri},
            "position": position,
            "context": {"triggerKind": 2},
        }
        with suppress(RemoteProtocolError):  # a newer request has replaced it
            answer = await self._wire.request("textDocument/inlineCompletion", params, TIMEOUT_S)
            for item in answer["items"]:
                self._take(item, document)

    def _take(self, item: dict[str, Any], document: Document | None) -> None:
        """Show a suggestion, if it fits."""
        found = read_item([item])
        if document is None or found is None or found[1] is None:
            return
        start, end = read_range(found[1], document, Encoding.UTF16)
        token = item["command"]["arguments"][0]["token"]
        offer = Suggestion(document, start, end, found[0], token=token)
        if self._offer is None or token >= self._offer.token:
            self._offer = offer

    async def _command(self, name: str, *arguments: object) -> Any:
        params = {"command": name, "arguments": arguments}
        return await self._wire.request("workspace/executeCommand", params, TIMEOUT_S)

    @property
    def _wire(self) -> Connection:
        assert self._connection is not None
        return self._connection


async def measure(
    session: Session, policy: str, *, delay_ms: int, asks_always: bool, steps: int | None
) -> Outcome:
    """Play a session with a server and a gateway of its own."""
    player = Player(session, asks_always=asks_always)
    config = CONFIG.format(delay=delay_ms, policy=policy, lines=session.max_lines)
    with TemporaryDirectory(prefix="spark-lsp-waiting-") as folder:
        home = Path(folder)
        (home / "engine.txt").write_text(session.engine_text, "utf-8")
        (home / "config.toml").write_text(config, "utf-8")
        environment = {
            **os.environ,
            "SPARK_LSP_CONFIG": str(home / "config.toml"),
            "SPARK_LSP_RUNTIME_DIR": str(home / "run"),
            "SPARK_LSP_GATEWAY_IDLE": "5",
        }
        try:
            async with connect(player.handle, env=environment) as connection:
                counts = await player.play(connection, session.steps[:steps])
        finally:
            await anyio.to_thread.run_sync(stop_gateway, home / "run")
    return Outcome(session.name, policy, counts, player.accepted, player.missed)


def report(outcomes: Sequence[Outcome]) -> None:
    """Print a table."""
    names = ("session", "speculate", "requests", "replaced", "at once", "engine", "ahead", "used")
    print("{:18} {:9} {:>8} {:>8} {:>8} {:>7} {:>6} {:>5} {:>8} {:>6}".format(*names, "accepted", "missed"))
    for each in outcomes:
        counts = each.counts
        print(
            f"{each.session:18} {each.policy:9} {counts['requests']:8} {counts['replaced']:8} "
            f"{each.share:8.1%} {counts['engine_requests']:7} {counts['ahead_requests']:6} "
            f"{counts['ahead_used']:5} {each.accepted:8} {each.missed:6}"
        )


def add_up(outcomes: Sequence[Outcome], policy: str) -> Outcome:
    """Return the sum of the outcomes of one policy."""
    chosen = [each for each in outcomes if each.policy == policy]
    counts = {name: sum(each.counts[name] for each in chosen) for name in chosen[0].counts}
    accepted, missed = sum(each.accepted for each in chosen), sum(each.missed for each in chosen)
    return Outcome("all", policy, counts, accepted, missed)


async def run(arguments: argparse.Namespace) -> None:
    """Measure all sessions with each policy, the sessions of a policy at the same time."""
    paths = [SESSIONS / f"{name}.json" for name in arguments.sessions] or sorted(SESSIONS.glob("*.json"))
    outcomes: list[Outcome] = []

    async def add(session: Session, policy: str) -> None:
        outcomes.append(
            await measure(
                session,
                policy,
                delay_ms=arguments.delay,
                asks_always=arguments.client == "every",
                steps=arguments.steps,
            )
        )

    for policy in arguments.policies.split(","):
        async with anyio.create_task_group() as tasks:
            for path in paths:
                tasks.start_soon(partial(add, load_session(path), policy))
    report(sorted(outcomes, key=lambda each: (each.session, POLICIES.index(each.policy))))
    report([add_up(outcomes, policy) for policy in arguments.policies.split(",")])


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="How many requests are answered without waiting?")
    parser.add_argument("sessions", nargs="*", metavar="SESSION")
    parser.add_argument("--client", choices=("every", "own"), default="every")
    parser.add_argument("--delay", type=int, default=300, metavar="MS")
    parser.add_argument("--steps", type=int, metavar="N")
    parser.add_argument("--policies", default=",".join(POLICIES))
    anyio.run(run, parser.parse_args())


if __name__ == "__main__":
    main()
