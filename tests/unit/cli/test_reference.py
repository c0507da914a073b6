"""The page of commands is what the commands say."""

from pathlib import Path

from spark_lsp.cli import COMMANDS
from spark_lsp.cli.reference import markdown

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == markdown()


def test_every_command_and_option_is_on_it() -> None:
    page = markdown()
    assert all(f"## spark-lsp {name}\n" in page for name in COMMANDS)
    assert "| `--editor none\\|nvim` |" in page
    assert "| `--range A:B` | lines A to B, 1-based, both included |" in page
