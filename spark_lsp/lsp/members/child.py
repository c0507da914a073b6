"""The process that runs jedi: it reads requests from stdin and answers on stdout, one JSON object per line.

    python -P -I -S child.py

The first line is the setup: `{"packages": [directories of jedi and parso], "cache": directory, "bytes": the
most memory}`; the answer is `{"id": 0}`. Each other line is a request: `{"id", "text", "path", "root",
"sources": [directories], "attributes": [[line, column], ...]}`. Lines count from 1. A column is that of an
attribute's first letter. The answer is `{"id", "members": [[names] or null, ...]}`; null means that the
object may have other attributes than those that jedi knows. The process ends when stdin is closed, and after
an answer if it has used most of its memory.

Nothing of a workspace is executed. jedi reads source files; it executes only extension modules, and only
those on `sys.path`. After the start, `sys.path` holds the standard library alone: `-I` and `-S` keep out user
packages, `.pth` files and `sitecustomize`, and the setup's directories are removed after jedi was imported.
"""

import importlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RETIREMENT_SHARE = 0.8  # of the most memory, after which the process ends
MAX_BASES = 12  # base classes that are followed; more are unknown
# The running Python tells the names in these modules. Classes of modules that are not loaded are unknown.
PRELOADED = (
    *("argparse", "collections", "csv", "datetime", "decimal", "enum", "fractions", "functools", "hashlib"),
    *(
        "itertools",
        "json",
        "logging",
        "math",
        "os",
        "pathlib",
        "random",
        "re",
        "shutil",
        "string",
        "subprocess",
    ),
    *("sys", "tempfile", "textwrap", "threading", "time", "uuid"),
)
_DYNAMIC_CLASS = re.compile(r"\bsetattr\(|__dict__|\bvars\(|__getattr__|__getattribute__|\bmetaclass\s*=")
_DYNAMIC_MODULE = re.compile(
    r"^\s*from\s+\S+\s+import\s*\(?\s*\*|\bglobals\(\)|\bexec\(|__getattr__|\bsys\.modules\b|\bsetattr\(",
    re.MULTILINE,
)
_HEAD = re.compile(r"\s*class\s+\w+\s*(?:\[[^\]]*\])?\s*(\(|:)")


class Oracle:
    """Answers requests with jedi, for one project."""

    def __init__(self, jedi: Any, root: str, sources: list[str]) -> None:
        self._jedi = jedi
        self._extra = set[str]()  # attributes of the loaded base classes of the current question
        self._environment = jedi.InterpreterEnvironment()
        # The added directories hold sources only: extension modules are loaded from `sys.path` alone.
        self._project = jedi.Project(
            root, load_unsafe_extensions=False, smart_sys_path=False, added_sys_path=sources
        )

    def members_at(self, text: str, path: str | None, places: list[list[int]]) -> list[list[str] | None]:
        """Return the attributes of the object before each attribute, or None where others may exist."""
        # A script for each place: an answer of jedi's may change what the same script infers later.
        return [self._members(self._script(text, path), line, column) for line, column in places]

    def _script(self, text: str | None, path: str | None) -> Any:
        return self._jedi.Script(text, path=path, project=self._project, environment=self._environment)

    def _members(self, script: Any, line: int, column: int) -> list[str] | None:
        """`column` is the first letter of the attribute; the dot may be on an earlier line."""
        self._extra.clear()
        try:
            owners: list[Any] = script.infer(line, column - 2) if column >= 2 else []  # before the dot
            if not owners or not all(self._is_known(owner) for owner in owners):
                return None
            names = [each.name for each in script.complete(line, column)]
        except (MemoryError, RecursionError):
            raise
        except Exception:  # jedi raises all kinds of exceptions for broken code
            return None
        names += [*self._extra, *(name for owner in owners for name in _members_of_loaded(owner))]
        return None if not names or "__getattr__" in names else sorted(set(names))

    def _is_known(self, owner: Any) -> bool:
        """Tell whether jedi knows all attributes of an object."""
        if owner.type == "module":
            return self._is_plain_module(owner)
        if owner.type in ("class", "instance"):
            return self._is_plain_class(owner, [MAX_BASES])
        return False

    def _is_plain_module(self, owner: Any) -> bool:
        path = owner.module_path
        if path is None or _is_in_library(path):
            return owner.full_name in sys.modules or owner.full_name in sys.builtin_module_names
        if path.suffix == ".pyi":
            return "typeshed" in path.parts
        return _DYNAMIC_MODULE.search(path.read_text("utf-8", "replace")) is None

    def _is_plain_class(self, owner: Any, left: list[int]) -> bool:
        """Tell whether the text of a class and of all its bases shows all their attributes."""
        left[0] -= 1
        if left[0] < 0:
            return False
        path = owner.module_path
        if path is None or _is_standard(owner):
            return self._is_loaded(owner)
        if path is None or owner.line is None:
            return False
        head = owner.get_line_code() or ""
        script = self._script_of(owner)
        lines = script[0]
        if not _is_undecorated(lines, owner.line):
            return False
        body = "".join(_block(lines, owner.line - 1))
        if _DYNAMIC_CLASS.search(body) or not (found := _HEAD.match(head)):
            return False
        if found[1] == ":":
            return True
        return self._bases_are_plain(script[1], lines, owner.line, found.end(), left)

    def _is_loaded(self, owner: Any) -> bool:
        """Tell whether a class of the standard library is loaded; remember its attributes."""
        kind = _loaded_class(owner)
        if kind is None or kind is object:
            return False
        self._extra.update(dir(kind), dir(type(kind)))
        return True

    def _script_of(self, owner: Any) -> tuple[list[str], Any]:
        text = _source_of(owner)
        return text.splitlines(keepends=True), self._script(text, str(owner.module_path))

    def _bases_are_plain(self, script: Any, lines: list[str], line: int, start: int, left: list[int]) -> bool:
        head = lines[line - 1]
        end = head.find(")", start)
        if end < 0 or head.count("(", 0, end) != 1:
            return False  # bases on several lines, or with calls
        for match in re.finditer(r"[^,]+", head[start:end]):
            base = match[0].split("[")[0].strip()
            if not base or not all(part.isidentifier() for part in base.split(".")):
                return False
            column = start + match.start() + match[0].index(base) + len(base) - 1
            classes = script.infer(line, column)
            if not classes or not all(
                each.type == "class" and self._is_plain_class(each, left) for each in classes
            ):
                return False
        return True


