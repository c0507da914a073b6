"""Makes a question for jedi: which document, which attributes, and where its imports can be found.

The directories are data: jedi reads source files in them and executes none.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.privacy.uris import is_file, path_of
from spark_lsp.text.lines import LINE_END

MAX_TEXT_CHARS = 100_000  # jedi parses 100,000 characters in about a second
_ENVIRONMENTS = (".venv", "venv", "env")


@dataclass(frozen=True, slots=True)
class MembersQuery:
    """The attributes at `places` (line from 1, column from 0, of the first letter) of a text."""

    text: str
    path: str
    root: str
    sources: tuple[str, ...]
    places: tuple[tuple[int, int], ...]


def make_query(uri: str, text: str, offsets: Sequence[int], roots: Iterable[str]) -> MembersQuery | None:
    """Return the question for the attributes at `offsets`, or None for a text that jedi cannot judge.

    Only files are examined: jedi finds imports by the file's directory. `roots` are URIs of open folders.
    """
    if not is_file(uri) or len(text) > MAX_TEXT_CHARS or not offsets:
        return None
    path = os.path.abspath(path_of(uri))
    folders = [os.path.abspath(path_of(each)) for each in roots if is_file(each)]
    around = [each for each in folders if path.startswith(each.rstrip(os.sep) + os.sep)]
    root = max(around, key=len, default=os.path.dirname(path))
    places = tuple(_place_of(text, offset) for offset in offsets)
    return MembersQuery(text, path, root, _find_sources(path, root), places)


def _place_of(text: str, offset: int) -> tuple[int, int]:
    ends = [match.end() for match in LINE_END.finditer(text, 0, offset)]
    return len(ends) + 1, offset - (ends[-1] if ends else 0)


def _find_sources(path: str, root: str) -> tuple[str, ...]:
    """Return the directories that may hold the modules that a file imports."""
    above = os.path.dirname(path)
    while above != root and os.path.isfile(os.path.join(above, "__init__.py")):
        above = os.path.dirname(above)
    found = [root, os.path.join(root, "src"), above]
    for name in _ENVIRONMENTS:
        found += _packages_of(os.path.join(root, name))
    return tuple(dict.fromkeys(each for each in found if os.path.isdir(each)))


def _packages_of(environment: str) -> list[str]:
    """Return the directories of packages in a virtual environment."""
    library = os.path.join(environment, "lib")
    try:
        versions = sorted(name for name in os.listdir(library) if name.startswith("python"))
    except OSError:
        versions = []
    folders = [os.path.join(library, name, "site-packages") for name in versions]
    return [*folders, os.path.join(environment, "Lib", "site-packages")]
