"""The real Python SDK on several lanes: which events bear which name, and what outlives a failure."""

import json
import signal
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from openai.resources.responses.responses import AsyncResponsesConnection
from openai.types.websocket_reconnection import ReconnectingEvent

from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
TEXT = "def add(a, b):\n    return a + b\n"
LONG = "abcd" * 40
ENDS = ("response.completed", "response.failed", "response.incomplete", "error")


async def ask(connection: AsyncResponsesConnection, **fields: Any) -> None:
    create: Any = {"type": "response.create", "model": "replay", "input": "hi", **fields}
    await connection.send(create)


async def ends(connection: AsyncResponsesConnection, count: int = 1) -> list[Any]:
    """Return everything that comes up to that many terminals."""
    events: list[Any] = []
    with anyio.fail_after(DEADLINE):
        while sum(event.type in ENDS for event in events) < count:
            events.append(await connection.recv())
    return events


async def end(connection: AsyncResponsesConnection, **fields: Any) -> Any:
    """Ask, and return the terminal."""
    await ask(connection, **fields)
    return (await ends(connection))[-1]


async def test_every_event_bears_its_lane_and_is_numbered_in_its_response(sdk: openai.AsyncOpenAI) -> None:
    lanes: list[str | None] = [None, "a", "b", "c", "d"]
    async with sdk.responses.connect() as connection:
        for lane in lanes:
            await ask(connection, model="slow", **({"stream_id": lane} if lane else {}))
        events = await ends(connection, len(lanes))
    of_lane = defaultdict[str | None, list[Any]](list)
    for event in events:
        of_lane[event.stream_id].append(event)
    assert set(of_lane) == set(lanes)
    for seen in of_lane.values():
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
        assert "".join(event.delta for event in seen if event.type.endswith("text.delta")) == LONG
        items = {event.item_id for event in seen if hasattr(event, "item_id")}
        assert len(items) == 1
    ids = {seen[0].response.id for seen in of_lane.values()}
    assert len(ids) == len(lanes)
    ended = next(at for at, event in enumerate(events) if event.type in ENDS)
    assert {event.stream_id for event in events[:ended]} == set(lanes)  # they run side by side


async def test_the_default_lane_has_no_name_on_the_wire(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        await ask(connection)
        with anyio.fail_after(DEADLINE):
            told = [json.loads(await connection.recv_bytes()) for _ in range(3)]
    assert not any("stream_id" in event for event in told)


async def test_one_lane_is_first_come_first_served(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        for model in ("slow", "replay", "slow"):
            await ask(connection, model=model, stream_id="one")
        events = await ends(connection, 3)
    kinds = [event.type for event in events if event.type in ("response.created", *ENDS)]
    assert kinds == ["response.created", "response.completed"] * 3
    answers = [event.response.output_text for event in events if event.type == "response.completed"]
    assert answers == [LONG, TEXT, LONG]


async def test_what_tools_were_asked_and_said_is_read_by_the_engine(sdk: openai.AsyncOpenAI) -> None:
    filler = "x" * 4000
    items: dict[str, dict[str, Any]] = {
        "message": {"role": "user", "content": [{"type": "input_text", "text": filler}]},
        "answer": {"role": "assistant", "content": [{"type": "output_text", "text": filler}]},
        "call": {"type": "function_call", "call_id": "c", "name": "f", "arguments": filler},
        "output": {"type": "function_call_output", "call_id": "c", "output": filler},
        "custom call": {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": filler},
        "custom output": {"type": "custom_tool_call_output", "call_id": "c", "output": filler},
    }
    async with sdk.responses.connect() as connection:
        read = {
            name: (await end(connection, input=[item])).response.usage.input_tokens
            for name, item in items.items()
        }
        silent = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": filler}
        unread = (await end(connection, input=[silent, {"role": "user", "content": "hi"}])).response.usage
    assert all(tokens >= 1000 for tokens in read.values()), read
    assert unread.input_tokens < 10


async def test_a_continuation_that_fails_takes_its_past_along_and_a_fork_does_not(
    sdk: openai.AsyncOpenAI,
) -> None:
    async with sdk.responses.connect() as connection:
        first = (await end(connection, stream_id="main")).response.id
        fork: Any = {"stream_id": "side", "previous_response_id": first}
        assert (await end(connection, model="broken", **fork)).type == "response.failed"
        assert (await end(connection, **fork)).response.previous_response_id == first
        own = {**fork, "stream_id": "main"}
        assert (await end(connection, model="broken", **own)).type == "response.failed"
        for again in (own, fork):
            refused = await end(connection, **again)
            assert (refused.error.code, refused.status) == ("previous_response_not_found", 400)
            assert refused.stream_id == again["stream_id"]


async def test_a_past_belongs_to_its_connection(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as one, sdk.responses.connect() as other:
        first = (await end(one)).response.id
        assert (await end(other, previous_response_id=first)).error.code == "previous_response_not_found"
        assert (await end(one, previous_response_id=first)).type == "response.completed"


async def test_steering_one_lane_leaves_the_others(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        await ask(connection, model="slow", stream_id="steered")
        await ask(connection, model="slow", stream_id="other")
        with anyio.fail_after(DEADLINE):
            while (event := await connection.recv()).type != "response.created" or (
                event.stream_id != "steered"
            ):
                pass
        await connection.response.steer(previous_response_id=event.response.id, input="shorter")
        events = await ends(connection, 3)
    accepted = next(each for each in events if each.type == "response.steer.accepted")
    assert accepted.stream_id == "steered"
    answers = [
        (each.stream_id, each.response.status, each.response.output_text)
        for each in events
        if each.type in ENDS
    ]
    assert ("other", "completed", LONG) in answers
    assert [status for lane, status, _ in answers if lane == "steered"] == ["incomplete", "completed"]


async def test_who_asks_for_timing_still_reads_every_event(sdk: openai.AsyncOpenAI) -> None:
    headers = {"x-responsesapi-include-timing-metrics": "true"}
    async with sdk.responses.connect(extra_headers=headers) as connection:
        await ask(connection, stream_id="a")
        *_, timing, last = await ends(connection)
    assert (timing.type, timing.stream_id) == ("responsesapi.websocket_timing", "a")
    assert last.response.output_text == TEXT


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1012), (signal.SIGKILL, 1006)])
async def test_it_comes_back_by_itself_when_the_gateway_has_been_started_again(
    start: Any, short: Path, number: int, code: int
) -> None:
    seen: list[int] = []
    answers: list[str] = []
    given = ("--token-file", str(short / "token"))
    with ExitStack() as gateways:
        first = gateways.enter_context(start(short, *given))
        port = first.http.split(":")[-1].removesuffix("/v1")
        client = openai.AsyncOpenAI(api_key=first.token, base_url=first.http, max_retries=0)

        def reconnecting(event: ReconnectingEvent) -> None:
            seen.append(event.close_code)
            if len(seen) == 1:
                group.start_soon(ask, connection)  # kept by the SDK until it is connected again

        async with (
            anyio.create_task_group() as group,
            client.responses.connect(on_reconnecting=reconnecting, initial_delay=0.05) as connection,
        ):
            await ask(connection)
            with anyio.fail_after(DEADLINE):
                async for event in connection:
                    if event.type != "response.completed":
                        continue
                    answers.append(event.response.output_text)
                    if len(answers) == 2:
                        break
                    first.end(number)
                    gateways.enter_context(start(short, *given, "--port", port))
    assert (answers, seen[0]) == ([TEXT, TEXT], code)
