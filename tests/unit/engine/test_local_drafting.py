"""A second process of the embedded model drafts the answers to edits; completions never use it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from spark_lsp.answer_events import Chunk, Finished, Started
from spark_lsp.engine.local import child
from spark_lsp.engine.local.drafting import DraftingModel
from spark_lsp.errors import EngineError
from spark_lsp.models import memory, registry
from spark_lsp.request import EngineInfo, Request, Task
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio
MODEL = registry.find("auto")


class Process:
    """An engine whose state is that of its process."""

    def __init__(self, name: str, *, drafts: bool = False, fails: bool = False) -> None:
        self.name = name
        self.drafts = drafts
        self.fails = fails
        self.state: Any = "starting"
        self.starts = 0
        self.stopped_reading = 0

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self.name, "local", "model", state=self.state, reason="not loaded")

    async def start(self) -> bool:
        if self.fails:
            raise EngineError("no")
        self.starts += self.state != "ready"
        self.state = "ready"
        return self.drafts

    def stop_reading(self) -> None:
        self.stopped_reading += 1

    async def unload(self) -> None:
        self.state = "starting"

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Any]:
        async with aclosing(self.answer()) as events:
            yield events

    async def answer(self) -> AsyncGenerator[Any, None]:
        yield Started(self.name, "model")
        yield Chunk("x")
        yield Finished()

    async def aclose(self) -> None:
        self.state = "closed"


def model_of(plain: Process, drafter: Process, idle_s: float = 60.0) -> DraftingModel:
    return DraftingModel(MODEL, plain, drafter, idle_s)  # type: ignore[arg-type]


async def ask(model: DraftingModel, task: Task) -> str:
    async with model.open(Request(task)) as events:
        started, *_ = [event async for event in events]
    assert isinstance(started, Started)
    return started.engine


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    def free(size: int) -> None:
        monkeypatch.setattr(memory, "available", lambda: size)

    free(64 << 30)
    return free


async def test_edits_are_drafted_and_completions_are_not() -> None:
    plain, drafter = Process("plain"), Process("drafter", drafts=True)
    model = model_of(plain, drafter)
    assert await ask(model, Task.COMPLETE) == "plain"
    assert drafter.starts == 0
    assert await ask(model, Task.EDIT) == "drafter"
    assert await ask(model, Task.CHAT) == "drafter"
    assert (drafter.starts, plain.stopped_reading) == (1, 2)
    assert await ask(model, Task.COMPLETE) == "plain"
    await model.aclose()
    assert (plain.state, drafter.state) == ("closed", "closed")


async def test_a_release_that_cannot_draft_needs_no_second_process() -> None:
    plain, drafter = Process("plain"), Process("drafter")
    model = model_of(plain, drafter)
    assert await ask(model, Task.EDIT) == "plain"
    assert await ask(model, Task.EDIT) == "plain"
    assert (drafter.starts, drafter.state) == (1, "starting")
    await model.aclose()


async def test_a_second_process_that_fails_costs_no_edit() -> None:
    model = model_of(Process("plain"), Process("drafter", fails=True))
    assert await ask(model, Task.EDIT) == "plain"
    await model.aclose()


async def test_without_memory_there_is_no_second_process(room: Any) -> None:
    plain, drafter = Process("plain"), Process("drafter", drafts=True)
    model = model_of(plain, drafter)
    room(memory.estimate_bytes(MODEL) - 1)
    assert await ask(model, Task.EDIT) == "plain"
    room(memory.estimate_bytes(MODEL))
    assert await ask(model, Task.EDIT) == "drafter"
    room(1)  # its memory is taken, so less is free
    assert await ask(model, Task.EDIT) == "drafter"
    await model.aclose()


async def test_the_second_process_ends_when_no_edit_comes() -> None:
    drafter = Process("drafter", drafts=True)
    model = model_of(Process("plain"), drafter, idle_s=0)
    assert await ask(model, Task.EDIT) == "drafter"
    with anyio.fail_after(PATIENCE):
        while drafter.state == "ready":
            await anyio.lowlevel.checkpoint()
    assert await ask(model, Task.EDIT) == "drafter"
    assert drafter.starts == 2
    await model.aclose()


async def test_it_is_ready_if_either_process_is() -> None:
    plain, drafter = Process("plain"), Process("drafter", drafts=True)
    model = model_of(plain, drafter)
    assert (model.info.state, model.info.reason) == ("starting", "not loaded")
    await ask(model, Task.EDIT)
    assert (model.info.name, model.info.state, model.info.reason) == ("plain", "ready", "")
    await model.aclose()


def test_drafting_is_switched_on_where_llama_cpp_has_it() -> None:
    kinds = SimpleNamespace(COMMON_SPECULATIVE_TYPE_NGRAM_MOD="mod")
    speculative = SimpleNamespace(types=[], ngram_mod=SimpleNamespace(n_match=24, n_min=48, n_max=64))
    params = SimpleNamespace(speculative=speculative)
    assert child.enable_drafting(SimpleNamespace(common_speculative_type=kinds), params)
    assert (speculative.types, vars(speculative.ngram_mod)) == (["mod"], child.DRAFTING)


def test_the_oldest_release_does_not_draft() -> None:
    """xllamacpp 2026.4.8672 knows the name, and has no way to set it up."""
    kinds = SimpleNamespace(COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K="map")
    speculative = SimpleNamespace(type=0, n_max=16)
    params = SimpleNamespace(speculative=speculative)
    assert not child.enable_drafting(SimpleNamespace(common_speculative_type=kinds), params)
    assert not child.enable_drafting(SimpleNamespace(), params)
    assert vars(speculative) == {"type": 0, "n_max": 16}
