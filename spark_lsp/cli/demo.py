"""`spark-lsp demo`: ghost text and an edit on a real file, shown live.

The command opens a copy of a source file in the language server. It removes lines and types them again, key
by key, until ghost text appears; then it has one function documented. Each step ends with a timing line.
"""

import argparse
import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio

from spark_lsp import programs
from spark_lsp.cli import NOTHING, OK
from spark_lsp.cli.engine import settings_for
from spark_lsp.cli.interrupt import interruptible
from spark_lsp.cli.stage import JsonStage, Stage, TextStage
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.client.answers import Suggestion
from spark_lsp.client.editor import Editor, editing
from spark_lsp.client.files import SourceFile
from spark_lsp.client.places import Typing
from spark_lsp.client.rehearsal import Script, copy_file, default_file, replaying, script
from spark_lsp.client.settings import with_engine
from spark_lsp.client.unified import unified
from spark_lsp.errors import SparkError
from spark_lsp.store import place
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

TIMEOUT_S = 600.0
KEY_S = 0.03  # between two keystrokes of a quick typist
CONTEXT_LINES = 4
GROWTH_S = 5.0  # time limit for the rest of a growing answer
DOCUMENT = "document"
SCRIPTS = Path(__file__).parents[2] / "scripts"  # present in a clone, absent from an installed package


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--file", type=Path, metavar="F", help="your own file; the command works on a copy")
    parser.add_argument(
        "--editor", choices=("none", "nvim"), default="none", help="open the copy in an editor afterwards"
    )
    parser.add_argument("--engine", metavar="NAME", help="ask this engine instead of the configured route")
    parser.add_argument("--json", action="store_true", help="print one JSON object per step")
    add_timeout(parser, TIMEOUT_S, "the whole demonstration")


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration; return 3 if there was nothing to show."""
    with ExitStack() as stack:
        stack.enter_context(interruptible())
        file = stack.enter_context(copy_file(arguments.file or default_file()))
        replay = arguments.engine == "replay" and not _has_replay()
        played = script(file, replay)
        environment = stack.enter_context(replaying(played)) if replay else None
        stage = stack.enter_context(JsonStage() if arguments.json else TextStage())
        if replay:
            stage.say("replay: the answer is the file's own text, not a model's")
        settings = with_engine("replay") if replay else settings_for(arguments.engine)
        shown = anyio.run(play, played, settings, environment, stage, arguments.timeout)
    if arguments.editor == "nvim":
        _open_nvim(arguments.file or practice_file())
    elif not arguments.json:
        print(how_to_open(arguments.file or practice_file()))
    return OK if shown else NOTHING


def _has_replay() -> bool:
    """Tell whether the user has configured an engine called replay."""
    from spark_lsp.app import load_settings

    return "replay" in load_settings()[0].engines


async def play(
    played: Script,
    settings: dict[str, Any],
    environment: Mapping[str, str] | None,
    stage: Stage,
    limit_s: float = TIMEOUT_S,
) -> bool:
    """Show everything; return whether both ghost text and an edit could be shown."""
    begun = time.monotonic()
    root = played.file.path.parent
    async with editing(settings, root, growing=True, env=environment, limit_s=limit_s) as editor:
        editor.open(played.file.uri, played.text, played.file.language)
        status = await editor.ask_status()
        opened = {"what": f"opened a copy of {played.file.path.name}", "file": str(played.file.path)}
        stage.step("open", status, {**opened, "seconds": time.monotonic() - begun})
        ghost = await _ghosts(editor, played, stage)
        edited = await _edit(editor, played, stage)
        what = "ghost text and an edit" if ghost and edited else "not everything could be shown"
        done = {"what": what, "ok": ghost and edited, "seconds": time.monotonic() - begun}
        stage.step("done", editor.status, done)
        return ghost and edited
    raise AssertionError("never reached: the block returns or raises")


async def _ghosts(editor: Editor, played: Script, stage: Stage) -> bool:
    """Type at one position after another until ghost text appears."""
    for typing in played.typings:
        if await _ghost(editor, played.file, typing, stage):
            return True
        if editor.status.state == "off":
            return False  # no other position would do better
    return False


async def _ghost(editor: Editor, file: SourceFile, typing: Typing, stage: Stage) -> bool:
    """Type one line's beginning, show the ghost text, and restore the line."""
    uri, typed = file.uri, typing.typed
    editor.change(uri, Edit(typing.start, typing.end, ""))
    for above in _lines_above(editor.documents[uri], typing.start):
        stage.say(above)
    for count, key in enumerate(typed):
        editor.change(uri, Edit(typing.start + count, typing.start + count, key))
        stage.line(typed[: count + 1], "")
        await anyio.sleep(KEY_S if typed[: count + 1].strip() else 0)
    line = editor.documents[uri].line_at(typing.start) + 1
    stage.step("type", editor.status, {"what": f"typed {typed.strip()!r} in line {line}", "typed": typed})
    editor.on_growth = lambda text, done: stage.line(typed, text)
    stage.line(typed, " …" if editor.status.state == "starting" else "")
    found = await editor.complete(uri, typing.start + len(typed))
    stage.line(typed, found.text)
    found = await editor.wait_for_growth(found, GROWTH_S)
    stage.step("ghost", await editor.ask_status(), _ghost_fields(editor, typed, found))
    editor.on_growth = lambda text, done: None
    editor.change(uri, Edit(typing.start, typing.start + len(typed), typed + typing.rest))
    return bool(found.text)


