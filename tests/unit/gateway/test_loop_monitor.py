"""Long iterations of the gateway's loop are logged, and an idle loop has no timer."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from spark_lsp.gateway import loop_monitor
from spark_lsp.gateway.loop_monitor import LoopMonitor

pytestmark = pytest.mark.anyio


async def test_a_long_turn_is_told(caplog: pytest.LogCaptureFixture, until: Callable[..., Any]) -> None:
    watch = LoopMonitor(lambda: False)
    with caplog.at_level(logging.DEBUG, "spark_lsp"):
        watch.note_work()
        time.sleep(0.15)  # noqa: ASYNC251 - just what should be noticed
        await until(lambda: caplog.records)
    match = re.fullmatch(r"a turn of the loop took (\d+) ms, (\d+) ms of them computing", caplog.messages[0])
    assert match
    assert int(match[1]) >= 150


async def test_it_watches_while_there_is_work_and_not_longer(
    until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_monitor, "LINGER_S", 0.0)
    busy = [True]
    watch = LoopMonitor(lambda: bool(busy))
    assert not watch.is_watching
    watch.note_work()
    await anyio.sleep(3 * loop_monitor.TICK_S)
    assert watch.is_watching
    busy.clear()
    await until(lambda: not watch.is_watching)
