"""Real clients of the public protocol against a real gateway with a replay engine."""

import os
import shutil
from pathlib import Path

import openai
import platformdirs
import pytest

from tests.e2e.conftest import connect
from tests.integration.gateway.conftest import Running, environment, folder, running, short, start, until

__all__ = ["connect", "environment", "folder", "running", "short", "start", "until"]

CLIENTS = Path(os.environ.get("SPARK_LSP_CLIENTS", platformdirs.user_cache_path("spark-lsp") / "clients"))
REQUIRED = "SPARK_LSP_REQUIRE_CLIENTS"


@pytest.fixture
def sdk(running: Running) -> openai.AsyncOpenAI:
    """The real SDK, pointed at the gateway."""
    return openai.AsyncOpenAI(api_key=running.token, base_url=running.http, max_retries=0)


def fetched(name: str) -> Path:
    """Return the folder of node packages that `make clients` fetches, if `name` is in it; else skip."""
    folder = CLIENTS / "node_modules"
    if (folder / name).exists() and shutil.which("node"):
        return folder
    if os.environ.get(REQUIRED):
        raise AssertionError(f"{name} is not in {folder}: run `make clients`")
    pytest.skip(f"{name} is not in {folder}; `make clients` fetches it (404 MB, with Codex)")


@pytest.fixture
def node_modules() -> Path:
    """Where the Node SDK lies."""
    return fetched("openai")


@pytest.fixture
def codex() -> Path:
    """The program `codex`."""
    return fetched("@openai/codex") / ".bin" / "codex"
