"""Turns of the server's loop that last too long are noticed, and only those."""

import asyncio
import logging
import re
import time

import pytest

from spark_lsp.lsp import turns


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, int]]:
    pattern = re.compile(r"a turn of the loop took (\d+) ms, (\d+) ms of them computing")
    found = [pattern.fullmatch(record.getMessage()) for record in caplog.records]
    return [(int(match[1]), int(match[2])) for match in found if match]


def run(work: float, rest: float, caplog: pytest.LogCaptureFixture, *, computing: bool) -> None:
    async def live() -> None:
        await asyncio.sleep(rest)
        end = time.perf_counter() + work
        while computing and time.perf_counter() < end:
            pass
        if not computing:
            time.sleep(work)  # noqa: ASYNC251 - just what should be noticed
        await asyncio.sleep(rest)

    with caplog.at_level(logging.DEBUG, "spark_lsp"), asyncio.Runner(loop_factory=turns.new_loop) as runner:
        runner.run(live())


@pytest.mark.parametrize("computing", [True, False])
def test_a_long_turn_is_told_with_what_of_it_was_computed(
    caplog: pytest.LogCaptureFixture, computing: bool
) -> None:
    run(0.15, 0.0, caplog, computing=computing)
    ((took, computed),) = told(caplog)
    assert took >= 150
    assert computed <= took
    assert computing or computed < 50


def test_a_long_wait_is_no_long_turn(caplog: pytest.LogCaptureFixture) -> None:
    run(0.0, 0.15, caplog, computing=True)
    assert told(caplog) == []
