"""Changes of engines are published, and an idle connection does nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from spark_lsp.app import refuse_unapproved
from spark_lsp.gateway import engine_watch
from spark_lsp.gateway.engine_watch import EngineWatch
from spark_lsp.gateway.handler import ConnectionHandler
from spark_lsp.gateway.registry import Registry
from spark_lsp.gateway.replica_cache import ReplicaCache
from spark_lsp.wire.server import ServerConnection
from tests.unit.gateway.conftest import Peer, Puppet

pytestmark = pytest.mark.anyio

TICKS = 260  # more than a second: long enough for a connection that polls each second


class Thermometer:
    """Engines whose state is a number."""

    degrees = 0
    looks = 0

    def snapshot(self) -> tuple[object, ...]:
        self.looks += 1
        return (self.degrees,)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_watch, "PERIOD_S", 0.005)


async def test_each_listener_is_called_once_for_a_change_of_its_engines(until: Callable[..., Any]) -> None:
    watch = EngineWatch()
    ours, theirs = Thermometer(), Thermometer()
    calls: list[str] = []
    ends = [
        watch.subscribe(lambda: calls.append("ours"), ours),
        watch.subscribe(lambda: calls.append("both"), ours, theirs),
        watch.subscribe(lambda: calls.append("theirs"), theirs),
    ]
    ours.degrees = 1
    await until(lambda: calls)
    looks = ours.looks
    await until(lambda: ours.looks > looks + 2)
    assert calls == ["ours", "both"]
    for end in ends:
        end()


async def test_a_listener_that_fails_does_not_end_the_watch(until: Callable[..., Any]) -> None:
    watch = EngineWatch()
    engines = Thermometer()
    calls: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    ends = [watch.subscribe(fail, engines), watch.subscribe(lambda: calls.append(engines.degrees), engines)]
    for degrees in (1, 2):
        engines.degrees = degrees
        await until(lambda degrees=degrees: degrees in calls)
    for end in ends:
        end()


async def test_nothing_is_watched_without_a_listener(until: Callable[..., Any]) -> None:
    watch = EngineWatch()
    engines, other = Thermometer(), Thermometer()
    watch.subscribe(lambda: None, engines)()
    end = watch.subscribe(lambda: None, other)
    looks = engines.looks
    await until(lambda: other.looks > 3)
    assert engines.looks == looks
    end()


class Ticks(Thermometer):
    """Sets an event after `TICKS` looks."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    def snapshot(self) -> tuple[object, ...]:
        if self.looks == TICKS:
            self.reached.set()
        return super().snapshot()


async def count_wakeups(puppet: Puppet, connections: int, until: Callable[..., Any]) -> tuple[int, int]:
    """Return how many timers and callbacks idle connections cause during `TICKS` ticks of the watch."""
    registry = Registry({"puppet": puppet}, {"edit": ("puppet",)})
    peers = [Peer() for _ in range(connections)]
    loop: Any = asyncio.get_running_loop()
    counts = Counter[str]()
    async with anyio.create_task_group() as group:
        for peer in peers:
            connection = ServerConnection("t", spark=True)
            handler = ConnectionHandler(
                connection, registry, no_engine, refuse_unapproved, ReplicaCache(time.monotonic)
            )
            group.start_soon(handler.run, peer.receive, peer.send)
            await until(lambda peer=peer: peer.heard)
        ticks = Ticks()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("call_at", "call_soon"):
                patch.setattr(loop, name, counted(getattr(loop, name), counts, name))
            end = registry._watch.subscribe(lambda: None, ticks)
            await ticks.reached.wait()
        end()
        for peer in peers:
            peer.gone()
    for peer in peers:
        assert [each["type"] for each in peer.heard] == ["spark.hello"]
        peer.close()
    return counts["call_at"], counts["call_soon"]


def no_engine(name: str, *_: object) -> Any:
    raise AssertionError(f"{name} was built")


def counted(call: Callable[..., Any], counts: Counter[str], name: str) -> Callable[..., Any]:
    def counting(*arguments: Any, **more: Any) -> Any:
        counts[name] += 1
        return call(*arguments, **more)

    return counting


async def test_an_idle_connection_does_no_periodic_work(puppet: Any, until: Callable[..., Any]) -> None:
    """Thirty connections cost the event loop as much as one: the gateway's one timer."""
    one = await count_wakeups(puppet, 1, until)
    thirty = await count_wakeups(puppet, 30, until)
    assert thirty == one
    assert one[0] >= TICKS
