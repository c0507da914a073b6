"""The house's rules, read from the code: who may import whom, and what a pure room may not do."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.sources import nodes, parse

ROOT = Path(__file__).parent.parent / "spark_lsp"
FILES = sorted(ROOT.rglob("*.py"))

LEVELS = [
    {
        "codes",
        "errors",
        "failures",
        "locks",
        "config",
        "request",
        "answer_events",
        "schema",
        "log_format",
        "search_path",
        "supervise",
        "proxies",
        "tls",
    }
    | {"transports"},
    {"text"},
    {"prompts", "session", "wire", "privacy", "simulate", "instant", "budget"},
    {"store", "models", "engine", "runtime", "programs", "home"},
    {"gateway", "lsp", "launch", "client"},
    {"app", "cli", "bench", "doctor", "fleet", "stats", "__main__"},
]
APART = [
    {"prompts", "session", "wire", "privacy", "simulate", "instant", "budget"},
    {"gateway", "lsp", "client"},
]
PURE = (
    "text",
    "prompts",
    "session",
    "instant",
    "wire",
    "privacy",
    "simulate",
    "budget",
    "engine/circuit_breaker.py",
    "engine/confidence.py",
    "engine/continuation.py",
    "engine/local/choice.py",
    "engine/openai/calls.py",
    "engine/openai/errors.py",
    "engine/openai/events.py",
    "engine/openai/fields.py",
    "engine/openai/logprobs.py",
    "engine/openai/servers.py",
    *(
        f"engine/responses/{name}.py"
        for name in (
            *("address", "calls", "connection", "creates", "errors", "events", "lineage", "mirrors"),
            *("obstacles", "splices", "standing", "steers", "words"),
        )
    ),
    "engine/route_records.py",
    "engine/routing.py",
    "engine/sse.py",
    "fleet/growth.py",
    "gateway/completion_fields.py",
    "gateway/fair_share.py",
    "gateway/scheduler.py",
    "stats/figures.py",
    "stats/usage.py",
    "models/gguf.py",
    "codes.py",
    "failures.py",
    "request.py",
    "answer_events.py",
    "config/",
    "schema.py",
)
IMPURE_MODULES = {
    "anyio",
    "asyncio",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
ONLY_IN = {
    "lsprotocol": ("lsp/",),
    "pygls": ("lsp/",),
    "websockets": ("engine/gateway_client/dial.py", "engine/gateway_client/socket.py"),
    "starlette": ("gateway/",),
    "uvicorn": ("gateway/",),
    "anyio": (
        *("engine/", "gateway/", "lsp/", "client/", "bench/", "cli/", "doctor/"),
        *("app.py", "launch.py", "programs.py"),
    ),
    "ray": ("fleet/libraries.py",),
    "sqlite3": ("store/",),
    "tree_sitter": (
        "prompts/known_statements.py",
        "prompts/checks/",
        "prompts/dead_code.py",
        "prompts/syntax.py",
        "prompts/shaping/error_count.py",
        "prompts/names",
        "prompts/outline.py",
    ),
    "xllamacpp": ("engine/local/child.py",),
    "jedi": ("lsp/members/child.py",),
}


ROOMS = sorted({file.relative_to(ROOT).parts[0] for file in FILES if file.parent != ROOT})


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def imports(file: Path) -> tuple[str, ...]:
    return tuple(_imports(file))


def _imports(file: Path) -> Iterator[str]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(file)}: relative import"
            assert node.module
            yield from (
                f"{node.module}.{alias.name}" if node.module == "spark_lsp" else node.module
                for alias in node.names
            )


@cache
def imported_files(file: Path) -> tuple[str, ...]:
    """Return the files of spark_lsp that a file imports anywhere: in functions and for annotations, too."""
    return tuple(_imported_files(file))


def _imported_files(file: Path) -> Iterator[str]:
    for node in nodes(file):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        for name in names:
            path = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
            if name.startswith("spark_lsp.") and path.exists():
                yield relative(path)


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the nodes of a cycle, the first one again at the end; an empty list if there is none."""
    finished: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node not in finished:
            for successor in sorted(graph.get(node, set())):
                if cycle := visit(successor, [*path, node]):
                    return cycle
            finished.add(node)
        return []

    return next(filter(None, (visit(node, []) for node in sorted(graph))), [])


def room(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


def level(name: str) -> int:
    for height, rooms in enumerate(LEVELS):
        if name in rooms:
            return height
    raise AssertionError(f"the room {name!r} is not in the house's plan")


def inner_rooms(file: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(file) if name.startswith("spark_lsp.")}


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_imports_go_down_only(file: Path) -> None:
    own = room(relative(file))
    if own == "__init__":
        return
    for other in inner_rooms(file) - {own, "__version__"}:
        allowed = level(other) < level(own) or (
            level(other) == level(own) and not any({own, other} <= group for group in APART)
        )
        assert allowed, f"{relative(file)} imports {other}"


def test_only_the_shells_of_the_wire_import_it() -> None:
    users = {relative(file) for file in FILES if "wire" in inner_rooms(file)}
    client = {f"engine/gateway_client/{name}.py" for name in ("remote", "link", "connect")}
    client |= {f"engine/responses/{name}.py" for name in ("connection", "dialing", "line", "mirrors")}
    assert all(name.startswith(("wire/", "gateway/", "bench/")) or name in client for name in users), users


def test_only_the_command_of_the_fleet_knows_the_fleet() -> None:
    """Ray takes seconds to import, and is not installed with the rest."""
    users = {relative(file) for file in FILES if "fleet" in inner_rooms(file)}
    assert {name for name in users if not name.startswith("fleet/")} == {"cli/fleet.py"}


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_libraries_stay_in_their_rooms(file: Path) -> None:
    for name in imports(file):
        for library, places in ONLY_IN.items():
            if name.split(".")[0].startswith(library):
                assert relative(file).startswith(places), f"{relative(file)} imports {name}"


@pytest.mark.parametrize("file", [f for f in FILES if relative(f).startswith(PURE)], ids=relative)
def test_pure_rooms_do_no_io(file: Path) -> None:
    tops = {name.split(".")[0] for name in imports(file)}
    assert not tops & IMPURE_MODULES
    found = nodes(file)
    assert not [n for n in found if isinstance(n, ast.Await | ast.AsyncFunctionDef)]
    calls = {n.func.id for n in found if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & {"open", "print", "input", "eval", "exec"}


@pytest.mark.parametrize("room_name", ROOMS)
def test_a_room_has_no_import_cycle(room_name: str) -> None:
    files = [file for file in FILES if room(relative(file)) == room_name]
    graph = {relative(file): set(imported_files(file)) - {relative(file)} for file in files}
    assert find_cycle(graph) == []


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set[str]()}, []),
        ({"a": {"b", "c"}, "b": {"c"}}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
    ],
)
def test_cycles_are_found(graph: dict[str, set[str]], cycle: list[str]) -> None:
    assert find_cycle(graph) == cycle


def test_only_the_shells_use_the_composition_of_the_language_server() -> None:
    users = {relative(file) for file in FILES if "lsp/parts.py" in imported_files(file)}
    assert users == {"cli/serve.py", "lsp/main_loop.py", "lsp/routes.py", "lsp/server.py"}


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_every_file_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(parse(file))
