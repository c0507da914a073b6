"""Our client against a server that knows nothing of us: full text, no cancel, nothing twice."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import openai
import pytest
from openai.lib.responses_websocket import AsyncResponsesWebSocketSession, ResponsesWebSocketLimits

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.errors import EngineError
from spark_lsp.request import EditFormat, Part, PartKind, Request, Span, Task
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit
from tests.conformance.plain_server import Plain, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
LIMITS = ResponsesWebSocketLimits(
    max_lanes=4, max_events_per_lane=100, max_events=400, max_bytes_per_lane=1 << 20, max_bytes=1 << 22
)
URI = "file:///a.py"


def echo(given: str) -> str:
    return f"[{given}]"


@asynccontextmanager
async def linked(plain: Plain, key: str = "secret") -> AsyncIterator[tuple[Remote, list[LinkStatus]]]:
    async def locate() -> Endpoint:
        return Endpoint(plain.url, key)

    told: list[LinkStatus] = []
    remote = Remote(locate, told.append)
    async with anyio.create_task_group() as group:
        group.start_soon(remote.run)
        yield remote, told
        group.cancel_scope.cancel()


def ask(instruction: str, task: Task = Task.CHAT, *parts: Part) -> Request:
    return Request(task, parts, instruction)


async def answer(remote: Remote, request: Request) -> list[Event]:
    with anyio.fail_after(DEADLINE):
        async with remote.open(request) as events:
            return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


async def test_an_answer_with_what_it_used() -> None:
    async with serving(echo) as plain, linked(plain) as (remote, told):
        started, *chunks, finished = await answer(remote, ask("hello"))
        assert started == Started("remote", "plain-1")
        assert text_of(chunks) == "[hello]"
        assert isinstance(finished, Finished)
        assert (finished.reason, finished.usage.output_tokens) == ("stop", 1)
        assert [each.state for each in told] == ["ready"]
        assert plain.offered == ["spark.v1"]


async def test_the_whole_text_is_sent_and_nothing_of_ours() -> None:
    async with serving(echo) as plain, linked(plain) as (remote, _):
        document = Document(URI, "a = 1\n", 1, "python")
        remote.open_document(document)
        remote.edit_document(document.splice(0, 1, "b", 2), [Edit(0, 1, "b")])
        remote.configure({"mine": {"kind": "replay"}}, {"edit": ["mine"]}, {})
        part = Part(PartKind.TARGET, "b = 1\n", URI, Span(URI, 2, 0, 6))
        events = await answer(remote, ask("Double it.", Task.EDIT, part))
        assert text_of(events) == "[<target>\nb = 1\n\n</target>\n\nDouble it.]"
        assert events[0] == Started("remote", "plain-1", EditFormat.FENCED)
        assert plain.others == []
        assert set(plain.creates[0]) == {"type", "stream_id", "instructions", "input"}


async def test_many_at_once_do_not_mix() -> None:
    async with serving(echo) as plain, linked(plain) as (remote, _):
        got: dict[int, str] = {}

        async def one(number: int) -> None:
            got[number] = text_of(await answer(remote, ask(f"question {number}")))

        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(one, number)
        assert got == {number: f"[question {number}]" for number in range(12)}


async def test_a_cancel_leaves_the_lane_until_its_answer_has_ended_and_nothing_of_it_is_heard() -> None:
    async with serving(echo) as plain, linked(plain) as (remote, _):
        async with remote.open(ask("HANG one")) as events:
            await anext(events)
        assert text_of(await answer(remote, ask("two"))) == "[two]"
        assert [create["stream_id"] for create in plain.creates] == ["act.0", "act.1"]
        assert plain.others == []  # there is no cancel in the public protocol
        with anyio.fail_after(DEADLINE):
            while (await answer(remote, ask("again"))) and plain.creates[-1]["stream_id"] != "act.0":
                await anyio.sleep(0.01)  # the first lane is free when its server has said all


@pytest.mark.parametrize(
    ("word", "message"),
    [("FAIL", "It failed"), ("ERROR", "server_says_no"), ("CUT", "was lost"), ("LIMIT", "was lost")],
)
async def test_trouble_is_one_error_in_words_and_the_next_question_works(word: str, message: str) -> None:
    async with serving(echo) as plain, linked(plain) as (remote, _):
        with pytest.raises(EngineError, match=message):
            await answer(remote, ask(word))
        assert text_of(await answer(remote, ask("next"))) == "[next]"


async def test_a_wrong_key_is_said() -> None:
    async with serving(echo) as plain, linked(plain, "wrong") as (remote, _):
        with pytest.raises(EngineError, match="rejected the token"):
            await answer(remote, ask("hello"))
        assert plain.creates == []


async def test_the_server_of_these_tests_is_one_that_the_real_sdk_takes() -> None:
    async with serving(echo) as plain:
        base = plain.url.replace("ws://", "http://").removesuffix("/responses")
        client = openai.AsyncOpenAI(api_key=plain.key, base_url=base, max_retries=0)
        async with (
            client.responses.connect() as connection,
            AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
        ):
            lanes = [session.lane(name) for name in ("a", "b")]
            for lane in lanes:
                await lane.send({"type": "response.create", "model": "m", "input": "hi"})
            with anyio.fail_after(DEADLINE):
                assert [(await lane.get_final_response()).output_text for lane in lanes] == ["[hi]", "[hi]"]


# What a server may do that ours does not.


class Torn:
    """A socket whose every message goes in pieces, with a ping between."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.transport = socket.transport

    async def send(self, message: str) -> None:
        await self._socket.ping()
        await self._socket.send([message[:9], message[9:40], message[40:]])


