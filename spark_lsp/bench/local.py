"""Figure 15: the embedded model, from a keystroke to the first complete line of ghost text, document warm.

Measured through all processes: the language server, the gateway, the model in its process, and back. A module
of the standard library is open; the benchmark removes lines of it and types them again. After a first request
that warms the cache, it sends each further key and a request at once, without an editor's pause. A wrong key
and its correction precede each request: a suggestion that still fits takes less than a millisecond without
the model, and would flatter the figure. A key without a suggestion counts with its time too; the name of the
figure states the number of keys with one.

The cancel is measured at the engine: from the cancel of a long prompt during its reading until the model's
slot is free.
"""

import asyncio
import time

import anyio

from spark_lsp.bench.figures import Figure, at_most
from spark_lsp.bench.memory import private
from spark_lsp.client.editor import Editor, editing
from spark_lsp.client.files import read_source
from spark_lsp.client.places import Typing, typings
from spark_lsp.client.rehearsal import default_file
from spark_lsp.config import LocalSettings
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.errors import SparkError
from spark_lsp.request import Request, Task
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

CONFIGURATION = '[engines.local]\nkind = "local"\n[routes]\ncompletion = ["local"]\nedit = ["local"]\n'
KEYS = 12  # of each line


def run(lines: int = 4, cancels: int = 5) -> list[Figure]:
    """Measure `lines` retyped lines and `cancels` cancels."""
    return anyio.run(_run, lines, cancels)


async def _run(lines: int, cancels: int) -> list[Figure]:
    file = read_source(default_file())
    document = Document(file.uri, file.text, language=file.language)
    with private(CONFIGURATION) as (environment, where):
        async with editing({}, where, env=environment) as editor:
            uri = (where / file.path.name).as_uri()  # git may ignore it in its original place
            editor.open(uri, file.text, file.language)
            times, hits = list[float](), 0
            for typing in typings(document, lines):
                timed = await typed_again(editor, uri, typing)
                times += [elapsed for elapsed, _ in timed]
                hits += sum(found for _, found in timed)
    freed = await _freed_ms(cancels)
    suffix = (len(file.text) - typings(document, 1)[0].end) // 4
    name = (
        f"keystroke → first complete line, warm; {hits} of {len(times)} with text; suffix ≤ {suffix} tokens"
    )
    return [
        at_most(15, f"{name} (p50)", "ms", times, 400),
        at_most(15, f"{name} (p95)", "ms", times, 600, share=95),
        at_most(15, "cancel while a prompt is read → slot free", "ms", freed, 1000),
    ]


async def typed_again(editor: Editor, uri: str, typing: Typing) -> list[tuple[float, bool]]:
    """Type one line again; return the milliseconds of each key, and whether text came."""
    whole = typing.typed + typing.rest
    indent = len(whole) - len(whole.lstrip())
    editor.change(uri, Edit(typing.start + indent, typing.end, ""))
    warm = await editor.complete(uri, typing.start + indent)
    _must_be_up(editor, bool(warm.text))
    timed, end = list[tuple[float, bool]](), typing.start + indent
    for at in range(indent, min(indent + KEYS, len(whole) - 1)):
        offset = typing.start + at
        editor.change(uri, Edit(offset, offset, whole[at]))
        editor.change(uri, Edit(offset + 1, offset + 1, "§"))
        editor.change(uri, Edit(offset + 1, offset + 2, ""))
        found = await editor.complete(uri, offset + 1)
        timed.append((found.elapsed_ms, bool(found.text)))
        end = offset + 1
    editor.change(uri, Edit(typing.start, end, whole))
    return timed


def _must_be_up(editor: Editor, found: bool) -> None:
    status = editor.status
    if not found and status.state in ("off", "degraded"):
        raise SparkError(f"The embedded model does not answer: {status.reason}", "It cannot be measured")


async def _freed_ms(count: int) -> list[float]:
    """Cancel `count` long prompts in a separate model; return the milliseconds until its slot is free."""
    engine = LocalEngine("local", LocalSettings())
    try:
        await engine.start()
        return [await cancel_in_prefill(engine) * 1000 for _ in range(count)]
    finally:
        await engine.aclose()


async def cancel_in_prefill(engine: LocalEngine) -> float:
    """Return the seconds that a slot stays busy after a cancel while it reads a long prompt."""
    async with engine.open(Request(Task.CHAT, instruction="One of many lines.\n" * 600)) as events:
        await anext(events)
        await asyncio.sleep(0.3)
    left = time.perf_counter()
    while await engine.busy():
        await asyncio.sleep(0.01)
    return time.perf_counter() - left
