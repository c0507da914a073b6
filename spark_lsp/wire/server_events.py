"""Events of the gateway's end of a connection, for the caller of `ServerConnection`."""

from dataclasses import dataclass, field
from typing import Any

from spark_lsp.request import Focus, Request
from spark_lsp.wire.frames import Configure, DocRef


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """Answer this request: pass the engine's results to the connection with this response id."""

    response: str
    request: Request


@dataclass(frozen=True, slots=True)
class RequestCancelled:
    """Stop the work on this response; its terminal event is queued already."""

    response: str


@dataclass(frozen=True, slots=True)
class SettingsReceived:
    """The editor's settings for this connection."""

    engines: dict[str, Any]
    routes: dict[str, list[str]]
    budget: dict[str, Any]
    keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    drafts: bool = True

    @classmethod
    def of(cls, frame: Configure) -> "SettingsReceived":
        """Return the settings of a message."""
        return cls(frame.engines, frame.routes, frame.budget, frame.keys, frame.drafts)


@dataclass(frozen=True, slots=True)
class CursorRested:
    """The user's cursor rests at this position."""

    focus: Focus


@dataclass(frozen=True, slots=True)
class ReplicasResumed:
    """The client continues an earlier connection: call `adopt_replicas` with that one's replicas."""

    session: str
    documents: tuple[DocRef, ...]


ServerEvent = RequestReceived | RequestCancelled | SettingsReceived | CursorRested | ReplicasResumed
