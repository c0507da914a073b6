"""The context beside a document, from an editor through the real gateway to a server's prompt."""

import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from tests.e2e.conftest import Client, ended, started
from tests.integration.http_server import Asked, HttpServer, Reply, http_server
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio
SHOP = "def discount(cart: Cart, code: str) -> float:\n    hidden_body = 1\n    return 0.5\n"
SIGNATURE = "def discount(cart: Cart, code: str) -> float: ..."
MAIN = "from shop import discount\n\nprice = discount(\n"


async def answer(asked: Asked, reply: Reply) -> None:
    if asked.method == "GET":
        await reply.whole(200, {"data": [{"id": "m", "max_model_len": 32_768}]})
    elif asked.path.endswith("/chat/completions"):
        await reply.say("cart, code)")
    else:
        await reply.begin()
        await reply.send({"choices": [{"text": "cart, code)", "finish_reason": "stop"}]}, b"data: [DONE]\n\n")


async def connected(home: dict[str, str], server: HttpServer, engine: str) -> Client:
    """Start a language server whose engine is the HTTP server."""
    config = Path(home["XDG_CONFIG_HOME"]) / "spark-lsp" / "config.toml"
    config.write_text(
        f'[engines.gpu]\nkind = "openai"\nbase_url = "{server.url}/v1"\n{engine}\n'
        '[routes]\ncompletion = ["gpu"]\nedit = ["gpu"]\n'
    )
    client = await started(home, "code")
    await client.engine("gpu")
    return client


async def prompts(client: Client, server: HttpServer, folder: Path) -> AsyncIterator[str]:
    """Give the prompt of one request for ghost text after the other.

    Each is for another text, because the server answers the same text again without the engine.
    """
    shop = (folder / "shop.py").as_uri()
    client.open(SHOP, shop)
    main = (folder / "main.py").as_uri()
    client.open(MAIN, main)
    await client.actions(0, uri=shop)  # both documents are mirrored
    client.change(2, "# edited\n", 0, 0, 0, 0, uri=shop)
    deadline = time.monotonic() + PATIENCE
    for count in itertools.count(1):
        assert time.monotonic() < deadline
        client.change(count + 1, "x", 2, 17, 2, 17, uri=main)
        await client.ghost(2, 17 + 1, main)
        if server.posts:
            body: dict[str, Any] = server.posts[-1].json
            yield body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


async def first_with_context(client: Client, server: HttpServer, folder: Path) -> str:
    async for prompt in prompts(client, server, folder):
        if SIGNATURE in prompt:
            return prompt
    raise AssertionError


@pytest.mark.parametrize(
    ("engine", "place"),
    [
        ('model = "qwen2.5-coder-7b"', f"<|file_sep|>shop.py\n{SIGNATURE}\n<|file_sep|>recent_edits.diff\n"),
        ('model = "deepseek-coder"', f"# shop.py:\n# {SIGNATURE}\n# recent_edits.diff:\n"),
        ('model = "gpt"', f"shop.py\n```python\n{SIGNATURE}\n```"),
    ],
)
async def test_signatures_reach_the_prompt(
    home: dict[str, str], tmp_path: Path, engine: str, place: str
) -> None:
    async with http_server(answer) as server:
        client = await connected(home, server, engine)
        try:
            prompt = await first_with_context(client, server, tmp_path)
        finally:
            await ended(client)
        assert place in prompt
        assert "+# edited" in prompt
        assert "hidden_body" not in prompt


async def test_a_budget_of_none_sends_none(home: dict[str, str], tmp_path: Path) -> None:
    async with http_server(answer) as server:
        client = await connected(home, server, 'model = "gpt"\nbeside_tokens = 0')
        try:
            async for prompt in prompts(client, server, tmp_path):
                assert "# edited" not in prompt
                break
        finally:
            await ended(client)


async def test_the_embedded_model_has_a_budget_only_by_its_setting() -> None:
    for tokens in (0, 100):
        engine = LocalEngine("local", LocalSettings(beside_tokens=tokens))
        assert engine.info.beside_tokens == tokens
        await engine.aclose()
