"""The embedded engine with its real model, in its real process.

Skipped where the model or xllamacpp is missing, unless SPARK_LSP_REQUIRE_MODEL is set: then they fail.
"""

import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import psutil
import pytest

from spark_lsp.answer_events import Chunk, Event, Finished, Started
from spark_lsp.config import LocalSettings, ReplaySettings
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.engine.replay import ReplayEngine
from spark_lsp.engine.route import Route
from spark_lsp.errors import EngineError
from spark_lsp.models import paths, registry
from spark_lsp.request import EditFormat, Focus, Part, PartKind, Request, Task
from tests.patience import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.model]

ROOT = Path(__file__).parents[2]
SOURCE = Path(paths.__file__).read_text("utf-8")
AT = SOURCE.index("def digest(")
CART = """class Cart:
    def __init__(self):
        self.items = []

    def total(self):
        return sum(self.items)


cart = Cart()
cart."""
BEFORE, AFTER = SOURCE[:AT] + "def is_empty(file: Path) -> bool:\n    ", "\n\n\n" + SOURCE[AT:]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _what_is_missing() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed (pip install 'spark-lsp[local]')"
    if not paths.verify(registry.find("auto")):
        return "the embedded model is not on this machine (spark-lsp model pull)"
    return ""


def require_model() -> None:
    """Skip the test without the model, or fail it where the model must be there."""
    if missing := _what_is_missing():
        if os.environ.get("SPARK_LSP_REQUIRE_MODEL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
async def local() -> AsyncIterator[LocalEngine]:
    require_model()
    engine = LocalEngine("local", LocalSettings())
    yield engine
    await engine.aclose()


def completion(prefix: str, suffix: str = "", **more: object) -> Request:
    parts = (Part(PartKind.PREFIX, prefix), Part(PartKind.SUFFIX, suffix))
    return Request(Task.COMPLETE, parts, language="python", **more)  # type: ignore[arg-type]


async def answer(engine: LocalEngine, request: Request) -> list[Event]:
    async with engine.open(request) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


def end_of(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


async def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    with anyio.fail_after(seconds):
        while not true():
            await anyio.sleep(0.01)


def pid(engine: LocalEngine) -> int:
    assert engine._child  # pyright: ignore[reportPrivateUsage]
    return engine._child.pid  # pyright: ignore[reportPrivateUsage]


def worked(engine: LocalEngine) -> float:
    """The processor time that the model's process has used, in seconds."""
    times = psutil.Process(pid(engine)).cpu_times()
    return times.user + times.system


async def killed_in_an_answer(engine: LocalEngine) -> None:
    async def read() -> None:
        async with engine.open(Request(Task.CHAT, instruction="Count from 1 to 1000.")) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    os.kill(pid(engine), signal.SIGKILL)

    with pytest.raises(EngineError) as caught:
        await read()
    assert caught.value.code == "answer_broke_off"
    assert caught.value.retryable


async def test_a_line_streams_in(local: LocalEngine) -> None:
    assert local.info.state == "starting"
    events = await answer(local, completion("def add(a, b):\n    return", "\n\nprint(add(1, 2))\n"))
    assert events[0] == Started("local", "qwen2.5-coder-0.5b")
    assert text_of(events).strip() == "a + b"
    assert len(events) > 3
    end = end_of(events)
    assert end.reason == "stop"
    assert end.usage.input_tokens > 10
    assert end.usage.output_tokens >= 3
    assert end.timing.prefill_ms > 0
    assert not end.timing.simulated
    assert local.info.state == "ready"


async def test_the_middle_of_a_word_is_completed(local: LocalEngine) -> None:
    for typed in ("r", "ret", "return"):
        events = await answer(local, completion(f"def add(a, b):\n    {typed}", "\n\nprint(add(1, 2))\n"))
        assert (typed + text_of(events)).split() == ["return", "a", "+", "b"]


@pytest.mark.parametrize("typed", ["return", "ret"])
async def test_the_confidence_comes_with_the_text_if_it_is_wanted(local: LocalEngine, typed: str) -> None:
    plain = completion(f"def add(a, b):\n    {typed}", "\n\nprint(add(1, 2))\n")
    for request in (replace(plain, scored=True), plain):
        events = await answer(local, request)
        told = [event.confidence for event in events if isinstance(event, Chunk)]
        if request.scored:
            assert told[-1] is not None
            assert 0.5 < told[-1] <= 1  # the typed letters do not count
        else:
            assert set(told) == {None}


async def test_an_opened_block_gets_its_first_line(local: LocalEngine) -> None:
    events = await answer(local, completion("def add(a, b):", "\n\n\nprint(add(1, 2))\n"))
    assert text_of(events).startswith("\n    ")
    assert text_of(events).count("\n") == 1


async def test_lines_end_as_in_the_document(local: LocalEngine) -> None:
    events = await answer(local, completion("def add(a, b):\r\n    x = a\r\n    if x:", "\r\n\r\nadd(1)\r\n"))
    assert text_of(events).startswith("\r\n")


async def test_the_next_key_reads_next_to_nothing(local: LocalEngine) -> None:
    cold = end_of(await answer(local, completion(BEFORE, AFTER)))
    for typed in ("r", "retu", "return ", "return f"):
        warm = end_of(await answer(local, completion(BEFORE + typed, AFTER)))
        assert warm.usage.input_tokens - warm.usage.cached_tokens <= 8
    assert cold.usage.input_tokens > 50


async def test_what_was_read_at_rest_is_not_read_again(local: LocalEngine) -> None:
    await local.start()
    local.observe(Focus("file:///a.py", "python", SOURCE[:AT] + SOURCE[AT:], AT))
    await local.idle()
    usage = end_of(await answer(local, completion(SOURCE[:AT], SOURCE[AT:]))).usage
    assert usage.input_tokens >= 100
    assert usage.input_tokens - usage.cached_tokens <= 8


async def test_coming_back_to_a_document_reads_next_to_nothing(local: LocalEngine) -> None:
    await local.start()
    first = SOURCE * 3
    second = "".join(f"def other_{number}():\n    return {number}\n\n\n" for number in range(90))
    for uri, text in (("file:///a.py", first), ("file:///b.py", second)):
        local.observe(Focus(uri, "python", text, len(text) // 2))
        await local.idle()
    back = replace(completion(first[: len(first) // 2], first[len(first) // 2 :]), origin="file:///a.py")
    usage = end_of(await answer(local, back)).usage
    assert usage.input_tokens >= 80  # of the smallest window, which a slow machine reads
    assert usage.input_tokens - usage.cached_tokens <= 8


async def test_an_end_of_text_where_code_must_follow_is_not_the_answer(local: LocalEngine) -> None:
    """With a bare prompt, this model ends its answer at once here."""
    events = await answer(local, completion(CART, "\n"))
    assert text_of(events).strip()


async def test_leaving_frees_the_slot(local: LocalEngine) -> None:
    await local.start()
    long = Request(Task.CHAT, instruction="Write a long story.\n" * 600)  # 20 s to read on two cores
    async with local.open(long) as events:
        await anext(events)
        assert await local.busy()
        before = worked(local)
    with anyio.fail_after(PATIENCE):
        while await local.busy():
            await anyio.sleep(0.02)
    # Five seconds of two cores; half a second is usual (bench.embedded), and without a cancel it is 20 s.
    assert worked(local) - before < 10


async def test_an_edit_is_answered_as_chat(local: LocalEngine) -> None:
    parts = (Part(PartKind.TARGET, "def f():\n    return 1\n"),)
    request = Request(Task.EDIT, parts, "Return 2 instead of 1.", "instruction", "python", max_tokens=60)
    events = await answer(local, request)
    assert isinstance(events[0], Started)
    assert events[0].format is not EditFormat.TEXT
    assert "2" in text_of(events)


async def test_a_line_that_was_copied_is_filled_in(local: LocalEngine) -> None:
    parts = (
        Part(PartKind.PREFIX, "def pair(line):\n"),
        Part(PartKind.TARGET, '    key, value = line.split("=")'),
        Part(PartKind.SUFFIX, "\n    return key, value\n\n\nprint(pair('a=1'))\n"),
    )
    words = "A value may contain further equals signs"
    events = await answer(local, Request(Task.EDIT, parts, words, "instruct", "python", attempt=2))
    assert isinstance(events[0], Started)
    assert events[0].format is EditFormat.FILLED
    assert text_of(events).startswith("    key, value = line.")
    assert "return key" not in text_of(events)  # the lines below the hole are not the answer's
    assert end_of(events).reason == "stop"


async def test_a_bound_of_tokens_is_told(local: LocalEngine) -> None:
    request = Request(Task.CHAT, instruction="Count from 1 to 100.", max_tokens=5)
    assert end_of(await answer(local, request)).reason == "length"


async def test_a_text_that_is_too_long_is_refused_by_name(local: LocalEngine) -> None:
    with pytest.raises(EngineError) as caught:
        await answer(local, Request(Task.CHAT, instruction="def f(): return 1\n" * 2000))
    assert caught.value.code == "context_length_exceeded"
    assert "def f" not in str(caught.value)


async def test_a_killed_model_is_started_once_more_and_then_left_off(local: LocalEngine) -> None:
    await local.start()
    first = pid(local)
    await killed_in_an_answer(local)
    await until(lambda: local.info.state == "ready" and pid(local) != first)
    assert "return" in text_of(await answer(local, completion("def add(a, b):\n    ", "\n")))
    await killed_in_an_answer(local)
    await until(lambda: local.info.state == "off")
    assert "twice" in local.info.reason
    with pytest.raises(EngineError) as refused:
        await answer(local, completion("x = "))
    assert refused.value.code == "engine_unavailable"


async def test_fault_37_a_killed_model_is_passed_over_and_the_next_engine_serves(
    local: LocalEngine, tmp_path: Path
) -> None:
    (text := tmp_path / "spare.txt").write_text("spare")
    spare = ReplayEngine("spare", ReplaySettings(text=str(text), tokens_per_s=0, delay_ms=0))
    health = {local.info.name: CircuitBreaker(), "spare": CircuitBreaker()}
    route = Route("completion", [local, spare], health)
    for _ in range(2):
        with contextlib.suppress(EngineError):
            async with route.open(completion("def f():\n    ")) as events:
                async for event in events:
                    if isinstance(event, Started) and event.engine == "spare":
                        break
                    os.kill(pid(local), signal.SIGKILL)
    with anyio.fail_after(30):
        async with route.open(completion("def f():\n    ")) as events:
            assert text_of([event async for event in events]) == "spare"
    assert route.info.name == "spare"


async def test_a_request_given_up_while_the_model_loads_does_not_undo_the_loading(local: LocalEngine) -> None:
    with anyio.move_on_after(0.05):
        await answer(local, completion("x = "))
    await until(lambda: local.info.state == "ready")


async def test_closing_leaves_no_process_and_no_files(local: LocalEngine) -> None:
    await local.start()
    child = pid(local)
    assert local._child  # pyright: ignore[reportPrivateUsage]
    home = local._child._home  # pyright: ignore[reportPrivateUsage]
    assert home.stat().st_mode & 0o077 == 0
    await local.aclose()
    await local.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not home.exists()
    with pytest.raises(EngineError):
        await answer(local, completion("x = "))


async def test_no_orphan_when_the_gateway_is_killed(local: LocalEngine, tmp_path: Path) -> None:
    script = (
        "import anyio\n"
        "from spark_lsp.config import LocalSettings\n"
        "from spark_lsp.engine.local.engine import LocalEngine\n"
        "async def main():\n"
        "    engine = LocalEngine('local', LocalSettings())\n"
        "    await engine.start()\n"
        "    print(engine._child.pid, flush=True)\n"
        "    await anyio.sleep(60)\n"
        "anyio.run(main)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(tmp_path)}
    gateway = await anyio.open_process([sys.executable, "-c", script], env=env, stderr=None)
    async with gateway:
        assert gateway.stdout
        child = int(await gateway.stdout.receive())
        gateway.kill()
        await until(lambda: not is_running(child))
    assert not os.listdir(tmp_path)


def is_running(number: int) -> bool:
    """Return whether a process runs; one that has ended but was not yet waited for does not."""
    try:
        state = Path(f"/proc/{number}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
