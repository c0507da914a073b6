"""Figures 1 to 5, 7 and 9 to 11: the way from a keystroke to a token, against tuned and plain HTTP.

All peers ask the same replay engine, each in a separate server process, over TCP on the loopback interface;
the askers share this process and its loop (uvloop, where available). Ours and a baseline ask in turns. Each
imported module documents its figures.
"""

import gc
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx
import msgspec

from spark_lsp import programs
from spark_lsp.bench import cancels, chain, keystroke, ours, peers, roundtrip, service, tokens, tuned, upload
from spark_lsp.bench.figures import Figure, at_least, at_most, at_most_of_baseline, measured
from spark_lsp.bench.memory import resident_mb
from spark_lsp.bench.ours import Ours
from spark_lsp.bench.peers import Peer
from spark_lsp.bench.plain import Plain
from spark_lsp.bench.question import Asker, source, typist
from spark_lsp.bench.tuned import Tuned, body_of
from spark_lsp.config import ReplaySettings

STREAM = 800_000  # characters of the longest answer


@dataclass(frozen=True, slots=True)
class Amount:
    """The size of the measurement: rounds, questions per round, tokens of an answer, seconds of a stream."""

    rounds: int
    each: int
    tokens: int
    seconds: float


def run(rounds: int = 8, each: int = 60, tokens: int = 8_000, stream_ms: int = 1_500) -> list[Figure]:
    """Measure everything, in less than a minute."""
    amount = Amount(rounds, each, tokens, stream_ms / 1000)
    with ExitStack() as stack:
        where = Path(stack.enter_context(TemporaryDirectory(prefix="spark-lsp-bench-")))
        engines = _engines(where)
        servers = {
            "ours": stack.enter_context(peers.gateway(where, engines)),
            "tuned": stack.enter_context(peers.tuned(engines)),
            "plain": stack.enter_context(peers.plain(engines)),
        }
        options = {"use_uvloop": sys.platform != "win32"}
        found = anyio.run(_at_the_link, servers, engines, amount, backend_options=options)
        found += _measure_floor(amount)
        found += _at_the_editor(where, engines, servers["tuned"], amount)
    return sorted(found + _keystroke(amount), key=lambda figure: figure.id)


def _engines(where: Path) -> dict[str, ReplaySettings]:
    """Return the engines: at once, at the pace of a fast service, at 100,000 tokens a second, and asleep."""
    text = where / "stream.txt"
    text.write_text(source(STREAM), encoding="utf-8")
    return {
        "replay": ReplaySettings(text=str(text), tokens_per_s=0, delay_ms=0),
        "paced": ReplaySettings(text=str(text), tokens_per_s=2_000, delay_ms=0),
        "fast": ReplaySettings(text=str(text), tokens_per_s=chain.PACE, delay_ms=0),
        "slow": ReplaySettings(text=str(text), tokens_per_s=1, delay_ms=60_000),
    }


# At the link: figures 1, 2, 3, 5, 9 and 10.


@dataclass(frozen=True, slots=True)
class _Link:
    """All peers, and their servers."""

    ours: Ours
    tuned: Tuned
    gathering: Tuned  # the same with several tokens per event
    plain: Plain
    servers: Mapping[str, Peer]

    @property
    def askers(self) -> dict[str, Asker]:
        """The peers that the figures name."""
        return {"ours": self.ours, "tuned": self.tuned, "plain": self.plain}


async def _at_the_link(servers: Mapping[str, Peer], engines: peers.Engines, amount: Amount) -> list[Figure]:
    async with _open_links(servers) as link:
        return [
            *await _round_trips(link, amount),
            *await service.round_trips(link.ours, link.servers["ours"], amount.rounds, amount.each),
            *await _tokens(link, engines, amount),
            *await _measure_lags(link, amount),
            *await _cancels(link, amount),
            *await _uploads(link, amount),
        ]


@asynccontextmanager
async def _open_links(servers: Mapping[str, Peer]) -> AsyncGenerator[_Link]:
    url = servers["tuned"].url
    async with (
        ours.link(servers["ours"]) as own,
        tuned.client() as session,
        httpx.AsyncClient() as client,
    ):
        gc.collect()
        gc.freeze()  # like the language server
        http = Tuned(session, url), Tuned(session, url, coalesced=True)
        yield _Link(own, *http, Plain(client, servers["plain"].url), servers)


