"""The pages of reference are what the code says."""

from pathlib import Path

import pytest

from spark_lsp.cli import COMMANDS
from spark_lsp.cli.reference import PAGES
from spark_lsp.session.reasons import REMEDIES, Reason

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


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
    assert set(REMEDIES) == set(Reason)
