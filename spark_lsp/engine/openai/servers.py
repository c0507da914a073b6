"""The servers of one engine: the choice of a server for a document, and the properties of each server.

A document stays with one server, which has its prompt in the cache. A hash of the document's name and the
server's ranks the servers (rendezvous hashing), so adding or removing a server moves only its share of the
documents. The first server that is available gets the request. No I/O.

A base URL may have a query, as Azure's do (`?api-version=…`): it is part of every address that is called.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

from spark_lsp.codes import Code
from spark_lsp.config import Flavour, OpenAISettings
from spark_lsp.engine.circuit_breaker import CircuitBreaker
from spark_lsp.errors import EngineError

# Seconds for which a loaded model stays loaded: Ollama's time is set by the user, from 0 s on.
KEPT_LOADED_S: dict[Flavour, float] = {"ollama": 60.0}
USUALLY_LOADED_S = 1800.0
LOADING_SHOWN_S = 1.0
LONGEST_LOAD_S = 600.0
MIN_MEASURED_TOKENS = 256
_MEASUREMENT_WEIGHT = 0.3  # of a new measurement against those before
# What people paste is often the address of one call.
_CALLS = ("/chat/completions", "/fim/completions", "/completions", "/models")
_AZURE = re.compile(r"\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)\Z")
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")
_LOCAL_NAMES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")
_KEY_NAMES = re.compile(r"(?:\A|[-_])(?:api)?(?:key|token|secret|password|sig|signature)\Z", re.IGNORECASE)
_SELF_HOSTED: frozenset[Flavour] = frozenset(("vllm", "sglang", "llamacpp", "ollama"))
_HOSTED: dict[str, Flavour] = {
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
}


def normal_url(url: str) -> str:
    """Return a base URL without blanks, a final slash, a fragment, or the path of a single call."""
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = parts.path.rstrip("/")
    if call := next((each for each in _CALLS if path.endswith(each) and path != each), ""):
        path = path.removesuffix(call).rstrip("/")
    return parts._replace(path=path, fragment="").geturl()


@dataclass(slots=True, eq=False)
class Server:
    """One server, its model, and the outcome of earlier requests.

    `looked`: we have requested its list of models. `infills` becomes False when it turns out to know chats
    only, and `refuses` grows by each field that it does not accept. `thinks`: its model has been seen to
    think; `separates`: it returns the thinking in a field of its own. `answered_at` is when it last did;
    `reads_per_s` is the measured reading pace, 0 before the first; `loading_since` is set while it seems to
    load its model.
    """

    url: str
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    model: str = ""
    context_tokens: int = 0
    slots: int = 0
    looked: bool = False
    infills: bool = True
    refuses: frozenset[str] = frozenset()
    thinks: bool = False
    separates: bool = False
    reads_per_s: float = 0.0
    answered_at: float | None = None
    loading_since: float | None = None

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def fault(self) -> str:
        """Why its address cannot be used, as the end of a sentence; empty if it can.

        A password or a key in it would end up in messages.
        """
        try:
            parts = self._parts
            port_is_bad = parts.port == 0
        except ValueError:
            return "is not a valid URL"
        if "@" in parts.netloc:
            return "contains a user name or a password"
        if parts.scheme not in ("http", "https") or not parts.hostname or port_is_bad:
            return "is not a valid http:// or https:// URL"
        if any(_KEY_NAMES.search(name) for name, _ in parse_qsl(parts.query)):
            return "contains a key in its query"
        return ""

    def endpoint(self, path: str) -> str:
        """Return the address of one call, such as `/models`; the base URL's query is kept."""
        parts = self._parts
        return parts._replace(path=parts.path + path).geturl()

    def root_endpoint(self, path: str) -> str:
        """Return the address of a path that is not part of OpenAI's interface."""
        parts = self._parts
        return parts._replace(path=parts.path.removesuffix("/v1") + path).geturl()

    @property
    def is_azure(self) -> bool:
        """Whether it is Azure's, which wants a key in the header `api-key`."""
        return bool(_AZURE.search(self._parts.hostname or ""))

    @property
    def deployment(self) -> str:
        """The model that an Azure address names, or nothing."""
        found = _DEPLOYMENT.search(self._parts.path)
        return found[1] if found else ""

    @property
    def is_near(self) -> bool:
        """Whether it runs on this machine or network, as far as its name tells. Such a server may load its
        model for the first request."""
        host = self._parts.hostname or ""
        try:
            return ip_address(host).is_private
        except ValueError:
            return "." not in host or host.endswith(_LOCAL_NAMES)

    def flavour(self, setting: Flavour) -> Flavour:
        """Return the kind of server: the setting, or the kind that a well-known host name implies."""
        known = _HOSTED.get(self._parts.hostname or "", setting)
        return known if setting == "openai" else setting

    def may_load(self, now: float, setting: Flavour) -> bool:
        """Whether the next request may make it load its model, which it stops when that request is left."""
        kept = KEPT_LOADED_S.get(setting, USUALLY_LOADED_S)
        return self.is_near and (self.answered_at is None or now - self.answered_at > kept)

    def loads(self, now: float) -> bool:
        """Whether it has been loading its model for so long that the user should know."""
        return self.loading_since is not None and LOADING_SHOWN_S < now - self.loading_since < LONGEST_LOAD_S

    def answered(self, now: float) -> None:
        """Note that the model answers: it is loaded."""
        self.answered_at = now
        self.loading_since = None

    def note_reading(self, tokens: int, seconds: float) -> None:
        """Include the time for reading these tokens, which were not cached, in the measured pace.

        It includes the way to the server and back, so short readings say nothing.
        """
        if tokens < MIN_MEASURED_TOKENS or seconds <= 0:
            return
        measured = tokens / seconds
        old = self.reads_per_s or measured
        self.reads_per_s = old + (measured - old) * _MEASUREMENT_WEIGHT

    @property
    def suffixes(self) -> bool:
        """Whether its address is DeepSeek's for filling in the middle."""
        return self._parts.path.endswith("/beta")


