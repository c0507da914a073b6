"""The files that an import may mean, as paths with `/`, the most likely first.

Nothing here searches the disk or lists a folder: the caller tries the paths. So a large workspace costs no
more than a small one.
"""

import posixpath
import sys
from collections.abc import Iterator, Sequence

from spark_lsp.prompts.imports import PYTHON, SCRIPTS

MAX_FOLDERS = 12  # above a file, in which an absolute import is tried
_PYTHON_FORMS = (".py", "/__init__.py", ".pyi", "/__init__.pyi")
_SCRIPT_ENDS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
_SCRIPT_FORMS = (*_SCRIPT_ENDS, *(f"/index{end}" for end in _SCRIPT_ENDS[:5]))
# TypeScript names the file that its compiler will write.
_COMPILED = {".js": (".ts", ".tsx", ".d.ts"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}


def list_module_paths(module: str, path: str, roots: Sequence[str], language: str) -> tuple[str, ...]:
    """Return the paths that `module` may mean in the file `path`.

    `roots` are the open folders. A path may lead out of them.
    """
    if language in PYTHON:
        found = _python_paths(module, path, roots)
    elif language in SCRIPTS:
        found = _script_paths(module, path)
    else:
        return ()
    return tuple(dict.fromkeys(each for each in found if each != path))


def is_inside(path: str, roots: Sequence[str]) -> bool:
    """Tell whether a normalized path is in one of the folders."""
    return find_root(path, roots) is not None


def find_root(path: str, roots: Sequence[str]) -> str | None:
    """Return the innermost of the folders that holds a normalized path, or None."""
    holding = [each for each in roots if path.startswith(_with_slash(each))]
    return max(holding, key=len, default=None)


def shorten_path(path: str, roots: Sequence[str]) -> str:
    """Return a path relative to its open folder; outside of all folders, its last name."""
    root = find_root(path, roots)
    return posixpath.basename(path) if root is None else path.removeprefix(_with_slash(root))


def _with_slash(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _python_paths(module: str, path: str, roots: Sequence[str]) -> Iterator[str]:
    name = module.lstrip(".")
    dots = len(module) - len(name)
    parts = name.split(".") if name else []
    if not all(part.isidentifier() for part in parts):
        return
    if dots:
        folder = posixpath.dirname(path)
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        yield from _python_forms(folder, parts)
    elif parts and parts[0] not in sys.stdlib_module_names:
        for folder in _list_folders(path, roots):
            yield from _python_forms(folder, parts)


def _python_forms(folder: str, parts: Sequence[str]) -> Iterator[str]:
    base = posixpath.join(folder, *parts)
    forms = _PYTHON_FORMS if parts else (_PYTHON_FORMS[1], _PYTHON_FORMS[3])
    for form in forms:
        yield posixpath.normpath(f"{base}{form}")


def _list_folders(path: str, roots: Sequence[str]) -> Iterator[str]:
    """Give the folders that Python may search, each with its `src`: above the file, and all open ones."""
    root = find_root(path, roots)
    folder = posixpath.dirname(path)
    for _ in range(MAX_FOLDERS):
        yield folder
        yield f"{folder}/src"
        if root is None or folder == root.rstrip("/") or folder == posixpath.dirname(folder):
            break
        folder = posixpath.dirname(folder)
    for each in roots:
        yield each.rstrip("/") or "/"
        yield f"{each.rstrip('/')}/src"


def _script_paths(module: str, path: str) -> Iterator[str]:
    if not module.startswith(("./", "../")) and module not in (".", ".."):
        return
    base = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
    stem, end = posixpath.splitext(base)
    for form in _COMPILED.get(end, ()):
        yield f"{stem}{form}"
    if base.endswith(_SCRIPT_ENDS):
        yield base
    for form in _SCRIPT_FORMS:
        yield f"{base}{form}"
