"""What the pages tell to put into config.toml can be put there as it stands."""

import re
import tomllib
from pathlib import Path

import pytest

from spark_lsp import config

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")))
    if "[engines." in block or "[[actions]]" in block
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_settings_is_understood_whole(block: str) -> None:
    _, problems = config.resolve(("config.toml", tomllib.loads(block)))
    assert [str(problem) for problem in problems] == []


def test_there_is_one_for_each_kind_of_server() -> None:
    page = next(page for page in PAGES if page.stem == "gpu-server").read_text("utf-8")
    flavours = re.findall(r'^flavour = "(\w+)"', page, re.MULTILINE)
    assert flavours == ["vllm", "sglang", "llamacpp", "ollama", "mistral", "deepseek", "cerebras"]
