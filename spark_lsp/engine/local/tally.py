"""Tokens and times of an answer, counted while it is streamed.

The model reports both at the end, but we end an answer earlier if it has all its lines.
"""

import time
from dataclasses import dataclass, field, replace

from spark_lsp.answer_events import Timing, Usage
from spark_lsp.engine.confidence import Confidence
from spark_lsp.engine.local.stream import Reading, StreamEvent, Text


@dataclass(slots=True)
class Tally:
    """The tokens of an answer so far, which may take several calls; `text` is that of the last one.

    `healed` characters at its beginning are known, so the model's confidence in them says nothing.
    """

    text: str = ""
    cut: bool = False
    healed: int = 0
    confidence: Confidence = field(default_factory=Confidence)
    _earlier: Usage = field(default_factory=Usage)
    _call: Usage = field(default_factory=Usage)

    @property
    def usage(self) -> Usage:
        """The tokens of all calls."""
        return Usage(
            self._earlier.input_tokens + self._call.input_tokens,
            self._earlier.output_tokens + self._call.output_tokens,
            self._earlier.cached_tokens + self._call.cached_tokens,
        )

    def begin_call(self) -> None:
        """Count the events from now on as another call."""
        self._earlier = self.usage
        self._call = Usage()
        self.text = ""
        self.confidence = Confidence()

    def count_event(self, event: StreamEvent) -> None:
        """Count one event."""
        if isinstance(event, Reading):
            self._call = Usage(event.total, 0, event.cached)
        elif isinstance(event, Text):
            self.text += event.text
            if len(self.text) > self.healed:
                self.confidence.add(event.logprob)
            self._call = replace(self._call, output_tokens=self._call.output_tokens + 1)
        else:
            self.cut = event.cut
            self._call = Usage(event.total, event.output, event.cached)


@dataclass(slots=True)
class Clock:
    """The times of the request, the answer's begin, and its first and last token, in seconds of one clock."""

    asked: float
    begun: float = 0.0
    first: float = 0.0
    last: float = 0.0

    def count_event(self, event: StreamEvent) -> None:
        """Stamp one event."""
        now = time.perf_counter()
        self.begun = self.begun or now
        if isinstance(event, Text):
            self.first = self.first or now
            self.last = now

    @property
    def timing(self) -> Timing:
        """The durations of the answer's phases."""
        begun = self.begun or self.asked
        first = self.first or begun
        return Timing((begun - self.asked) * 1e3, (first - begun) * 1e3, max(0.0, self.last - first) * 1e3)
