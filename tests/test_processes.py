"""One file starts processes: read from the code of the package and of the editors' clients."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import parse

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "spark_lsp").rglob("*.py"))
STARTER = ROOT / "spark_lsp" / "programs.py"
WAYS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "startfile", "fork", "forkpty", "posix_spawn", "posix_spawnp"}
    | {f"exec{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")}
    | {f"spawn{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "anyio": {"open_process", "run_process", "to_process"},
    "shutil": {"which"},
    "sys": {"executable"},
    "runpy": {"run_path", "run_module"},
}
MODULES = {"multiprocessing", "pty", "webbrowser", "pip", "venv", "ensurepip", "concurrent.futures.process"}
METHODS = {"subprocess_exec", "subprocess_shell", "run_in_subprocess"}


def ways(tree: ast.AST) -> Iterator[str]:
    """Name each way of starting a program that some code mentions; annotations are no way."""
    annotations = {
        id(inner) for node in ast.walk(tree) for part in annotated(node) for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in annotations:
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in WAYS.get(of, set()) | METHODS:
                yield f"{of}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
            yield from full & MODULES
            yield from (name for name in full if name.rpartition(".")[2] in WAYS.get(node.module, set()))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
            yield from (
                f"{alias.name} as {alias.asname}"
                for alias in node.names
                if alias.name in WAYS and alias.asname
            )


def annotated(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        if isinstance(part := getattr(node, name, None), ast.AST):
            yield part


def test_no_other_file_starts_a_process() -> None:
    found = {file: list(ways(parse(file))) for file in FILES}
    assert {file for file, names in found.items() if names} == {STARTER}, found


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run(['x'])",
        "from subprocess import Popen",
        "import subprocess as s",
        "import os\nos.execvp('x', [])",
        "from sys import executable",
        "import sys\nprint(sys.executable)",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "import anyio\nstart = anyio.open_process",
        "import multiprocessing.pool",
        "from concurrent.futures.process import ProcessPoolExecutor",
        "loop.subprocess_exec()",
        "import shutil\nshutil.which('x')",
    ],
)
def test_the_walk_finds_each_way(code: str) -> None:
    assert list(ways(ast.parse(code)))


def test_an_annotation_starts_nothing() -> None:
    assert not list(ways(ast.parse("import subprocess\ndef f(x: subprocess.Popen) -> subprocess.Popen: ...")))


def test_a_program_kept_as_data_starts_none() -> None:
    for file in (ROOT / "spark_lsp").rglob("*.py.txt"):
        assert not list(ways(ast.parse(file.read_text("utf-8")))), file


def test_the_extension_starts_only_what_was_found() -> None:
    starts = re.compile(
        r"\b(exec|execFile|execSync|spawn|spawnSync|fork|createTerminal|ShellExecution)\s*\(([^,)]*)"
    )
    found = {
        (file.name, *match)
        for file in (ROOT / "editors" / "vscode" / "src").glob("*.ts")
        for match in starts.findall(file.read_text("utf-8"))
    }
    assert found == {("commands.ts", "execFile", "program")}
