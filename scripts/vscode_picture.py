"""Makes docs/images/vscode.gif: VS Code with growing ghost text and an edit, by the embedded model.

Needs what `make test` brings: `.venv/bin/python scripts/vscode_picture.py`. The window is the real one, at
its real speed; only pauses in which nothing changes are shortened to a second.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import fetched, private_home  # noqa: E402
from tests.editors.code import CodeServer, Window, launch  # noqa: E402

TEXT = '''\
import os


def python_files(path):
    """Return the Python files below a folder, sorted."""
    found = []
    for root, dirs, files in os.walk(path):
        for name in files:
            if name.endswith(".py"):
                found
    return sorted(found)


def newest(paths):
    latest = None
    for path in paths:
        if latest is None or os.path.getmtime(path) > os.path.getmtime(latest):
            latest = path
    return latest
'''
STILL = 1000  # longest display time of an unchanged picture, in milliseconds


class Film:
    """Pictures of a window, each shown until the next change."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._frames: list[tuple[bytes, float]] = []

    def watch(self, until: Callable[[], Any], seconds: float = 60) -> None:
        """Take pictures until a condition holds, and for a moment longer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done = until()
            picture = self._window.page.screenshot()
            if not self._frames or self._frames[-1][0] != picture:
                self._frames.append((picture, time.monotonic()))
            if done:
                return
        raise TimeoutError("what the picture should show did not come")

    def type(self, text: str) -> None:
        for key in text:
            self._window.type(key)
            self.watch(lambda: True)

    def write(self, file: Path) -> None:
        times = [at for _, at in self._frames] + [time.monotonic()]
        shown = [min(round((b - a) * 1000), STILL) for a, b in pairwise(times)]
        shown[-1] = 3000
        images = [Image.open(io.BytesIO(picture)).convert("RGB") for picture, _ in self._frames]
        palette = images[-1].quantize(96)
        frames = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in images]
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=shown, loop=0, optimize=True)


def film(window: Window) -> Film:
    taken = Film(window)
    window.at(10)
    taken.watch(lambda: True)
    for part, enough in ((".", "append("), ("app", "end(")):
        taken.type(part)
        taken.watch(lambda enough=enough: window.ghost().startswith(enough) and window.ghost().endswith(")"))
    time.sleep(0.8)
    window.press("Tab")
    taken.watch(lambda: not window.ghost() and "found.append" in window.text())
    time.sleep(0.8)
    window.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "End")
    taken.watch(lambda: True)
    window.press("Control+.")
    window.page.wait_for_selector('.action-widget .monaco-list-row:has-text("Add documentation")')
    taken.watch(lambda: True)
    window.press("ArrowDown")
    time.sleep(0.6)
    taken.watch(lambda: True)
    window.press("Enter")
    taken.watch(lambda: window.text().count('"""') >= 4)
    return taken


def main() -> None:
    """Take the pictures and write the file."""
    vsix = subprocess.run([ROOT / "scripts" / "make_vsix.sh"], check=True, capture_output=True, text=True)
    folder = Path(tempfile.mkdtemp())
    with private_home(folder) as environment, sync_playwright() as playwright:
        environment["TMPDIR"] = str(folder)
        server = CodeServer(fetched("vscode"), Path(vsix.stdout.strip()), environment, folder / "code")
        try:
            server.spark = str(Path(sys.executable).parent / "spark-lsp")
            server.settings(editor__fontSize=13, workbench__activityBar__location="hidden")
            (file := folder / "project" / "files.py").parent.mkdir()
            file.write_text(TEXT)
            browser = launch(playwright)
            window = Window(browser, server, file, {"width": 900, "height": 560})
            window.ready("local", 60)
            window.run("View: Toggle Primary Side Bar Visibility")
            window.at(19)
            window.type(" ")  # the model should have read the file before the recording begins
            time.sleep(8)
            window.press("Backspace")
            film(window).write(ROOT / "docs" / "images" / "vscode.gif")
            browser.close()
        finally:
            server.stop()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
