"""The traffic of one engine as its routes have measured it: requests in progress, times to the first text.

The times of the last `WINDOW` answers of each task are kept. If a hedge stops an answer before its first
text, its time until then counts: the real one would have been longer, and without the slowest answers, each
hedge would make the engine look faster. No I/O, no clock.
"""

import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType

from spark_lsp.answer_events import Event
from spark_lsp.request import Task

WINDOW = 128
MIN_SAMPLES = 20  # below this, even the median says little


class FirstTextTimes:
    """The seconds to the first text of an engine's latest answers to one task."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=WINDOW)

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float) -> None:
        """Note the time of one answer."""
        self._seconds.append(seconds)

    def percentile(self, share: float) -> float | None:
        """Return the seconds within which `share` of the answers had their first text (nearest rank).

        None before there are enough answers: 20, and as many that one of them is expected to be slower.
        """
        count = len(self._seconds)
        if count < max(MIN_SAMPLES, math.ceil(round(1 / (1 - share), 6))):
            return None
        return sorted(self._seconds)[max(math.ceil(share * count), 1) - 1]


@dataclass(slots=True)
class Traffic:
    """See the module's text. `in_progress` counts the requests that routes have sent to the engine."""

    in_progress: int = 0
    _times: dict[Task, FirstTextTimes] = field(default_factory=dict[Task, FirstTextTimes])

    def times(self, task: Task) -> FirstTextTimes:
        """Return the times of the answers to one task."""
        found = self._times.get(task)
        if found is None:
            found = self._times[task] = FirstTextTimes()
        return found


class CountedAnswer(AbstractAsyncContextManager[AsyncIterator[Event]]):
    """An answer that counts as a request in progress while it is open."""

    def __init__(self, answer: AbstractAsyncContextManager[AsyncIterator[Event]], traffic: Traffic) -> None:
        self._answer = answer
        self._traffic = traffic

    async def __aenter__(self) -> AsyncIterator[Event]:
        self._traffic.in_progress += 1
        try:
            return await self._answer.__aenter__()
        except BaseException:
            self._traffic.in_progress -= 1
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return await self._answer.__aexit__(kind, error, trace)
        finally:
            self._traffic.in_progress -= 1
