"""Make the pictures of docs/images from the output of a terminal.

usage: .venv/bin/python scripts/picture.py [ARGUMENT …]    demo.svg; arguments go to `spark-lsp demo`
       .venv/bin/python scripts/picture.py helix|neovim|neovim-preview    from the editor's test
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 110
ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"


def printed(command: list[str]) -> str:
    """Run a command on a separate terminal and return all its output."""
    pieces: list[bytes] = []

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65_536)
        pieces.append(data)
        return data

    os.environ["COLUMNS"] = str(WIDTH)
    pty.spawn(command, read)
    return b"".join(pieces).decode()


def settled(text: str) -> str:
    """Keep only the last state of lines that were drawn several times."""
    text = re.sub(r"\x1b\[\?25[lh]", "", text).replace("\r\n", "\n")
    lines: list[str] = []
    for line in text.split("\n"):
        ups = len(re.findall(r"\x1b\[1A", line))
        del lines[len(lines) - ups :]
        lines.append(re.sub(r"\x1b\[(?:1A|2K)", "", line).split("\r")[-1])
    return "\n".join(lines)


def anonymous(text: str) -> str:
    """Remove this machine's paths."""
    text = text.replace(str(ROOT), "~/spark-lsp")
    return re.sub(r"/\S+/(?=textwrap\.py)", "", text)


def demo(arguments: list[str]) -> None:
    """Draw the output of `spark-lsp demo`."""
    shown = settled(printed([sys.executable, "-m", "spark_lsp", "demo", *arguments])).strip()
    draw("demo", "spark-lsp demo", "$ make demo\n" + anonymous(shown), WIDTH)


SCREENS = {
    "helix": ("Helix", "test_helix.py::test_the_main_job_with_the_embedded_model"),
    "neovim": ("Neovim", "test_neovim.py::test_on_a_terminal_it_looks_as_it_should"),
    "neovim-preview": ("Neovim", "test_neovim_preview.py::test_on_a_terminal_it_looks_as_it_should"),
}


def editor(name: str) -> None:
    """Draw the screen that an editor's test saves."""
    title, test = SCREENS[name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SPARK_LSP_SCREENS": folder}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"tests/editors/{test}"],
            cwd=ROOT,
            env=environment,
            check=True,
        )
        screen = Path(folder, f"{name}.ansi").read_text("utf-8")
    draw(name, title, screen, 100)


def draw(name: str, title: str, shown: str, width: int) -> None:
    """Write a picture of a terminal's screen."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown))
    svg = console.export_svg(title=title)
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"{name}.svg").write_text(re.sub(r'url\("[^"]*"\)', 'local("monospace")', svg), "utf-8")


def main() -> None:
    """Write the requested picture."""
    if len(sys.argv) == 2 and sys.argv[1] in SCREENS:
        editor(sys.argv[1])
    else:
        demo(sys.argv[1:])


main()
