"""What `spark-lsp bench fleet` measures: one gateway, or a fleet on Ray Serve, with its processes."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_lsp import programs
from spark_lsp.bench.peers import TOKEN, Engines, cpu_s, toml
from spark_lsp.errors import SparkError

REPLICA = "ray::ServeReplica"  # the titles that Ray gives to its processes
PROXY = "ray::ProxyActor"
CPUS = 8  # that Ray plans with: more replicas than cores must fit on a small machine
DRAIN_S = 20.0


def has_ray() -> bool:
    """Return whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


@dataclass(slots=True)
class Fleet:
    """A fleet on this machine."""

    url: str
    process: "subprocess.Popen[bytes]"
    configuration: Path
    engines: Engines

    def find_processes(self, title: str = "") -> list[Any]:
        """Return the replicas and proxies, or those with the title."""
        import psutil

        found: list[Any] = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                line = " ".join(each.cmdline())
                if line.startswith(title or (REPLICA, PROXY)):
                    found.append(each)
        return found

    def kill_replica(self) -> None:
        """Kill one replica, as a failure of its machine would."""
        self.find_processes(REPLICA)[0].kill()

    def scale(self, replicas: int) -> None:
        """Change the number of replicas; return when the fleet has them."""
        self.configuration.write_text(configuration(self.engines, replicas), encoding="utf-8")
        self.process.send_signal(signal.SIGHUP)
        _read_ready(self.process)

    def cpu_s(self) -> float:
        """Return the processor time of the replicas and proxies."""
        return sum(cpu_s(each.pid) for each in self.find_processes())


def memory_kb(pids: list[int]) -> float:
    """Return the memory that only these processes use, in kilobytes."""
    import psutil

    return sum(psutil.Process(pid).memory_full_info().uss for pid in pids) / 1000


def configuration(engines: Engines, replicas: int) -> str:
    """Return the config.toml of a fleet."""
    team = f"[team]\nreplicas = {replicas}\ncpusPerReplica = 1\ndrainSeconds = {DRAIN_S}\n"
    return f"{toml(engines)}\n{team}"


@contextmanager
def fleet(where: Path, engines: Engines, replicas: int) -> Generator[Fleet]:
    """Run a fleet with its command, on a loopback port."""
    file = where / "fleet.toml"
    file.write_text(configuration(engines, replicas), encoding="utf-8")
    token = where / "fleet-token"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o600)
    words = ("--config", str(file), "--token-file", str(token), "--port", str(free_port()))
    command = programs.spark_lsp("fleet", *words, "--cpus", str(CPUS))
    log = (where / "fleet.log").open("wb")
    with log, programs.start(command, stdout=subprocess.PIPE, stderr=log, env=dict(os.environ)) as process:
        try:
            yield Fleet(_read_ready(process), process, file, engines)
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_ready(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        with suppress(ValueError, KeyError):
            return str(json.loads(line)["url"])
    raise SparkError("The fleet ended before it was ready", "Nothing was measured", "See its log")
