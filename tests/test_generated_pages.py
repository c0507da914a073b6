"""The pages of reference are what the code says."""

import json
from pathlib import Path

import pytest

from scripts.manifest import MANIFEST, manifest
from scripts.reference import PAGES
from spark_lsp import __version__
from spark_lsp.cli import COMMANDS
from spark_lsp.codes import MEANINGS, Code
from spark_lsp.session.reasons import REMEDIES, TEXTS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text("utf-8") == PAGES[name]()


def test_every_command_and_option_is_there() -> None:
    page = PAGES["commands"]()
    assert all(f"## spark-lsp {name}\n" in page for name in COMMANDS)
    assert "| `--editor none\\|nvim` |" in page
    assert "| `--range A:B` | lines A to B, 1-based, both included |" in page


def test_every_setting_has_a_meaning() -> None:
    rows = [row for row in PAGES["settings"]().splitlines() if row.startswith("| `")]
    assert len(rows) >= 18
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(TEXTS)
    assert set(MEANINGS) == set(Code)


def test_the_extension_of_vs_code_has_the_servers_settings() -> None:
    assert MANIFEST.read_text("utf-8") == manifest()  # else run: python -m scripts.manifest


def test_the_extension_has_the_servers_version() -> None:
    assert json.loads(MANIFEST.read_text("utf-8"))["version"] == __version__


def test_a_folder_has_no_say_in_where_code_goes() -> None:
    sections = json.loads(MANIFEST.read_text("utf-8"))["contributes"]["configuration"]
    scopes = {name: each["scope"] for section in sections for name, each in section["properties"].items()}
    folders = {name for name, scope in scopes.items() if scope != "machine"}
    assert {name.split(".")[1] for name in folders} == {"completion", "edit", "log"}
