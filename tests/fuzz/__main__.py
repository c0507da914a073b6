"""`python -m tests.fuzz TARGET [libFuzzer's options] [folders]`: fuzz one target with atheris.

Needs the extra `fuzz`. New inputs go to the first folder; without one, nothing is kept but what crashes.
"""

import importlib
import sys
from pathlib import Path

TARGETS = ("framing", "replies", "envelope", "connection", "events")
HERE = Path(__file__).parent


def corpus(target: str) -> list[Path]:
    """Return the committed inputs of a target."""
    return sorted((HERE / "corpus" / target).iterdir())


def main(target: str, *options: str) -> None:
    """Run until libFuzzer's options say so, or something fails."""
    import atheris  # pyright: ignore[reportMissingModuleSource]  # optional, and only here

    with atheris.instrument_imports(include=["spark_lsp"]):  # pyright: ignore[reportAttributeAccessIssue]
        module = importlib.import_module(f"tests.fuzz.{target}")
    words = HERE / "dictionaries" / f"{target}.dict"
    atheris.Setup([f"tests.fuzz.{target}", f"-dict={words}", *options], module.TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Name a target: {', '.join(TARGETS)}")
    main(*sys.argv[1:])
