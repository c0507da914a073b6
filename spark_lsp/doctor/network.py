"""The network: the certificate authorities that are trusted, and the proxies that are used."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from spark_lsp.config import OpenAISettings, ResponsesSettings, Settings
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import ConfigError
from spark_lsp.proxies import proxy_for
from spark_lsp.tls import authorities, tls_context

SUBJECT = "network"
DOWNLOADS = "https://huggingface.co"


def look(settings: Settings) -> Iterator[Finding]:
    """Name the source of certificate authorities, and the proxy of each host that we may connect to."""
    try:
        tls_context()
    except ConfigError as error:
        yield Finding("error", SUBJECT, error.what, error.remedy)
    else:
        yield Finding("ok", SUBJECT, f"certificates are checked with {authorities()}")
    yield from _proxies(settings)


def _proxies(settings: Settings) -> Iterator[Finding]:
    used = dict[str, list[str]]()
    for host, url in _hosts(settings).items():
        try:
            proxy = proxy_for(url)
        except ConfigError as error:
            yield Finding("error", SUBJECT, error.what, error.remedy)
            return
        if proxy is not None:
            used.setdefault(f"{proxy.shown} ({proxy.variable})", []).append(host)
    for proxy, hosts in used.items():
        yield Finding("ok", SUBJECT, f"the proxy {proxy} is used for {', '.join(hosts)}")
    if not used:
        yield Finding("ok", SUBJECT, "no proxy is used")


def _hosts(settings: Settings) -> dict[str, str]:
    """Return the hosts that we may connect to, each with one address."""
    urls = [DOWNLOADS, settings.engine.url]
    for table in settings.engines.values():
        if isinstance(table, OpenAISettings):
            urls += [table.base_url, *table.base_urls]
        if isinstance(table, ResponsesSettings):
            urls.append(table.base_url)
    hosts = dict[str, str]()
    for url in urls:
        try:
            parts = urlsplit(url)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            continue  # the finding about its server says so
        if usable:
            hosts.setdefault(parts.hostname or "", url)
    return hosts
