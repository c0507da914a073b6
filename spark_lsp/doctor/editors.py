"""The editors on this machine, as far as the search path shows them."""

import re
import subprocess
from collections.abc import Iterator

from spark_lsp import programs
from spark_lsp.doctor.finding import Finding

SUBJECT = "editor"
NEEDED = (0, 12)
GUIDE = "docs/how-to/neovim.md"
GUIDES = {"Helix": "docs/how-to/helix.md", "Emacs": "docs/how-to/emacs.md"}
OTHERS = {"hx": "Helix", "helix": "Helix", "code": "VS Code", "codium": "VSCodium", "emacs": "Emacs"}


def look() -> Iterator[Finding]:
    """Give a finding for each editor that is found."""
    found = list(_found())
    yield from found or [Finding("ok", SUBJECT, "none on the search path; nothing to check")]


def _found() -> Iterator[Finding]:
    if path := programs.find("nvim"):
        yield _neovim(path)
    for program, name in OTHERS.items():
        if path := programs.find(program):
            guide = f"; see {GUIDES[name]}" if name in GUIDES else ""
            yield Finding("ok", SUBJECT, f"{name} at {path}{guide}")


def _neovim(path: str) -> Finding:
    version = _version(path)
    if version is None:
        return Finding("warning", SUBJECT, f"{path} does not say its version", "Run it by hand")
    text = ".".join(map(str, version))
    if version < NEEDED:
        what = f"Neovim {text} at {path} has no inline completion"
        return Finding("warning", SUBJECT, what, f"Install Neovim 0.12 or later; see {GUIDE}")
    return Finding("ok", SUBJECT, f"Neovim {text} at {path}; see {GUIDE}")


def _version(path: str) -> tuple[int, ...] | None:
    try:
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        done = programs.run(
            [path, "--version"], stdin=quiet, stdout=pipe, stderr=quiet, cwd=programs.NEUTRAL, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v(\d+)\.(\d+)", done.stdout.decode("utf-8", "replace"))
    return (int(match[1]), int(match[2])) if match else None
