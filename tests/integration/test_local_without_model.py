"""The embedded engine where something it needs is missing: it says what, and what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spark_lsp.config import LocalSettings
from spark_lsp.engine.local import child as local_child
from spark_lsp.engine.local.engine import LocalEngine
from spark_lsp.errors import EngineError
from spark_lsp.request import Focus, Part, PartKind, Request, Task
from tests.patience import PATIENCE

pytestmark = pytest.mark.anyio

REQUEST = Request(Task.COMPLETE, (Part(PartKind.PREFIX, "x = "),))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(tmp_path))
    return tmp_path


async def refusal(engine: LocalEngine) -> EngineError:
    with pytest.raises(EngineError) as caught:
        async with engine.open(REQUEST):
            pytest.fail("opened")
    await engine.aclose()
    return caught.value


async def test_a_missing_model_is_told_and_never_fetched(place: Path) -> None:
    engine = LocalEngine("local", LocalSettings())
    engine.observe(Focus("file:///a.py", "python", "x = ", 4))
    state, reason = engine.info.state, engine.info.reason
    error = await refusal(engine)
    assert (state, reason) == ("off", str(error))
    assert error.code == "model_unavailable"
    assert error.retryable
    assert "The model qwen2.5-coder-0.5b (491 MB, Apache-2.0) is not on this machine" in str(error)
    assert "Run: spark-lsp model pull" in str(error)
    assert not os.listdir(place)


async def test_another_model_is_named_in_the_remedy() -> None:
    error = await refusal(LocalEngine("local", LocalSettings(model="smollm2-135m")))
    assert "Run: spark-lsp model pull smollm2-135m" in str(error)


async def test_an_unknown_model_is_told() -> None:
    engine = LocalEngine("local", LocalSettings(model="gpt-9"))
    assert engine.info.state == "off"
    assert "gpt-9" in engine.info.reason
    assert (await refusal(engine)).code == "model_not_found"


async def test_a_missing_file_of_the_users_own(place: Path) -> None:
    error = await refusal(LocalEngine("local", LocalSettings(model=str(place / "mine.gguf"))))
    assert "mine.gguf is not on this machine" in str(error)


async def test_a_file_that_is_no_model(place: Path) -> None:
    pytest.importorskip("xllamacpp")
    (place / "mine.gguf").write_text("not a model")
    engine = LocalEngine("local", LocalSettings(model=str(place / "mine.gguf")))
    error = await refusal(engine)
    assert "could not load mine.gguf" in str(error)
    assert error.code == "model_unavailable"
    assert engine.info.state == "off"


async def test_damaged_weights_are_not_loaded(place: Path) -> None:
    with (place / "smollm2-135m-instruct-q4_1.gguf").open("wb") as file:
        file.truncate(98_362_432)
    error = await refusal(LocalEngine("local", LocalSettings(model="smollm2-135m")))
    assert "is damaged" in str(error)
    assert "Run: spark-lsp model pull smollm2-135m" in str(error)


async def test_without_the_runtime_the_extra_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "xllamacpp.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(place))
    (place / "mine.gguf").write_text("anything")
    error = await refusal(LocalEngine("local", LocalSettings(model=str(place / "mine.gguf"))))
    assert "pip install 'spark-lsp[local]'" in str(error)


async def test_the_child_gets_none_of_the_users_secrets(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "xllamacpp.py").write_text(
        "import os, json\n"
        f"open({str(place / 'seen')!r}, 'w').write(json.dumps(dict(os.environ)))\n"
        "raise ImportError"
    )
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.setenv("SOME_API_KEY", "secret-value")
    (place / "mine.gguf").write_text("anything")
    await refusal(LocalEngine("local", LocalSettings(model=str(place / "mine.gguf"))))
    seen = (place / "seen").read_text()
    assert "secret-value" not in seen
    assert '"OMP_WAIT_POLICY": "PASSIVE"' in seen


def test_the_child_ends_when_its_stdin_closes(tmp_path: Path) -> None:
    (tmp_path / "xllamacpp.py").write_text(
        "class Bag:\n"
        "    def __getattr__(self, name):\n"
        "        value = Bag()\n"
        "        setattr(self, name, value)\n"
        "        return value\n"
        "CommonParams = Bag\n"
        "class Server:\n"
        "    listening_address = 'unix:///nowhere'\n"
        "    def __init__(self, params):\n"
        "        print('native code says something on stdout')\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-P", local_child.__file__, "--model", "m", "--listen", "s", "--home", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(tmp_path), "SPARK_LSP_CHILD_KEY": "k"},
    )
    with child:
        assert child.stdout
        assert child.stdin
        assert (
            child.stdout.readline() == b'{"event": "ready", "address": "unix:///nowhere", "drafts": false}\n'
        )
        child.stdin.close()
        assert child.wait(PATIENCE) == 0
    assert not home.exists()
