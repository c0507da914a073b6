"""Runs the checks of the suite `edits` on a changed file: Python in the sandbox, JavaScript in node.

Python code runs as `bench.sandbox` describes. JavaScript runs in a context of node's `vm` without `require`,
`process` and `fetch`, in a process that may not read or write files or start programs. TypeScript is run
after its types were removed (`bench.typescript`).
"""

import json
import subprocess
from collections.abc import Sequence
from functools import cache

from spark_lsp import programs
from spark_lsp.bench.sandbox import Verdict, judge_all, run_judge
from spark_lsp.bench.typescript import remove_types

_PYTHON = """
import ast, sys, types
SOURCE = {source!r}
_module = types.ModuleType("changed_file")
sys.modules["changed_file"] = _module
exec(compile(SOURCE, "changed_file.py", "exec"), _module.__dict__)
globals().update({{name: value for name, value in _module.__dict__.items() if not name.startswith("__")}})
MODULE = _module
"""
_SHAPE = """
import ast
SOURCE = {source!r}
TREE = ast.parse(SOURCE)
def named(name, kind=(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
    return next(node for node in ast.walk(TREE) if isinstance(node, kind) and node.name == name)
def has(node, *kinds):
    return any(isinstance(each, kinds) for each in ast.walk(node))
def called(node):
    return [ast.unparse(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)]
def names(node):
    return {{each.id for each in ast.walk(node) if isinstance(each, ast.Name)}}
"""
_LOOP = """
import asyncio, time
class _Selector:
    def select(self, timeout):
        time.sleep(timeout or 0)
        return []
class _Loop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Selector()
    def _process_events(self, events): pass
def run(work):
    return _Loop().run_until_complete(work)
"""
_RAISES = """
def raises(kind, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind:
        return True
    except Exception:
        return False
    return False
"""
_NODE = """
const vm = require('node:vm');
const given = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const silent = { log() {}, warn() {}, error() {}, info() {} };
class Failed extends Error {}
const assert = (held) => { if (!held) throw new Failed('assertion'); };
const raises = (call) => { try { call(); } catch (error) { return error; } return undefined; };
const equal = (one, other) => assert(JSON.stringify(one) === JSON.stringify(other));
(async () => {
  for (const part of given.parts) {
    const module = { exports: {} };
    const tools = { assert, equal, raises, console: silent, setTimeout };
    const globals = { module, exports: module.exports, ...tools };
    let digit = '0';
    try {
      const context = vm.createContext(globals);
      const program = given.source + '\\n;(async () => {' + part + '\\n})()';
      await vm.runInContext(program, context, { timeout: 3000 });
    } catch (error) {
      digit = error instanceof Failed ? '4' : '5';
    }
    process.stdout.write(digit);
  }
  process.exit(0);
})();
"""
_MEGABYTES = 256
SECONDS = 6.0  # for all checks of one answer


def needs_node(language: str) -> bool:
    """Tell whether files of a language are checked by node."""
    return language in ("javascript", "typescript")


def run_tests(language: str, source: str, tests: Sequence[str], shapes: Sequence[str] = ()) -> list[Verdict]:
    """Run each of `shapes` on a file's syntax tree, then each of `tests` after its text.

    Return the outcomes in this order; none for a language that is not run. A test that does not end costs
    the outcomes of the later ones.
    """
    if language == "python":
        parts = [_SHAPE.format(source=source) + each for each in shapes]
        parts += [_program(source, each) for each in tests]
        return judge_all(parts, SECONDS) if parts else []
    if not needs_node(language) or not tests:
        return []
    return _run_in_node(source if language == "javascript" else remove_types(source), tests)


def run_programs(pairs: Sequence[tuple[str, str]], seconds: float = 10 * SECONDS) -> list[Verdict]:
    """Run pairs of a Python file's text and a test in one process; return the outcomes."""
    return judge_all([_program(source, test) for source, test in pairs], seconds)


def _program(source: str, test: str) -> str:
    return _PYTHON.format(source=source) + _RAISES + (_LOOP if "run(" in test else "") + test


def _run_in_node(source: str, tests: Sequence[str]) -> list[Verdict]:
    command = (*(node_command() or ()), "-e", _NODE)
    given = json.dumps({"source": source, "parts": list(tests)})
    return run_judge(command, given, len(tests), SECONDS)


@cache
def node_command() -> tuple[str, ...] | None:
    """Return the command of a node that may not touch files, or None if there is no such node."""
    node = programs.find("node")
    if node is None:
        return None
    for option in ("--permission", "--experimental-permission"):
        command = (node, option, f"--max-old-space-size={_MEGABYTES}")
        try:
            done = programs.run(
                (*command, "-e", "0"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode == 0:
            return command
    return None
