"""Figure 40: the planner's prediction of one trace, against the live gateway with real clients.

Each user of a synthetic trace is a client with the language server's own link: a WebSocket to a gateway in a
separate process, whose engine is the simulated wafer. The clients play the trace in real time. The planner
simulates the same trace on the same machine. The first part of each user's prompts is equal, so that the
wafer's prompt cache, which compares texts, finds exactly the blocks that the planner expects.

A request that does not end, or an answer with another number of tokens, fails the run: no figure then.
"""

import math
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from spark_lsp.answer_events import Chunk, Finished
from spark_lsp.bench import peers
from spark_lsp.bench.figures import Figure, measured, percentile, within_of_baseline
from spark_lsp.bench.ours import Ours, link
from spark_lsp.bench.question import source
from spark_lsp.config import ReplaySettings, WaferSettings
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.errors import SparkError
from spark_lsp.request import Part, PartKind, Request, Task
from spark_lsp.simulate.cache import CHARS_PER_TOKEN
from spark_lsp.simulate.capacity import Served, simulate
from spark_lsp.simulate.trace import Crowd, Job, trace_of

FIGURE = 40
PROFILE = "codex-spark"
ENGINE = "wafer"
PER_MINUTE, PROMPT, OUTPUT, SHARED = 4.0, 1200, 150, 0.8
LIMIT = 0.10  # of the prediction
SHARES = (50, 95)
LEAD_S = 0.5  # from the last link to the start of the trace
LAST_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as a client saw it: seconds from the request. `late_s`: the request, after its time."""

    late_s: float
    ttft_s: float
    total_s: float
    tokens: int
    cached_tokens: int


def run(users: int = 50, minutes: float = 2.0) -> list[Figure]:
    """Play a trace of that many users and minutes; it takes as long as the trace."""
    jobs = trace_of(Crowd(users, PER_MINUTE, PROMPT, OUTPUT, SHARED, minutes))
    if not jobs:
        raise SparkError("The trace has no request", "Nothing was measured", "Give more minutes")
    return make_figures(jobs, simulate(wafer_of(PROFILE, {}), jobs), anyio.run(play, jobs))


def make_figures(jobs: Sequence[Job], planned: Sequence[Served], answers: Sequence[Answer]) -> list[Figure]:
    """Compare the answers with the plan. Raises `SparkError` if a token is lost or one too many."""
    for job, answer in zip(jobs, answers, strict=True):
        if answer.tokens != job.output:
            raise SparkError(
                f"An answer has {answer.tokens} of {job.output} tokens", "The figures would be wrong"
            )
    users = len({job.prefix for job in jobs})
    name = f"planner against the live gateway, {users} clients"
    figures = list[Figure]()
    for what, expected, seen in (
        ("first token", [each.ttft_s for each in planned], [each.ttft_s for each in answers]),
        ("whole answer", [each.total_s for each in planned], [each.total_s for each in answers]),
    ):
        plan_ms, seen_ms = [each * 1e3 for each in expected], [each * 1e3 for each in seen]
        for share in SHARES:
            title = f"{name}: {what}, p{share}, measured against predicted"
            figures.append(within_of_baseline(FIGURE, title, "ms", seen_ms, plan_ms, share, LIMIT))
    cached = [float(each.cached) for each in planned], [float(each.cached_tokens) for each in answers]
    figures.append(
        measured(FIGURE, "mean cached tokens, against predicted", "tokens", *map(_mean, cached[::-1]))
    )
    late = [percentile([each.late_s * 1e3 for each in answers], 95)]
    figures.append(measured(FIGURE, "requests sent after their time, p95 (a busy machine)", "ms", late))
    return figures


def _mean(values: Sequence[float]) -> list[float]:
    return [math.fsum(values) / len(values)]


async def play(jobs: Sequence[Job]) -> list[Answer]:
    """Start a gateway and one client for each user, play the trace, and return the answers in its order."""
    with TemporaryDirectory(prefix="spark-lsp-bench-") as folder:
        where = Path(folder)
        (where / "text.txt").write_text(source(max(job.output for job in jobs) * CHARS_PER_TOKEN), "utf-8")
        engines = {
            ENGINE: WaferSettings(profile=PROFILE, source="text"),
            "text": ReplaySettings(text=str(where / "text.txt"), tokens_per_s=0, delay_ms=0),
        }
        with peers.gateway(where, engines) as peer:
            async with AsyncExitStack() as stack:
                names = sorted({job.prefix for job in jobs})
                clients = {name: await stack.enter_async_context(link(peer)) for name in names}
                return await _play_all(jobs, clients)


async def _play_all(jobs: Sequence[Job], clients: dict[str, Ours]) -> list[Answer]:
    answers = dict[int, Answer]()
    begin = time.monotonic() + LEAD_S - jobs[0].at

    async def play_one(number: int, job: Job) -> None:
        await anyio.sleep(begin + job.at - time.monotonic())
        answers[number] = await _ask(clients[job.prefix], job, number, begin + job.at)

    with anyio.move_on_after(LEAD_S + jobs[-1].at - jobs[0].at + LAST_ANSWER_S):
        async with anyio.create_task_group() as group:
            for number, job in enumerate(jobs):
                group.start_soon(play_one, number, job)
    if len(answers) < len(jobs):
        raise SparkError(f"{len(jobs) - len(answers)} requests had no answer", "Nothing was measured")
    return [answers[number] for number in range(len(jobs))]


async def _ask(client: Ours, job: Job, number: int, due: float) -> Answer:
    request = make_request(job, number)
    asked = time.monotonic()
    first = math.nan
    characters = cached = 0
    async with client.remote.open(request) as events:
        async for event in events:
            if isinstance(event, Chunk):
                first = time.monotonic() if not characters else first
                characters += len(event.text)
            elif isinstance(event, Finished):
                cached = event.usage.cached_tokens
    tokens = -(-characters // CHARS_PER_TOKEN)
    return Answer(asked - due, first - asked, time.monotonic() - asked, tokens, cached)


def make_request(job: Job, number: int) -> Request:
    """Make a request with a job's lengths: the user's own text, then a text of this request alone."""
    shared = min(job.prefix_tokens, job.prompt) * CHARS_PER_TOKEN
    length = job.prompt * CHARS_PER_TOKEN
    text = f"# {job.prefix}\n{source(length)}"[:shared]
    text += f"# request {number}\n{source(length)}"
    part = Part(PartKind.PREFIX, text[:length])
    return Request(Task.COMPLETE, (part,), language="python", model=ENGINE, max_tokens=job.output)
