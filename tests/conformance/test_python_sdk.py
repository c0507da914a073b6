"""The real Python SDK over the WebSocket: turns, lanes, chains, forks, warm-up, steering, errors."""

from collections.abc import Sequence
from typing import Any

import anyio
import openai
import pytest
from openai.lib.responses_websocket import AsyncResponsesWebSocketSession, ResponsesWebSocketLimits
from openai.resources.responses.responses import AsyncResponsesConnection

from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

DEADLINE = PATIENCE
TEXT = "def add(a, b):\n    return a + b\n"
LIMITS = ResponsesWebSocketLimits(
    max_lanes=64, max_events_per_lane=1000, max_events=4000, max_bytes_per_lane=1 << 24, max_bytes=1 << 25
)
EVERYTHING = {
    "stream": True,
    "store": False,
    "client_metadata": {"a": "b"},
    "prompt_cache_key": "k",
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "high", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "text": {"verbosity": "low"},
    "service_tier": "auto",
    "truncation": "auto",
    "metadata": {},
    "zzz": [1],
}
TOOL_TURN = [
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is it?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "…"},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
]


async def turn(connection: AsyncResponsesConnection, **fields: Any) -> list[Any]:
    """Ask, and return the events up to the terminal."""
    await connection.send({"type": "response.create", "model": "replay", "input": "hi", **fields})  # type: ignore[typeddict-item]
    return await until_end(connection)


async def until_end(connection: AsyncResponsesConnection) -> list[Any]:
    ends = ("response.completed", "response.failed", "response.incomplete", "error")
    events: list[Any] = []
    with anyio.fail_after(DEADLINE):
        while not events or events[-1].type not in ends:
            events.append(await connection.recv())
    return events


def kinds(events: Sequence[Any]) -> list[str]:
    return [event.type.removeprefix("response.") for event in events]


def known(event: Any) -> bool:
    """Whether the SDK has found one of its own types for an event, with no field missing."""
    return type(event).model_validate(event.model_dump(by_alias=True)) == event


