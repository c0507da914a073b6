"""A long day at the editor: memory does not grow, no turn of a loop is long, every request is answered.

    make soak                              half an hour; `make soak SOAK_S=…` for another time
    SPARK_LSP_SOAK_ENGINE=local make soak  with the embedded model instead of a replay

The short form, which the tests run, is half a minute. Memory is what a process has to itself (USS): the
median of a window at the end of the warm-up against that at the end.
"""

import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from soak_typist import Typist
from soak_watch import Watch

from spark_lsp import runtime
from spark_lsp.client.editor import Editor, editing
from tests.patience import PATIENCE

SECONDS = float(os.environ.get("SPARK_LSP_SOAK_S", "30"))
ENGINE = os.environ.get("SPARK_LSP_SOAK_ENGINE", "replay")
SEED = int(os.environ.get("SPARK_LSP_SOAK_SEED") or random.randrange(10**6))
WARM_UP, WINDOW = 0.4, 0.12  # parts of the whole time
GROWTH = 0.05  # what leaks with each request shows within 500 requests
SAMPLE_S = 1.0

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(SECONDS + 300)]


@pytest.fixture
def configured(replay_config: Path, request: pytest.FixtureRequest) -> None:
    """The engine that is asked: a replay, or the embedded model in the default configuration."""
    if ENGINE == "local":
        request.getfixturevalue("model")
        replay_config.unlink()


@asynccontextmanager
async def typing(home: dict[str, str], tmp_path: Path) -> AsyncIterator[tuple[Editor, Watch, Watch]]:
    """An editor whose server and gateway log long turns, and a watch on each."""
    log = tmp_path / "server.log"
    serve = ["/bin/sh", "-c", 'exec "$0" -m spark_lsp serve 2>"$1"', sys.executable, str(log)]
    where = Path(home["SPARK_LSP_RUNTIME_DIR"])
    async with editing({}, tmp_path, command=serve, env={**home, "SPARK_LSP_LOG_LEVEL": "debug"}) as editor:
        with anyio.fail_after(PATIENCE):
            while (state := runtime.read_state(where)) is None or editor.status.state in (None, "starting"):
                await anyio.sleep(0.05)
                await editor.ask_status()
                if ENGINE == "local" and state is not None:
                    break
        server = Watch("server", editor.connection.process.pid, log)
        yield editor, server, Watch("gateway", state.pid, where / "gateway.log")


async def look(*watches: Watch) -> None:
    while True:
        for watch in watches:
            watch.look()
        await anyio.sleep(SAMPLE_S)


def figures(watch: Watch) -> dict[str, Any]:
    warm, window = WARM_UP * SECONDS, WINDOW * SECONDS
    before, after = watch.uss(warm - window, warm), watch.uss(SECONDS - window, SECONDS)
    return {
        "uss_mib": [round(before, 2), round(after, 2)],
        "growth": round(after / before - 1, 4),
        "rss_mib": [round(watch.rss(warm - window, warm), 2), round(watch.rss(SECONDS - window, SECONDS), 2)],
        "turns_over_100_ms_warm_up": [(t.took, t.computed, t.waited) for t in watch.turns if t.at < warm],
        "turns_over_100_ms": [(t.took, t.computed, t.waited) for t in watch.turns if t.at >= warm],
        "of_its_own_doing": [(t.took, t.computed, t.waited) for t in watch.long_turns(warm)],
        "cpu_s": round(sum(psutil.Process(watch.pid).cpu_times()[:2]), 1),
        "log": [line for line in watch.other if '"event": "ready"' not in line][:5],
    }


async def test_hours_of_typing(home: dict[str, str], configured: None, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    async with typing(home, tmp_path) as (editor, server, gateway):
        typist = Typist(editor, files, random.Random(SEED))
        await typist.warm_up()
        server.begin()
        gateway.begin()
        async with anyio.create_task_group() as group:
            group.start_soon(look, server, gateway)
            await typist.work(SECONDS)
            group.cancel_scope.cancel()
        found = {watch.name: figures(watch) for watch in (server, gateway)}
    told = {"seconds": SECONDS, "engine": ENGINE, "seed": SEED, "load": os.getloadavg(), "did": typist.done}
    sys.stdout.write(json.dumps({**told, **found}) + "\n")  # shown by `make soak`
    for name, of in found.items():
        assert of["growth"] <= GROWTH, (name, of)
        assert not of["of_its_own_doing"], (name, of)
        assert not of["log"], (name, of)
