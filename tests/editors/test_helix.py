"""The real Helix in a terminal, driven as a person would: keys in, the screen and the saved file out."""

import os
import re
import signal
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_lsp import config
from tests.editors.helix import LINES, Helix, configure
from tests.editors.speed import TIMES, report

pytestmark = pytest.mark.editor

ROOT = Path(__file__).parent.parent.parent
ITEM = " return a + b text"  # as the menu shows it
SUMS = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n"
INSTRUCT, DOCUMENT = "Edit with an instruction…", "Add documentation"


Start = Callable[..., Helix]
Answers = Callable[[str, str], None]


@pytest.fixture
def start(helix: str, tmp_path: Path, ready_home: dict[str, str]) -> Iterator[Start]:
    """Start Helix with the delivered configuration, and `more` lines of it, on a file with a text."""
    running: list[Helix] = []

    def begin(text: str = SUMS, more: str = "", name: str = "sums.py", **environment: str) -> Helix:
        configure(ready_home, more)
        file = tmp_path / name
        file.write_bytes(text.encode())
        running.append(Helix(helix, file, {**ready_home, **environment}, tmp_path))
        return running[-1]

    yield begin
    for each in running:
        each.close()


@pytest.fixture
def answers(replay_config: Path) -> Answers:
    """Set what the engine answers to a task."""

    def answer(task: str, text: str) -> None:
        (replay_config.parent / f"{task}.txt").write_bytes(text.encode())

    return answer


def test_a_suggestion_is_shown_and_lands_byte_for_byte(start: Start, answers: Answers) -> None:
    answers("complete", "return {'ä': f\"${a}$1 \\n}}\", '😀': b}\n")
    editor = start("# 😀 ü\ndef add(a, b):\n    \n\nx = 1\n")
    editor.ready()
    editor.type("3GA")
    editor.shows("return {'ä'")
    editor.press("C-n", "Enter")
    assert editor.saved() == (
        "# 😀 ü\ndef add(a, b):\n    return {'ä': f\"${a}$1 \\n}}\", '😀': b}\n\nx = 1\n"
    )


MANY = "total = 0\n    for x in (a, b):\n        total += x\n    return total"


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_several_lines_and_one_undo(start: Start, answers: Answers, eol: str) -> None:
    before, many = SUMS.replace("\n", eol), MANY.replace("\n", eol)
    answers("complete", MANY)
    editor = start(before)
    editor.ready()
    editor.type("2GA")
    editor.shows("total = 0… (+3 lines)")
    editor.press("C-n")
    editor.shows("total += x")  # the whole of it, in the text and beside the menu
    editor.shows("spark-lsp: replay")
    editor.press("Enter")
    assert editor.saved() == before.replace(f"    {eol}", f"    {many}{eol}", 1)
    editor.type("u")
    assert editor.saved() == before


def test_typing_along_keeps_it(start: Start) -> None:
    editor = start()
    editor.ready()
    editor.type("2GA")
    editor.shows(ITEM)
    for letters, rest in (("r", "return a + b"), ("etu", "return a + b"), ("rn ", "a + b"), ("a ", "+ b")):
        editor.type(letters)
        editor.shows(
            f"  {rest} text"
        )  # two blanks: it begins there, and is not the end of what was there before
    editor.press("C-n", "Enter")
    assert editor.saved() == SUMS.replace("    \n", "    return a + b\n", 1)


def test_keys_are_as_the_page_says(start: Start) -> None:
    taken = SUMS.replace("    \n", "    return a + b\n", 1)
    editor = start()
    editor.ready()
    editor.type("2GA")
    editor.shows(ITEM)
    editor.press("C-n")
    editor.shows("spark-lsp: replay")
    assert editor.saved() == taken  # Escape accepts what is chosen
    editor.type("u")
    assert editor.saved() == SUMS
    editor.type("2GA")
    editor.shows(ITEM)
    editor.press("C-n")
    editor.shows("spark-lsp: replay")
    editor.press("C-c")
    editor.hides("return a + b")
    assert editor.saved() == SUMS
    editor.type("1GA")
    editor.press("Enter", "C-x")
    editor.shows(ITEM)


