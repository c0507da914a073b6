"""What a client learns from its end of a connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Event


@dataclass(frozen=True, slots=True)
class Greeted:
    """The gateway has said who it is."""

    version: str
    engines: tuple[EngineInfo, ...]
    serving: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class EnginesChanged:
    """Engines have another state now; `problems` are settings of ours that are not used."""

    engines: tuple[EngineInfo, ...]
    problems: tuple[str, ...]
    serving: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Answered:
    """An event of the answer on this lane."""

    lane: str
    event: Event


@dataclass(frozen=True, slots=True)
class Failed:
    """The request on this lane has ended with an error."""

    lane: str
    error: EngineError


@dataclass(frozen=True, slots=True)
class Resync:
    """Send this document again, whole."""

    uri: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """The gateway will end this connection."""

    reason: str


ClientEvent = Greeted | EnginesChanged | Answered | Failed | Resync | Leaving
