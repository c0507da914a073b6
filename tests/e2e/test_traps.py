"""The server, started where an editor's folder is full of traps: it works there and executes none of it."""

import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Connect
from tests.traps import Traps

pytestmark = pytest.mark.asyncio
BIN = Path(sys.executable).parent
SETTINGS = {
    "engines": {"light": {"kind": "local", "model": "smollm2-135m"}},
    "engine": {"routes": {"completion": ["light"], "edit": ["replay"], "chat": ["replay"]}},
}
OFFLINE = {"PIP_NO_INDEX": "1", "HF_ENDPOINT": "http://127.0.0.1:9", "PIP_CONFIG_FILE": "pip.conf"}
PATH = f".:{BIN}:/usr/bin:/bin"


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Traps:
    return Traps(tmp_path_factory.mktemp("traps"))


@pytest.mark.parametrize("name", ["code", "neovim-0.12", "helix", "emacs"])
async def test_suggestions_and_edits(name: str, connect: Connect, traps: Traps, replay_config: Path) -> None:
    command = (str(BIN / "spark-lsp"), "serve")
    client = await connect(name, command=command, cwd=str(traps.folder), PATH=PATH)
    await client.engine()
    uri = traps.file.as_uri()
    client.open(traps.file.read_text("utf-8"), uri)
    actions = await client.actions(4, uri=uri)
    await client.run(actions["Add documentation"])
    await client.until(lambda: client.edits)
    assert client.edits[0].state == "applied"
    assert "Add two numbers." in str(client.applied)
    if name == "code":
        assert [item.insert_text for item in await client.ghost(1, 4, uri)] == ["return a + b"]
    assert traps.sprung() == []


async def test_the_fetch_of_a_model(
    connect: Connect, traps: Traps, replay_config: Path, tmp_path: Path
) -> None:
    models = str(tmp_path / "models")
    command = (str(BIN / "spark-lsp"), "serve")
    client = await connect(
        "code", SETTINGS, answer="Fetch it", command=command, cwd=str(traps.folder), PATH=PATH,
        SPARK_LSP_MODELS=models, **OFFLINE,
    )  # fmt: skip
    await client.until(lambda: any("could not be fetched" in said.message for said in client.messages))
    assert "pip could not get" in client.messages[-1].message
    assert traps.sprung() == []
