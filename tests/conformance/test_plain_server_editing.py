"""An editor's whole session with our language server on a server that knows nothing of us."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException
from websockets.asyncio.server import ServerConnection

from tests.conformance.plain_server import Json, Plain, serving
from tests.e2e.conftest import TEXT, Client, Connect

pytestmark = pytest.mark.asyncio

CONTENT_MODIFIED = -32801
POOL = 14


@dataclass
class Held(Plain):
    """Begins nothing before its gate is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, socket: ServerConnection, create: Json) -> None:
        await self.gate.wait()
        await super().respond(socket, create)


@dataclass
class Once(Plain):
    """Misbehaves once, with its first create, as `word` says; see `Plain`."""

    word: str = "LIMIT"

    async def respond(self, socket: ServerConnection, create: Json) -> None:
        word, self.word = self.word, ""
        await super().respond(socket, {**create, "input": f"{create['input']} {word}"})


class CutOnce(Once):
    """Drops the first connection in the middle of the first answer."""

    word = "CUT"


def documented(given: str) -> str:
    """Answer an edit in the form that was asked for, a completion with text."""
    if "<target>" not in given:
        return "a + b"
    return '```python\ndef mul(a, b):\n    """Multiply."""\n    return a * b\n```\n'


def last_line(given: str) -> str:
    """Answer with how the text before the cursor ends, so that answers can be told apart."""
    before = given.split("</prefix>")[0].rstrip("\n")
    return f"after_{before.split()[-1]}"


async def joined(connect: Connect, plain: Plain, key: str = "secret") -> Client:
    client = await connect("neovim", SPARK_LSP_ENGINE_URL=plain.url, SPARK_LSP_TOKEN=key)
    assert isinstance(client, Client)
    return client


async def test_ghost_text_and_an_edit(connect: Connect) -> None:
    async with serving(documented) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open()
        assert [item.insert_text for item in await client.ghost(1, 4)] == ["a + b"]
        await client.run((await client.actions(4))["Add documentation"])
        await client.until(lambda: client.edits)
        assert client.edits[0].state == "applied", client.edits[0].reason
        asked = [create["input"] for create in plain.creates]
        assert f"<prefix>\n{TEXT[:19]}\n</prefix>" in asked[0]
        assert "<target>\ndef mul(a, b):" in asked[1]
        assert plain.others == []


async def test_typing_on_is_answered_for_the_last_key_only(connect: Connect) -> None:
    async with serving(last_line, Held) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open()
        asked: list[asyncio.Future[Any]] = []
        for number in range(1, 6):
            client.change(number + 1, "x", 1, 3 + number, 1, 3 + number)
            asked.append(asyncio.ensure_future(client.ghost(1, 4 + number)))
            await client.until(lambda count=number: len(plain.creates) == count)
        plain.gate.set()
        (item,) = await asked.pop()
        assert item.insert_text == "after_xxxxx"
        for overtaken in asked:
            with pytest.raises(JsonRpcException) as caught:
                await overtaken
            assert caught.value.code == CONTENT_MODIFIED
        assert len({create["stream_id"] for create in plain.creates}) == 5  # none is reused before its end
        assert plain.others == []


async def test_more_keys_than_lanes_still_end_in_ghost_text(connect: Connect) -> None:
    async with serving(last_line, Held) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open()
        asked: list[asyncio.Future[Any]] = []
        for number in range(1, POOL + 6):
            client.change(number + 1, "x", 1, 3 + number, 1, 3 + number)
            asked.append(asyncio.ensure_future(client.ghost(1, 4 + number)))
            await client.until(lambda count=number: len(plain.creates) == min(count, POOL))
        plain.gate.set()
        found = await asked.pop()
        assert [item.insert_text for item in found] == [f"after_{'x' * (POOL + 5)}"]
        await asyncio.gather(*asked, return_exceptions=True)
        assert len({create["stream_id"] for create in plain.creates}) <= POOL


@pytest.mark.parametrize("kind", [Once, CutOnce])
async def test_a_lost_connection_is_not_seen_in_a_completion(connect: Connect, kind: type[Once]) -> None:
    async with serving(last_line, kind) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open("value = \n")
        assert [item.insert_text for item in await client.ghost(0, 8)] == ["after_="]
        assert len(plain.offered) == 2  # connections


@pytest.mark.parametrize("kind", [Once, CutOnce])
async def test_an_edit_starts_again_and_is_applied_once(connect: Connect, kind: type[Once]) -> None:
    async with serving(documented, kind) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open()
        await client.run((await client.actions(4))["Add documentation"])
        await client.until(lambda: client.edits)
        assert client.edits[0].state == "applied", client.edits[0].reason
        assert len(client.applied) == 1
        (change,) = client.applied[0].edit.document_changes or []
        assert "".join(edit.new_text for edit in change.edits).count("Multiply.") == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("word", "reason"), [("FAIL", ": It failed."), ("ERROR", ": server_says_no.")])
async def test_trouble_is_one_sentence_in_the_status(connect: Connect, word: str, reason: str) -> None:
    async with serving(last_line) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open(f"{word} = \n")
        await client.ghost(0, len(word) + 3)
        await client.until(lambda: client.statuses[-1].reason)
        assert client.statuses[-1].reason.endswith(reason)
        client.change(2, "fine", 0, 0, 0, len(word))
        assert [item.insert_text for item in await client.ghost(0, 7)] == ["after_="]


async def test_secrets_leave_as_stars(connect: Connect) -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"  # the vendor's own example
    async with serving(last_line) as plain:
        client = await joined(connect, plain)
        await client.engine("remote")
        client.open(f'key = "{secret}"\nvalue = \n')
        await client.ghost(1, 8)
        assert plain.creates
        assert secret not in str(plain.creates)


async def test_a_wrong_key_is_said_and_nothing_is_sent(connect: Connect) -> None:
    async with serving(last_line) as plain:
        client = await joined(connect, plain, "wrong")
        client.open()
        await client.until(lambda: any("rejected the token" in status.reason for status in client.statuses))
        assert await client.ghost(1, 4) == []
        assert plain.creates == []
