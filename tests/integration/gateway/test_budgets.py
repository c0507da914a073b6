"""Two gateways share the budgets in one ledger, and nothing gives a budget back; a real server answers."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from spark_lsp.budget.ledger import Moment
from spark_lsp.budget.limits import Limits, Standing
from spark_lsp.codes import Code
from spark_lsp.store.ledger import SqliteLedger
from tests.integration.gateway.conftest import Running, Start
from tests.integration.http_server import Asked, HttpServer, Reply, http_server
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

ACCOUNT = "engine:gpu"
USED = 1_000  # tokens that each answer reports
CONFIG = """\
[engines.gpu]
kind = "openai"
base_url = "{url}/v1"
model = "m"
[engines.gpu.budget]
tokens_per_day = {limit}
[engines.gpu.price]
input = 1.0
output = 1.0
[engines.spare]
kind = "replay"
text = "spare.txt"
tokens_per_s = 0
delay_ms = 0
[routes]
chat = ["gpu", "spare"]
"""
needs_signals = pytest.mark.skipif(os.name == "nt", reason="a process is killed by a signal")


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    """Answers with a report of 900 tokens read and 100 written; a question to hold is never answered."""

    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.send({"choices": [{"delta": {"content": "well "}}]})
        if "hold" in asked.body.decode():
            await anyio.sleep_forever()
        usage = {"prompt_tokens": 900, "completion_tokens": 100}
        await reply.send(
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
            b"data: [DONE]\n\n",
        )

    async with http_server(answer) as made:
        yield made


Open = Callable[..., Running]


@pytest.fixture
def gateway(tmp_path: Path, start: Start, server: HttpServer) -> Iterator[Open]:
    """Start a gateway with a limit; all of a test's gateways share their state directory."""
    (tmp_path / "spare.txt").write_text("spare\n")
    with ExitStack() as stack:

        def opened(name: str, limit: int, **more: str) -> Running:
            config = tmp_path / f"{name}.toml"
            config.write_text(CONFIG.format(url=server.url, limit=limit))
            state = {"SPARK_LSP_STATE_DIR": str(tmp_path / "state"), **more}
            return stack.enter_context(start(tmp_path / name, "--config", str(config), **state))

        yield opened


def standing(folder: Path, day: str = "2000-01-01") -> Standing:
    """Return everything that the shared ledger has about the engine."""
    ledger = SqliteLedger(folder / "state")
    return ledger.standings({ACCOUNT: Limits(1)}, Moment(day, 0.0))[ACCOUNT]


async def ask(running: Running, model: str = "gpu", words: str = "hello") -> Any:
    body = {"model": model, "input": words, "max_output_tokens": 500}
    async with httpx.AsyncClient(headers=running.headers, timeout=PATIENCE) as client:
        return (await client.post(f"{running.http}/responses", json=body)).json()


def code_of(reply: Any) -> str:
    return (reply.get("error") or {}).get("code", "")


async def test_two_gateways_together_keep_to_one_limit(
    gateway: Open, tmp_path: Path, server: HttpServer
) -> None:
    both = [gateway("one", 5_000), gateway("two", 5_000)]
    replies: list[Any] = []

    async def collect(running: Running) -> None:
        for _ in range(5):
            replies.append(await ask(running))  # noqa: PERF401

    async with anyio.create_task_group() as group:
        for running in both:
            group.start_soon(collect, running)
            group.start_soon(collect, running)
    answered = [reply for reply in replies if not code_of(reply)]
    assert {code_of(reply) for reply in replies} == {"", Code.BUDGET_USED_UP}
    assert len(server.posts) == len(answered)
    assert 3 <= len(answered) <= 5
    for running in both:
        assert (await ask(running, "chat"))["output"][0]["content"][0]["text"] == "spare\n"
        assert running.end() == 0  # writes what is left
    assert standing(tmp_path) == Standing(standing(tmp_path).spent)
    assert standing(tmp_path).spent.tokens == USED * len(answered)


@needs_signals
async def test_a_gateway_that_is_killed_in_an_answer_gives_nothing_back(
    gateway: Open, tmp_path: Path, server: HttpServer
) -> None:
    first = gateway("one", 1_500)
    async with anyio.create_task_group() as group:
        group.start_soon(ask_in_vain, first)
        with anyio.fail_after(PATIENCE):
            while not server.posts:
                await anyio.sleep(0.01)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(PATIENCE)
    held = standing(tmp_path)
    assert held.spent.tokens == 0
    assert held.reserved.tokens > 750
    assert code_of(await ask(gateway("two", 1_500))) == Code.BUDGET_USED_UP
    assert standing(tmp_path).used.tokens >= held.used.tokens


async def ask_in_vain(running: Running) -> None:
    with pytest.raises(httpx.HTTPError):
        await ask(running, words="hold this")


async def test_a_day_that_begins_again_elsewhere_gives_nothing_back(gateway: Open, tmp_path: Path) -> None:
    """The second gateway's clock is 25 hours behind the first one's: its local day is an earlier one."""
    ahead = gateway("ahead", 1_500, TZ="Pacific/Kiritimati")
    assert code_of(await ask(ahead)) == ""
    assert ahead.end() == 0
    behind = gateway("behind", 1_500, TZ="Pacific/Pago_Pago")
    reply = await ask(behind)
    assert code_of(reply) == Code.BUDGET_USED_UP
    assert "engines.gpu.budget.tokens_per_day" in reply["error"]["message"]
    async with httpx.AsyncClient(headers=behind.headers) as client:
        status = (await client.get(behind.http.removesuffix("/v1") + "/status")).json()
    assert [engine.get("budget") for engine in status["engines"] if engine["name"] == "gpu"] == [
        "1,000 of 1,500 tokens today"
    ]


async def test_a_cancelled_answer_is_charged_for_its_text(
    gateway: Open, tmp_path: Path, server: HttpServer
) -> None:
    running = gateway("one", 9_000)
    async with httpx.AsyncClient(headers=running.headers, timeout=PATIENCE) as client:
        body = {"model": "gpu", "input": "hold this", "stream": True}
        async with client.stream("POST", f"{running.http}/responses", json=body) as reply:
            async for line in reply.aiter_lines():
                if "output_text.delta" in line:
                    break
    assert running.end() == 0
    assert standing(tmp_path).reserved.tokens == 0
    assert 300 < standing(tmp_path).spent.tokens < 1_000
