"""What a gateway learns from its end of a connection."""

from dataclasses import dataclass, field
from typing import Any

from spark_lsp.request import Focus, Request
from spark_lsp.wire.frames import DocRef


@dataclass(frozen=True, slots=True)
class Asked:
    """Answer this request: call `answer` and `fail` with its response id."""

    response: str
    request: Request


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Stop the work on this response; its terminal is written already."""

    response: str


@dataclass(frozen=True, slots=True)
class Configured:
    """The editor's settings for this session."""

    engines: dict[str, Any]
    routes: dict[str, list[str]]
    budget: dict[str, Any]
    keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Focused:
    """A person's cursor rests here."""

    focus: Focus


@dataclass(frozen=True, slots=True)
class Resumed:
    """The client goes on with an earlier connection: call `adopt` with that one's mirror, if it is known."""

    session: str
    documents: tuple[DocRef, ...]


ServerEvent = Asked | Cancelled | Configured | Focused | Resumed
