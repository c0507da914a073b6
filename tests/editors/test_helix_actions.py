"""Helix: each code action of the table once, in the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_lsp.prompts.actions import Ask, find_action
from tests.editors.action_cases import CASES, EXPLANATION, NAMES, TESTS, Case, write_engines
from tests.editors.helix import Helix, configure

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def editor(
    helix: str, shared_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Helix]:
    """One Helix for all actions."""
    write_engines(Path(shared_home["XDG_CONFIG_HOME"]) / "spark-lsp")
    configure(shared_home)
    folder = tmp_path_factory.mktemp("helix")
    (file := folder / "sums.py").write_text("\n")
    running = Helix(helix, file, shared_home, folder)
    running.ready()
    yield running
    running.close()


def prepare(editor: Helix, name: str) -> Case:
    """Show a case's text, choose its engine, and put the cursor on its code."""
    case = CASES[name]
    editor.command("buffer-close-all!")
    (file := editor.root / name / "sums.py").parent.mkdir()
    file.write_text(case.text)
    editor.file = file
    editor.command(f"open {file}")
    editor.command(f'lsp-workspace-command spark.selectEngine {{"engine": "{name}"}}')
    editor.wait(lambda: editor.told(f'"engine": "{name}"'), f"the engine {name}")
    if name in ("fix", "fix_all"):
        editor.wait(lambda: "imported but unused" in editor.screen(), "the diagnostic")
    line, column = case.position
    editor.type(f"{line}G")
    if name == "fix_all":
        editor.type("xx")  # Helix sends the diagnostics of the selected lines
    elif column:
        editor.type(f"{column}l")
    if case.selected:
        editor.type(f"v{case.selected - 1}l")
    return case


@pytest.mark.parametrize("name", NAMES)
def test_each_action_of_the_table(editor: Helix, name: str) -> None:
    case = prepare(editor, name)
    editor.act(case.title)
    if name == "explain":
        editor.shows(EXPLANATION)
    elif name == "tests":
        editor.shows("The tests of `total` are in")
        assert editor.saved() == case.text
        editor.file = editor.file.parent / "tests" / "test_sums.py"
        editor.command(f"open {editor.file}")  # Helix leaves it unsaved in the background
        editor.shows("def test_total")
        assert editor.saved() == TESTS
    elif find_action(name).ask is Ask.INSTRUCTION:  # Helix cannot ask
        editor.shows("The edit has no instruction")
        assert editor.saved() == case.text
    else:
        becomes(editor, case.default or case.expected)
        editor.type("u")
        becomes(editor, case.text)


def becomes(editor: Helix, text: str) -> None:
    """Wait until the text has changed, and compare the saved file byte for byte."""
    editor.shows("[+]")
    assert editor.saved() == text
