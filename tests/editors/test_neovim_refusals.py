"""Neovim: what the user sent away stays away, also in the next session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_lsp.session.outcomes import SEEN_SECONDS
from spark_lsp.store.history import History
from tests.editors.neovim import Editor

pytestmark = pytest.mark.editor

TEXT = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    \n"
SAID = "return a + b"
Start = Callable[[], Editor]


@pytest.fixture
def start(neovim: str, tmp_path: Path, home: dict[str, str], replay_config: Path) -> Iterator[Start]:
    """Start Neovim with the same file and the test's own state; end the one before."""
    running: list[Editor] = []
    file = tmp_path / "sums.py"
    file.write_text(TEXT)

    def start() -> Editor:
        while running:
            running.pop().quit()
        environment = {**home, "XDG_DATA_HOME": str(tmp_path / "data"), "TERM": "xterm"}
        running.append(Editor(neovim, file, environment))
        running[-1].ready()
        return running[-1]

    yield start
    for editor in running:
        editor.quit()


@pytest.fixture
def history(home: dict[str, str]) -> History:
    return History(Path(home["XDG_STATE_HOME"]) / "spark-lsp")


def outcomes(history: History) -> list[str]:
    return [row.outcome for row in history.rows()]


def code(editor: Editor) -> str:
    return (editor.status() or {}).get("code", "")


def test_the_dismiss_key_is_remembered(start: Start, history: History) -> None:
    editor = start()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.input("<C-]>")
    editor.wait(lambda: not editor.ghost())
    editor.wait(lambda: outcomes(history) == ["rejected"])
    editor.input("x<BS>")
    editor.wait(lambda: code(editor) == "dismissed")
    assert not editor.ghost()
    assert "sent this text away" in editor.statusline()
    editor.input("<Esc>GA")
    editor.wait(lambda: editor.ghost() == SAID)  # another place

    again = start()
    again.input("jA")
    again.wait(lambda: code(again) == "dismissed")
    assert not again.ghost()


def test_leaving_insert_mode_is_no_refusal_for_ever(start: Start, history: History) -> None:
    editor = start()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.lua("vim.wait(...)", SEEN_SECONDS * 1000)  # the time that a user looks at it
    editor.input("<Esc>")
    editor.wait(lambda: outcomes(history) == ["ignored"])
    editor.input("A")
    editor.input("x<BS>")
    editor.wait(lambda: code(editor) == "dismissed")

    again = start()
    again.input("jA")
    again.wait(lambda: again.ghost() == SAID)


def test_an_accepted_word_and_line_count(start: Start, history: History) -> None:
    editor = start()
    editor.input("jA")
    editor.wait(lambda: editor.ghost() == SAID)
    editor.input("<M-Right>")
    editor.wait(lambda: outcomes(history) == ["partly"])
    editor.input("<Tab>")
    editor.wait(lambda: outcomes(history) == ["accepted"])
    [row] = history.rows()
    assert (row.accepted_chars, row.chars) == (len(SAID), len(SAID))
