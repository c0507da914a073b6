"""jedi in a child process: what it answers, what it must never execute, and how its faults are contained."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from spark_lsp.lsp.members.query import MembersQuery, make_query
from spark_lsp.lsp.members.service import (
    CHILD,
    MAX_BYTES,
    PAUSE_SECONDS,
    Answer,
    MembersService,
    find_packages,
)
from spark_lsp.lsp.names import NamesChecker
from spark_lsp.programs import python
from spark_lsp.supervise import run_guarded
from spark_lsp.text.document import Document
from tests.patience import PATIENCE
from tests.traps import Traps

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def service(**options: Any) -> AsyncIterator[MembersService]:
    async with anyio.create_task_group() as group:

        def spawn(*work: Any) -> None:
            group.start_soon(run_guarded, *work)

        # On a busy machine, one answer may take longer than the usual limit.
        yield MembersService(spawn, **{"hard_limit_s": PATIENCE, **options})
        group.cancel_scope.cancel()


async def ask(members: MembersService, query: MembersQuery) -> Answer:
    answer = await members.ask(query, PATIENCE)
    assert answer is not None
    return answer


def query_of(folder: Path, text: str, name: str = "here.py") -> MembersQuery:
    """Make a query about the attributes `.ask` in a text of a file in `folder`."""
    offsets = [at + 1 for at in range(len(text)) if text.startswith(".ask", at)]
    query = make_query((folder / name).as_uri(), text, offsets, [folder.as_uri()])
    assert query is not None
    return query


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def test_objects_of_the_file_of_the_workspace_and_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "cart.py").write_text("class Cart:\n    def add(self): ...\n")
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (site / "vendor.py").write_text("def sell(): ...\n")
    text = (
        "import os\r\nimport vendor\r\nfrom shop.cart import Cart\r\nx = '\U0001f600größe'; c = Cart()\r\n"
        "c.ask; x.ask; os.ask; os.path.ask; vendor.ask\r\n"
    )
    async with service() as members:
        cart, string, module, path, vendor = await ask(members, query_of(tmp_path, text))
    assert cart is not None
    assert "add" in cart
    assert "ask" not in cart
    assert string is not None
    assert string >= set(dir(str))
    assert module is not None
    assert {"getcwd", "path"} <= module
    assert path is not None
    assert "join" in path
    assert vendor is not None
    assert "sell" in vendor


UNKNOWN = [
    "import missing\nmissing.ask\n",
    "from missing import A\nclass B(A): ...\nb = B()\nb.ask\n",
    "def f(x):\n    x.ask\n",
    "class B:\n    def __getattr__(self, name): ...\nb = B()\nb.ask\n",
    "class B:\n    def f(self): setattr(self, 'ask', 1)\nb = B()\nb.ask\n",
    "import m\n@m.register\nclass B: ...\nb = B()\nb.ask\n",
    "class B(metaclass=dict): ...\nb = B()\nb.ask\n",
    "import dynamic\ndynamic.ask\n",
    "import missing\nclass A(missing.C): ...\nclass B(A): ...\nb = B()\nb.ask\n",
    "def f(:\n  ) . ask\n.ask",
    "\udcff.ask",
]


async def test_a_function_that_returns_the_class_of_its_argument(tmp_path: Path) -> None:
    async with service() as members:
        text = "from pathlib import Path\nx = Path('a').with_name('b')\nx.ask\n"
        (path,) = await ask(members, query_of(tmp_path, text))
        text = "from dataclasses import *\n@dataclass\nclass B:\n    a: int = 1\nb = replace(B())\nb.ask\n"
        (instance,) = await ask(members, query_of(tmp_path, text))
    assert path is None or "read_text" in path
    assert instance is None or "a" in instance


async def test_objects_that_may_have_other_attributes(tmp_path: Path) -> None:
    (tmp_path / "dynamic.py").write_text("globals().update(ask=1)\n")
    async with service() as members:
        for text in UNKNOWN:
            answer = await ask(members, query_of(tmp_path, text))
            assert set(answer) <= {None}, text


@pytest.mark.skipif(os.name != "posix", reason="the traps are written for POSIX")
async def test_nothing_of_the_workspace_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traps = Traps(tmp_path)
    _lay_traps_for_jedi(traps)
    folder = traps.folder
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "CONDA_PREFIX"):
        monkeypatch.setenv(name, str(folder / "venv"))
    monkeypatch.chdir(folder)
    imports = "import extension, native, gi, json, sitecustomize, conftest, six, _socket, packed\n"
    uses = "extension.ask; native.ask; gi.ask; json.ask; conftest.ask; six.ask; packed.ask\n"
    fixture = "def test_a(trap, monkeypatch):\n    trap.ask; monkeypatch.ask\n"
    async with service() as members:
        await ask(members, query_of(folder, imports + uses + fixture, "test_sums.py"))
        await ask(members, query_of(folder, "from extension import x\nx.ask\n", "conftest.py"))
    assert traps.sprung() == []
    assert not list(folder.rglob("*.pkl"))


@pytest.mark.skipif(os.name != "posix", reason="the traps are written for POSIX")
def test_the_traps_spring_for_a_jedi_with_its_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: by default, jedi runs the interpreter of a virtual environment."""
    import jedi

    traps = Traps(tmp_path)
    _lay_traps_for_jedi(traps)
    monkeypatch.setenv("VIRTUAL_ENV", str(traps.folder / "venv"))
    with pytest.raises(jedi.InvalidPythonEnvironment):
        jedi.create_environment(str(traps.folder / "venv"), safe=False)
    assert any(name.startswith("python") for name in traps.sprung())


