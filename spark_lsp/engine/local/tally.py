"""What an answer cost: tokens and time, counted while it comes.

The model tells both at its end, but an answer that has all the lines it may have ends before that.
"""

import time
from dataclasses import dataclass, field, replace

from spark_lsp.engine.local.stream import Reading, StreamEvent, Text
from spark_lsp.request import Timing, Usage


@dataclass(slots=True)
class Tally:
    """What was counted while an answer came, should it end before the model says so itself."""

    usage: Usage = field(default_factory=Usage)
    text: str = ""
    cut: bool = False

    def saw(self, event: StreamEvent) -> None:
        """Count one event."""
        if isinstance(event, Reading):
            self.usage = Usage(event.total, 0, event.cached)
        elif isinstance(event, Text):
            self.text += event.text
            self.usage = replace(self.usage, output_tokens=self.usage.output_tokens + 1)
        else:
            self.cut = event.cut
            self.usage = Usage(event.total, event.output, event.cached)


@dataclass(slots=True)
class Clock:
    """When an answer was asked, begun, and gave its first and last token; seconds of one clock."""

    asked: float
    begun: float = 0.0
    first: float = 0.0
    last: float = 0.0

    def saw(self, event: StreamEvent) -> None:
        """Stamp one event."""
        now = time.perf_counter()
        self.begun = self.begun or now
        if isinstance(event, Text):
            self.first = self.first or now
            self.last = now

    @property
    def timing(self) -> Timing:
        """Where the time went."""
        begun = self.begun or self.asked
        first = self.first or begun
        return Timing((begun - self.asked) * 1e3, (first - begun) * 1e3, max(0.0, self.last - first) * 1e3)
