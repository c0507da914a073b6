"""`POST /v1/completions` with the embedded model: a raw prompt of a plug-in, and prefix and suffix."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from spark_lsp.models import paths, registry

pytestmark = pytest.mark.model
RECORDED = Path(__file__).parents[2] / "fixtures" / "fim_plugins"


@pytest.fixture(scope="module")
def client(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    if not paths.verify(registry.find("auto")):
        pytest.skip("the embedded model is not on this machine: spark-lsp model pull")
    folder = tmp_path_factory.mktemp("s")
    (folder / "own.toml").write_text('[engines.local]\nkind = "local"\n[routes]\ncompletion = ["local"]\n')
    places = {"SPARK_LSP_MODELS": str(paths.directory())}
    arguments = ("--config", str(folder / "own.toml"), "--token-file", str(folder / "token"))
    with (
        start(folder, *arguments, **places) as running,
        openai.OpenAI(base_url=running.http, api_key=running.token, max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.glob("*.json")))
def test_a_plugins_request_gets_code_without_control_tokens(client: openai.OpenAI, name: str) -> None:
    body: dict[str, Any] = json.loads((RECORDED / name).read_text("utf-8"))["body"]
    fields = {**body, "stream": False, "max_tokens": 8}
    answer = client.completions.create(**fields)
    (choice,) = answer.choices
    assert choice.text.startswith("a * b")
    assert not any(token in choice.text for token in ("<|", "<PRE>", "[SUFFIX]"))
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 9
    assert answer.usage.prompt_tokens > 10


def test_the_model_itself_ends_at_a_stop_string(client: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": "local", "prompt": "for i in range(10):\n    print(", "suffix": "\n"}
    with client.completions.create(**fields, max_tokens=20, stop=")", stream=True) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].text for chunk in chunks)
    assert ")" not in text
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_lines_are_limited_where_the_client_says_so(client: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": "local", "prompt": "x = 1\ny = 2\nz", "max_tokens": 24}
    several = client.completions.create(**fields)
    one = client.completions.create(**fields, extra_query={"max_lines": "1"})
    assert "\n" in several.choices[0].text.strip()
    assert "\n" not in one.choices[0].text
    assert one.choices[0].finish_reason == "stop"
