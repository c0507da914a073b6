"""The embedded model: from a keystroke to the first complete line, and from a cancel to a free slot.

A file of the standard library is open, and the engine has read it at rest. The benchmark removes lines of one
function and types them again, key by key. Each key requests a completion of one line and waits for all of it;
the next key follows at once. This measures the engine alone, without editor and gateway.

    python -m scripts.measure_embedded [KEYS]
"""

import json
import os
import statistics
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from spark_lsp.answer_events import Chunk, Finished, Usage
from spark_lsp.bench.local import cancel_in_prefill
from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.request import Focus, Part, PartKind, Request, Task

_TYPED_LINES = 12
_PLACE = "        cur_line = []\n"


@dataclass(frozen=True, slots=True)
class Key:
    """The cost of one keystroke: seconds to the first text and to the complete line, and its tokens."""

    first_s: float
    line_s: float
    usage: Usage


def typing() -> tuple[str, str, str]:
    """Return the text before the cursor, the text to type, and the text after it, of a library module."""
    source = Path(textwrap.__file__).read_text("utf-8")
    at = source.index(_PLACE)
    end = at
    for _ in range(_TYPED_LINES):
        end = source.index("\n", end) + 1
    return source[:at], source[at : end - 1], source[end - 1 :]


async def type_keys(engine: LocalEngine, count: int) -> list[Key]:
    """Warm the document at rest, then type `count` keys into it."""
    before, typed, behind = typing()
    await rest(engine, before + behind, len(before))
    return [
        await complete(engine, before + typed[:at], behind)
        for at in range(1, min(count, len(typed)) + 1)
        if not typed[:at].endswith("\n")
    ]


async def rest(engine: LocalEngine, text: str, offset: int) -> None:
    """Let the cursor rest until the engine has read the text around it."""
    engine.observe(Focus("bench:///textwrap.py", "python", text, offset))
    await engine.idle()


async def complete(engine: LocalEngine, before: str, behind: str) -> Key:
    """Request one line and wait for all of it."""
    parts = (Part(PartKind.PREFIX, before), Part(PartKind.SUFFIX, behind))
    asked, first, usage = time.perf_counter(), 0.0, Usage()
    async with engine.open(Request(Task.COMPLETE, parts, language="python", max_lines=1)) as events:
        async for event in events:
            if isinstance(event, Chunk):
                first = first or time.perf_counter() - asked
            elif isinstance(event, Finished):
                usage = event.usage
    done = time.perf_counter() - asked
    return Key(first or done, done, usage)


async def measure(keys: int) -> list[dict[str, Any]]:
    """Return the figures of the embedded model."""
    engine = LocalEngine("local", LocalSettings())
    try:
        await engine.start()
        typed = await type_keys(engine, keys)
        cancelled = [await cancel_in_prefill(engine) for _ in range(3)]
    finally:
        await engine.aclose()
    lines = sorted(key.line_s * 1e3 for key in typed)
    read = [key.usage.input_tokens - key.usage.cached_tokens for key in typed]
    return [
        _figure(
            "warmed document, keystroke to first complete line, p50", lines[len(lines) // 2], 400, len(lines)
        ),
        _figure("the same, p95", lines[int(len(lines) * 0.95)], 600, len(lines)),
        _figure(
            "the same, to first text, p50",
            statistics.median(key.first_s * 1e3 for key in typed),
            None,
            len(typed),
        ),
        {
            "name": "tokens read per keystroke, mean",
            "value": statistics.mean(read),
            "unit": "tokens",
            "n": len(read),
        },
        _figure("cancel in prefill to free slot, worst", max(cancelled) * 1e3, 1000, len(cancelled)),
    ]


def _figure(name: str, value: float, target: float | None, n: int) -> dict[str, Any]:
    met = None if target is None else value <= target
    return {
        "id": 15,
        "name": name,
        "value": round(value, 1),
        "unit": "ms",
        "target": target,
        "met": met,
        "n": n,
    }


def main() -> None:
    """Measure and print one JSON object."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    before = os.getloadavg()[0]
    figures = anyio.run(measure, keys)
    machine = {"cores": os.cpu_count(), "load_before": before, "load_after": os.getloadavg()[0]}
    sys.stdout.write(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
