"""We use the documented parts of libraries; each exception is listed here and has a contract test.

Two views: the source's syntax tree shows which private names it reads, and the imported classes show what
they override of a library's class. `tests/unit/test_contracts.py` checks that the listed members behave as
we need.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import spark_lsp
from tests.sources import parse

ROOT = Path(spark_lsp.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
DOCUMENTED = {"os._exit"}  # documented in spite of its name

# Private members that we use, and public ones that we override, by file.
ALLOWED = {
    "lsp/pygls_adapter.py": {
        "_handle_notification",
        "_handle_request",
        "_send_response",
        "handle_message",
        "notify",
    },
    # httpx documents these as what a transport of one's own overrides.
    "transports.py": {"aclose", "close", "handle_async_request", "handle_request"},
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def relative(path: str | Path) -> str:
    return Path(path).relative_to(ROOT).as_posix()


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Give all names that a tree defines: functions, classes, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def imported_names(tree: ast.AST) -> set[str]:
    """Return the names that a tree binds to things of other projects, the standard library included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("spark_lsp"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names - {"spark_lsp"}


def private_uses(tree: ast.AST, ours: set[str]) -> Iterator[tuple[int, str]]:
    """Give line and name of each private name of another project: imported, read, or named in a string."""
    imported = imported_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                module = getattr(node, "module", "") or ""
                if not module.startswith("spark_lsp"):
                    parts = [part for alias in aliases for part in f"{module}.{alias.name}".split(".")]
                    yield from ((node.lineno, part) for part in parts if is_private(part))
            case ast.Attribute(value=owner, attr=name) if is_private(name):
                foreign = isinstance(owner, ast.Name) and owner.id in imported
                if (foreign or name not in ours) and ast.unparse(node) not in DOCUMENTED:
                    yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr"), args=[_, ast.Constant(str(name)), *_]
            ):
                if is_private(name):
                    yield node.lineno, name
            case _:
                pass


def own_classes() -> Iterator[type]:
    """Give our classes that have a base of another project. msgspec's structs have nothing to override."""
    for found in pkgutil.walk_packages(spark_lsp.__path__, "spark_lsp."):
        if not found.name.endswith("__main__"):
            for each in vars(importlib.import_module(found.name)).values():
                if inspect.isclass(each) and each.__module__ == found.name and foreign_bases(each):
                    yield each


def foreign_bases(kind: type) -> list[type]:
    standard = {*sys.stdlib_module_names, "builtins", "spark_lsp", "msgspec"}
    return [base for base in kind.__mro__ if base.__module__.split(".")[0] not in standard]


def overridden(kind: type) -> set[str]:
    """Return the names that a class defines or uses on itself and that a base of another project has too."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    }
    theirs = {name for base in foreign_bases(kind) for name in attributes(base)}
    names = {name for name in vars(kind) if not name.startswith("__")}
    return (names | {name for name in used if is_private(name)}) & theirs


def attributes(base: type) -> set[str]:
    """Return the names of a class and those that its methods set on `self`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
    except OSError:  # httpx's classes name the package as their module, where their source is not
        return set(vars(base))
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return set(vars(base)) | {node.attr for node in stored if isinstance(node.ctx, ast.Store)}


OURS = {name for file in FILES for name in defined_names(parse(file))}
CLASSES = list(own_classes())


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_no_private_name_of_another_project_is_used(file: Path) -> None:
    allowed = ALLOWED.get(relative(file), set())
    tree = parse(file)
    found = [(line, name) for line, name in private_uses(tree, OURS) if name not in allowed]
    assert not found, f"{relative(file)} uses private names: {found}; use public ones, or list and test them"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__qualname__)
def test_a_class_of_another_project_is_not_reached_into(kind: type) -> None:
    name = relative(inspect.getsourcefile(kind) or "")
    found = overridden(kind) - ALLOWED.get(name, set())
    assert not found, f"{name}: {kind.__name__} overrides or uses {found}; see ALLOWED"


def test_the_list_of_exceptions_is_not_longer_than_it_must_be() -> None:
    used: dict[str, set[str]] = {}
    for file in FILES:
        tree = parse(file)
        if names := {name for _, name in private_uses(tree, OURS)}:
            used.setdefault(relative(file), set()).update(names)
    for kind in CLASSES:
        if names := overridden(kind):
            used.setdefault(relative(inspect.getsourcefile(kind) or ""), set()).update(names)
    assert used == ALLOWED


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import httpx\nhttpx._client", "_client"),
        ("from httpx import _client", "_client"),
        ("import httpx._client", "_client"),
        ("import httpx\nx = httpx.Client()\nx._transport", "_transport"),
        ("getattr(x, '_hidden')", "_hidden"),
        ("import httpx\nhttpx._ours", "_ours"),
    ],
)
def test_private_uses_are_seen(source: str, name: str) -> None:
    assert name in [found for _, found in private_uses(ast.parse(source), {"_ours"})]
