"""A conversation of the real Codex CLI: it continues, is interrupted and recovers; we see every message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conformance.codex_app import conversation
from tests.conformance.front import front
from tests.conformance.relay import Json, relay
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
TEXT = "def add(a, b):\n    return a + b\n"
LONG = "abcd" * 40


async def eventually(condition: Callable[[], object]) -> None:
    with anyio.fail_after(DEADLINE):
        while not condition():
            await anyio.sleep(0.01)


def size(create: Json) -> int:
    return len(json.dumps(create["input"]))


async def test_turns_go_on_from_each_other_on_one_connection(
    codex: Path, running: Any, tmp_path: Path
) -> None:
    async with (
        relay(running.ready["url"]) as door,
        conversation(codex, running.token, door.url, tmp_path, "replay") as talk,
    ):
        assert [await talk.turn(f"turn {number}") for number in range(3)] == [("completed", [TEXT])] * 3
    (link,) = door.links
    warm, *turns = link.creates()
    assert warm["generate"] is False  # its warm-up
    answered = [event["response"]["id"] for event in link.told if event["type"] == "response.completed"]
    assert [turn["previous_response_id"] for turn in turns] == answered[:-1]
    assert size(warm) > 10_000 > 500 > size(turns[-1])  # a later turn brings what is new
    assert link.headers["openai-beta"].startswith("responses_websockets=")
    assert "sec-websocket-protocol" not in link.headers


async def test_an_interrupt_stops_the_engine_and_the_next_turn_works(
    codex: Path, running: Any, tmp_path: Path
) -> None:
    async with (
        relay(running.ready["url"]) as door,
        conversation(codex, running.token, door.url, tmp_path, "slow") as talk,
    ):
        turn = await talk.begin("one")
        await talk.until("item/agentMessage/delta", turn)
        await talk.ask("turn/interrupt", threadId=talk.thread, turnId=turn)
        assert (await talk.end(turn))[0] == "interrupted"
        await eventually(lambda: door.links[0].closed)  # the public protocol knows no other cancel
        await eventually(lambda: running.sessions() == 0)
        assert "response.completed" not in door.links[0].kinds()[3:]
        assert await talk.turn("two") == ("completed", [LONG])
    assert ["previous_response_id" in link.creates()[0] for link in door.links] == [False, False]


async def test_it_sends_everything_again_where_the_past_is_not_here(
    codex: Path, running: Any, tmp_path: Path
) -> None:
    given: list[Json] = []

    def forgotten(message: Json) -> Json:
        given.append(message)
        return {**message, "previous_response_id": "resp_gone"} if len(given) == 3 else message

    async with (
        relay(running.ready["url"], forgotten) as door,
        conversation(codex, running.token, door.url, tmp_path, "replay") as talk,
    ):
        assert await talk.turn("one") == ("completed", [TEXT])
        assert await talk.turn("two") == ("completed", [TEXT])
    first, second = door.links
    assert first.told[-1]["error"]["code"] == "previous_response_not_found"
    assert size(second.creates()[0]) > size(first.creates()[0])


async def test_it_goes_on_after_the_connection_has_lived_its_time(
    codex: Path, start: Any, short: Path, tmp_path: Path
) -> None:
    with start(short, "--lifetime", "1") as running:
        async with (
            relay(running.ready["url"]) as door,
            conversation(codex, running.token, door.url, tmp_path, "replay") as talk,
        ):
            assert await talk.turn("one") == ("completed", [TEXT])
            await eventually(lambda: door.links[0].closed)
            assert await talk.turn("two") == ("completed", [TEXT])
    assert door.links[0].told[-1]["error"]["code"] == "websocket_connection_limit_reached"
    assert size(door.links[1].creates()[0]) > size(door.links[0].creates()[0])


async def test_what_is_added_in_mid_turn_is_answered_too(codex: Path, running: Any, tmp_path: Path) -> None:
    async with (
        relay(running.ready["url"]) as door,
        conversation(codex, running.token, door.url, tmp_path, "slow") as talk,
    ):
        turn = await talk.begin("one")
        await talk.until("item/agentMessage/delta", turn)
        more = [{"type": "text", "text": "shorter"}]
        await talk.ask("turn/steer", threadId=talk.thread, expectedTurnId=turn, input=more)
        assert (await talk.end(turn))[0] == "completed"
    _, first, second = door.links[0].creates()
    assert "shorter" in json.dumps(second["input"])
    assert second["previous_response_id"] != first["previous_response_id"]


async def test_over_http_it_goes_on_and_is_interrupted_too(codex: Path, running: Any, tmp_path: Path) -> None:
    async with (
        front(running.http, refuse=True) as door,
        conversation(codex, running.token, door.url, tmp_path, "slow") as talk,
    ):
        assert await talk.turn("one") == ("completed", [LONG])
        turn = await talk.begin("two")
        await talk.until("item/agentMessage/delta", turn)
        await talk.ask("turn/interrupt", threadId=talk.thread, turnId=turn)
        assert (await talk.end(turn))[0] == "interrupted"
        await eventually(lambda: running.sessions() == 0)
    assert door.seen.count("POST /v1/responses") == 2


async def test_a_model_that_is_not_here_is_said_at_once(codex: Path, running: Any, tmp_path: Path) -> None:
    async with conversation(codex, running.token, running.http, tmp_path, "nobody") as talk:
        assert await talk.turn("one") == ("failed", [])
    (error,) = talk.said("error")
    assert error["error"]["message"].startswith("There is no model 'nobody'.")
    assert (error["error"]["codexErrorInfo"], error["willRetry"]) == ("modelNotFound", False)
