"""Runs `spark-lsp` with hand-overs that can be made to fail from outside, over a Unix socket.

    python launcher.py CONTROL COMMAND…

`CONTROL` is the socket's path. A line of JSON comes in, one goes out: `{"arm": PLACE}` arms a place (the next
call through it raises once), `{"cut": true}` breaks every connected socket of the process; the answer tells
which places were reached and which have raised. `SPARK_TEST_ARM` arms a place from the start; in the folder
`SPARK_TEST_CODE` rewritten modules are kept for the next process.
"""

import asyncio
import builtins
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import marshal
import os
import socket
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults.places import ROOT, files, rewritten

armed: set[str] = set()
reached: set[str] = set()
raised: list[str] = []
GUARDS = ("run_guarded", "keep_running")


class Boom(Exception):
    """What nobody expects."""


def hit(place: str) -> None:
    reached.add(place)
    if place in armed:
        armed.discard(place)
        raised.append(place)
        raise Boom("def tell_nobody_4711(): a line of the user's code")


def boom(place: str, call: Any) -> Any:
    """Return a callable that fails while armed; where `call` is a guard, the guarded work fails instead."""
    if not callable(call):
        return call
    if _is_guard(call):
        return lambda work, *arguments, **named: call(boom(place, work), *arguments, **named)
    if inspect.iscoroutinefunction(call):

        async def later(*arguments: Any, **named: Any) -> Any:
            hit(place)
            return await call(*arguments, **named)

        return functools.update_wrapper(later, call) if hasattr(call, "__qualname__") else later

    if inspect.isgeneratorfunction(call):

        def steps(*arguments: Any, **named: Any) -> Any:
            hit(place)
            return (yield from call(*arguments, **named))

        return functools.update_wrapper(steps, call)

    def now(*arguments: Any, **named: Any) -> Any:
        hit(place)
        return call(*arguments, **named)

    return functools.update_wrapper(now, call) if hasattr(call, "__qualname__") else now


def _is_guard(call: Any) -> bool:
    inner = call.func if isinstance(call, functools.partial) and not call.args else call
    name = getattr(inner, "__name__", "")
    return getattr(inner, "__module__", "") == "spark_lsp.supervise" and name in GUARDS


def boom_task(place: str, coroutine: Any) -> Any:
    """Return a coroutine that fails at its start while armed; a guard never does."""
    if not inspect.iscoroutine(coroutine) or coroutine.__name__ in GUARDS:
        reached.add(place)
        return coroutine

    async def later() -> Any:
        try:
            hit(place)
        except Boom:
            coroutine.close()
            raise
        return await coroutine

    return later()


def boom_fields(places: dict[str, str]) -> Callable[[Any], Any]:
    """Return a decorator by which the callables in a dataclass's fields fail while armed."""

    def decorate(kind: Any) -> Any:
        made = kind.__init__

        def init(self: Any, *arguments: Any, **named: Any) -> None:
            made(self, *arguments, **named)
            for name, place in places.items():
                object.__setattr__(self, name, boom(place, getattr(self, name)))

        kind.__init__ = init
        return kind

    return decorate


class Finder(importlib.abc.MetaPathFinder):
    """Loads the modules of our rooms in their rewritten form."""

    def __init__(self) -> None:
        self._files = {str(file) for file in files()}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if not fullname.startswith("spark_lsp."):
            return None
        file = ROOT.joinpath(*fullname.split(".")[1:]).with_suffix(".py")
        if str(file) not in self._files:
            return None
        return importlib.util.spec_from_file_location(fullname, file, loader=Loader(fullname, str(file)))


class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        changed = os.stat(self.path).st_mtime_ns
        kept = Path(os.environ["SPARK_TEST_CODE"]) / f"{fullname}-{changed}.{os.getpid()}"
        done = kept.with_suffix(".marshal")
        if not done.exists():
            tree, _ = rewritten(Path(self.path))
            kept.write_bytes(marshal.dumps(compile(tree, self.path, "exec")))
            kept.replace(done)
        return marshal.loads(done.read_bytes())


def cut() -> None:
    """Break every connection of the gateway's own socket, as a network that fails does."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            number = int(name)
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as found:
                    if str(found.getsockname()).endswith(".sock") and not found.getsockopt(
                        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
                    ):
                        found.shutdown(socket.SHUT_RDWR)


def control(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer, peer.makefile("rwb") as lines:
        for line in lines:
            wanted = json.loads(line)
            armed.clear()
            if "arm" in wanted:
                armed.add(wanted["arm"])
            if wanted.get("cut"):
                cut()
            answer = {"reached": sorted(reached), "raised": raised}
            lines.write(json.dumps(answer).encode() + b"\n")
            lines.flush()


def main() -> int:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    threading.Thread(target=control, args=(listener,), daemon=True).start()
    if place := os.environ.get("SPARK_TEST_ARM"):
        armed.add(place)
    hooks = {
        "__boom__": boom,
        "__boom_here__": hit,
        "__boom_task__": boom_task,
        "__boom_fields__": boom_fields,
    }
    for name, hook in hooks.items():
        setattr(builtins, name, hook)
    sys.meta_path.insert(0, Finder())
    from spark_lsp.cli import main as command

    return command(sys.argv[2:])


if __name__ == "__main__":
    assert asyncio  # is loaded before anything is rewritten
    sys.exit(main())
