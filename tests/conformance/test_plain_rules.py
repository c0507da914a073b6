"""The public rules of `plain_server`, which other tests rely on, in the real SDK's types."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from openai.types.responses import ResponsesServerEvent
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.plain_server import IN_FLIGHT, NAMES, STATUS, Json, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

EVENTS = TypeAdapter[Any](ResponsesServerEvent)
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
UNKNOWN = ("codex.rate_limits", "keepalive", "response.future_event")


@asynccontextmanager
async def joined(lifetime_s: float = 3600.0) -> AsyncIterator[ClientConnection]:
    async with serving(lambda text: f"<{text}>") as plain:
        plain.lifetime_s = lifetime_s
        headers = {"Authorization": "Bearer secret"}
        async with connect(plain.url, additional_headers=headers, proxy=None) as socket:
            yield socket


async def send(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps({"type": "response.create", **fields}))


async def events(socket: ClientConnection, ends: int = 1) -> list[Json]:
    """Return all events until so many responses have ended; their shapes are those of the SDK."""
    found: list[Json] = []
    with anyio.fail_after(PATIENCE):
        while sum(each["type"] in ENDS for each in found) < ends:
            event = json.loads(await socket.recv())
            if event["type"] not in UNKNOWN:
                found.append(event)
    for event in found:
        if event["type"].startswith("response.steer") or event["type"].endswith(".delta"):
            EVENTS.validate_python(event)
    return found


def code_of(event: Json) -> str:
    return event["error"]["code"]


def text_of(found: list[Json]) -> str:
    return "".join(each.get("delta", "") for each in found)


def test_the_types_reject_another_shape() -> None:
    with pytest.raises(ValidationError):
        EVENTS.validate_python({"type": "response.steer.accepted"})


@pytest.mark.parametrize(("code", "status"), STATUS.items())
async def test_each_error_of_a_request_costs_this_request(code: str, status: int) -> None:
    async with joined() as socket:
        await send(socket, input=f"ERROR={code}", stream_id="a")
        (error,) = await events(socket)
        assert (code_of(error), error["status"], error["stream_id"]) == (code, status, "a")
        await send(socket, input="next", stream_id="a")
        assert text_of(await events(socket)) == "<next>"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no JSON", "invalid_request_error"),
        ("[]", "invalid_request_error"),
        ('{"type": "response.dance"}', "invalid_request_error"),
        ('{"type": "response.create", "stream_id": ""}', "invalid_stream_id"),
        ('{"type": "response.create", "stream_id": "a b"}', "invalid_stream_id"),
        ('{"type": "response.create", "stream_id": 7}', "invalid_stream_id"),
        ('{"type": "response.create", "background": true}', "unsupported_parameter"),
        ('{"type": "response.create", "previous_response_id": "resp_9"}', "previous_response_not_found"),
    ],
)
async def test_a_message_against_the_rules_gets_an_error(message: str, code: str) -> None:
    async with joined() as socket:
        await socket.send(message)
        assert code_of((await events(socket))[0]) == code


async def test_names_are_never_freed_and_requests_queue() -> None:
    async with joined() as socket:
        for number in range(NAMES):
            await send(socket, input="HANG", stream_id=f"n{number}")
        await send(socket, input="one too many", stream_id="other")
        found = await events(socket, NAMES + 1)
        (error,) = [each for each in found if each["type"] == "error"]
        assert code_of(error) == "websocket_stream_limit_reached"
        starts = [n for n, each in enumerate(found) if each["type"] == "response.created"]
        first_end = next(n for n, each in enumerate(found) if each["type"] == "response.completed")
        assert sum(start < first_end for start in starts) == IN_FLIGHT


async def test_a_continuation_has_what_came_before_and_a_failed_one_evicts_its_parent() -> None:
    async with joined() as socket:
        await send(socket, input="base", generate=False, stream_id="a")
        base = (await events(socket))[-1]["response"]["id"]
        await send(socket, input="fork", previous_response_id=base, stream_id="b")
        assert text_of(await events(socket)) == '<["base", "fork"]>'
        await send(socket, input="ERROR", previous_response_id=base, stream_id="c")  # a fork that fails
        await events(socket)
        await send(socket, input="ERROR", previous_response_id=base, stream_id="a")
        assert code_of((await events(socket))[0]) == "server_says_no"
        await send(socket, input="again", previous_response_id=base, stream_id="b")
        assert code_of((await events(socket))[0]) == "previous_response_not_found"


async def test_a_steer_ends_the_response_and_its_successor_has_both_inputs() -> None:
    async with joined() as socket:
        await send(socket, input="HANG", stream_id="a")
        with anyio.fail_after(PATIENCE):
            while (event := json.loads(await socket.recv()))["type"] != "response.created":
                pass
        target = event["response"]["id"]
        await socket.send(
            json.dumps({"type": "response.steer", "previous_response_id": target, "input": "more"})
        )
        found = await events(socket, 2)
        kinds = [each["type"] for each in found]
        assert kinds.index("response.steer.accepted") < kinds.index("response.incomplete")
        cut = found[kinds.index("response.incomplete")]["response"]
        assert cut["incomplete_details"] == {"reason": "steered"}
        after = found[kinds.index("response.incomplete") :]
        assert "more" in text_of(after)
        assert {each["stream_id"] for each in found if "stream_id" in each} == {"a"}


@pytest.mark.parametrize(
    ("target", "given", "code"),
    [
        ("resp_1", "more", "response_already_completed"),
        ("resp_9", "more", "response_not_found"),
        ("resp_1", [{"role": "system", "content": "x"}], "invalid_input"),
    ],
)
async def test_a_steer_that_cannot_be_used_is_returned(target: str, given: Any, code: str) -> None:
    async with joined() as socket:
        await send(socket, input="first")
        await events(socket)
        await socket.send(
            json.dumps({"type": "response.steer", "previous_response_id": target, "input": given})
        )
        with anyio.fail_after(PATIENCE):
            failed = json.loads(await socket.recv())
        assert (failed["type"], code_of(failed), failed["steer"]["input"]) == (
            "response.steer.failed",
            code,
            given,
        )


async def test_a_connection_ends_after_its_lifetime() -> None:
    async with joined(lifetime_s=0.0) as socket:
        await send(socket, input="late")
        assert code_of((await events(socket))[0]) == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
