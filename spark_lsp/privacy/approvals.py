"""What a person has to approve before it is used: where code goes, and which files are read.

A server cannot see whether a setting came from the person or from a repository they opened. So what an
editor's settings bring is not used until the person has said yes to the whole of it, once: an endpoint
(scheme, host, port, path) *together with* where its key comes from, or the path of a file. Another port,
another path or another key is another question. The user's own config.toml and environment are theirs.
"""

import shlex
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from spark_lsp.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
TOKEN_VARIABLE = "SPARK_LSP_TOKEN"
NO_KEY = ""


@dataclass(frozen=True, slots=True, order=True)
class ApprovalRequest:
    """One thing to approve. `key` is where the key comes from: `env:NAME`, `file:PATH`, or empty."""

    kind: Literal["endpoint", "file"]
    subject: str
    key: str = NO_KEY

    def __str__(self) -> str:
        if self.kind == "file":
            return f"read the file {self.subject}"
        source, _, name = self.key.partition(":")
        sources = {
            "env": f"with the key in the environment variable {name}",
            "file": f"with the key in {name}",
        }
        return f"send code to {self.subject} {sources.get(source, 'without a key')}"

    @property
    def command(self) -> str:
        """The command that approves it."""
        source, _, name = self.key.partition(":")
        words = ["spark-lsp", "trust", self.subject, *([f"--key-{source}", name] if source else [])]
        return shlex.join(words)


def endpoint_request(url: str, key: str = NO_KEY) -> ApprovalRequest:
    """Return the question about an endpoint, in one spelling. Raises `ConfigError` for what is no URL."""
    if url.startswith("ws+unix:"):
        return ApprovalRequest("endpoint", url, key)
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    else:
        if parts.hostname and "@" not in parts.netloc:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            query = f"?{parts.query}" if parts.query else ""
            return ApprovalRequest(
                "endpoint", f"{parts.scheme}://{host}:{port}{parts.path or '/'}{query}", key
            )
    raise ConfigError(
        f"{url.rsplit('@')[-1][:80]!r} is not an endpoint",
        "Nothing was approved",
        "Give a URL such as http://gpu.lan:8000/v1, wss://… or ws+unix:PATH, without a user name or password",
    )


def file_request(path: str) -> ApprovalRequest:
    """Return the question about a file, named by its absolute path."""
    return ApprovalRequest("file", path)


def approval_requests_of(table: object) -> list[ApprovalRequest]:
    """Return what an engine's settings need approved. Raises `ConfigError` for an endpoint that is none."""
    value: Any = table
    texts: list[str] = list(getattr(value, "texts", {}).values())
    weights = model_path(value.model) if getattr(value, "kind", "") == "local" else ""
    paths = [getattr(value, "text", ""), *texts, weights]
    single = getattr(value, "base_url", "") or getattr(value, "url", "")
    urls = [url for url in (single, *getattr(value, "base_urls", ())) if url]
    return [
        *(endpoint_request(url, _key_source_of(value)) for url in urls),
        *(file_request(path) for path in paths if path),
    ]


def _key_source_of(value: Any) -> str:
    for source in ("env", "file"):
        if name := getattr(value, f"key_{source}", ""):
            return f"{source}:{name}"
    return NO_KEY


def model_path(name: str) -> str:
    """Return the `model` of an embedded engine if it is the path of a file and not a name; else nothing."""
    return name if name.endswith(".gguf") or "/" in name or "\\" in name else ""
