"""Events of the server's end of a connection, for the caller of `ClientConnection`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spark_lsp.answer_events import Event
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo


@dataclass(frozen=True, slots=True)
class Greeted:
    """The gateway has sent its version and its engines."""

    version: str
    engines: tuple[EngineInfo, ...]
    serving: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class EnginesChanged:
    """The state of engines has changed; `problems` lists our settings that are not used."""

    engines: tuple[EngineInfo, ...]
    problems: tuple[str, ...]
    serving: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Answered:
    """An event of the response on this lane."""

    lane: str
    event: Event


@dataclass(frozen=True, slots=True)
class Failed:
    """The request on this lane has ended with an error."""

    lane: str
    error: EngineError


@dataclass(frozen=True, slots=True)
class Resync:
    """Send the full text of this document again."""

    uri: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """The gateway will end this connection."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The model works on the response on this lane, without text so far."""

    lane: str


ClientEvent = Greeted | EnginesChanged | Answered | Failed | Resync | Leaving | Alive
