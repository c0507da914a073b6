"""The editors on this machine: version, path, how each was found, and whether spark-lsp is set up in it.

Each editor is checked once, by the program that would be used; other copies are only listed.
"""

from collections.abc import Iterator

from spark_lsp.doctor import clients
from spark_lsp.doctor.finding import Finding
from spark_lsp.doctor.installed import KINDS, Kind, Program, as_numbers, ask_version, find_programs

SUBJECT = "editor"
BUILT_IN_GHOST_TEXT = (0, 12)


def look() -> Iterator[Finding]:
    """Give a finding for each installed editor."""
    found = False
    for kind in KINDS:
        for place, program in enumerate(find_programs(kind)):
            found = True
            yield _judge(kind, program) if place == 0 else _name(kind, program)
    if not found:
        yield Finding("ok", SUBJECT, "none found on the search path or in the cache; nothing to check")


def _judge(kind: Kind, program: Program) -> Finding:
    """Check the program that would be used."""
    version = ask_version(kind, program)
    if version is None:
        what = f"{kind.name} at {program.path} ({program.how}) does not report its version"
        return Finding("warning", SUBJECT, what, f"Run it by hand: {program.path} --version")
    what = f"{kind.name} {version} at {program.path} ({program.how})"
    if as_numbers(version) < kind.oldest:
        needed = ".".join(map(str, kind.oldest))
        what += " is too old for spark-lsp"
        return Finding("warning", SUBJECT, what, f"Install {kind.name} {needed} or later; see {kind.guide}")
    return Finding("ok", SUBJECT, f"{what}{_notes(kind, version)}; {_set_up(kind, program)}")


def _name(kind: Kind, program: Program) -> Finding:
    """Report another copy of a checked editor."""
    version = ask_version(kind, program)
    text = "" if version is None else f" {version}"
    return Finding("ok", SUBJECT, f"also {kind.name}{text} at {program.path} ({program.how})")


def _notes(kind: Kind, version: str) -> str:
    if kind.name == "Neovim" and as_numbers(version) < BUILT_IN_GHOST_TEXT:
        return ": ghost text needs our module there (Neovim shows its own from 0.12 on)"
    return ""


def _set_up(kind: Kind, program: Program) -> str:
    if program.fetched:
        return (
            f"{program.launcher} starts it with spark-lsp set up" if program.launcher else f"see {kind.guide}"
        )
    place = clients.find_set_up(kind.name)
    if place is None:
        return f"spark-lsp was not found in its configuration; see {kind.guide}"
    return f"spark-lsp is set up in {place}"
