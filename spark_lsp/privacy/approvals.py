"""Settings that need the user's approval before spark-lsp uses them: where code goes, which files are read.

The server cannot know whether a setting came from the user or from a repository that the user opened. It
therefore waits for an approval of all that an editor's setting brings: an endpoint (scheme, host, port, path)
*together with* the source of its key, or the path of a file. Another port, path or key needs another
approval. The user's own config.toml and environment need none.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from spark_lsp.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
TOKEN_VARIABLE = "SPARK_LSP_TOKEN"
NO_KEY = ""
MAX_QUOTED_CHARS = 80  # of an invalid URL in a message


@dataclass(frozen=True, slots=True, order=True)
class ApprovalRequest:
    """An endpoint or a file to approve.

    `key` is the source of the endpoint's key: `env:NAME`, `file:PATH`, or empty. `str()` completes the
    sentence "spark-lsp would …".
    """

    kind: Literal["endpoint", "file"]
    subject: str
    key: str = NO_KEY

    def __str__(self) -> str:
        if self.kind == "file":
            return f"read the file {self.subject}"
        source, _, name = self.key.partition(":")
        if source == "env":
            key = f"with the key in the environment variable {name}"
        elif source == "file":
            key = f"with the key in {name}"
        else:
            key = "without a key"
        return f"send code to {self.subject} {key}"

    @property
    def command(self) -> str:
        """The shell command that approves it."""
        words = ["spark-lsp", "trust", self.subject]
        source, _, name = self.key.partition(":")
        if source:
            words += [f"--key-{source}", name]
        return shlex.join(words)


def endpoint_request(url: str, key: str = NO_KEY) -> ApprovalRequest:
    """Return the request for an endpoint; different spellings of one URL give equal requests.

    Raises `ConfigError` for an invalid URL, or one with a user name.
    """
    if url.startswith("ws+unix:"):
        return ApprovalRequest("endpoint", url, key)
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _invalid_endpoint(url) from None
    if not parts.hostname or "@" in parts.netloc:
        raise _invalid_endpoint(url)
    return ApprovalRequest("endpoint", _normalise_url(parts, parts.hostname, port), key)


def _normalise_url(parts: SplitResult, hostname: str, port: int) -> str:
    host = f"[{hostname}]" if ":" in hostname else hostname  # an IPv6 address needs brackets
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}:{port}{path}{query}"


def _invalid_endpoint(url: str) -> ConfigError:
    # The text before the last "@" may hold a password.
    shown = url.rsplit("@")[-1][:MAX_QUOTED_CHARS]
    return ConfigError(
        f"{shown!r} is not an endpoint",
        "Nothing was approved",
        "Give a URL such as http://gpu.lan:8000/v1, wss://… or ws+unix:PATH, without a user name or password",
    )


def file_request(path: str) -> ApprovalRequest:
    """Return the request for a file, named by its absolute path."""
    return ApprovalRequest("file", path)


def approval_requests_of(table: object) -> list[ApprovalRequest]:
    """Return all requests of an engine's settings. Raises `ConfigError` for an invalid endpoint.

    The kinds of engines have different settings, so a missing one counts as empty.
    """
    engine: Any = table
    urls = [getattr(engine, "base_url", "") or getattr(engine, "url", "")]
    urls += getattr(engine, "base_urls", ())
    paths = [getattr(engine, "text", "")]
    paths += getattr(engine, "texts", {}).values()
    if getattr(engine, "kind", "") == "local":
        paths.append(model_path(engine.model))
    key = _key_source_of(engine)
    return [*_endpoint_requests(urls, key), *(file_request(path) for path in paths if path)]


def _endpoint_requests(urls: Iterable[str], key: str) -> list[ApprovalRequest]:
    return [endpoint_request(url, key) for url in urls if url]


def _key_source_of(engine: Any) -> str:
    """Return the source of an engine's key as in `ApprovalRequest.key`."""
    for source in ("env", "file"):
        if name := getattr(engine, f"key_{source}", ""):
            return f"{source}:{name}"
    return NO_KEY


PINNED_MODEL = re.compile(
    r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/(?P<file>(?:[A-Za-z0-9][\w.-]*/)*[A-Za-z0-9][\w.-]*\.gguf)"
    r"@(?P<sha256>[0-9A-Fa-f]{64})",
    re.ASCII,
)
"""The name of a model file of Hugging Face; its digest makes it the same file for everyone."""


def model_path(name: str) -> str:
    """Return the `model` of an embedded engine if it is the path of a file; empty if it is a name."""
    if PINNED_MODEL.fullmatch(name):
        return ""
    is_path = name.endswith(".gguf") or "/" in name or "\\" in name
    return name if is_path else ""