def test_the_page_shows_what_is_delivered() -> None:
    page = (ROOT / "docs" / "how-to" / "helix.md").read_text("utf-8")
    blocks = [tomllib.loads(each) for each in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    delivered = tomllib.loads(LINES.read_text("utf-8"))
    assert blocks[0]["language"][0] in delivered["language"]
    server = delivered["language-server"]["spark-lsp"]
    assert blocks[0]["language-server"]["spark-lsp"].items() <= server.items()
    for each in (server, blocks[2]["language-server"]["spark-lsp"]):
        assert config.resolve(("editor", each["config"]["spark"]))[1] == []


@pytest.mark.parametrize("typed", ["x", "+", "re+", "retx"])
def test_what_is_contradicted_is_not_inserted(start: Start, answers: Answers, typed: str) -> None:
    editor = start()
    editor.ready()
    editor.type("2GA")
    editor.shows(ITEM)
    answers("complete", "")
    editor.type(typed)
    editor.press("Tab")  # at once: a menu that is still there would take it
    editor.hides(ITEM)
    text = editor.saved()
    assert typed in text
    assert "return a + b" not in text


def test_a_late_answer_is_not_offered_where_it_does_not_fit(start: Start, replay_config: Path) -> None:
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 5", "delay_ms = 700"))
    editor = start()
    editor.ready()
    editor.type("2GA")
    editor.wait(lambda: editor.told('"state": "busy"'), "the request to be under way")
    editor.type("+")
    editor.wait(lambda: editor.told('"code": -32801'), "the answer")
    editor.press("C-n", "Enter")
    text = editor.saved()
    assert "+" in text
    assert "return a + b" not in text


SWAPPED = "def mul(a, b):\n    return b * a\n"


@pytest.mark.parametrize("keys", ["5G", "6G", "7G", "6Gxx", "5Gxxx"])
def test_an_instruction_in_a_comment(start: Start, answers: Answers, keys: str) -> None:
    """With the cursor on the comment, on the function or in it, or with lines selected."""
    answers("edit", SWAPPED)
    editor = start(SUMS.replace("def mul", "# spark: swap the factors\ndef mul"))
    before = editor.file.read_text()
    editor.ready()
    editor.type(keys)
    editor.act(INSTRUCT)
    editor.shows("return b * a")
    assert editor.saved() == SUMS.replace("a * b", "b * a")
    editor.type("u")
    assert editor.saved() == before


def test_a_diagnostic_of_another_server_is_fixed(start: Start) -> None:
    editor = start("import os\n\nframe = pd.read_csv(os.sep)\n")
    editor.ready()
    editor.shows("Undefined name")
    editor.type("3Gfp")
    editor.act("Fix: Undefined name")
    editor.shows("import pandas as pd")
    assert editor.saved() == "import os\nimport pandas as pd\n\nframe = pd.read_csv(os.sep)\n"
    editor.type("u")
    assert editor.saved() == "import os\n\nframe = pd.read_csv(os.sep)\n"


SETTINGS = "\n[language-server.spark-lsp.config.spark"


def test_an_engine_in_languages_toml_is_asked_about_once_and_used(
    start: Start, home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("return mine\n")
    engine = f'{SETTINGS}.engines.mine]\nkind = "replay"\ntext = "{tmp_path}/mine.txt"\n'
    routes = f'{SETTINGS}.engine]\nroutes = {{ completion = ["mine"] }}\n'
    editor = start(more=engine + routes)
    editor.shows("the engine 'mine'")
    editor.shows("Allow")
    editor.press("Enter")
    editor.ready("mine")
    editor.type("2GA")
    editor.shows(" return mine text")


def test_a_wrong_setting_is_named_on_the_screen(start: Start) -> None:
    editor = start(more=f'{SETTINGS}.edit]\neffort = "enormous"\n')
    editor.shows("Setting spark.edit.effort")
    editor.ready()
    editor.type("2GA")
    editor.shows(ITEM)  # all others are used


def test_a_changed_setting_is_used_after_a_restart_of_the_server(
    start: Start, ready_home: dict[str, str]
) -> None:
    editor = start()
    editor.ready()
    languages = Path(ready_home["XDG_CONFIG_HOME"]) / "helix" / "languages.toml"
    languages.write_text(languages.read_text("utf-8") + f"{SETTINGS}.edit]\neffort = 'enormous'\n", "utf-8")
    editor.command("config-reload")
    editor.shows("Config refreshed")
    assert editor.told('"capabilities"') == 1
    editor.command("lsp-restart")
    editor.shows("Setting spark.edit.effort")


def test_the_gateway_is_killed_and_comes_back(start: Start, home: dict[str, str]) -> None:
    editor = start()
    editor.ready()
    editor.type("2GA")
    editor.shows(ITEM)
    editor.normal()
    (socket,) = Path(home["SPARK_LSP_RUNTIME_DIR"]).glob("gateway-*.sock")
    os.kill(int(socket.stem.removeprefix("gateway-")), signal.SIGKILL)
    editor.type("A")
    editor.shows(ITEM)
    editor.press("C-n", "Enter")
    assert editor.saved() == SUMS.replace("    \n", "    return a + b\n", 1)


def delays(editor: Helix, key: str, shown: str, times: int) -> list[float]:
    """Return the milliseconds from a key to a suggestion on the screen, several times over."""
    found: list[float] = []
    for _ in range(times):
        began = time.monotonic()
        editor.type(key)
        editor.shows(shown)
        found.append((time.monotonic() - began) * 1000)
        editor.press("BSpace")
        editor.hides(shown)
    return found


@pytest.mark.speed
def test_from_a_key_to_the_screen(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    editor = start("def add(a, b):\n   \n")
    editor.ready()
    editor.type("2GA")
    found = delays(editor, " ", ITEM, TIMES)
    report(capsys, "Helix: key to suggestion on screen, replay", found, 500)


WAFER = """
[engines.wafer]
kind = "wafer"
source = "replay"
"""


@pytest.mark.speed
def test_a_simulated_wafer_is_quick_and_says_that_it_is_one(
    start: Start, answers: Answers, replay_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers("complete", "return a + b\n")
    config = replay_config.read_text().replace('completion = ["replay"]', 'completion = ["wafer"]')
    replay_config.write_text(config.replace("[routes]", WAFER + "[routes]"))
    editor = start("def add(a, b):\n   \n")
    editor.ready("wafer")
    editor.type("2GA")
    found = delays(editor, " ", ITEM, TIMES)
    assert editor.told('"simulated": true')
    report(capsys, "Helix: key to suggestion on screen, simulated wafer", found, 500)


def keep(editor: Helix, name: str) -> None:
    """Keep the screen for the documentation, if scripts/picture.py asks for it."""
    if folder := os.environ.get("SPARK_LSP_SCREENS"):
        Path(folder, f"{name}.ansi").write_text(editor.screen(colours=True), "utf-8")


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
@pytest.mark.speed
def test_the_main_job_with_the_embedded_model(
    helix: str, model: Path, start: Start, replay_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay_config.unlink()
    editor = start(LISTING, name="listing.py", SPARK_LSP_MODELS=str(model.parent))
    editor.ready("local")
    editor.type("9GA")
    found = delays(editor, ".", " append(", 1 + TIMES)
    report(capsys, "Helix: first key to suggestion on screen, embedded model", found[:1])
    report(capsys, "Helix: then, key to suggestion on screen, embedded model", found[1:])
    editor.type(".")
    editor.shows(" append(")
    editor.press("C-n")
    editor.shows("spark-lsp: qwen")
    keep(editor, "helix")
    editor.press("Enter")
    lines = editor.saved().splitlines()
    assert lines[8].startswith("                found.append(")
    assert (lines[:8], lines[-1]) == (LISTING.splitlines()[:8], LISTING.splitlines()[-1])
    editor.type("4G")
    editor.act(DOCUMENT)
    editor.shows('"""')
    documented = editor.saved().splitlines()
    assert documented[4].startswith('    """')
    assert documented[:4] == lines[:4]
    assert documented[-len(lines[4:]) :] == lines[4:]


def test_the_status_is_said_when_asked_for(start: Start) -> None:
    editor = start()
    editor.ready()
    editor.command("lsp-workspace-command spark.status")
    editor.shows("spark-lsp: replay, ready: ready to answer")


def test_why_there_is_nothing_is_said_once(start: Start) -> None:
    editor = start(more=f'{SETTINGS}.context]\nexclude = ["sums.py"]\n')
    editor.ready()
    editor.type("2GA")
    editor.shows("no suggestion: this file is excluded by the settings (context.exclude)")


def test_an_edit_is_stopped(start: Start, replay_config: Path) -> None:
    replay_config.write_text(replay_config.read_text().replace("delay_ms = 5", "delay_ms = 60000"))
    editor = start()
    editor.ready()
    editor.type("5G")
    editor.act(DOCUMENT)
    editor.wait(lambda: editor.told('"state": "busy"'), "the edit to be under way")
    editor.command("lsp-workspace-command spark.cancel")
    editor.wait(
        lambda: editor.told('"state": "cancelled", "reason": "stopped by you"'), "the end of the edit"
    )
    assert editor.saved() == SUMS
