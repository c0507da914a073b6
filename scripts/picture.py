"""Make docs/images/demo.svg: what `spark-lsp demo` shows on a terminal, as it was printed.

usage: .venv/bin/python scripts/picture.py [ARGUMENT …]    (arguments go to `spark-lsp demo`)
"""

import os
import pty
import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 110
TARGET = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"


def printed(command: list[str]) -> str:
    """Run a command on a terminal of its own and return all that it printed."""
    pieces: list[bytes] = []

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65_536)
        pieces.append(data)
        return data

    os.environ["COLUMNS"] = str(WIDTH)
    pty.spawn(command, read)
    return b"".join(pieces).decode()


def settled(text: str) -> str:
    """Keep the last state of lines that were drawn several times."""
    text = re.sub(r"\x1b\[\?25[lh]", "", text).replace("\r\n", "\n")
    lines: list[str] = []
    for line in text.split("\n"):
        ups = len(re.findall(r"\x1b\[1A", line))
        del lines[len(lines) - ups :]
        lines.append(re.sub(r"\x1b\[(?:1A|2K)", "", line).split("\r")[-1])
    return "\n".join(lines)


def anonymous(text: str) -> str:
    """Leave out where this machine keeps its files."""
    text = text.replace(str(TARGET.parents[2]), "~/spark-lsp")
    return re.sub(r"/\S+/(?=textwrap\.py)", "", text)


def main() -> None:
    """Write the picture."""
    shown = settled(printed([sys.executable, "-m", "spark_lsp", "demo", *sys.argv[1:]])).strip()
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi("$ make demo\n" + anonymous(shown)))
    TARGET.parent.mkdir(exist_ok=True)
    svg = console.export_svg(title="spark-lsp demo")
    TARGET.write_text(re.sub(r'url\("[^"]*"\)', 'local("monospace")', svg), "utf-8")


main()
