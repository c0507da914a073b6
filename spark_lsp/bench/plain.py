"""The plain baseline's client: httpx as in its manual, one client for all questions, stdlib JSON."""

import json
from collections.abc import AsyncGenerator

import httpx

from spark_lsp.bench.question import Question
from spark_lsp.bench.tuned import body_of


class Plain:
    """The client; its server is `data/plain.py.txt`."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def ask(self, question: Question) -> AsyncGenerator[str]:
        """Ask with the whole text, and yield the answer's text as it arrives."""
        async with self._client.stream("POST", self._url, json=body_of(question)) as response:
            async for line in response.aiter_lines():
                if not line:
                    continue
                event = json.loads(line.removeprefix("data: "))
                if event["type"] == "response.output_text.delta":
                    yield event["delta"]
