"""VS Code: ghost text, edits, settings and status in the real one, in a real browser.

One server with a clean profile serves all tests here. Most share a window, one after the other; each has a
file and a language server of its own.
"""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from spark_lsp.prompts.actions import Ask, find_action
from tests.conftest import ROOT, fetched, private_home, require
from tests.editors.action_cases import CASES, EXPLANATION, NAMES, TESTS, Case, write_engines
from tests.editors.code import CodeServer, Window, launch
from tests.editors.speed import TIMES, report
from tests.enclosure import REAL
from tests.patience import PATIENCE

pytestmark = pytest.mark.editor

SPARK = str(Path(sys.executable).parent / "spark-lsp")
TEXT = "def add(a, b):\n   \n\n\ndef mul(a, b):\n    return a * b\n"
LINES = TEXT.splitlines()
SAID = "return a + b"
LONG = "total = a + b\n    if total < 0:\n        total = -total\n    return total"
CONFIG = """
[engines.replay]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt", chat = "chat.txt" }
tokens_per_s = 1000
delay_ms = 5
[engines.slow]
kind = "replay"
text = "long.txt"
tokens_per_s = 12
[engines.quick]
kind = "replay"
text = "long.txt"
tokens_per_s = 1000
[engines.swap]
kind = "replay"
text = "swap.txt"
[engines.rewrite]
kind = "replay"
text = "rewrite.txt"
[engines.string]
kind = "replay"
text = "string.txt"
[engines.wafer]
kind = "wafer"
source = "quick"
[routes]
completion = ["replay"]
edit = ["replay"]
chat = ["replay"]
"""
VALUES = "def f():\n" + "".join(f"    value_{n} = {n}\n" for n in range(12)) + "    return value_1\n"
REWRITTEN = VALUES.replace("_2 = 2\n", "_2 = 22\n    print(value_2)\n").replace("    value_8 = 8\n", "")
TEXTS = {
    "complete": SAID + "\n",
    "edit": "Add two numbers.\n",
    "chat": "It multiplies.\nNothing more.",
    "long": LONG,
    "swap": "def mul(a, b):\n    return b * a\n",
    "rewrite": f"```python\n{REWRITTEN}```\n",
    "string": 'const answer: string = "x";\n',
}
Open = Callable[..., Window]
KEYS = ("Space",) * TIMES  # a letter before the replayed text would not parse
STATUS = '[id="spark-lsp.spark-lsp.spark.status"]'
BULB = ".monaco-editor .lightBulbWidget, .monaco-editor [class*='codicon-gutter-lightbulb']"


