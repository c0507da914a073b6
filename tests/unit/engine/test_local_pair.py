"""The small model for ghost text, the larger one for edits where it is here and fits."""

from typing import Any

import pytest

from spark_lsp.engine.local.pair import LocalPair
from spark_lsp.models import memory
from spark_lsp.request import EngineInfo, Request, Task


class Model:
    def __init__(self, name: str, state: Any) -> None:
        self.info = EngineInfo(name, "local", name, state=state)
        self.hints: list[Any] = []

    def open(self, request: Request) -> Any:
        return self.info.name

    def observe(self, focus: Any) -> None:
        self.hints.append(focus)


def asked(task: Task, small: str, large: str) -> Any:
    pair: Any = LocalPair(*[Model(*each) for each in (("small", small), ("large", large))])  # type: ignore[arg-type]
    return pair.open(Request(task, ()))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda free: monkeypatch.setattr(memory, "available", lambda: free)


def test_each_task_has_its_model(room: Any) -> None:
    room(8 << 30)
    assert asked(Task.COMPLETE, "ready", "starting") == "small"
    assert asked(Task.EDIT, "ready", "starting") == "large"
    assert asked(Task.CHAT, "ready", "starting") == "large"


def test_one_that_is_not_here_is_not_asked(room: Any) -> None:
    room(8 << 30)
    assert asked(Task.EDIT, "ready", "off") == "small"
    assert asked(Task.COMPLETE, "off", "ready") == "large"
    assert asked(Task.COMPLETE, "off", "off") == "small"


def test_without_the_memory_the_small_one_edits(room: Any) -> None:
    room(1 << 30)
    assert asked(Task.EDIT, "ready", "starting") == "small"
    assert asked(Task.EDIT, "ready", "ready") == "large"
    room(0)
    assert asked(Task.EDIT, "ready", "starting") == "large"


def test_hints_go_to_the_one_that_completes() -> None:
    small, large = Model("small", "ready"), Model("large", "ready")
    pair: Any = LocalPair(small, large)  # type: ignore[arg-type]
    pair.observe("focus")
    assert (small.hints, large.hints) == (["focus"], [])
    assert pair.info.name == "small"
