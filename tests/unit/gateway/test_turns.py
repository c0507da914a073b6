"""Turns of the gateway's loop that last too long are noticed; an idle one is left asleep."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from spark_lsp.gateway import turns
from spark_lsp.gateway.turns import Turns

pytestmark = pytest.mark.anyio


async def test_a_long_turn_is_told(caplog: pytest.LogCaptureFixture, until: Callable[..., Any]) -> None:
    watch = Turns(lambda: False)
    with caplog.at_level(logging.DEBUG, "spark_lsp"):
        watch.work()
        time.sleep(0.15)  # noqa: ASYNC251 - just what should be noticed
        await until(lambda: caplog.records)
    match = re.fullmatch(r"a turn of the loop took (\d+) ms, (\d+) ms of them computing", caplog.messages[0])
    assert match
    assert int(match[1]) >= 150


async def test_it_watches_while_there_is_work_and_not_longer(
    until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LINGER", 0.0)
    busy = [True]
    watch = Turns(lambda: bool(busy))
    assert not watch.watching
    watch.work()
    await anyio.sleep(3 * turns.TICK)
    assert watch.watching
    busy.clear()
    await until(lambda: not watch.watching)
