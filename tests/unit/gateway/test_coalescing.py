"""A transport that joins what one turn writes, and pauses only for who is really behind."""

import asyncio
from typing import Any

import pytest

from spark_lsp.gateway.coalescing import CoalescingTransport

pytestmark = pytest.mark.anyio


class Below:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.closing = True
        self.done.append("close")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 7


def corked() -> tuple[CoalescingTransport, Below]:
    below = Below()
    return CoalescingTransport(below, asyncio.get_running_loop()), below  # type: ignore[arg-type]


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_writes_of_a_turn_are_one() -> None:
    transport, below = corked()
    transport.write(b"a")
    transport.writelines([b"b", b"c"])
    assert below.done == []
    await turns()
    transport.write(b"d")
    await turns()
    assert below.done == [b"abc", b"d"]


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_waits_goes_before_the_end(end: str) -> None:
    transport, below = corked()
    transport.write(b"last")
    getattr(transport, end)()
    await turns()
    assert below.done == [b"last", end.removeprefix("write_")]


async def test_who_takes_each_message_in_time_is_never_paused() -> None:
    transport, below = corked()
    for _ in range(3):
        transport.pause_reading()
        transport.pause_reading()
        await turns(1)
        transport.resume_reading()
        await turns()
    assert below.done == []


async def test_who_is_behind_is_paused_until_ready() -> None:
    transport, below = corked()
    transport.pause_reading()
    await turns()
    transport.resume_reading()
    assert below.done == ["pause", "resume"]


async def test_a_closing_transport_is_left_alone() -> None:
    transport, below = corked()
    transport.pause_reading()
    transport.close()
    await turns()
    assert below.done == ["close"]


async def test_all_else_is_the_transports_own() -> None:
    assert corked()[0].get_write_buffer_size() == 7