async def _round_trips(link: _Link, amount: Amount) -> list[Figure]:
    found: list[Figure] = []
    for number, name, size, limits in (
        (1, "round trip: create → first delta", roundtrip.SMALL, (0.4, 0.05)),
        (3, "time to first token, 128 KB of context", roundtrip.LARGE, (0.3, 0.05)),
    ):
        with peers.together(link.servers.values()):
            times = await roundtrip.compare_askers(link.askers, size, amount.rounds, amount.each)
        apart = await roundtrip.compare_askers(link.askers, size, max(amount.rounds // 2, 1), amount.each)
        found += roundtrip.figures(number, name, times, apart, limits)
    return found


async def _tokens(link: _Link, engines: peers.Engines, amount: Amount) -> list[Figure]:
    everybody = {**link.askers, "gathering": link.gathering}
    costs: dict[str, list[float]] = {name: [] for name in (*everybody, "engine", "paced", "paced tuned")}
    for _ in range(max(amount.rounds // 2, 1)):
        for name, asker in everybody.items():
            server = link.servers.get(name, link.servers["tuned"])
            costs[name].append(await _cost(asker, server, amount.tokens, "replay"))
        costs["engine"].append(await _engine(link, engines, amount))
    for _ in range(max(amount.rounds // 4, 1)):
        few = min(amount.tokens, 1_000)
        costs["paced"].append(await _cost(link.ours, link.servers["ours"], few, "paced"))
        costs["paced tuned"].append(await _cost(link.tuned, link.servers["tuned"], few, "paced"))
    name, mine = "processor time per token, both ends", costs["ours"]
    return [
        at_most_of_baseline(2, f"{name}, against tuned HTTP", "µs", mine, costs["tuned"], 0.25),
        measured(2, f"{name}, against tuned HTTP that gathers tokens", "µs", mine, costs["gathering"]),
        measured(2, f"{name}, against plain HTTP", "µs", mine, costs["plain"]),
        measured(2, "the engine's own part in these", "µs", costs["engine"]),
        measured(
            2, f"{name}, at 2,000 tok/s, against tuned HTTP", "µs", costs["paced"], costs["paced tuned"]
        ),
    ]


async def _cost(asker: Asker, server: Peer, count: int, engine: str) -> float:
    return (await tokens.cost(asker, server, tokens.question(asker, count, engine))).cpu_us


async def _engine(link: _Link, engines: peers.Engines, amount: Amount) -> float:
    return await tokens.engine_us(engines["replay"], tokens.question(link.tuned, amount.tokens, "replay"))


async def _measure_lags(link: _Link, amount: Amount) -> list[Figure]:
    count, lags = int(chain.PACE * amount.seconds), dict[str, list[float]]()
    for name, asker in (("ours", link.ours), ("tuned", link.tuned)):
        asked = tokens.question(asker, count, "fast")
        lags[name] = await tokens.lags_ms(asker, asked, chain.PACE)
    name = "lag of a stream of 100,000 tok/s at the language server, against tuned HTTP (p99)"
    return [at_most(5, name, "ms", lags["ours"], 10, lags["tuned"], share=99)]


async def _cancels(link: _Link, amount: Amount) -> list[Figure]:
    count, gateway = 8 * amount.each, link.servers["ours"]
    await cancels.pairs_per_s(link.ours.remote, count)
    before = resident_mb(gateway.pid)
    rates = [await cancels.pairs_per_s(link.ours.remote, count) for _ in range(amount.rounds)]
    grown = resident_mb(gateway.pid) - before
    stops = [await cancels.stopped_ms(link.ours.remote) for _ in range(amount.each)]
    return [
        measured(9, "requests begun and cancelled at the link", "pairs/s", rates),
        at_most(
            9, f"memory of the gateway after {len(rates) * count} more pairs", "MB", [max(grown, 0.0)], 1
        ),
        at_most(9, "cancel → engine stopped, and the next one begun (p99)", "ms", stops, 10, share=99),
    ]


async def _uploads(link: _Link, amount: Amount) -> list[Figure]:
    mine, theirs = list[float](), list[float]()
    for number in range(max(amount.rounds // 2, 1)):
        documents = upload.large(number)
        mine += await upload.ours_ms(link.ours, documents)
        theirs += await upload.tuned_ms(link.tuned, documents)
    name = "control round trip during an upload of 8 MB, against tuned HTTP on another connection"
    return [
        at_most(10, f"{name} (p50)", "ms", mine, 10, theirs),
        at_most(10, f"{name} (p99)", "ms", mine, 10, theirs, share=99),
    ]


def _measure_floor(amount: Amount) -> list[Figure]:
    """Measure the floor for an exchange between two Python processes."""
    with ExitStack() as stack:
        server = stack.enter_context(peers.echo())
        command, pipe = (*peers.program("echo"), "client", server.url), subprocess.PIPE
        client = stack.enter_context(programs.start(command, stdin=pipe, stdout=pipe))
        stack.callback(client.kill)
        stack.enter_context(peers.together([server, Peer("", client.pid)]))
        assert client.stdin is not None
        assert client.stdout is not None
        times: list[float] = []
        for number in range(amount.rounds + 1):
            job = {"n": amount.each, "message": source(roundtrip.SMALL)[:400]}
            client.stdin.write(msgspec.json.encode(job) + b"\n")
            client.stdin.flush()
            taken: list[int] = msgspec.json.decode(client.stdout.readline())
            times += [nanoseconds / 1000 for nanoseconds in taken] if number else []
    return [measured(1, "the floor: an echo of 400 bytes on a bare WebSocket", "µs", times)]


# At the editor: figures 4, 5, 7 and 9.


def _at_the_editor(where: Path, engines: peers.Engines, http: Peer, amount: Amount) -> list[Figure]:
    words = where / "words.txt"
    words.write_text(chain.FIRST_WORDS, encoding="utf-8")
    own = {**engines, "replay": ReplaySettings(text=str(words), tokens_per_s=0, delay_ms=0)}
    with chain.stage(own, http) as (mine, theirs, floor):
        return [
            *_first_tokens(mine, theirs, amount),
            *_overhead(mine, theirs, floor, amount),
            *_stream(mine, amount),
            *_pairs(mine, theirs, amount),
        ]


def _first_tokens(mine: chain.Editor, theirs: chain.Editor, amount: Amount) -> list[Figure]:
    times: tuple[list[float], list[float]] = [], []
    for number in range(amount.rounds + 1):
        for editor, taken in zip((mine, theirs), times, strict=True):
            found = [editor.first_us() for _ in range(amount.each)]
            taken.extend(found if number else [])
    name = "request → first token at the editor, against stock pygls and tuned HTTP"
    return [
        at_most(4, f"{name} (p50)", "µs", times[0], 300, times[1]),
        at_most(4, f"{name} (p99)", "µs", times[0], 3_000, times[1], share=99),
    ]


def _overhead(
    mine: chain.Editor, theirs: chain.Editor, floor: "subprocess.Popen[bytes]", amount: Amount
) -> list[Figure]:
    times: tuple[list[float], list[float], list[float]] = [], [], []
    known, start = mine.request(), {**theirs.request(), "position": {"line": 0, "character": 0}}
    message, used = msgspec.json.encode(known), list[float]()
    for number in range(amount.rounds + 1):
        before = peers.cpu_s(mine.server.pid)
        ours_us = [mine.asked_us(known) for _ in range(amount.each)]
        used.append((peers.cpu_s(mine.server.pid) - before) / amount.each * 1e6)
        stock_us = [theirs.asked_us(start) for _ in range(amount.each)]
        floor_us = [chain.pipe_us(floor, message) for _ in range(amount.each)]
        for taken, found in zip(times, (ours_us, stock_us, floor_us), strict=True):
            taken.extend(found if number else [])
    bare = sorted(times[2])[len(times[2]) // 2]
    name = f"inlineCompletion whose answer is at hand, above a bare pipe's {bare:.0f} µs, against stock pygls"
    above = [[each - bare for each in taken] for taken in times[:2]]
    return [
        at_most(7, name, "µs", above[0], 40, above[1]),
        measured(7, "the same: processor time in the server, all threads", "µs", used[1:]),
    ]


def _stream(mine: chain.Editor, amount: Amount) -> list[Figure]:
    seen = chain.stream_edits(mine, amount.seconds)
    return [
        at_most(
            5,
            "age of the text that the editor gets of a stream of 100,000 tok/s (p99)",
            "ms",
            seen.lags_ms,
            10,
            share=99,
        ),
        at_most(5, "messages to the editor during that time", "messages/s", [seen.messages_per_s], 500),
        at_least(5, "tokens that arrived during that time", "tok/s", [seen.tokens_per_s], chain.PACE * 0.98),
    ]


def _pairs(mine: chain.Editor, theirs: chain.Editor, amount: Amount) -> list[Figure]:
    mine.route("slow")
    known, far = mine.request(), {**theirs.request(), "position": {"line": 200_000, "character": 0}}
    count, rates = 20 * amount.each, (list[float](), list[float]())
    mine.pairs_per_s(known, count)
    before = resident_mb(mine.server.pid)
    for _ in range(max(amount.rounds // 2, 1)):
        rates[0].append(mine.pairs_per_s(known, count))
        rates[1].append(theirs.pairs_per_s(far, count))
    grown = resident_mb(mine.server.pid) - before
    name = "requests and their cancels at the editor, against stock pygls"
    return [
        at_least(9, name, "pairs/s", rates[0], 3_000, rates[1]),
        at_most(
            9, f"memory of the server after {len(rates[0]) * count} more pairs", "MB", [max(grown, 0.0)], 1
        ),
    ]


def _keystroke(amount: Amount) -> list[Figure]:
    person = typist(roundtrip.LARGE)
    document, questions = person.document, [person.key() for _ in range(amount.each)]
    counted = keystroke.ours(document, questions)
    bodies = [float(len(msgspec.json.encode(body_of(question)))) for question in questions]
    name = "bytes sent per keystroke at 128 KB of context: the change and the request"
    return [
        at_most(
            11,
            f"{name}, against a whole HTTP request",
            "bytes",
            [float(c.both) for c in counted],
            200,
            bodies,
        ),
        measured(11, "of these the change", "bytes", [float(each.change) for each in counted]),
        measured(11, "of these the request", "bytes", [float(each.request) for each in counted]),
        *service.bytes_of_keys(amount.each, bodies),
    ]