def are_own(servers: Sequence[Server], settings: OpenAISettings) -> bool:
    """Return whether the user runs the servers, as far as the settings tell: a request costs no money.

    A server nearby that wants a key may be a proxy of a paid service.
    """
    has_key = bool(settings.key_env or settings.key_file)
    are_near = all(not server.fault and server.is_near for server in servers)
    return settings.flavour in _SELF_HOSTED or (are_near and not has_key)


def rank_servers(servers: Sequence[Server], origin: str) -> list[Server]:
    """Return the servers in the order in which a document would go to them."""

    def rank(server: Server) -> bytes:
        name = f"{origin}\0{server.url}".encode("utf-8", "replace")
        return hashlib.blake2b(name, digest_size=8).digest()

    return sorted(servers, key=rank)


def choose(servers: Sequence[Server], origin: str, tried: Collection[Server], now: float) -> Server | None:
    """Return the server to use next: the first that is available.

    If none is available, return the first that has not asked for a pause. A server that this request has
    `tried` is not used again.
    """
    order = [server for server in rank_servers(servers, origin) if server not in tried]
    well = [server for server in order if server.breaker.allows_request(now)]
    if well or tried:
        return next(iter(well), None)
    return next((server for server in order if not server.breaker.retry_wait_s(now)), None)


def only_model(name: str, served: Mapping[str, int]) -> str:
    """Return the only model of a server. Raises `EngineError` that lists them if it is not the only one."""
    if len(served) == 1:
        return next(iter(served))
    names = ", ".join(sorted(served)[:10])
    raise EngineError(
        f"Engine {name!r} serves {len(served)} models, and no setting selects one",
        "The route uses its next engine",
        f"Set `model` of engines.{name}" + (f" to one of: {names}" if names else ""),
        code=Code.MODEL_NOT_FOUND,
    )
