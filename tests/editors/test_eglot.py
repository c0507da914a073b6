"""Emacs' own LSP client, eglot, in batch: positions in utf-32, edits, undo, settings."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.editor

ROOT = Path(__file__).parent.parent.parent
LINES = ROOT / "editors" / "emacs" / "spark-lsp.el"
DRIVER = Path(__file__).parent / "eglot.el"
SUMS = "# 😀 e\u0301\ndef mul(a, b):  # 😀\n    return a * b\n"
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(emacs: str, tmp_path: Path, ready_home: dict[str, str]) -> Run:
    """Run a form in a buffer with a text; returns the buffer's text afterwards, and Emacs' messages."""

    def edit(form: str, text: str = SUMS) -> tuple[str, str]:
        file = tmp_path / "sums.py"
        file.write_text(text, "utf-8")
        path = f"{Path(sys.executable).parent}:{ready_home['PATH']}"
        done = subprocess.run(
            [emacs, "-Q", "--batch", "-l", LINES, "-l", DRIVER, file, f"(progn {form})"],
            env={**ready_home, "PATH": path, "LANG": "C.UTF-8", "PATIENCE_S": str(PATIENCE)},
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,  # it waits for several things, one after the other
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "sums.py.out").read_text("utf-8"), done.stderr

    return edit


TO_BODY = '(goto-char (point-min)) (search-forward "return")'


def test_a_code_action_is_applied(run: Run) -> None:
    text, messages = run(f'{TO_BODY} (act "Add documentation")')
    assert text == SUMS.replace("😀\n    ", '😀\n    """Add two numbers."""\n    ')
    assert "Edit successful" in messages


def test_it_is_undone_in_one_step(run: Run) -> None:
    text, _ = run(f'{TO_BODY} (act "Add documentation") (undo-boundary) (undo)')
    assert text == SUMS


def test_an_instruction_in_a_comment(run: Run, replay_config: Path) -> None:
    (replay_config.parent / "edit.txt").write_text("def mul(a, b):  # 😀\n    return b * a\n", "utf-8")
    before = SUMS.replace("def", "# spark: swap the factors\ndef")
    text, _ = run(f'{TO_BODY} (act "Edit with an instruction…")', before)
    assert text == SUMS.replace("a * b", "b * a")


def test_an_edit_goes_on_and_is_undone(run: Run, replay_config: Path) -> None:
    folder = replay_config.parent
    (folder / "edit.txt").write_text("def mul(a, b):  # 😀\n    return b * a\n", "utf-8")
    (folder / "double.txt").write_text("def mul(a, b):  # 😀\n    return 2 * b * a\n", "utf-8")
    with replay_config.open("a") as file:
        file.write('[engines.double]\nkind = "replay"\ntext = "double.txt"\n')
    text, _ = run(
        f'{TO_BODY} (until-changed (lambda () (spark-lsp-edit "swap" (point) (point))))'
        ' (spark-lsp--run "spark.selectEngine" :engine "double")'
        ' (until-changed (lambda () (spark-lsp-edit-again "double it")))'
        ' (goto-char (point-min)) (insert "import os\n")'
        " (until-changed #'spark-lsp-undo-edit) (until-changed #'spark-lsp-undo-edit)"
        ' (wait-for "the history" (lambda () (member "double it"'
        ' (append (plist-get (spark-lsp--run "spark.instructions") :instructions) nil))))'
    )
    assert text == "import os\n" + SUMS


def test_a_completion_is_inserted_as_it_is(run: Run, replay_config: Path) -> None:
    many = "y = '😀 ${1}'\n    return y"
    (replay_config.parent / "complete.txt").write_text(many, "utf-8")
    text, _ = run("(goto-char (point-max)) (complete)", "def f():\n    '😀'\n    ")
    assert text == f"def f():\n    '😀'\n    {many}"


def test_a_setting_counts_at_once_and_a_wrong_one_is_named(run: Run) -> None:
    setting = '(setq-default eglot-workspace-configuration \'(:spark (:edit (:effort "enormous"))))'
    told = (
        "(eglot-signal-didChangeConfiguration (eglot-current-server))"
        ' (wait-for "the message" (lambda () (with-current-buffer (messages-buffer)'
        ' (save-excursion (goto-char (point-min)) (search-forward "Setting spark.edit.effort" nil t)))))'
    )
    run(f"{setting} {told}")


def test_the_settings_of_the_page_can_be_used(run: Run) -> None:
    page = (ROOT / "docs" / "how-to" / "emacs.md").read_text("utf-8")
    setting = next(
        each for each in re.findall(r"```elisp\n(.*?)```", page, re.DOTALL) if "setq-default" in each
    )
    sent = "(eglot-signal-didChangeConfiguration (eglot-current-server))"
    text, messages = run(f'{setting} {sent} {TO_BODY} (act "Add documentation")')
    assert "Add two numbers" in text
    assert "Setting spark" not in messages


def test_the_status_is_there_to_ask_for(run: Run) -> None:
    assert "spark-lsp: replay, ready: ready to answer" in run("(spark-lsp-status)")[1]