def _lines_above(document: Document, offset: int) -> list[str]:
    """Return the lines before `offset`, which show the user where the typing happens."""
    line = document.line_at(offset)
    return [document.line(each) for each in range(max(line - CONTEXT_LINES, 0), line)]


def _ghost_fields(editor: Editor, typed: str, found: Suggestion) -> dict[str, Any]:
    reason = "" if found.text else f"no ghost text here: {found.reason}"
    timing = {"ttft_ms": editor.status.ttft_ms, "tok_s": editor.status.tok_s, "wait_ms": found.elapsed_ms}
    what = "ghost text" if found.text else ""
    return {
        "what": what,
        "typed": typed,
        "ghost_text": found.text,
        "reason": reason,
        "code": found.code,
        **timing,
    }


async def _edit(editor: Editor, played: Script, stage: Stage) -> bool:
    """Have one function documented and show the change."""
    chosen = played.target
    if chosen is None:
        stage.step("edit", editor.status, {"reason": "no function here that documentation could be added to"})
        return False
    if chosen.taken_out:
        stage.say(f"{chosen.name}: its documentation was removed from the copy, to be written again")
    stage.say(f"Add documentation to {chosen.name} …")
    outcome = await editor.edit(played.file.uri, chosen.start, chosen.end, DOCUMENT)
    difference = unified(outcome.before, outcome.after, played.file.path.name)
    status = outcome.status
    fields = {
        "what": f"documented {chosen.name}",
        "diff": difference,
        "state": outcome.state,
        "reason": "" if difference else f"no edit ({outcome.state}): {outcome.reason}",
        "code": "" if difference else outcome.code,
        "ttft_ms": status.ttft_ms,
        "tok_s": status.tok_s,
        "seconds": outcome.elapsed_ms / 1000,
    }
    stage.step("edit", status, fields)
    return bool(difference)


def practice_file() -> Path:
    """Return a copy of the demonstration's file that the user may change; `spark-lsp clean` removes it."""
    original = default_file()
    copy = place.directory() / "demo" / original.name
    try:
        if not copy.exists():
            place.directory().mkdir(mode=0o700, parents=True, exist_ok=True)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(original.read_bytes())
    except OSError:
        return original  # an editor opens it read-only
    return copy


def how_to_open(file: Path, scripts: Path = SCRIPTS) -> str:
    """Return the commands that open a file in an editor with spark-lsp set up; they work in any folder."""
    name = shlex.quote(str(file.absolute()))
    if (scripts / "nvim").exists():
        names = {"VS Code": "code", "Neovim": "nvim", "Helix": "hx"}
        lines = (f"Now in {editor}:  {shlex.quote(str(scripts / names[editor]))}" for editor in names)
        return "\n".join(f"{line} {name}" for line in lines)
    command = ", ".join(f"[==[{word}]==]" for word in programs.spark_lsp("serve"))
    return f"Now in Neovim 0.12 or later:  nvim --cmd {shlex.quote(_NVIM % command)} {name}"


_NVIM = (
    'lua vim.lsp.config("spark", {cmd = {%s}}) vim.lsp.enable("spark") '
    "vim.lsp.inline_completion.enable(true) "
    'vim.keymap.set("i", "<Tab>", function() return vim.lsp.inline_completion.get() and "" or "<Tab>" end, '
    "{expr = true})"
)


def _open_nvim(file: Path) -> None:
    launcher = SCRIPTS / "nvim"
    program = str(launcher) if launcher.exists() else programs.find("nvim")
    if program is None:
        raise SparkError("Neovim was not found", "The file was not opened", "Install Neovim 0.12 or later")
    programs.run([program, str(file)])
