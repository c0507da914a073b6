"""The servers of one engine: which one a document goes to, and what each has told of itself.

A document stays with one server, whose prompt cache then serves it: servers are ranked by a hash of the
document's name and theirs (rendezvous hashing), so that one more or one less moves only its own share. The
first that is well is asked. No I/O.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from spark_lsp.engine.health import Health
from spark_lsp.errors import EngineError


@dataclass(slots=True, eq=False)
class Server:
    """One server, what it says it serves, and how it has fared.

    `looked`: it was asked for its models. `infills` becomes False when it turns out to know chats only.
    """

    url: str
    health: Health = field(default_factory=Health)
    model: str = ""
    context_tokens: int = 0
    slots: int = 0
    looked: bool = False
    infills: bool = True

    @property
    def is_http(self) -> bool:
        """Whether its address is one for HTTP, and holds no password that would end up in messages."""
        try:
            parts = urlsplit(self.url)
            return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            return False

    @property
    def root(self) -> str:
        """Where what is not OpenAI's interface is."""
        return self.url.removesuffix("/v1")


def ranked(servers: Sequence[Server], origin: str) -> list[Server]:
    """Return the servers in the order in which a document would go to them."""

    def rank(server: Server) -> bytes:
        name = f"{origin}\0{server.url}".encode("utf-8", "replace")
        return hashlib.blake2b(name, digest_size=8).digest()

    return sorted(servers, key=rank)


def choose(servers: Sequence[Server], origin: str, tried: Collection[Server], now: float) -> Server | None:
    """Return the server to ask next: the first that is well.

    If none is, it is the first at all, unless all have asked for a pause; but of those that were `tried`
    already for this request none is asked again.
    """
    order = [server for server in ranked(servers, origin) if server not in tried]
    well = [server for server in order if server.health.allows(now)]
    if well or tried:
        return next(iter(well), None)
    return next((server for server in order if not server.health.wants(now)), None)


def only_model(name: str, served: Mapping[str, int]) -> str:
    """Return the only model of a server. Raises `EngineError` that lists them if it is not the only one."""
    if len(served) == 1:
        return next(iter(served))
    names = ", ".join(sorted(served)[:10])
    raise EngineError(
        f"The engine {name!r} serves {len(served)} models, and the settings name none",
        "It is passed over",
        f"Set `model` of engines.{name}" + (f" to one of: {names}" if names else ""),
        code="model_not_found",
    )