def _lay_traps_for_jedi(traps: Traps) -> None:
    """Lay files that an analyzer might execute; a file that is read only springs nothing."""
    folder = traps.folder
    module = (folder / "json.py").read_text("utf-8")
    program = (folder / "python").read_text("utf-8")
    site = folder / "venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    binaries = folder / "venv" / "bin"
    binaries.mkdir()
    for name in ("python", "python3", "python3.11", "activate"):
        (binaries / name).write_text(program)
        (binaries / name).chmod(0o755)
    (folder / "venv" / "pyvenv.cfg").write_text(f"home = {binaries}\n")
    for name in ("conftest.py", "gi.py", "packed.py", "six.py", "setup.py", "manage.py", "sitecustomize.py"):
        (folder / name).write_text(module)
        (site / name).write_text(module)
    (site / "trap.pth").write_text("import sitecustomize\n")
    # Loading this as a library fails, and an attempt imports nothing; `test_extensions_of_a_workspace` below
    # shows that there is no attempt.
    for name in ("extension.so", "native.abi3.so"):
        (folder / name).write_bytes(b"\x7fELF")
        (site / name).write_bytes(b"\x7fELF")
    (folder / ".jedi").mkdir()
    (folder / ".jedi" / "project.json").write_text(
        json.dumps([1, {"path": str(folder), "environment_path": str(binaries / "python"),
                        "load_unsafe_extensions": True, "sys_path": [str(folder)]}])
    )  # fmt: skip


async def test_extensions_of_a_workspace_are_not_loaded(tmp_path: Path) -> None:
    """A real extension module would show its names if it were loaded."""
    import msgspec._core as real

    name = Path(str(real.__file__)).name
    (tmp_path / name).write_bytes(Path(str(real.__file__)).read_bytes())
    stem = name.split(".")[0]
    async with service() as members:
        assert await ask(members, query_of(tmp_path, f"import {stem}\n{stem}.ask\n")) == [None]


async def test_the_child_sees_the_standard_library_only(tmp_path: Path) -> None:
    text = "import pygls, msgspec, spark_lsp\npygls.ask; msgspec.ask; spark_lsp.ask\n"
    async with service() as members:
        assert await ask(members, query_of(tmp_path, text)) == [None, None, None]


FAKE = """
import json, os, sys, time
setup = sys.stdin.buffer.readline()
if {start!r} != "silent":
    print({ready!r}, flush=True)
for line in sys.stdin.buffer:
    number = json.loads(line)["id"]
    {act}
"""
ACTS = {
    "hangs": "time.sleep(1000)",
    "crashes": "os.abort()",
    "exits": "sys.exit(0)",
    "garbage": "os.write(1, b'\\xff\\x00 garbage\\n')",
    "no object": "print([], flush=True)",
    "wrong id": "print(json.dumps({'id': 4711, 'members': []}), flush=True)",
    "wrong kind": "print(json.dumps({'id': number, 'members': 1}), flush=True)",
    "endless": "os.write(1, b'x' * (5 << 20))",
}


def fake(act: str) -> tuple[str, ...]:
    return python("-c", FAKE.format(start="", ready='{"id": 0}', act=act))


@pytest.mark.parametrize("fault", ACTS)
async def test_a_fault_of_the_child_costs_one_answer_and_then_a_pause(tmp_path: Path, fault: str) -> None:
    clock = [0.0]
    query = query_of(tmp_path, "x.ask")
    async with service(command=fake(ACTS[fault]), hard_limit_s=0.2, now=lambda: clock[0]) as members:
        for _ in range(3):
            assert not members.is_paused
            assert await members.ask(query, PATIENCE) is None
            await until(lambda: not members.is_running)
        assert members.is_paused
        assert await members.ask(query, PATIENCE) is None
        assert not members.is_running
        clock[0] = PAUSE_SECONDS
        assert not members.is_paused


