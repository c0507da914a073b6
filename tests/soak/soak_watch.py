"""What a soak measures of a process from outside: memory, computing time, long turns, waiting."""

import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MIB = 1024 * 1024
TURN = re.compile(r"a turn of the loop took (\d+) ms, (\d+) ms of them computing")


@dataclass(frozen=True)
class Turn:
    """A long turn, in ms; `waited` is how long the process could have run and did not, around it."""

    at: float
    took: int
    computed: int
    waited: int


@dataclass(frozen=True)
class Sample:
    """The process at one moment: seconds since the start, MiB."""

    at: float
    uss: float
    rss: float


@dataclass
class Watch:
    """Looks at one process and its log, now and then."""

    name: str
    pid: int
    log: Path
    begun: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list[Sample])
    turns: list[Turn] = field(default_factory=list[Turn])
    other: list[str] = field(default_factory=list[str])  # lines of the log that tell of no turn
    _read: int = 0
    _waited: int = 0

    def begin(self) -> None:
        """Count from now on."""
        self.begun = time.monotonic()

    def look(self) -> None:
        """Take a sample, and read what is new in the log."""
        memory = psutil.Process(self.pid).memory_full_info()
        at = time.monotonic() - self.begun
        self.samples.append(Sample(at, memory.uss / MIB, memory.rss / MIB))
        waited = waited_ms(self.pid)
        for line in self._new_lines():
            if match := TURN.search(line):
                self.turns.append(Turn(at, int(match[1]), int(match[2]), waited - self._waited))
            else:
                self.other.append(line)
        self._waited = waited

    def _new_lines(self) -> list[str]:
        with self.log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def uss(self, first: float, last: float) -> float:
        """Return the median of the memory that only this process has, between two moments."""
        return statistics.median(each.uss for each in self.samples if first <= each.at <= last)

    def rss(self, first: float, last: float) -> float:
        """Return the median of the resident memory between two moments."""
        return statistics.median(each.rss for each in self.samples if first <= each.at <= last)

    def long_turns(self, since: float) -> list[Turn]:
        """Return the turns since a moment in which this process itself computed for long.

        In the others it waited: for a processor, or for a machine that others keep busy too.
        """
        return [turn for turn in self.turns if turn.at >= since and turn.computed > 100]


def waited_ms(pid: int) -> int:
    """Return how long the threads of a process have waited for a processor, in ms; 0 where not known."""
    total = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(file.read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return total // 1_000_000
