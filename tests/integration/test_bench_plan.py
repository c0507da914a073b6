"""The planner and the live gateway agree about everything but time, which a busy machine distorts."""

from dataclasses import replace

import anyio
import pytest

from spark_lsp.bench.plan import PROFILE, Answer, make_figures, play
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.errors import SparkError
from spark_lsp.simulate.capacity import Served, simulate
from spark_lsp.simulate.trace import Job

# Five clients; each sends twice, long enough after its first prompt that the wafer has it in its cache.
JOBS = [Job(0.2 * n, 500 + 10 * n, 20 + n, f"user {n % 5}", 400) for n in range(10)]


def test_the_live_gateway_answers_as_the_planner_counts() -> None:
    planned, answers = simulate(wafer_of(PROFILE, {}), JOBS), anyio.run(play, JOBS)
    assert [each.tokens for each in answers] == [job.output for job in JOBS]
    assert (
        [each.cached_tokens for each in answers] == [each.cached for each in planned] == [0] * 5 + [384] * 5
    )
    for answer, plan in zip(answers, planned, strict=True):
        assert answer.ttft_s >= plan.prompt_s  # the simulated machine is never early
        assert answer.total_s >= answer.ttft_s
    figures = make_figures(JOBS, planned, answers)
    assert [figure.n for figure in figures[:4]] == [10] * 4
    assert all(figure.baseline for figure in figures[:4])


def test_a_lost_token_fails_the_run() -> None:
    job, answer = JOBS[0], Answer(0.0, 0.1, 0.2, 20, 0)
    assert make_figures([job], [Served(job, 0.0, 0.1, 0.1)], [answer])[0].met
    with pytest.raises(SparkError, match="19 of 20 tokens"):
        make_figures([job], [Served(job, 0.0, 0.1, 0.1)], [replace(answer, tokens=19)])