@pytest.fixture(scope="module")
def vsix() -> Path:
    """The extension, packed as it is delivered."""
    done = subprocess.run(
        [ROOT / "scripts" / "make_vsix.sh"], env=REAL, capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        require("SPARK_LSP_REQUIRE_EDITORS", done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home of this module's own, with engines that say what they are given."""
    folder = tmp_path_factory.mktemp("vscode")
    with private_home(folder) as environment:
        config = folder / "config" / "spark-lsp"
        (config / "config.toml").write_text(CONFIG)
        for name, text in TEXTS.items():
            (config / f"{name}.txt").write_text(text)
        write_engines(config)
        yield {**environment, "TMPDIR": str(folder), "XDG_DATA_HOME": str(folder / "data")}


@pytest.fixture(scope="module")
def server(
    vsix: Path, place: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CodeServer]:
    program = fetched("vscode")
    running = CodeServer(program, vsix, place, tmp_path_factory.mktemp("code"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(server: CodeServer) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


class Shared:
    """The window that tests share: a start of VS Code takes longer than what a test does in it."""

    def __init__(self, browser: Browser, server: CodeServer, folder: Path) -> None:
        self.folder = folder
        self._browser, self._server = browser, server
        self._window: Window | None = None

    def open(self, file: Path) -> Window:
        if self._window is None:
            self._window = Window(self._browser, self._server, file, folder=self.folder)
        else:
            self._window.open(file)
        return self._window

    def tidy(self) -> None:
        """Leave nothing of a test to the next one; a window that a failed test left stuck is closed."""
        if self._window is None:
            return
        try:
            self._window.tidy()
        except (AssertionError, Error):
            self.close()

    def close(self) -> None:
        if self._window is not None:
            self._window.close()
        self._window = None


@pytest.fixture(scope="module")
def shared(
    server: CodeServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    window = Shared(browser, server, tmp_path_factory.mktemp("shared"))
    yield window
    window.close()


@pytest.fixture
def open_(server: CodeServer, shared: Shared, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a file in the shared window, with a server that the test's own settings start."""
    opened: list[Window] = []

    def open_(
        text: str = TEXT, suffix: str = ".py", path: str = SPARK, engine: str = "replay", **settings: Any
    ) -> Window:
        (file := shared.folder / f"{request.node.name}{suffix}").write_text(text)
        server.spark = path
        server.settings(**settings)
        opened.append(shared.open(file))
        if engine:
            opened[-1].ready(engine)
        return opened[-1]

    yield open_
    for window in opened:
        keep(window, f"last-of-{request.node.name}")
    shared.tidy()


@pytest.fixture
def open_alone(
    server: CodeServer, browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Open a file in a window and a folder of its own, for what happens when a window opens."""
    windows: list[Window] = []

    def open_alone(
        text: str = TEXT, suffix: str = ".py", path: str = SPARK, engine: str = "replay", **settings: Any
    ) -> Window:
        (folder := tmp_path / "project").mkdir(exist_ok=True)
        (file := folder / f"sums{suffix}").write_text(text)
        server.spark = path
        server.settings(**settings)
        windows.append(Window(browser, server, file))
        if engine:
            windows[-1].ready(engine)
        return windows[-1]

    yield open_alone
    for window in windows:
        keep(window, f"last-of-{request.node.name}")
        window.close()


def keep(window: Window, name: str) -> None:
    """Keep a picture, if whoever runs the tests wants to see."""
    if folder := os.environ.get("SPARK_LSP_SCREENS"):
        window.shot(Path(folder) / f"vscode-{name}.png")


def route(**routes: str) -> dict[str, Any]:
    return {"spark__engine__routes": {name: [engine] for name, engine in routes.items()}}


def ghost(window: Window, text: str, seconds: float = PATIENCE) -> None:
    window.wait(lambda: window.ghost() == text, f"the ghost text {text!r}", seconds)


# Ghost text.


def test_the_status_names_the_setting_that_hides_ghost_text(open_: Open, server: CodeServer) -> None:
    window = open_(editor__inlineSuggest__enabled=False)
    window.wait(lambda: "editor.inlineSuggest.enabled is off" in window.status(), "the reason")
    server.settings()
    window.wait(lambda: "inlineSuggest" not in window.status(), "no reason any more")


def test_ghost_text_appears_and_tab_accepts_just_it(open_: Open) -> None:
    window = open_()
    window.at(2)
    window.type(" ")
    ghost(window, SAID)
    window.press("Tab")
    window.becomes("\n".join([LINES[0], f"    {SAID}", *LINES[2:], ""]))


def grown(earlier: str, later: str) -> bool:
    """Tell whether no line lost anything: VS Code draws the first line apart from those below it."""
    pairs = zip_longest(earlier.split("\n"), later.split("\n"), fillvalue="")
    return all(after.startswith(before) for before, after in pairs)


def test_it_grows_while_the_engine_streams(open_: Open) -> None:
    window = open_(engine="slow", **route(completion="slow"))
    window.at(2)
    seen = [""]

    def whole() -> bool:
        if (shown := window.ghost()) != seen[-1]:
            seen.append(shown)
        return shown == LONG

    window.type(" ")
    window.wait(whole, "the whole text")
    keep(window, "ghost")
    assert len(seen) > 5, seen
    assert all(grown(earlier, later) for earlier, later in pairwise(seen)), seen
    window.press("Tab")
    window.becomes("\n".join([LINES[0], f"    {LONG}", *LINES[2:], ""]))


def test_typing_along_eats_it_while_it_grows(open_: Open) -> None:
    window = open_(engine="slow", **route(completion="slow"))
    window.at(2)
    window.type(" ")
    window.wait(lambda: window.ghost().startswith("total"), "the first word")
    window.type("total = ")
    ghost(window, LONG.removeprefix("total = "))
    window.press("Tab")
    window.becomes("\n".join([LINES[0], f"    {LONG}", *LINES[2:], ""]))


FRAMES = """() => {
  window.frames_ = [];
  const look = () => {
    const line = [...document.querySelectorAll('.monaco-editor .view-lines .view-line')]
      .find((each) => Math.round(parseFloat(each.style.top)) === TOP);
    if (line) window.frames_.push(line.textContent.replaceAll('\\u00a0', ' '));
    requestAnimationFrame(look);
  };
  look();
}"""


def test_no_frame_shows_what_does_not_fit(open_: Open) -> None:
    """A person types along while the text grows: what is typed and what is offered are one line, always."""
    window = open_(engine="slow", **route(completion="slow"))
    window.at(2)
    top = window.page.evaluate(
        "Math.round(parseFloat(document.querySelectorAll('.monaco-editor .view-line')[1].style.top))"
    )
    window.page.evaluate(FRAMES.replace("TOP", str(top)))
    window.type(" ")
    window.wait(lambda: window.ghost().startswith("total"), "the first word")
    window.type("total = a", 45)
    ghost(window, LONG.removeprefix("total = a"))
    frames = {str(frame) for frame in window.page.evaluate("window.frames_")}
    whole = "    total = a + b"
    assert len(frames) > 4
    assert not [frame for frame in frames if not whole.startswith(frame.rstrip())], frames


def test_by_word_and_by_line(open_: Open) -> None:
    window = open_(**route(completion="quick"), engine="quick")
    window.at(2)
    window.type(" ")
    ghost(window, LONG)
    window.press("Control+ArrowRight")
    ghost(window, LONG.removeprefix("total"))
    window.press("Control+ArrowDown")
    ghost(window, LONG.removeprefix("total = a + b\n"))
    window.press("Tab")  # at a line's beginning the editor takes it for the indentation
    ghost(window, LONG.removeprefix("total = a + b\n    "))
    window.press("Tab")
    window.becomes("\n".join([LINES[0], f"    {LONG}", *LINES[2:], ""]))


def test_a_stale_one_is_neither_shown_nor_accepted(open_: Open, server: CodeServer) -> None:
    window = open_()
    window.at(2)
    window.type(" ")
    ghost(window, SAID)
    server.settings(spark__completion__enabled=False)
    window.coax("x", lambda: "switched off in the settings" in window.status(), "the reason")
    assert window.ghost() == ""
    window.press("Tab")
    window.type("y")
    window.wait(
        lambda: re.match(r"def add.a, b.:\n    x+ +y\n\n\n", window.saved()), "a tab, and nothing else"
    )


def test_escape_sends_it_away_and_it_stays_away_though_it_grows(open_: Open) -> None:
    window = open_(engine="slow", **route(completion="slow"))
    window.at(2)
    window.type(" ")
    window.wait(lambda: window.ghost(), "some ghost text")
    window.press("Escape")
    window.wait(lambda: not window.ghost(), "the ghost text to go")
    shown = set[str]()
    window.wait(lambda: shown.add(window.ghost()) or "busy" not in window.status(), "the answer's end")
    assert shown == {""}
    window.type("t")
    window.wait(lambda: window.ghost(), "the ghost text of another spot")


def test_a_file_that_has_no_name_yet(open_: Open) -> None:
    window = open_()
    window.run("Create: New File...")
    window.page.click('.quick-input-list .monaco-list-row:has-text("Text File")')
    window.wait(lambda: "Untitled-1" in window.title(), "the new file")
    window.type("x = ")
    ghost(window, SAID)


def test_ghost_text_is_switched_off_and_on(open_: Open) -> None:
    window = open_()
    window.at(2)
    window.run("Spark: Switch Ghost Text On or Off")
    window.wait(lambda: "switched off" in window.status(), "the status")
    window.type(" ")
    window.run("Spark: Switch Ghost Text On or Off")
    window.wait(lambda: "switched off" not in window.status(), "the status")
    assert window.ghost() == ""
    window.type(" ")
    ghost(window, SAID)


# Edits.


@contextmanager
def endpoint(said: str) -> Iterator[str]:
    """A server with OpenAI's interface on a port of its own, which says this; gives its address."""
    chunk = {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in (chunk, last)) + "data: [DONE]\n\n"

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, kind: str, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            self.answer("application/json", json.dumps({"data": [{"id": "m"}]}))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer("text/event-stream", stream)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1"
        running.shutdown()
        thread.join()


def shows_bulb(window: Window) -> bool:
    return any(each.is_visible() for each in window.page.locator(BULB).all())


def lightbulb(window: Window, title: str) -> None:
    """Take a code action from the menu of the lightbulb, once the editor shows that there is one."""
    window.wait(lambda: shows_bulb(window), "the lightbulb")
    window.press("Control+.")
    row = f'.action-widget .monaco-list-row:has-text("{title}")'
    window.page.wait_for_selector(row, timeout=PATIENCE * 1000)
    keep(window, "actions")
    window.page.click(row)


def menu(window: Window, title: str) -> None:
    """Take a code action that applies nearly everywhere, for which there is no lightbulb before the menu.

    The server answers since the window's engine is there; the menu is asked for until it has the answer. The
    editor shows its lightbulb for every menu that is open.
    """
    assert not shows_bulb(window)
    row = f'.action-widget .monaco-list-row:has-text("{title}")'
    window.coax("Control+.", lambda: window.page.query_selector(row), f"the action {title!r}")
    keep(window, "actions")
    window.page.click(row)


def undone(window: Window, before: str) -> None:
    """One step takes it back."""
    window.press("Control+Z")
    window.becomes(before)


LINT = """{
  "version": "2.0.0",
  "tasks": [{
    "label": "lint", "type": "shell", "command": "cat problems.txt",
    "group": { "kind": "build", "isDefault": true },
    "presentation": { "reveal": "never" },
    "problemMatcher": {
      "owner": "linter", "severity": "warning", "fileLocation": ["relative", "${workspaceFolder}"],
      "pattern": {
        "regexp": "^(.+):(\\\\d+):(\\\\d+)-(\\\\d+): (\\\\w+) (.+)$",
        "file": 1, "line": 2, "column": 3, "endColumn": 4, "code": 5, "message": 6
      }
    }
  }]
}"""
PROBLEMS = """fix.py:1:8-10: F401 `os` imported but unused
fix_all.py:1:8-10: F401 `os` imported but unused
fix_all.py:2:8-10: F401 `re` imported but unused
"""


def file_of(name: str, folder: Path) -> Path:
    return folder / ("sums.py" if name == "tests" else f"{name}.py")


@pytest.fixture(scope="class")
def acting(server: CodeServer, shared: Shared) -> Iterator[Shared]:
    """The shared window, with a file for each action, a server, and the diagnostics of a task."""
    (tasks := shared.folder / ".vscode").mkdir(exist_ok=True)
    (tasks / "tasks.json").write_text(LINT)
    (shared.folder / "problems.txt").write_text(PROBLEMS)
    for name, case in CASES.items():
        file_of(name, shared.folder).write_text(case.text)
    server.spark = SPARK
    server.settings()
    window = shared.open(file_of("fix", shared.folder))
    # The editor looks for tasks after its start; it runs none before.
    window.coax("Control+Shift+B", lambda: window.page.query_selector(".squiggly-warning"), "the diagnostics")
    yield shared
    shared.tidy()


class TestEachActionOfTheTable:
    """Each code action once; all of them share one file's server, so that none waits for its start."""

    @pytest.mark.parametrize("name", NAMES)
    def test_once(self, acting: Shared, server: CodeServer, name: str) -> None:
        case = CASES[name]
        server.settings(**route(completion=name, edit=name, chat=name))
        window = acting.open(file_of(name, acting.folder))
        window.ready(name)
        act(window, name, case)
        if name == "explain":
            window.wait(lambda: EXPLANATION in window.text(), "the explanation")
            window.run("View: Revert and Close Editor")
        elif name == "tests":
            window.wait(lambda: "The tests of `total` are in" in window.notices(), "the message")
            tests = acting.folder / "tests" / "test_sums.py"
            window.wait(lambda: tests.exists() and tests.read_text() == TESTS, "the tests")
        else:
            window.becomes(case.expected)
            undone(window, case.text)


def act(window: Window, name: str, case: Case) -> None:
    """Put the cursor on the case's code, choose its action, and answer its question."""
    window.press("Control+g")
    window.page.wait_for_selector(".quick-input-widget input")
    line, column = case.position
    window.page.keyboard.insert_text(f"{line}:{column + 1}")
    window.press("Enter", *["Shift+ArrowRight"] * case.selected)
    if name in ("fix", "fix_all"):
        window.wait(lambda: window.page.query_selector(".squiggly-warning"), "the diagnostic")
    if name == "fix_all":
        window.press("Control+A")  # VS Code sends the diagnostics of the selection
        window.run("Fix All")
        return
    (lightbulb if name == "fix" or case.selected else menu)(window, case.title)
    question = {Ask.INSTRUCTION: "Edit with an instruction", Ask.NAME: "New name"}.get(find_action(name).ask)
    if question is not None:
        window.wait(lambda: question in window.asked(), "the question")
        keep(window, name)
        window.press("Control+A")
        window.type(case.given)
        window.press("Enter")


# What the server is asked and answers goes into two files.
RECORDER = """#!/bin/sh
tee "$0.asked" | {program} "$@" | tee "$0.answered"
"""


def messages(file: Path) -> list[dict[str, Any]]:
    """Return the whole messages of a recording."""
    found: list[dict[str, Any]] = []
    rest = file.read_bytes()
    while head := re.match(rb"Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n", rest):
        end = head.end() + int(head[1])
        if end > len(rest):
            break
        found.append(json.loads(rest[head.end() : end]))
        rest = rest[end:]
    return found


def answers_for_the_bulb(program: Path, line: int) -> list[Any]:
    """Return what the server answered when the editor asked by itself what can be done at a line."""
    asked = {
        each["id"]
        for each in messages(program.with_name(f"{program.name}.asked"))
        if each.get("method") == "textDocument/codeAction"
        and each["params"]["context"].get("triggerKind") == 2  # automatic
        and each["params"]["range"]["start"]["line"] == line
    }
    answers = messages(program.with_name(f"{program.name}.answered"))
    return [each["result"] for each in answers if each.get("id") in asked and "result" in each]


def test_no_lightbulb_for_what_applies_nearly_everywhere(open_: Open, tmp_path: Path) -> None:
    (program := tmp_path / "spark-lsp").write_text(RECORDER.format(program=SPARK))
    program.chmod(0o755)
    window = open_(path=str(program))
    window.at(5)
    window.press("Home")
    answers = window.wait(lambda: answers_for_the_bulb(program, 4), "the answer for the lightbulb")
    assert all(not each for each in answers), answers
    assert not shows_bulb(window)
    menu(window, "Add documentation")
    window.becomes("\n".join([*LINES[:5], '    """Add two numbers."""', *LINES[5:], ""]))


def test_a_fix_of_what_another_server_complains_about(open_alone: Open) -> None:
    text = 'const one = 1;\nconst answer: number = "x";\nconsole.log(one, answer);\n'
    window = open_alone(text, ".ts", **route(edit="string"))
    window.at(2)
    window.wait(lambda: window.page.query_selector(".squiggly-error"), "TypeScript's complaint")
    lightbulb(window, "Fix: ")
    window.becomes(text.replace("number", "string"))
    undone(window, text)


def test_the_key_for_an_instruction(open_: Open) -> None:
    window = open_(**route(edit="swap"))
    window.at(6)
    window.press("Control+Alt+e")
    window.wait(lambda: "Edit with an instruction" in window.asked(), "the question")
    window.type("swap the factors")
    window.press("Enter")
    window.becomes(TEXT.replace("a * b", "b * a"))


def preview(open_: Open) -> Window:
    """A window with an edit in preview."""
    window = open_(VALUES, spark__edit__apply="preview", **route(edit="rewrite"))
    window.at(2)
    window.press("Control+Alt+e")
    window.wait(lambda: "Edit with an instruction" in window.asked(), "the question")
    window.type("change it")
    window.press("Enter")
    window.wait(lambda: "Accept (2 changes" in lenses(window), "the preview")
    window.wait(lambda: "value_2\u00a0=\u00a022" in after_text(window), "the new text")
    return window


def lenses(window: Window) -> str:
    return " ".join(window.page.locator(".monaco-editor .codelens-decoration").all_inner_texts()).replace(
        "\u00a0", " "
    )


def after_text(window: Window) -> str:
    """What the editor draws after its lines."""
    return str(
        window.page.evaluate(
            """() => [...document.querySelectorAll('.monaco-editor .view-line span')]
            .map((each) => getComputedStyle(each, '::after').content).join(' ')"""
        )
    )


def test_a_preview_changes_nothing_until_it_is_accepted(open_alone: Open) -> None:
    window = preview(open_alone)
    keep(window, "preview")
    assert window.saved() == VALUES
    window.run("Accept the Edit in Preview")
    window.becomes(REWRITTEN)
    window.wait(lambda: "Accept" not in lenses(window), "the preview to go")
    undone(window, VALUES)


def test_a_preview_is_rejected(open_: Open) -> None:
    window = preview(open_)
    window.press("Escape")
    window.wait(lambda: "Accept" not in lenses(window), "the preview to go")
    window.becomes(VALUES)


def test_one_change_of_a_preview_is_accepted_and_all_are_undone(open_: Open) -> None:
    window = preview(open_)
    window.at(10)
    window.press("Control+Alt+Enter")
    window.becomes(VALUES.replace("    value_8 = 8\n", ""))
    window.wait(lambda: "Accept (1 change" in lenses(window), "the rest of the preview")
    window.press("Control+Enter")
    window.becomes(REWRITTEN)
    window.press("Control+Home")
    window.type("# here\n")
    window.becomes("# here\n" + REWRITTEN)
    window.run("Spark: Undo Last Edit")
    window.becomes("# here\n" + VALUES)


def test_an_edit_goes_on_and_is_undone(open_: Open) -> None:
    window = open_(**route(edit="swap"))
    window.at(6)
    window.press("Control+Alt+e")
    window.wait(lambda: "Edit with an instruction" in window.asked(), "the question")
    window.type("swap the factors")
    window.press("Enter")
    swapped = TEXT.replace("a * b", "b * a")
    window.becomes(swapped)
    window.press("Control+Home")
    window.type("# here\n")
    window.becomes("# here\n" + swapped)
    window.run("Spark: Undo Last Edit")
    window.becomes("# here\n" + TEXT)
    window.run("Spark: Edit Again, But")
    window.wait(lambda: "Edit again" in window.asked(), "the question")
    window.wait(lambda: "swap the factors" in window.asked(), "the earlier instruction")
    window.press("Enter")
    window.becomes("# here\n" + swapped)


def test_an_explanation_is_shown_beside(open_: Open) -> None:
    window = open_()
    window.at(6)
    window.run("Spark: Explain This Code")
    window.wait(lambda: "It multiplies." in window.text(), "the explanation")
    assert window.page.query_selector('.tab:has-text("Explanation.md")')


# What else there is, and what it says.


def test_settings_are_changed_live(open_: Open, server: CodeServer) -> None:
    window = open_(spark__completion__enabled=False)
    window.at(2)
    window.type(" ")
    window.wait(lambda: "switched off in the settings" in window.status(), "the reason")
    assert window.ghost() == ""
    server.settings()
    window.coax("Space", window.ghost, "ghost text")


def test_a_setting_that_cannot_be_is_named(open_: Open) -> None:
    window = open_(spark__completion__maxLines="many")
    window.wait(lambda: "completion.maxLines" in window.notices(), "the message")


def test_a_folder_has_no_say_in_where_code_goes(open_alone: Open, tmp_path: Path) -> None:
    settings = {
        "spark.engines": {"evil": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1"}},
        "spark.engine.routes": {"completion": ["evil"]},
        "spark.engine.url": "ws://127.0.0.1:1/",
        "spark.server.path": "/bin/false",
        "spark.completion.maxLines": 1,
    }
    (folder := tmp_path / "project" / ".vscode").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings))
    window = open_alone(**route(completion="quick"), engine="quick")
    window.at(2)
    window.type(" ")
    ghost(window, LONG.splitlines()[0])  # what a folder may say is heard
    assert "127.0.0.1" not in window.notices()
    assert "evil" not in window.status()


def test_an_endpoint_is_used_after_a_yes(open_: Open, server: CodeServer) -> None:
    with endpoint("42") as url:
        gpu = {"kind": "openai", "base_url": url, "model": "m", "fim": "none"}
        window = open_(spark__engines={"gpu": gpu}, **route(completion="gpu"), engine="")
        window.wait(lambda: url in window.notices(), "the question")
        keep(window, "approval")
        window.page.click('.notification-list-item .monaco-button:has-text("Allow")')
        window.ready("gpu")
        window.at(2)
        window.coax("Space", lambda: window.ghost() == "42", "its answer")


def test_another_engine_is_chosen(open_: Open) -> None:
    window = open_()
    window.run("Spark: Switch Engine…")
    row = '.quick-input-list .monaco-list-row:has-text("quick")'
    window.page.wait_for_selector(row)
    keep(window, "engines")
    window.page.click(row)
    window.ready("quick")
    window.at(2)
    window.type(" ")
    ghost(window, LONG)


def test_a_killed_gateway_comes_back_by_itself(open_: Open, place: dict[str, str]) -> None:
    window = open_()
    state = Path(place["SPARK_LSP_RUNTIME_DIR"]) / "gateway.json"
    os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
    window.at(2)
    window.coax("Space", window.ghost, "ghost text")
    window.ready()


def test_the_menu_of_the_status(open_alone: Open) -> None:
    window = open_alone()
    window.page.click(STATUS)
    window.page.wait_for_selector('.quick-input-list .monaco-list-row:has-text("Look for what is wrong")')
    keep(window, "menu")
    window.page.click('.quick-input-list .monaco-list-row:has-text("Show the log")')
    window.wait(lambda: window.page.query_selector(".panel .monaco-editor, .output-view"), "the log")


def test_a_missing_server_is_told_with_what_to_do(open_alone: Open) -> None:
    window = open_alone(path="/no/such/spark-lsp", engine="")
    window.wait(lambda: "there is no program /no/such/spark-lsp" in window.notices(), "the message")
    assert "How to install it" in window.notices()
    assert "no server" in window.status()
    window.server.spark = SPARK
    window.server.settings()
    window.ready()


@pytest.mark.speed
def test_small_alone_and_quick_to_start(
    open_alone: Open, server: CodeServer, vsix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vsix.stat().st_size <= 1 << 20
    assert server.installed() == ["spark-lsp.spark-lsp"]
    window = open_alone()
    window.run("Developer: Show Running Extensions")
    row = window.page.wait_for_selector('.runtime-extensions-editor .monaco-list-row:has-text("spark-lsp")')
    assert row is not None
    shown = window.wait(lambda: "ms" in row.inner_text() and row.inner_text(), "the time")
    activated = int(shown.split("Activation: ")[1].split("ms")[0])
    report(capsys, "VS Code: the extension activates", [activated], 200)


@pytest.mark.speed
def test_a_simulated_engine_is_marked(open_: Open, capsys: pytest.CaptureFixture[str]) -> None:
    window = open_(engine="wafer", **route(completion="wafer", edit="wafer"))
    assert "wafer (simulated)" in window.status()
    window.at(2)
    see_it_once(window)
    whole = delays(window, KEYS, lambda: window.ghost() == LONG)
    first = delays(window, KEYS, lambda: window.ghost().startswith("total"))
    report(capsys, "VS Code: key to first ghost text, simulated wafer", first)
    report(capsys, "VS Code: key to the whole function, simulated wafer", whole)
    keep(window, "wafer")


@pytest.mark.speed
def test_from_a_key_to_the_screen(open_: Open, capsys: pytest.CaptureFixture[str]) -> None:
    window = open_()
    window.at(2)
    see_it_once(window)
    found = delays(window, KEYS, lambda: window.ghost() == SAID)
    report(capsys, "VS Code: key to ghost text on screen, replay", found)


def see_it_once(window: Window) -> None:
    """Wait until VS Code asks for ghost text at a key: right after the engine is up, it may not yet."""
    window.coax("Space", window.ghost, "ghost text")
    take_back(window)


def take_back(window: Window) -> None:
    """Take the last key in line 2 back, and change the end of the file: an earlier answer no longer fits."""
    window.press("Backspace", "Control+End", "Space")
    window.at(2)
    window.wait(lambda: not window.ghost(), "no ghost text")


def delete(window: Window) -> None:
    """Take the last key back."""
    window.press("Backspace")
    window.wait(lambda: not window.ghost(), "no ghost text")


def delays(
    window: Window,
    keys: Sequence[str],
    shown: Callable[[], Any],
    undo: Callable[[Window], None] = take_back,
) -> list[float]:
    """Type a key, wait for ghost text, take it back, again and again; milliseconds of each."""
    found: list[float] = []
    for key in keys:
        began = time.monotonic()
        window.press(key)
        window.wait(shown, "ghost text")
        found.append((time.monotonic() - began) * 1000)
        undo(window)
    return found


LISTING = """import os


def python_files(path):
    found = []
    for root, dirs, files in os.walk(path):
        for name in files:
            if name.endswith(".py"):
                found
    return sorted(found)
"""


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.speed
def test_the_main_job_with_the_embedded_model(
    model: Path, vsix: Path, browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is configured: what a person has who has just installed it."""
    with private_home(tmp_path) as environment:
        environment |= {"TMPDIR": str(tmp_path), "SPARK_LSP_MODELS": str(model.parent)}
        server = CodeServer(fetched("vscode"), vsix, environment, tmp_path / "code")
        try:
            server.spark = SPARK
            server.settings()
            (folder := tmp_path / "project").mkdir()
            (file := folder / "listing.py").write_text(LISTING)
            window = Window(browser, server, file)
            window.ready("local")
            window.at(9)
            found = delays(window, "." * (1 + TIMES), lambda: window.ghost().startswith("append("), delete)
            report(capsys, "VS Code: first key to ghost text, embedded model", found[:1])
            report(capsys, "VS Code: then, key to ghost text, embedded model", found[1:])
            window.type(".")
            window.wait(lambda: window.ghost().startswith("append("), "ghost text")
            keep(window, "embedded")
            window.press("Tab")
            window.wait(lambda: "found.append(" in window.saved(), "what was accepted")
            lines = file.read_text().splitlines()
            assert (lines[:8], lines[-1]) == (LISTING.splitlines()[:8], LISTING.splitlines()[-1])
            window.at(4)
            menu(window, "Add documentation")
            window.wait(lambda: '"""' in window.saved(), "a docstring")
            keep(window, "documented")
            window.press("Control+Z")
            window.becomes("\n".join([*lines, ""]))
        finally:
            server.stop()