def _is_in_library(path: Path) -> bool:
    """Tell whether a file belongs to the standard library, whose loaded modules show all their names."""
    return path.parent in _LIBRARY or path.parent.parent in _LIBRARY


_LIBRARY = [Path(entry) for entry in sys.path]  # as `-I` and `-S` leave it
_texts: dict[str, str] = {}  # of the current request's unsaved document


def _source_of(owner: Any) -> str:
    path = str(owner.module_path)
    return _texts[path] if path in _texts else Path(path).read_text("utf-8", "replace")


def _is_standard(owner: Any) -> bool:
    """Tell whether a class is described by typeshed, which jedi contains."""
    path = owner.module_path
    return path is not None and path.suffix == ".pyi" and "typeshed" in path.parts


def _is_undecorated(lines: list[str], line: int) -> bool:
    above = lines[line - 2].strip() if line >= 2 else ""
    return not above.startswith("@") or above.startswith(("@dataclass", "@dataclasses.dataclass", "@final"))


def _block(lines: list[str], first: int) -> Iterator[str]:
    """Give the lines of the block whose head is `lines[first]`."""
    indent = len(lines[first]) - len(lines[first].lstrip())
    yield lines[first]
    for line in lines[first + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent and line.strip()[0] not in ")#":
            return
        yield line


def _loaded_class(owner: Any) -> type | None:
    module, _, name = (owner.full_name or "").rpartition(".")
    kind = getattr(sys.modules.get(module), name, None)
    return kind if isinstance(kind, type) and module.partition(".")[0] in sys.stdlib_module_names else None


def _members_of_loaded(owner: Any) -> list[str]:
    """Return what the running Python adds to jedi's description of a loaded module or class.

    Include the attributes of subclasses: where a method returns its own class, jedi infers the class that
    defines the method (`Path(a).parent` is a `PurePath`).
    """
    if owner.type == "module":
        return _names_in_module(owner)
    kind = _loaded_class(owner) if owner.module_path is None or _is_standard(owner) else None
    return [] if kind is None else [name for each in _with_subclasses(kind) for name in dir(each)]


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    for each in type.__subclasses__(kind):
        yield from _with_subclasses(each)


def _names_in_module(owner: Any) -> list[str]:
    path = owner.module_path
    is_standard = path is None or _is_in_library(path) or "typeshed" in path.parts
    module = sys.modules.get(owner.full_name) if is_standard and owner.full_name else None
    return [] if module is None else dir(module)


def main() -> None:
    """Answer requests until stdin closes."""
    answers = _keep_stdout()
    setup = json.loads(sys.stdin.buffer.readline())
    _limit_memory(int(setup["bytes"]))
    jedi = _import_jedi(setup["packages"], setup["cache"])
    answers.write(b'{"id": 0}\n')
    answers.flush()
    oracles: dict[tuple[str, ...], Oracle] = {}
    for line in sys.stdin.buffer:
        request = json.loads(line)
        key = (request["root"], *request["sources"])
        oracle = oracles.setdefault(key, Oracle(jedi, request["root"], request["sources"]))
        _texts.clear()
        _texts[str(request["path"])] = request["text"]
        members = oracle.members_at(request["text"], request["path"], request["attributes"])
        answers.write(json.dumps({"id": request["id"], "members": members}).encode() + b"\n")
        answers.flush()
        if _used_memory() > RETIREMENT_SHARE * int(setup["bytes"]):
            break
    shutil.rmtree(setup["cache"], ignore_errors=True)


def _used_memory() -> int:
    """Return the most bytes of memory that this process had; 0 where that is unknown.

    On Linux, `ru_maxrss` also counts the parent's memory, which the process had before it became this
    program.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _keep_stdout() -> Any:
    """Return the answers' stream; whatever else prints, prints nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _limit_memory(most: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _import_jedi(packages: list[str], cache: str) -> Any:
    standard = list(sys.path)
    sys.path += packages
    import jedi as library  # pyright: ignore[reportMissingTypeStubs]

    jedi: Any = library
    # Before the first completion: jedi's usual cache is in the user's home, which may be read-only.
    jedi.settings.cache_directory = cache
    # The first completion imports the rest of jedi.
    jedi.Script("import os\nos.path", environment=jedi.InterpreterEnvironment()).complete(2, 3)
    sys.path[:] = standard
    for name in PRELOADED:
        importlib.import_module(name)
    jedi.settings.auto_import_modules = []
    jedi.settings.dynamic_params_for_other_modules = False  # would read all files of the workspace
    return jedi


if __name__ == "__main__":
    main()