async def test_a_child_that_is_missing_costs_nothing_else(tmp_path: Path) -> None:
    async with service(command=(str(tmp_path / "missing"),)) as members:
        assert await members.ask(query_of(tmp_path, "x.ask"), 0.1) is None
        await until(lambda: not members.is_running)


async def test_a_question_that_takes_too_long_has_no_answer_but_the_next_one_has(tmp_path: Path) -> None:
    answer = "print(json.dumps({'id': number, 'members': [['a']]}), flush=True)"
    slow = f"time.sleep(0.3 if number == 1 else 0); {answer}"
    query = query_of(tmp_path, "x.ask")
    async with service(command=fake(slow), hard_limit_s=PATIENCE) as members:
        while not members.is_ready:
            await members.ask(query, 0.01)
        await until(lambda: not members.is_busy)
        assert await ask(members, query) == [frozenset("a")]


async def test_an_idle_child_ends_and_the_next_question_starts_another(tmp_path: Path) -> None:
    query = query_of(tmp_path, "x = ''\nx.ask")
    async with service(idle_s=0.05) as members:
        await ask(members, query)
        await until(lambda: not members.is_running)
        await ask(members, query)
        assert not members.is_paused


def test_a_child_whose_home_cannot_be_written_answers(tmp_path: Path) -> None:
    """The service gives the child another home; jedi must not write to it before it is told where to."""
    home = tmp_path / "home"
    home.touch()  # a file: nothing can be created in it, not even by root
    setup = {"packages": find_packages(), "cache": str(tmp_path / "cache"), "bytes": MAX_BYTES}
    query = query_of(tmp_path, "x = ''\nx.ask")
    request = {"id": 1, "text": query.text, "path": query.path, "root": query.root, "sources": query.sources,
               "attributes": query.places}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(CHILD)],
        input=f"{json.dumps(setup)}\n{json.dumps(request)}\n",
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    ready, answer = map(json.loads, done.stdout.splitlines())
    assert ready == {"id": 0}
    assert "upper" in answer["members"][0]


async def test_a_childs_home_is_its_private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tell = "print(json.dumps({'id': number, 'members': [[os.path.expanduser('~')]]}), flush=True)"
    async with service(command=fake(tell)) as members:
        (home,) = await ask(members, query_of(tmp_path, "x.ask"))
        assert home == {str(each) for each in tmp_path.iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a parent's memory as the child's")
async def test_the_memory_of_the_parent_is_not_the_childs(tmp_path: Path) -> None:
    ballast = bytearray(MAX_BYTES)
    ballast[::4096] = b"x" * len(ballast[::4096])
    async with service() as members:
        for _ in range(2):
            await ask(members, query_of(tmp_path, "x = ''\nx.ask"))
            await asyncio.sleep(0)
            assert members.is_ready
        assert len(ballast) == MAX_BYTES


async def test_a_child_uses_limited_memory_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with service() as members:
        await ask(members, query_of(tmp_path, "x = ''\nx.ask"))
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
async def test_a_child_without_memory_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_lsp.lsp.members.service.MAX_BYTES", 1 << 20)
    async with service() as members:
        assert await members.ask(query_of(tmp_path, "x.ask"), PATIENCE) is None
        await until(lambda: not members.is_running)


async def test_a_suggestion_is_checked_in_the_file_and_with_jedi(tmp_path: Path) -> None:
    text = "class Cart:\n    def add(self): ...\n    size = 1\n\ncart = Cart()\n\n"
    document = Document((tmp_path / "a.py").as_uri(), text, 1, "python")
    withheld: set[str] = set()
    async with service() as members:
        checker = NamesChecker(members, lambda: [tmp_path.as_uri()], withheld.__contains__)

        async def check(inserted: str) -> Any:
            return await checker.check(document, len(text), inserted, timeout=PATIENCE)

        assert (await check("cart.add()")).state == "fine"
        verdict = await check("cart.add()\ncart.total_after_discount()")
        assert verdict.state == "unresolved"
        (found,) = verdict.unresolved
        assert (found.name, found.of, found.cut) == ("total_after_discount", "cart", len("cart.add()"))
        assert set(found.known) == {"add", "size"}
        assert (await check("carts.add()")).unresolved[0].name == "carts"
        assert (await check("import missing\nmissing.x")).state == "unknown"
        withheld.add(document.uri)
        assert (await check("cart.total_after_discount()")).state == "unknown"


def test_packages_are_found_without_importing_them() -> None:
    for name in ("jedi", "parso"):
        assert any((Path(folder) / name).is_dir() for folder in find_packages())
