"""The embedded model asked by a bare prompt: the baseline of the suite `lines`.

Both orders of a fill-in-the-middle prompt over 60 lines before and 15 after the cursor, one greedy answer of
one line, and nothing of spark-lsp's own steps around it.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from spark_lsp.bench.places import Place
from spark_lsp.engine.local import process
from spark_lsp.engine.local.engine import CONTEXT_TOKENS
from spark_lsp.engine.local.process import ModelProcess
from spark_lsp.engine.local.stream import Text, read_events
from spark_lsp.models import paths, registry

LINES_ABOVE = 60
LINES_BELOW = 15
ANSWER_TOKENS = 48
PREFIX_FIRST = "prefix first"
SUFFIX_FIRST = "suffix first"
ORDERS = (PREFIX_FIRST, SUFFIX_FIRST)


@dataclass(slots=True)
class BareModel:
    """A running model without spark-lsp around it."""

    child: ModelProcess

    async def complete(self, place: Place, order: str) -> str:
        """Return the model's line for a place."""
        before, after = place.window(LINES_ABOVE, LINES_BELOW)
        prompt = f"<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"
        if order == SUFFIX_FIRST:
            prompt = f"<|fim_prefix|><|fim_suffix|>{after}<|fim_middle|>{before}"
        body = {
            "prompt": prompt,
            "n_predict": ANSWER_TOKENS,
            "stop": ["\n", "<|endoftext|>", "<|im_end|>", "<|file_sep|>", "<|fim_pad|>", "<|repo_name|>"],
            "samplers": ["top_k"],
            "top_k": 1,
            "stream": True,
        }
        client = self.child.client
        response = await client.send(client.build_request("POST", "/completion", json=body), stream=True)
        try:
            return "".join([event.text async for event in read_events(response) if isinstance(event, Text)])
        finally:
            await response.aclose()


@asynccontextmanager
async def start_bare_model(name: str) -> AsyncGenerator[BareModel]:
    """Start a model of the registry, and end it afterwards."""
    child = await process.start(paths.file_of(registry.find(name)), CONTEXT_TOKENS)
    try:
        yield BareModel(child)
    finally:
        await child.aclose()