async def test_a_turn_has_every_event_in_its_order(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        events = await turn(connection)
    seen = [kind for kind in kinds(events) if kind != "output_text.delta"]
    assert seen == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(event.delta for event in events if event.type.endswith("text.delta")) == TEXT
    assert events[-1].response.output_text == TEXT
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert all(event.stream_id is None and known(event) for event in events)


async def test_what_clients_send_besides_is_tolerated(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect(extra_headers={"OpenAI-Beta": "responses_websockets=2026-02-06"}) as one:
        assert (await turn(one, **EVERYTHING))[-1].response.output_text == TEXT
        assert (await turn(one, input=TOOL_TURN))[-1].response.status == "completed"


async def test_compression_is_declined_and_works_all_the_same(sdk: openai.AsyncOpenAI) -> None:
    options: Any = {"compression": "deflate"}
    async with sdk.responses.connect(websocket_connection_options=options) as connection:
        assert (await turn(connection))[-1].response.output_text == TEXT


async def test_four_lanes_at_once_each_get_their_own(sdk: openai.AsyncOpenAI) -> None:
    async with (
        sdk.responses.connect() as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        lanes = [session.lane(name) for name in ("a", "b.1", "c-2", "d_3")]
        models = ["slow", "replay", "slow", "replay"]
        for lane, model in zip(lanes, models, strict=True):
            await lane.send({"type": "response.create", "model": model, "input": "hi"})
        with anyio.fail_after(DEADLINE):
            answers = [(await lane.get_final_response()).output_text for lane in lanes]
        assert answers == ["abcd" * 40, TEXT, "abcd" * 40, TEXT]


async def test_a_chain_and_a_fork(sdk: openai.AsyncOpenAI) -> None:
    async with (
        sdk.responses.connect() as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        main, side = session.lane("main"), session.lane("side")
        create: Any = {"type": "response.create", "model": "replay", "input": "hi"}
        with anyio.fail_after(DEADLINE):
            await main.send(create)
            first = await main.get_final_response()
            following: Any = {**create, "previous_response_id": first.id}
            await side.send(following)
            fork = await side.get_final_response()
            await main.send(following)
            second = await main.get_final_response()
        assert (fork.previous_response_id, second.previous_response_id) == (first.id, first.id)
        assert fork.usage is not None
        assert first.usage is not None
        assert fork.usage.input_tokens > first.usage.input_tokens  # it has read what came before
        await main.send(following)
        with anyio.fail_after(DEADLINE):
            event = await main.recv()
        assert (event.type, event.error.code) == ("error", "previous_response_not_found")  # type: ignore[union-attr]


async def test_a_warm_up_can_be_continued(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        warm = (await turn(connection, input="a long context", generate=False))[-1]
        assert (warm.type, warm.response.output) == ("response.completed", [])
        assert (await turn(connection, previous_response_id=warm.response.id))[
            -1
        ].response.output_text == TEXT


async def test_steering(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        await connection.response.create(model="slow", input="a plan")
        with anyio.fail_after(DEADLINE):
            created = await connection.recv()
            await connection.response.steer(previous_response_id=created.response.id, input="shorter")  # type: ignore[union-attr]
            first = await until_end(connection)
            second = await until_end(connection)
    assert "steer.accepted" in kinds(first)
    assert first[-1].response.incomplete_details.reason == "steered"
    assert second[0].type == "response.created"
    assert second[0].response.previous_response_id == created.response.id  # type: ignore[union-attr]
    assert second[-1].response.output_text == "abcd" * 40
    assert all(known(event) for event in (*first, *second))


async def test_steering_what_is_not_there(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        done = (await turn(connection))[-1].response.id
        for target, code in ((done, "response_already_completed"), ("resp_no", "response_not_found")):
            await connection.response.steer(previous_response_id=target, input="shorter")
            with anyio.fail_after(DEADLINE):
                event: Any = await connection.recv()
            assert (event.type, event.error.code, known(event)) == ("response.steer.failed", code, True)
            assert event.steer.input == "shorter"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"previous_response_id": "resp_no"}, "previous_response_not_found"),
        ({"stream_id": "a b"}, "invalid_stream_id"),
        ({"stream_id": ""}, "invalid_stream_id"),
        ({"background": True}, "unsupported_parameter"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "unsupported_content",
        ),
        ({"input": 5}, "invalid_request_error"),
    ],
)
async def test_what_cannot_be_served_is_an_error_and_the_next_turn_works(
    sdk: openai.AsyncOpenAI, fields: dict[str, Any], code: str
) -> None:
    async with sdk.responses.connect() as connection:
        error = (await turn(connection, **fields))[-1]
        assert (error.type, error.status, error.error.code) == ("error", 400, code)
        assert error.error.message.endswith(".")
        assert (await turn(connection))[-1].type == "response.completed"


async def test_an_unknown_model_fails_by_name(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        failed = (await turn(connection, model="nobody"))[-1]
    assert (failed.type, failed.response.error.code) == ("response.failed", "model_not_found")
    assert "replay" in failed.response.error.message


async def test_the_thirty_third_lane_is_refused_and_bears_its_name(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.connect() as connection:
        for number in range(32):
            assert (await turn(connection, stream_id=f"lane.{number}"))[-1].stream_id == f"lane.{number}"
        error = (await turn(connection, stream_id="one-more"))[-1]
        assert (error.error.code, error.stream_id) == ("websocket_stream_limit_reached", "one-more")
        assert (await turn(connection, stream_id="lane.7"))[-1].type == "response.completed"
        assert (await turn(connection))[-1].type == "response.completed"  # the default lane does not count


async def test_more_than_sixteen_at_once_wait_their_turn(sdk: openai.AsyncOpenAI) -> None:
    async with (
        sdk.responses.connect() as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        lanes = [session.lane(f"l{number}") for number in range(30)]
        for lane in lanes:
            await lane.send({"type": "response.create", "model": "slow", "input": "hi"})
        with anyio.fail_after(DEADLINE):
            answers = [(await lane.get_final_response()).output_text for lane in lanes]
        assert set(answers) == {"abcd" * 40}


async def test_the_wrong_token_is_refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(Exception, match="401"):
        async with sdk.with_options(api_key="wrong").responses.connect():
            pass
