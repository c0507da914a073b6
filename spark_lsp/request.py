"""The values every room shares: what is asked of an engine, and what it answers.

A request carries *parts* of text with their provenance and a *task*. It never carries a prompt: which
tokens frame the parts, how much of them fits, and in which order they go depends on the model and on
what it has cached, which only the engine knows. An answer is a sequence of events:

    Started  Chunk*  Finished

`Started` comes when the engine begins to work on the request and names the edit format in which the
text will come, so that whoever reads the chunks can parse them. An engine that fails raises
`EngineError` instead of finishing.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Task(StrEnum):
    """What is asked: the middle of a text, a changed text, or an answer in prose."""

    COMPLETE = "complete"
    EDIT = "edit"
    CHAT = "chat"


class PartKind(StrEnum):
    """What a part of text is to the request.

    `PREFIX` ends and `SUFFIX` begins at the cursor; `TARGET` is the text to change (its neighbours then
    come as prefix and suffix); `FILE` is another file for context; `RECENT_EDIT` is a small unified
    diff; `DIAGNOSTIC` is a message of a compiler or linter.
    """

    PREFIX = "prefix"
    SUFFIX = "suffix"
    TARGET = "target"
    FILE = "file"
    RECENT_EDIT = "recent_edit"
    DIAGNOSTIC = "diagnostic"


class EditFormat(StrEnum):
    """In which form an engine was asked to give its text.

    `TEXT`: the text itself, as for completions and chat. `REPLACE`: the whole new target, raw.
    `FENCED`: the new target in one Markdown code fence. `DOCSTRING`: only the documentation text of the
    target's first definition, without quotes or comment marks.
    """

    TEXT = "text"
    REPLACE = "replace"
    FENCED = "fenced"
    DOCSTRING = "docstring"


class Priority(StrEnum):
    """Who goes first where an engine must choose: a person waits for the first, nobody for the last."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


Effort = Literal["fast", "balanced", "deep"]
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation that a request continues."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one version of a document; offsets are code points, `start` ≤ `end`.

    `doc` is the document's URI; the wire has shorter names of its own.
    """

    doc: str
    version: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of text of a request, with its provenance.

    `text` is always filled. `span`, where known, says which range of which mirrored document the text
    is, so that the wire can cite it instead of sending it.
    """

    kind: PartKind
    text: str
    uri: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One question to an engine.

    `model` is a route (`completion`, `edit`), an engine's name, or `engine/model`; empty means the
    route of the task. `action` is the code action's name from `prompts.actions` (empty for
    completions). `language` is LSP's language id. `max_lines` bounds a completion (0: as many as
    fit); `max_tokens` bounds any answer (0: the engine's own bound). `origin` names the document
    the request belongs to: a newer completion for the same origin supersedes an older one. `history`
    is the conversation before it, oldest first; `instruction` is its newest turn. With `warm` no text is
    wanted: an engine may read what is there, so that the next request starts from a warm cache.
    """

    task: Task
    parts: tuple[Part, ...] = ()
    instruction: str = ""
    action: str = ""
    language: str = ""
    model: str = ""
    effort: Effort = "balanced"
    max_lines: int = 0
    max_tokens: int = 0
    priority: Priority = Priority.INTERACTIVE
    origin: str = ""
    history: tuple[Message, ...] = ()
    warm: bool = False

    def text_of(self, kind: PartKind) -> str:
        """Return the joined text of all parts of one kind, in their order."""
        return "".join(part.text for part in self.parts if part.kind is kind)

    def characters(self) -> int:
        """Return how many characters an engine would read: parts, history and instruction."""
        texts = (*(part.text for part in self.parts), *(turn.text for turn in self.history), self.instruction)
        return sum(map(len, texts))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the engine counts them; `cached_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where an answer's time went, in milliseconds; `simulated` if a model of a machine set the pace.

    `queue_ms`: until the engine began; `prefill_ms`: from there to the first token; `decode_ms`: from
    the first token to the last. Where `simulated`, these are the simulated machine's, and beside them
    stand the true ones: `true_ttft_ms` from the request to the first text, `true_decode_ms` from there
    to the last, `buffer_ms` how long the source was let finish before the machine began (part of the
    first); `source_limited` says that the source could not keep the machine's pace.
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
        """Time to first token as the engine's side sees it."""
        return self.queue_ms + self.prefill_ms

    @property
    def first_ms(self) -> float:
        """Time to first token as it really was."""
        return self.true_ttft_ms if self.simulated else self.ttft_ms

    @property
    def pace_ms(self) -> float:
        """Time from the first token to the last as it really was."""
        return self.true_decode_ms if self.simulated else self.decode_ms

    @property
    def spent_ms(self) -> float:
        """Time from the request to the last token as it really was."""
        return self.first_ms + self.pace_ms

    @property
    def time_info(self) -> dict[str, float]:
        """The same in seconds, in the shape that makers of such machines give it; nothing true in it."""
        total_ms = self.ttft_ms + self.decode_ms
        return {
            "queue_time": self.queue_ms / 1000,
            "prompt_time": self.prefill_ms / 1000,
            "completion_time": self.decode_ms / 1000,
            "total_time": total_ms / 1000,
        }


@dataclass(frozen=True, slots=True)
class Started:
    """The engine has begun; always the first event."""

    engine: str
    model: str
    format: EditFormat = EditFormat.TEXT
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some more text of the answer; never empty."""

    text: str


FinishReason = Literal["stop", "length", "cancelled", "steered"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete; always the last event."""

    reason: FinishReason = "stop"
    usage: Usage = Usage()
    timing: Timing = Timing()


Event = Started | Chunk | Finished


@dataclass(frozen=True, slots=True)
class Focus:
    """A hint: the person's cursor rests at `offset` (code points) of this text.

    An engine may prefill for it, so that the next completion there starts from a warm cache.
    """

    uri: str
    language: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself, for status lines and `spark.hello`.

    `state` is `ready`, `starting`, `degraded` or `off`; `reason` says why when it is not `ready`, `code` says
    the same for programs (one of `codes.Code`, or of a later release). `source` names the engine whose tokens
    this one plays, and whose state it has.
    `context_tokens` and `prefill_tokens_per_s` are 0 where unknown.
    """

    name: str
    kind: str
    model: str
    simulated: bool = False
    context_tokens: int = 0
    prefill_tokens_per_s: float = 0.0
    state: Literal["ready", "starting", "degraded", "off"] = "ready"
    reason: str = ""
    code: str = ""
    source: str = ""
