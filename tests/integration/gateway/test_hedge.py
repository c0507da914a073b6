"""A hedge through a real gateway: an OpenAI-compatible server that turns silent, and a simulated wafer."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from spark_lsp.cli.status import lines
from tests.integration.gateway.conftest import Running, environment, folder, short, start
from tests.integration.odd_server import Odd, odd_server
from tests.patience import PATIENCE

__all__ = ["environment", "folder", "short", "start"]

pytestmark = pytest.mark.anyio

CONFIG = """\
[engines.gpu]
kind = "openai"
base_url = "{url}"
model = "tiny-coder"
context_tokens = 32000
[engines.recorded]
kind = "replay"
text = "wafer.txt"
delay_ms = 0
[engines.wafer]
kind = "wafer"
source = "recorded"
[routes]
edit = ["gpu", "wafer"]
[routing.edit]
hedge = "p95"
hedge_share = {share}
max_queue = {queue}
"""
SPARK = {"task": "edit", "instruction": "swap", "parts": [{"kind": "target", "text": "x"}]}


async def answer(connection: Any, lane: str) -> tuple[dict[str, Any], str, list[str]]:
    """Return who answered and why, the text, and the kinds of all events."""
    create = {"type": "response.create", "stream_id": lane, "model": "edit", "spark": SPARK}
    await connection.send(json.dumps(create))
    told, text, kinds = dict[str, Any](), "", list[str]()
    with anyio.fail_after(PATIENCE):
        while not kinds or kinds[-1] != "response.completed":
            event = json.loads(await connection.recv())
            if event.get("stream_id") != lane:
                continue
            kinds.append(event["type"])
            text += event.get("delta", "")
            if event["type"] == "response.created":
                told = event["response"]["spark"]
    return told, text, kinds


async def learn_usual_time(connection: Any) -> None:
    for _ in range(20):
        told, _, _ = await answer(connection, "a")
        assert (told["engine"], told["route"]) == ("gpu", "route_preferred")


def metrics_of(started: Running) -> dict[tuple[str, ...], float]:
    page = httpx.get(started.http.removesuffix("/v1") + "/metrics", headers=started.headers).text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {(each.name, *(each.labels[name] for name in sorted(each.labels))): each.value for each in samples}


def write_config(folder: Path, odd: Odd, *, share: float = 0.5, queue: int = 0) -> Path:
    (folder / "wafer.txt").write_text("from the wafer\n")
    (config := folder / "config.toml").write_text(
        CONFIG.format(url=odd.url("moody"), share=share, queue=queue)
    )
    return config


async def test_a_silent_server_is_overtaken_by_the_wafer_and_its_request_ends(
    start: Any, short: Path
) -> None:
    async with odd_server() as odd:
        with start(short, "--config", str(write_config(short, odd))) as started:
            async with started.joined(spark=True) as connection:
                await learn_usual_time(connection)
                odd.ill = True
                told, text, kinds = await answer(connection, "a")
                assert (told["engine"], told["route"], told["simulated"]) == ("wafer", "route_hedged", True)
                assert text == "from the wafer\n"
                assert kinds.count("response.created") == kinds.count("response.completed") == 1
                with anyio.fail_after(PATIENCE):  # its connection is closed, so the server stops its work
                    while odd.open:
                        await anyio.sleep(0.01)
                assert len(odd.asked) == 21
                _check_reports(started)


def _check_reports(started: Running) -> None:
    counted = metrics_of(started)
    assert counted["spark_lsp_route_decisions_total", "route_preferred", "gpu", "edit"] == 20
    assert counted["spark_lsp_route_decisions_total", "route_hedged", "wafer", "edit"] == 1
    assert counted["spark_lsp_hedges_total", "sent", "edit"] == 1
    assert counted["spark_lsp_hedges_total", "won", "edit"] == 1
    assert counted["spark_lsp_hedge_stopped_tokens_total", "gpu"] > 0
    status = httpx.get(started.http.removesuffix("/v1") + "/status", headers=started.headers).json()
    assert [each["state"] for each in status["engines"] if each["name"] == "gpu"] == ["ready"]
    latest = status["routing"]["edit"]
    assert (latest["engine"], latest["code"]) == ("wafer", "route_hedged")
    said = lines({**status, "pid": 1})
    assert "    hedge after p95: 1 of 21 requests sent twice, the second engine won 1" in said


async def test_requests_spill_to_the_wafer_while_the_server_is_full(start: Any, short: Path) -> None:
    async with odd_server() as odd:
        with start(short, "--config", str(write_config(short, odd, share=0, queue=1))) as started:
            async with started.joined(spark=True) as connection:
                await answer(connection, "a")  # a server that has never answered counts as loading its model
                odd.ill = True
                create = {"type": "response.create", "stream_id": "busy", "model": "edit", "spark": SPARK}
                await connection.send(json.dumps(create))
                with anyio.fail_after(PATIENCE):
                    while len(odd.asked) < 2:
                        await anyio.sleep(0.01)
                told, _, _ = await answer(connection, "b")
                assert (told["engine"], told["route"]) == ("wafer", "route_spilled")
                await connection.send(json.dumps({"type": "response.cancel", "stream_id": "busy"}))
                odd.ill = False
                with anyio.fail_after(PATIENCE):  # until the cancelled request has ended
                    while (told := (await answer(connection, "c"))[0])["engine"] != "gpu":
                        assert told["route"] == "route_spilled"
                assert told["route"] == "route_preferred"
