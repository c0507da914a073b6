"""Find the proxy that the environment names for an address: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Connections within this machine never use a proxy. As in other programs, a name in lower case overrides the
same name in upper case, and an empty value means no proxy.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from spark_lsp.errors import ConfigError

_SECURE = {"ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. `shown` is its address without user name and password."""

    url: str
    variable: str

    @property
    def shown(self) -> str:
        """The address as messages may show it."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r}, {self.variable!r})"


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy through which `url` is reached; None for a direct connection.

    Raises `ConfigError` for a proxy that cannot be used.
    """
    parts = urlsplit(url)
    scheme = _SECURE.get(parts.scheme, parts.scheme)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(scheme, 0)
    if _is_loopback(host) or _is_excluded(host, port, _value("no_proxy", environment)[0]):
        return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        value, variable = _value(name, environment)
        if value:
            return _check_url(value, variable)
    return None


def _value(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return a variable's value, and how it is spelled."""
    for spelled in (name, name.upper()):
        if spelled in environment:
            return environment[spelled].strip(), spelled
    return "", name


def _check_url(value: str, variable: str) -> Proxy:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        scheme = url.partition("://")[0] if url.lower().startswith("socks") else ""
        what = (
            f"names a {scheme} proxy, which is not supported" if scheme else "is not the address of a proxy"
        )
        raise ConfigError(
            f"The environment variable {variable} {what}",
            "Nothing outside this machine can be reached",
            f"Set {variable} to an address such as http://proxy.example:3128, or unset it",
        )
    return Proxy(url, variable)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return not host


def _is_excluded(host: str, port: int, listed: str) -> bool:
    """Return whether NO_PROXY lists a host: by name, by the end of its name, by address or by network."""
    return any(_matches(host, port, entry.strip().lower()) for entry in listed.replace(" ", ",").split(","))


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, _, wanted = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "")
    name = name.strip("[]").removeprefix("*").removeprefix(".").rstrip(".")
    if not name or (wanted and int(wanted) != port):
        return False
    return host == name or host.endswith(f".{name}")
