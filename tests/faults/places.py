"""Finds every hand-over of the program in its syntax trees, and makes each one able to fail.

A *hand-over* is where one piece of code gives work to another, which will call it: tasks of groups, timers,
threads, callbacks (every parameter and field that is annotated as a callable), the interface of engines, and
the handlers of LSP. `rewritten` returns a module's tree in which each of them goes through one of three
functions that the launcher puts into `builtins`:

    __boom__(place, call)       returns the callable, which fails when `place` is armed
    __boom_task__(place, coro)  the same for a coroutine that is handed over as such
    __boom_here__(place)        fails when `place` is armed
"""

import ast
import functools
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2] / "spark_lsp"
ROOMS = ("lsp", "engine", "gateway", "launch.py", "client")
HANDED = {  # functions that take something to call, and which argument that is
    "start_soon": 0,
    "spawn": 0,
    "_spawn_thread": 0,
    "call_soon": 0,
    "call_soon_threadsafe": 0,
    "call_later": 1,
    "call_at": 1,
    "add_done_callback": 0,
    "add_reader": 1,
    "run_sync": 0,
    "run_in_thread": 0,
    "keep_running": 0,
    "run_guarded": 0,
    "call_guarded": 0,
    "guarded": 0,
}
TASKS = ("ensure_future", "create_task")
ENGINE = {"info", "open", "observe", "aclose"}


def files() -> list[Path]:
    """Every file of the rooms in which independent work runs."""
    found = [file for room in ROOMS for file in _below(ROOT / room)]
    return [file for file in found if file.name != "__init__.py"]


def _below(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@functools.cache
def callable_names() -> set[str]:
    """The names that stand for callables in annotations: `Callable`, and what is defined as one."""
    names = {"Callable"}
    for file in ROOT.rglob("*.py"):
        names |= set(re.findall(r"^(\w+) = [^\n]*\bCallable\[", file.read_text("utf-8"), re.MULTILINE))
    return names


class Places(ast.NodeTransformer):
    """Rewrites one module, and keeps the names of its places."""

    def __init__(self, file: Path) -> None:
        self.found: list[str] = []
        self._file = file.relative_to(ROOT).as_posix()
        self._within: list[str] = []
        self._engine = False
        self._count: Counter[str] = Counter()

    def _place(self, what: str) -> ast.Constant:
        name = f"{self._file}:{'.'.join(self._within)}:{what}"
        self._count[name] += 1
        if (number := self._count[name]) > 1:
            name += f"#{number}"
        self.found.append(name)
        return ast.Constant(name)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        methods = {
            each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        before, self._engine = self._engine, methods >= ENGINE and not _is_protocol(node)
        self._within.append(node.name)
        fields = [name for each in node.body if (name := _callable_field(each))]
        self.generic_visit(node)
        if fields and any("dataclass" in ast.unparse(each) for each in node.decorator_list):
            places = ast.Dict([ast.Constant(f) for f in fields], [self._place(f"field {f}") for f in fields])
            node.decorator_list.insert(0, _call("__boom_fields__", places))
        self._within.pop()
        self._engine = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outermost = not self._within
        method = len(self._within) == 1 and self._engine
        self._within.append(node.name)
        self.generic_visit(node)
        begin: list[ast.stmt] = []
        if (method and _is_interface(node)) or (outermost and self._is_handler(node)):
            begin.append(ast.Expr(_call("__boom_here__", self._place("called"))))
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            if _is_callable(argument.annotation):
                name = argument.arg
                wrapped = _call("__boom__", self._place(f"parameter {name}"), ast.Name(name, ast.Load()))
                begin.append(ast.Assign([ast.Name(name, ast.Store())], wrapped))
        at = 1 if ast.get_docstring(node) else 0
        node.body[at:at] = begin
        self._within.pop()
        return node

    def _is_handler(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return self._file.startswith(("lsp/features/", "lsp/routes.py")) and not node.name.startswith("_")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        at = HANDED.get(name)
        if at is not None and len(node.args) > at:
            node.args[at] = _call("__boom__", self._place(f"{name}({_short(node.args[at])})"), node.args[at])
        if name in TASKS and node.args:
            node.args[0] = _call(
                "__boom_task__", self._place(f"{name}({_short(node.args[0])})"), node.args[0]
            )
        for keyword in node.keywords:
            if keyword.arg == "target" and name == "Thread":
                keyword.value = _call("__boom__", self._place("thread"), keyword.value)
        return node


def _short(node: ast.AST) -> str:
    while (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("__boom")
    ):
        node = node.args[-1]
    return "lambda" if isinstance(node, ast.Lambda) else ast.unparse(node)[:40].replace("'", "")


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base) == "Protocol" for base in node.bases)


def _is_interface(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method is of the engine's interface, or one of the generators that give its events."""
    if node.name in ENGINE:
        return True
    yields = any(isinstance(each, ast.Yield) for each in ast.walk(node))
    return isinstance(node, ast.AsyncFunctionDef) and yields


def _is_callable(annotation: ast.expr | None) -> bool:
    text = ast.unparse(annotation).strip("'\"") if annotation is not None else ""
    return text.split("[")[0].split(" |")[0] in callable_names()


def _callable_field(node: ast.stmt) -> str:
    if (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and _is_callable(node.annotation)
    ):
        return node.target.id
    return ""


def rewritten(file: Path) -> tuple[ast.Module, list[str]]:
    """Return a module's tree with its hand-overs made able to fail, and their names."""
    places = Places(file)
    tree = places.visit(ast.parse(file.read_text("utf-8"), str(file)))
    return ast.fix_missing_locations(tree), places.found


def all_places() -> list[str]:
    """The names of all hand-overs."""
    return [place for file in files() for place in rewritten(file)[1]]
