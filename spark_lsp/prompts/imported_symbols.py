"""The signatures behind the imports of a file.

A name is followed through the files that only pass it on, such as a package's `__init__.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from spark_lsp.prompts.imports import EVERYTHING, PYTHON, ImportedName
from spark_lsp.prompts.outline import Symbol

MAX_STEPS = 3  # through files that pass a name on
MAX_SYMBOLS = 1_000


@dataclass(frozen=True, slots=True)
class SourceOutline:
    """The outline of one file, and its own imports; `path` has `/`."""

    path: str
    language: str
    symbols: tuple[Symbol, ...]
    imports: tuple[ImportedName, ...]
    is_open: bool = False

    def find(self, name: str) -> tuple[int, Symbol] | None:
        """Return a symbol and its place among those of the file."""
        return next(((at, each) for at, each in enumerate(self.symbols) if each.name == name), None)


FindSource = Callable[[str, str, str], SourceOutline | None]
"""Returns the outline of the file that a module means; its other arguments are the path and the language of
the file that imports it."""


@dataclass(frozen=True, slots=True)
class ImportedSymbol:
    """One signature that a file can use: `local` is its name there, and `place` its place in `path`.

    `is_wide`: the import names a module or `*`, and not this name.
    """

    local: str
    path: str
    text: str
    is_open: bool
    place: int
    is_wide: bool


def list_imported(
    imports: Sequence[ImportedName], path: str, language: str, find: FindSource
) -> tuple[ImportedSymbol, ...]:
    """Return the signatures of all names that the file `path` imports, in the order of its imports."""
    found: dict[tuple[str, str, int], ImportedSymbol] = {}
    for name in imports:
        for symbol in _follow(name, path, language, find, MAX_STEPS):
            found.setdefault((symbol.local, symbol.path, symbol.place), symbol)
            if len(found) == MAX_SYMBOLS:
                return tuple(found.values())
    return tuple(found.values())


def _follow(
    wanted: ImportedName, path: str, language: str, find: FindSource, steps: int
) -> Iterator[ImportedSymbol]:
    """Give the signatures that one import binds."""
    source = find(wanted.module, path, language)
    if wanted.name == "":
        yield from _list_module(source, f"{wanted.local}.")
    elif wanted.name == EVERYTHING:
        yield from _list_module(source, "")
    else:
        yield from _follow_name(wanted, source, path, language, find, steps)


def _follow_name(
    wanted: ImportedName,
    source: SourceOutline | None,
    path: str,
    language: str,
    find: FindSource,
    steps: int,
) -> Iterator[ImportedSymbol]:
    """Give the signature of one name: defined in `source`, passed on by it, or a module below it."""
    if source is not None and (known := source.find(wanted.name)) is not None:
        yield _make_symbol(source, known[0], known[1], wanted.local)
        return
    is_found = False
    if source is not None and steps:
        for other in _list_passed_on(source, wanted):
            for symbol in _follow(other, source.path, source.language, find, steps - 1):
                is_found = True
                yield symbol
            if is_found:
                return
    if language in PYTHON:
        separator = "" if wanted.module.endswith(".") else "."
        below = find(f"{wanted.module}{separator}{wanted.name}", path, language)
        yield from _list_module(below, f"{wanted.local}.")


def _list_passed_on(source: SourceOutline, wanted: ImportedName) -> Iterator[ImportedName]:
    """Give the imports of `source` that may bind the wanted name, under its name in the asking file."""
    for each in source.imports:
        if each.local == wanted.name and each.name != EVERYTHING:
            yield ImportedName(each.module, each.name, wanted.local)
    for each in source.imports:
        if each.name == EVERYTHING:
            yield ImportedName(each.module, wanted.name, wanted.local)


def _list_module(source: SourceOutline | None, before: str) -> Iterator[ImportedSymbol]:
    """Give all public names of a module; `before` is put before each."""
    if source is None:
        return
    for place, symbol in enumerate(source.symbols):
        if not symbol.name.startswith("_"):
            yield _make_symbol(source, place, symbol, f"{before}{symbol.name}", is_wide=True)


def _make_symbol(
    source: SourceOutline, place: int, symbol: Symbol, local: str, *, is_wide: bool = False
) -> ImportedSymbol:
    return ImportedSymbol(local, source.path, symbol.text, source.is_open, place, is_wide)
