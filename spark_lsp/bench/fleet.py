"""Figures 50 to 57: many editors at one gateway, and at a fleet on Ray Serve where Ray is installed.

The editors are the language server's own links, in several processes, each with one open file; all are on the
same machine as the gateway and share its cores. The engine replays a text at 1,000 tokens a second after
30 ms, so every difference between one editor and many is the gateway's and the machine's. Processor time and
memory do not depend on other work on the machine; times do.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from spark_lsp.bench import fleet_places, peers
from spark_lsp.bench.figures import Figure, at_least, at_most, measured, percentile
from spark_lsp.bench.fleet_groups import Editors, Tally, editors
from spark_lsp.bench.fleet_places import Fleet, memory_kb
from spark_lsp.bench.peers import TOKEN, Peer
from spark_lsp.config import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_CHARS = 10_000
PAUSE_S = 0.2  # between an answer and the next key, on average
SETTLE_S = 2.0
ANSWER = "".join(f"line {number} of the answer\n" for number in range(200))
DELAY_MS, TOKENS_PER_S = 30.0, 1000.0
PROCESSES = 4
KILL_AFTER_S = 0.3  # of the time of typing


def run(
    count: int = 1000, typing: int = 50, seconds: float = 20.0, replicas: int = 4, storm: int = 10_000
) -> list[Figure]:
    """Measure with `count` editors of which `typing` type; then a fleet with up to `replicas`, if any."""
    with TemporaryDirectory(prefix="spark-lsp-bench-") as folder:
        where = Path(folder)
        text = where / "answer.txt"
        text.write_text(ANSWER, encoding="utf-8")
        engines = {"replay": ReplaySettings(text=str(text), delay_ms=DELAY_MS, tokens_per_s=TOKENS_PER_S)}
        figures = _one_gateway(where, engines, count, typing, seconds, storm)
        if replicas and fleet_places.has_ray():
            figures += _fleets(where, engines, typing, seconds, replicas)
    return figures


# One gateway.


def _one_gateway(
    where: Path, engines: peers.Engines, count: int, typing: int, seconds: float, storm: int
) -> list[Figure]:
    with peers.gateway(where, engines) as gateway, editors(PROCESSES) as group:
        _connect(group, gateway.url, PROCESSES)
        alone = group.type(1, seconds, PAUSE_S)
        figures = _idle(gateway, group, count, min(SETTLE_S, seconds / 8))
        begun = gateway.cpu_s()
        many = group.type(typing, seconds, PAUSE_S)
        cpu_us = (gateway.cpu_s() - begun) / max(many.complete, 1) * 1e6
        figures += _crowd(alone, many, typing, count, seconds, cpu_us)
        figures.append(_held(group, alone, count, typing, seconds))
        statuses = group.storm(gateway.url, TOKEN, storm)
        after = group.type(1, seconds / 4, PAUSE_S)
        return [*figures, *_weathered(statuses, after, storm)]


def _connect(group: Editors, url: str, count: int) -> float:
    return group.connect(url, [TOKEN], count, FILE_CHARS, ANSWER)


def _idle(gateway: Peer, group: Editors, count: int, settle_s: float) -> list[Figure]:
    """Measure the memory and the processor time of editors in which nobody types."""
    time.sleep(settle_s)
    before, begun = memory_kb([gateway.pid]), gateway.cpu_s()
    _connect(group, gateway.url, count)
    time.sleep(settle_s)
    each_kb = (memory_kb([gateway.pid]) - before) / count
    connect_ms = (gateway.cpu_s() - begun) / count * 1000
    begun, start = gateway.cpu_s(), time.monotonic()
    time.sleep(4 * settle_s)
    idle_us = (gateway.cpu_s() - begun) / (time.monotonic() - start) / count * 1e6
    return [
        at_most(50, f"memory of an idle editor with a 10 kB file, {count} editors", "kB", [each_kb], 300),
        measured(50, "processor time to connect an editor and mirror its file", "ms", [connect_ms]),
        measured(50, "processor time of an idle editor, per second", "µs", [idle_us]),
    ]


def _crowd(alone: Tally, many: Tally, typing: int, count: int, seconds: float, cpu_us: float) -> list[Figure]:
    name = f"{typing} typing among {count} connected: p99 of the first text"
    added = percentile(many.first_ms, 99) - percentile(alone.first_ms, 99)
    return [
        measured(51, f"{name}, against one editor's p50", "ms", many.first_ms, alone.first_ms),
        at_most(51, f"{name}, added to one editor's", "ms", [added], 20),
        measured(51, "answers per second during that time", "1/s", [many.complete / seconds]),
        measured(51, "processor time of the gateway per answer", "µs", [cpu_us]),
        at_most(51, "answers lost or repeated", "answers", [many.lost + many.repeated], 0),
    ]


def _held(group: Editors, alone: Tally, count: int, typing: int, seconds: float) -> Figure:
    """Double the number of editors that type until the p95 of the first text has doubled."""
    limit, held = 2 * percentile(alone.first_ms, 95), 1
    while typing <= count and percentile(group.type(typing, seconds / 2, PAUSE_S).first_ms, 95) <= limit:
        held, typing = typing, typing * 2
    return measured(52, "editors typing at once before p95 of the first text doubles", "editors", [held])


def _weathered(statuses: dict[str, int], after: Tally, storm: int) -> list[Figure]:
    answered = sum(number for status, number in statuses.items() if status.isdigit())
    taken = statuses.get("101", 0)
    return [
        at_least(53, f"of {storm} connections at once, answered (accepted: {taken})", "", [answered], storm),
        at_most(53, "answers lost after that", "answers", [after.lost + after.repeated], 0),
    ]


# Fleets.


def _fleets(where: Path, engines: peers.Engines, typing: int, seconds: float, most: int) -> list[Figure]:
    figures: list[Figure] = []
    sizes = [1 << power for power in range(most.bit_length()) if 1 << power <= most]
    with fleet_places.fleet(where, engines, 1) as fleet:
        with peers.gateway(where, engines) as gateway:
            figures += _hop(fleet, gateway, seconds)
        for replicas in sizes:
            if replicas > 1:
                fleet.scale(replicas)
            figures += _fleet_crowd(fleet, replicas, typing, seconds)
        if most > 1:
            figures += _loss(fleet, typing, seconds)
            figures += _shrink(fleet, typing, seconds)
    return figures


def _hop(fleet: Fleet, gateway: Peer, seconds: float) -> list[Figure]:
    """Measure one editor at the fleet and one at a single gateway, in turns."""
    direct, through = Tally(), Tally()
    with editors(1) as near, editors(1) as far:
        _connect(near, gateway.url, 1)
        _connect(far, fleet.url, 1)
        for _ in range(4):
            direct.first_ms += near.type(1, seconds / 4, PAUSE_S / 4).first_ms
            through.first_ms += far.type(1, seconds / 4, PAUSE_S / 4).first_ms
    added = percentile(through.first_ms, 50) - percentile(direct.first_ms, 50)
    return [
        measured(
            54, "first text through Ray Serve, against one gateway", "ms", through.first_ms, direct.first_ms
        ),
        at_most(54, "p50 that Ray Serve adds to the first text", "ms", [added], 3),
    ]


def _fleet_crowd(fleet: Fleet, replicas: int, typing: int, seconds: float) -> list[Figure]:
    with editors(PROCESSES) as group:
        _connect(group, fleet.url, PROCESSES)
        time.sleep(SETTLE_S)
        pids = [each.pid for each in fleet.find_processes()]
        before = memory_kb(pids)
        _connect(group, fleet.url, 4 * typing)
        time.sleep(SETTLE_S)
        each_kb = (memory_kb(pids) - before) / (4 * typing)
        begun = fleet.cpu_s()
        tally = group.type(typing, seconds, PAUSE_S)
        cpu_us = (fleet.cpu_s() - begun) / max(tally.complete, 1) * 1e6
    name = f"fleet of {replicas}"
    return [
        measured(55, f"{name}, {typing} typing: first text", "ms", tally.first_ms),
        measured(55, f"{name}: answers per second", "1/s", [tally.complete / seconds]),
        measured(55, f"{name}: processor time of proxy and replicas per answer", "µs", [cpu_us]),
        measured(55, f"{name}: memory of an idle editor, in proxy and replica", "kB", [each_kb]),
        at_most(55, f"{name}: answers lost or repeated", "answers", [tally.lost + tally.repeated], 0),
    ]


def _loss(fleet: Fleet, typing: int, seconds: float) -> list[Figure]:
    """Kill a replica while edits are under way."""
    with editors(PROCESSES) as group:
        _connect(group, fleet.url, typing)
        group.begin_typing(typing, seconds, PAUSE_S, edits=True)
        time.sleep(seconds * KILL_AFTER_S)
        fleet.kill_replica()
        return _ended_once(56, "a replica is killed", group.finish())


def _shrink(fleet: Fleet, typing: int, seconds: float) -> list[Figure]:
    """Take all replicas but one away while edits are under way."""
    with editors(PROCESSES) as group:
        _connect(group, fleet.url, typing)
        group.begin_typing(typing, seconds + fleet_places.DRAIN_S, PAUSE_S, edits=True)
        time.sleep(seconds * KILL_AFTER_S)
        fleet.scale(1)
        return _ended_once(57, "the fleet shrinks to one replica", group.finish())


def _ended_once(number: int, name: str, tally: Tally) -> list[Figure]:
    again: Sequence[float] = tally.retried_ms or [0.0]
    return [
        at_most(number, f"{name}: edits lost of {tally.complete + tally.lost}", "edits", [tally.lost], 0),
        at_most(number, f"{name}: edits repeated", "edits", [tally.repeated], 0),
        measured(number, f"{name}: edits that began again", "edits", [len(tally.retried_ms)]),
        measured(number, f"{name}: the longest edit that began again", "ms", [max(again)]),
    ]
