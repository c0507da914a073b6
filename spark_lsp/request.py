"""Requests to engines, which all rooms share; `answer_events` has the events of an answer.

A request contains *parts* of text, with their provenance, and a *task*. It never contains a prompt: the order
of the parts, how much of them fits and the tokens between them depend on the model and on the contents of its
cache, which only the engine knows.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from msgspec import UNSET, UnsetType


class Task(StrEnum):
    """The kind of request: the middle of a text, a changed text, or an answer in prose."""

    COMPLETE = "complete"
    EDIT = "edit"
    CHAT = "chat"


class PartKind(StrEnum):
    """The role of a part of text in the request.

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


AROUND = (PartKind.PREFIX, PartKind.SUFFIX)
"""The parts around a cursor or target, which an engine cuts to its window."""
BESIDE = (PartKind.FILE, PartKind.RECENT_EDIT, PartKind.DIAGNOSTIC)
"""The context beside the document. In a completion it is only of help: an engine may leave it out."""
CONTEXT_SCHEME = "spark-context:"
"""The scheme of the mirrored texts that hold a document's context; its URI follows."""
SIBLING_SCHEME = "spark-sibling:"
"""The scheme of the mirrored texts of files beside a document; the file's URI follows."""


class EditFormat(StrEnum):
    """The form of an engine's text.

    `TEXT`: the text itself, as for completions and chat. `REPLACE`: the whole new target, raw.
    `FENCED`: the new target in one Markdown code fence. `FILLED`: the new target, raw, which the model wrote
    without being asked to keep anything of the old one. `DOCSTRING`: only the documentation text of the
    target's first definition, without quotes or comment marks.
    """

    TEXT = "text"
    REPLACE = "replace"
    FENCED = "fenced"
    FILLED = "filled"
    DOCSTRING = "docstring"


class Priority(StrEnum):
    """The order of requests in an engine's queue: a user waits for an interactive one."""

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
class Objection:
    """A first answer to an edit that cannot be used, and the reason in words for the model."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one version of a document; offsets are code points, `start` ≤ `end`.

    `doc` is the document's URI; the wire uses shorter names.
    """

    doc: str
    version: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of text of a request, with its provenance.

    `text` is always set. `span`, if known, is the range of a mirrored document that contains the text, so
    that the wire can send a reference instead of the text.
    """

    kind: PartKind
    text: str
    uri: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class ProjectLimit:
    """A limit per day that a project's own file sets for the requests about its files; 0: none.

    `project` identifies the project without its path. `money` is in units of `currency`.
    """

    project: str
    tokens: int = 0
    money: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an engine.

    `model` is a route (`completion`, `edit`), an engine's name, or `engine/model`; empty means the route of
    the task. `action` is the code action's name from `prompts.actions` (empty for completions). `language` is
    LSP's language id. `max_lines` limits a completion (0: no limit); `max_tokens` limits any answer (0: the
    engine's own limit). An engine may end a completion before the first of the `stop` strings; its reader
    must do so. `origin` names the document the request belongs to: a newer completion for the same origin
    supersedes an older one. `history` is the conversation before it, oldest first; `instruction` is its
    newest turn. `objection` continues an edit after that turn: its first answer, and the reason why that
    cannot be used. `attempt` is 2 if the answer to the same request was of no use: the engine should read the
    text in another way, or draw another sample. A second answer must begin with one of `starts`, if there are
    any and the engine can see to it; otherwise it must not begin with `avoided`, as the first one did. With
    `warm`, the answer has no text: an engine may read the prompt, so that the next request starts from a warm
    cache. With `scored`, the chunks have the engine's confidence, if it can report it. `limits` are
    those that the project of the request's document sets.
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
    stop: tuple[str, ...] = ()
    attempt: int = 1
    starts: tuple[str, ...] = ()
    avoided: str = ""
    scored: bool = False
    objection: Objection | None = None
    limits: tuple[ProjectLimit, ...] = ()

    def text_of(self, kind: PartKind) -> str:
        """Return the joined text of all parts of one kind, in their order."""
        return "".join(part.text for part in self.parts if part.kind is kind)

    def fixed_characters(self) -> int:
        """Return how many of the characters an engine must read as they are.

        It may cut the text around the cursor, and the context of a completion.
        """
        cut = (*AROUND, *BESIDE) if self.task is Task.COMPLETE else AROUND
        return self.characters() - sum(len(part.text) for part in self.parts if part.kind in cut)

    def objection_turns(self, answer: str = "") -> tuple[Message, ...]:
        """Return the turns of a conversation after the edit's question; `answer` replaces the first one."""
        if self.objection is None:
            return ()
        return Message("assistant", answer or self.objection.answer), Message("user", self.objection.reason)

    def characters(self) -> int:
        """Return how many characters an engine would read: parts, history and instruction."""
        texts = [*(part.text for part in self.parts), *(turn.text for turn in self.history), self.instruction]
        if self.objection is not None:
            texts += (self.objection.answer, self.objection.reason)
        return sum(map(len, texts))


@dataclass(frozen=True, slots=True)
class Focus:
    """A hint: the user's cursor rests at `offset` (code points) of this text.

    An engine may prefill for it, so that the next completion there starts from a warm cache.
    """

    uri: str
    language: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine's name, model and state, for status lines and `spark.hello`.

    `reason` explains a `state` other than `ready`; `code` is the same for programs (one of `codes.Code`, or
    of a later release). `note` says something about a `ready` engine, such as why it uses one of its models.
    `source` names the engine whose tokens this one plays, and whose state it has.
    `context_tokens` and `prefill_tokens_per_s` are 0 where unknown. `beside_budget` is the most context
    beside the document that a completion should have, in tokens: the engine reads it in time. `free`: a
    request costs no money, as far as the engine knows. `budget` is the use of its budget today, in words. All
    three are sent only if they apply.
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
    note: str = ""
    beside_budget: int | UnsetType = UNSET
    free: bool | UnsetType = UNSET
    budget: str | UnsetType = UNSET

    @property
    def is_free(self) -> bool:
        """Whether a request costs no money, so that one that may be of no use is allowed."""
        return bool(self.free)

    @property
    def beside_tokens(self) -> int:
        """The budget for context beside the document; 0: none."""
        return self.beside_budget or 0
