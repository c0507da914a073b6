"""The simulated wafer through a real gateway's process: at its pace, and marked as simulated to the end."""

import time
from itertools import islice
from typing import Any

import anyio
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.engine.gateway_client.remote import Endpoint, LinkStatus, Remote
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.request import EditFormat, EngineInfo, Request, Task
from spark_lsp.simulate.wafer import schedule
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

TOKENS = 600
CONFIG = f"""\
[engines.text]
kind = "replay"
text = "text.txt"
tokens_per_s = 0
delay_ms = 0
[engines.wafer]
kind = "wafer"
source = "text"
tokens_per_s = 2000
[engines.own]
kind = "wafer"
source = "text"
profile = "mine"
[profiles.mine]
tokens_per_s = 5000
context_tokens = 2000
prefill_tokens_per_s = 100000
overhead_ms = 1
[routes]
completion = ["wafer"]
edit = ["own", "text"]
# the text has {TOKENS} tokens
"""


async def asked(
    gateway: Any, request: Request, settings: dict[str, Any] | None = None
) -> tuple[list[tuple[float, Event]], list[EngineInfo]]:
    statuses, found = list[LinkStatus](), list[tuple[float, Event]]()

    async def locate() -> Endpoint:
        return Endpoint(gateway.ready["url"], gateway.token)

    remote = Remote(locate, statuses.append)
    if settings is not None:
        remote.configure(settings, {}, {})
    async with anyio.create_task_group() as group:
        group.start_soon(remote.run)
        with anyio.fail_after(PATIENCE):
            while settings is not None and not any(status.settled and status.engines for status in statuses):
                await anyio.sleep(0.01)
            begun = time.monotonic()
            async with remote.open(request) as events:
                async for event in events:
                    found.append((time.monotonic() - begun, event))
        group.cancel_scope.cancel()
    return found, [info for status in statuses for info in status.engines]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, start: Any) -> Any:
    folder = tmp_path_factory.mktemp("wafer")
    (folder / "text.txt").write_text("abc\n" * TOKENS)
    (folder / "config.toml").write_text(CONFIG)
    with start(folder / "run", "--config", str(folder / "config.toml")) as running:
        yield running


async def test_a_stream_keeps_its_pace_and_says_what_it_is(gateway: Any) -> None:
    found, engines = await asked(gateway, Request(Task.COMPLETE, model="wafer"))
    assert found[0][1] == Started("wafer", "codex-spark (simulated)", simulated=True)
    end = found[-1][1]
    assert isinstance(end, Finished)
    assert end.timing.simulated
    assert end.usage.output_tokens == TOKENS
    due = list(islice(schedule(wafer_of("codex-spark", {}).at(2000), 1, 0), TOKENS))
    assert end.timing.decode_ms == pytest.approx(due[-1] * 1e3)
    assert end.timing.spent_ms >= end.timing.prefill_ms + end.timing.decode_ms
    characters = 0
    for at, event in found:
        if isinstance(event, Chunk):
            characters += len(event.text)
            assert at >= 0.078 + due[-(-characters // 4) - 1]  # never early
    assert characters == 4 * TOKENS
    assert found[-1][0] < 2 * (0.078 + due[-1])  # no backlog, even on a busy machine
    assert {info.simulated for info in engines if info.kind == "wafer"} == {True}


async def test_what_a_machine_cannot_hold_goes_to_the_next_engine(gateway: Any) -> None:
    found, _ = await asked(gateway, Request(Task.EDIT, model="edit", instruction="x" * 20_000))
    assert found[0][1] == Started("text", "replay", EditFormat.REPLACE, route="route_skipped")
    found, _ = await asked(gateway, Request(Task.EDIT, model="edit", instruction="x"))
    begun = Started("own", "mine (simulated)", EditFormat.REPLACE, simulated=True, route="route_preferred")
    assert found[0][1] == begun


async def test_an_editor_s_own_wafer_stands_on_the_gateway_s_engines(gateway: Any) -> None:
    table = {"kind": "wafer", "source": "text", "tokens_per_s": 4000}
    found, _ = await asked(gateway, Request(Task.COMPLETE, model="mine"), {"mine": table})
    assert found[0][1] == Started("mine", "codex-spark (simulated)", simulated=True)
