"""The processes of the wire's benchmark: our gateway, the baselines' servers, and their processor time.

Every server has the same replay engines and runs in its own process, never as a thread of the benchmark.
Programs with libraries that only other rooms may import are kept as data.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from spark_lsp import programs
from spark_lsp.config import ReplaySettings, WaferSettings
from spark_lsp.errors import SparkError

Engines = Mapping[str, ReplaySettings]
GatewayEngines = Mapping[str, ReplaySettings | WaferSettings]
TOKEN = "benchmark"  # for a gateway that lives only seconds
_CPUCLOCK_SCHED = 2


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: its address, and its process."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time that it has used, in all its threads."""
        return cpu_s(self.pid)


def cpu_s(pid: int) -> float:
    """Return the processor time of another process: in nanoseconds on Linux, else from psutil."""
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)  # the value of clock_getcpuclockid(3)
    import psutil

    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


@contextmanager
def together(servers: Iterable[Peer]) -> Generator[None]:
    """Keep this process and these servers on one processor during the block, if the system can.

    Waking an idle processor of a virtual machine takes longer than all the work and differs from run to run.
    It favours a peer that keeps the processor awake by writing more than necessary.
    """
    pids = [0, *(server.pid for server in servers)] if sys.platform == "linux" else []
    before = {pid: os.sched_getaffinity(pid) for pid in pids}
    try:
        for pid in pids:
            os.sched_setaffinity(pid, {min(before[pid])})
        yield
    finally:
        for pid in pids:
            os.sched_setaffinity(pid, before[pid])


@contextmanager
def gateway(where: Path, engines: GatewayEngines) -> Generator[Peer]:
    """Run our gateway with its command, on a loopback port, like the baselines."""
    configuration = where / "gateway.toml"
    configuration.write_text(toml(engines), encoding="utf-8")
    command = programs.spark_lsp("gateway", "--config", str(configuration))
    with _running(command, {"SPARK_LSP_TOKEN": TOKEN}) as peer:
        yield peer


@contextmanager
def tuned(engines: Engines) -> Generator[Peer]:
    """Run the tuned baseline's server."""
    with _running(programs.python("-m", "spark_lsp.bench.tuned", _tables(engines))) as peer:
        yield peer


@contextmanager
def plain(engines: Engines) -> Generator[Peer]:
    """Run the plain baseline's server."""
    with _running((*program("plain"), _tables(engines))) as peer:
        yield peer


@contextmanager
def echo() -> Generator[Peer]:
    """Run the floor's server."""
    with _running((*program("echo"), "server")) as peer:
        yield peer


def program(name: str) -> tuple[str, ...]:
    """Return the command line that runs a program from the data folder."""
    source = files("spark_lsp.bench").joinpath("data", f"{name}.py.txt").read_text("utf-8")
    return programs.python("-c", source)


def toml(engines: GatewayEngines, routes: Mapping[str, str] | None = None) -> str:
    """Return a configuration with these engines; the first serves the routes missing in `routes`."""
    tables = [f"[engines.{name}]\n{_lines(asdict(settings))}" for name, settings in engines.items()]
    first = next(iter(engines))
    serving = {"completion": first, "edit": first, "chat": first, **(routes or {})}
    return "\n".join([*tables, f"[routes]\n{_lines({route: [name] for route, name in serving.items()})}"])


def _lines(values: Mapping[str, Any]) -> str:
    """Return the lines of a TOML table, for values that TOML and JSON write alike."""
    return "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in values.items() if not isinstance(value, dict)
    )


def _tables(engines: Engines) -> str:
    return json.dumps({name: asdict(settings) for name, settings in engines.items()})


@contextmanager
def _running(command: Sequence[str], more: Mapping[str, str] | None = None) -> Generator[Peer]:
    with programs.start(command, stdout=subprocess.PIPE, env={**os.environ, **(more or {})}) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SparkError("A server ended before it was ready", "Nothing was measured")
            yield Peer(json.loads(line)["url"], process.pid)
        finally:
            process.terminate()
