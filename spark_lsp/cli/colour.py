"""Prints diffs: coloured on a terminal, as plain bytes everywhere else."""

import sys

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_diff(difference: str) -> None:
    """Print a unified diff; into a pipe, print the exact bytes, so that `patch` can read them."""
    if not sys.stdout.isatty():
        sys.stdout.write(difference)
        sys.stdout.flush()
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in difference.splitlines():
        style = "bold" if line.startswith(("+++", "---")) else _STYLES.get(line[:1], "")
        console.print(Text(line, style=style))
