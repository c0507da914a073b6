"""One answer of the simulated wafer while it is played: its schedule, and what became of it."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import anyio

from spark_lsp.answer_events import Finished, Timing, Usage
from spark_lsp.simulate.cache import CHARS_PER_TOKEN
from spark_lsp.simulate.wafer import Wafer as Machine
from spark_lsp.simulate.wafer import schedule

LONGEST_TOKEN = 16  # characters; a longer chunk is more than one token
SPIN = 0.0005  # seconds before a token is due in which only turns are given: timers are no finer
TOLERANCE = 0.05  # fraction of the simulated time that a source may be late before it counts as the limit


@dataclass(slots=True)
class Play:
    """One answer's schedule and what became of it; clock times in seconds."""

    machine: Machine
    users: int
    seed: int
    usage: Usage
    asked: float
    queued: float
    begun: float = 0.0  # when the first token is due
    buffer_s: float = 0.0
    first: float = 0.0
    last: float = 0.0
    due: float = 0.0
    starved: float = 0.0  # seconds past due that were spent waiting for the source
    offsets: Iterator[float] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        self.begun = self.due = self.queued + self.prompt_s
        self.offsets = schedule(self.machine, self.users, self.seed)

    @property
    def prompt_s(self) -> float:
        """The simulated seconds from the beginning to the first token."""
        fresh = self.usage.input_tokens - self.usage.cached_tokens
        return self.machine.overhead_s + self.machine.prefill_s(fresh)

    @property
    def decode_s(self) -> float:
        """The simulated seconds from the first token to the last so far."""
        return self.due - self.begun

    @property
    def limited(self) -> bool:
        """Whether the source was too slow for the machine to be felt."""
        return self.starved > TOLERANCE * (self.prompt_s + self.decode_s)

    def buffered(self, now: float) -> None:
        """The source has finished: the machine begins only now."""
        self.buffer_s = now - self.queued
        self.begun = self.due = now + self.prompt_s

    async def wait_for_next(self, wanted: float) -> None:
        """Wait until the next token is due. The source has given it now; we wanted it at `wanted`."""
        before = self.due
        self.due = self.begun + next(self.offsets)
        now = time.monotonic()
        self.starved += max(now - max(self.due, wanted), 0.0) if now > self.due else 0.0
        if self.due > before or not self.first:
            await sleep_until(self.due)
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.usage = replace(self.usage, output_tokens=self.usage.output_tokens + 1)

    def finished(self, source: Finished) -> Finished:
        """The end, with simulated and true times apart."""
        first = self.first or time.monotonic()
        last = self.last or time.monotonic()
        timing = Timing(
            queue_ms=(self.queued - self.asked) * 1e3,
            prefill_ms=self.prompt_s * 1e3,
            decode_ms=self.decode_s * 1e3,
            simulated=True,
            true_ttft_ms=(first - self.asked) * 1e3,
            true_decode_ms=(last - first) * 1e3,
            buffer_ms=self.buffer_s * 1e3,
            source_limited=self.limited,
        )
        return Finished(source.reason, self.usage, timing)


@dataclass(slots=True)
class Memory:
    """The context memory that requests share: first come, first served, so that nobody starves."""

    free: int
    _line: deque[tuple[int, anyio.Event]] = field(default_factory=deque[tuple[int, anyio.Event]])

    async def take(self, tokens: int) -> None:
        """Wait until there is room for so many tokens, and take it."""
        turn = (tokens, anyio.Event())
        self._line.append(turn)
        self._admit_waiting()
        try:
            await turn[1].wait()
        except BaseException:
            if turn[1].is_set():
                self.give(tokens)
            else:
                self._line.remove(turn)
                self._admit_waiting()
            raise

    def give(self, tokens: int) -> None:
        """Give room back."""
        self.free += tokens
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._line and self._line[0][0] <= self.free:
            tokens, turn = self._line.popleft()
            self.free -= tokens
            turn.set()


async def sleep_until(due: float) -> None:
    """Sleep until `due`, never less; give others a turn even if it is past.

    Timers are good to a millisecond or so: the rest is spent giving turns. At 1,000 tokens a second that
    makes of half a millisecond of lateness (p50) a tenth of one, for a third of one core while an answer
    plays; whole streams keep their pace either way.
    """
    await anyio.sleep(max(due - time.monotonic() - SPIN, 0.0))
    while time.monotonic() < due:
        await anyio.lowlevel.checkpoint()


def tokens_in(chunk: str) -> Iterable[str]:
    """Cut a chunk into tokens."""
    if len(chunk) <= LONGEST_TOKEN:
        return (chunk,)
    return (chunk[at : at + CHARS_PER_TOKEN] for at in range(0, len(chunk), CHARS_PER_TOKEN))