class Tearing(Plain):
    async def respond(self, socket: Any, create: dict[str, Any]) -> None:
        await super().respond(cast(Any, Torn(socket)), create)


class Changing:
    """A socket that writes each event otherwise, with fields that nobody knows."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.transport = socket.transport

    async def send(self, message: str) -> None:
        event = json.loads(message)
        kind, lane = event.pop("type"), event.pop("stream_id", None)
        body = event.get("response")
        if body is not None:
            body |= {
                "usage": body.get("usage"),
                "error": None,
                "incomplete_details": None,
                "conversation": {},
            }
        changed = {"obfuscation": "x", **event, "future": [None], "stream_id": lane, "type": kind}
        await self._socket.send(json.dumps(changed, indent=1, ensure_ascii=True))


class Otherwise(Plain):
    async def respond(self, socket: Any, create: dict[str, Any]) -> None:
        await super().respond(cast(Any, Changing(socket)), create)


@pytest.mark.parametrize("kind", [Tearing, Otherwise])
async def test_messages_in_pieces_or_written_otherwise_are_read_all_the_same(kind: type[Plain]) -> None:
    async with serving(echo, kind) as plain, linked(plain) as (remote, _):
        for question in ("hello", "größer 😀 e\u0301", "x" * 3000):
            events = await answer(remote, ask(question))
            assert text_of(events) == f"[{question}]"
            assert isinstance(events[-1], Finished)
        assert len(plain.offered) == 1


class Binary(Plain):
    async def respond(self, socket: Any, create: dict[str, Any]) -> None:
        if "BINARY" in str(create["input"]):
            await socket.send(b"\x00\x01")
        await super().respond(socket, create)


async def test_a_binary_message_ends_the_link_and_the_next_one_works() -> None:
    async with serving(echo, Binary) as plain, linked(plain) as (remote, told):
        with pytest.raises(EngineError, match="was lost"):
            await answer(remote, ask("BINARY"))
        with anyio.fail_after(DEADLINE):
            while told[-1].state != "ready":
                await anyio.sleep(0.01)
        assert text_of(await answer(remote, ask("next"))) == "[next]"


async def test_more_than_the_server_runs_at_once_are_all_answered_under_few_names() -> None:
    async with serving(echo) as plain, linked(plain) as (remote, _):
        got: list[str] = []

        async def one(number: int, task: Task) -> None:
            got.append(text_of(await answer(remote, ask(f"HANG {number}", task))))

        async with anyio.create_task_group() as group:
            for number in range(14):
                group.start_soon(one, number, Task.CHAT)
                group.start_soon(one, number, Task.COMPLETE)
        assert len(got) == 28
        assert len({create["stream_id"] for create in plain.creates}) == 28
        for number in range(40):
            await answer(remote, ask(f"{number}"))
        assert len({create["stream_id"] for create in plain.creates}) == 28  # below the 32 of a connection


# The whole language server.

SOURCE = "def add(a, b):\n    return \n\n\ndef mul(a, b):\n    return a * b\n"


def helpful(given: str) -> str:
    """Answer a completion with text, an edit with the new target in a fence."""
    if "<target>" not in given:
        return "a + b"
    return "Here you are:\n```python\ndef mul(a, b):\n    return b * a\n```\n"


async def spark(plain: Plain, where: Path, *arguments: str) -> dict[str, Any]:
    """Run a command of ours against the server, and return what it prints."""
    environment = {
        **os.environ,
        "SPARK_LSP_ENGINE_URL": plain.url,
        "SPARK_LSP_TOKEN": plain.key,
        "SPARK_LSP_RUNTIME_DIR": str(where),
    }
    with anyio.fail_after(PATIENCE):
        command = [sys.executable, "-m", "spark_lsp", *arguments, "--json"]
        done = await anyio.run_process(command, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


async def test_a_completion_through_the_language_server(tmp_path: Path) -> None:
    (file := tmp_path / "sums.py").write_text(SOURCE)
    async with serving(helpful) as plain:
        found = await spark(plain, tmp_path, "complete", f"{file}:2:12")
    assert found["text"] == "a + b"
    (create,) = plain.creates
    assert SOURCE[:27] in create["input"]
    assert "<suffix>" in create["input"]


async def test_an_edit_through_the_language_server(tmp_path: Path) -> None:
    (file := tmp_path / "sums.py").write_text(SOURCE)
    async with serving(helpful) as plain:
        arguments = ("edit", str(file), "--range", "5:6", "--instruction", "swap the factors", "--write")
        done = await spark(plain, tmp_path, *arguments)
    assert (done["state"], done["applied"]) == ("applied", True)
    assert file.read_text() == SOURCE.replace("a * b", "b * a")
