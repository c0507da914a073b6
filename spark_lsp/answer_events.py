"""The events of an engine's answer, which all rooms share. An answer is a sequence of them:

    Started  Chunk*  Finished

An engine sends `Started` when it begins to work on the request. The event names the edit format of the text,
so that the reader can parse the chunks. An engine that fails raises `EngineError` instead of sending
`Finished`. The gateway may add one `Draft` before the first chunk of a completion.
"""

from dataclasses import dataclass
from typing import Literal

from spark_lsp.request import EditFormat


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the engine counts them; `cached_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where an answer's time went, in milliseconds; `simulated` if a model of a machine set the pace.

    `queue_ms`: until the engine began; `prefill_ms`: from there to the first token; `decode_ms`: from the
    first token to the last. If `simulated`, these are the times of the simulated machine, and the measured
    times are separate: `true_ttft_ms` from the request to the first text, `true_decode_ms` from there to the
    last, `buffer_ms` for reading the source to its end first (part of `true_ttft_ms`). `source_limited`: the
    source was slower than the simulated machine.
    """

    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    simulated: bool = False
    true_ttft_ms: float = 0.0
    true_decode_ms: float = 0.0
    buffer_ms: float = 0.0
    source_limited: bool = False

    @property
    def ttft_ms(self) -> float:
        """Time to first token, simulated if `simulated`."""
        return self.queue_ms + self.prefill_ms

    @property
    def first_ms(self) -> float:
        """Measured time to first token."""
        return self.true_ttft_ms if self.simulated else self.ttft_ms

    @property
    def pace_ms(self) -> float:
        """Measured time from the first token to the last."""
        return self.true_decode_ms if self.simulated else self.decode_ms

    @property
    def spent_ms(self) -> float:
        """Measured time from the request to the last token."""
        return self.first_ms + self.pace_ms

    @property
    def time_info(self) -> dict[str, float]:
        """The simulated times in seconds, in the form of Cerebras' `time_info`."""
        total_ms = self.ttft_ms + self.decode_ms
        return {
            "queue_time": self.queue_ms / 1000,
            "prompt_time": self.prefill_ms / 1000,
            "completion_time": self.decode_ms / 1000,
            "total_time": total_ms / 1000,
        }


@dataclass(frozen=True, slots=True)
class Started:
    """The engine has begun; always the first event.

    `route` is the code of the reason for which a route of several engines chose this one.
    """

    engine: str
    model: str
    format: EditFormat = EditFormat.TEXT
    simulated: bool = False
    route: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next piece of text of the answer; never empty.

    `confidence` is the geometric mean of the probabilities of all tokens of the answer so far, from 0 to 1;
    None if the engine does not report it.
    """

    text: str
    confidence: float | None = None


FinishReason = Literal["stop", "length", "cancelled", "steered"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete; always the last event."""

    reason: FinishReason = "stop"
    usage: Usage = Usage()
    timing: Timing = Timing()


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal without a model, copied from the workspace; it comes before the first chunk, if at all.

    It may also come before `Started`. It is no part of the answer: the chunks begin with the answer's first
    character. `match_tokens` tokens before the cursor agree with the source; `agreement` is the share of the
    `count` sources that continue with the draft's first line.
    """

    text: str
    match_tokens: int = 0
    agreement: float = 1.0
    count: int = 1


Event = Started | Chunk | Finished | Draft
