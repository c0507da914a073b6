"""The servers that the settings name: whether the key exists, the server answers and serves the model."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import anyio

from spark_lsp.config import OpenAISettings, ResponsesSettings, Settings
from spark_lsp.doctor.finding import Finding, Level
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.responses.engine import ResponsesEngine
from spark_lsp.errors import EngineError

SUBJECT = "server"


def look(settings: Settings) -> Iterator[Finding]:
    """Give the findings about each server.

    The only request to a server is for its list of models, or a WebSocket handshake; no code is sent.
    """
    for name, table in settings.engines.items():
        alone = any(set(names) == {name} for names in settings.routes.values())
        level: Level = "error" if alone else "warning"
        if isinstance(table, OpenAISettings):
            yield from _engine(name, table, level)
        elif isinstance(table, ResponsesSettings):
            yield from _service(name, table, level)


def _service(name: str, table: ResponsesSettings, level: Level) -> Iterator[Finding]:
    where = f"engines.{name}: {table.base_url}"
    try:
        transport = anyio.run(_probe, ResponsesEngine(name, table))
    except EngineError as error:
        yield Finding(level, SUBJECT, f"{where}: {error.what}", error.remedy)
        return
    model = f", model {table.model}" if table.model else ""
    yield Finding("ok", SUBJECT, f"{where} is used {transport}{model}")
    if _in_the_clear(table.base_url):
        yield _not_encrypted(where)


async def _probe(engine: ResponsesEngine) -> str:
    try:
        return await engine.probe()
    finally:
        await engine.aclose()


def _engine(name: str, table: OpenAISettings, level: Level) -> Iterator[Finding]:
    if why := (engine := OpenAIEngine(name, table)).info.reason:
        yield Finding(level, SUBJECT, why, "Correct it, or take the engine out of the routes")
        return
    for url, found in anyio.run(_list_models, engine):
        where = f"engines.{name}: {url}"
        if isinstance(found, EngineError):
            yield Finding(level, SUBJECT, f"{where}: {found.what}", found.remedy)
        else:
            yield _serves(where, table.model, found, level)
        if _in_the_clear(url):
            yield _not_encrypted(where)


def _not_encrypted(where: str) -> Finding:
    what = f"{where} is not encrypted: code and key can be read on the way"
    return Finding("warning", SUBJECT, what, "Use https, or a tunnel")


async def _list_models(engine: OpenAIEngine) -> list[tuple[str, dict[str, int] | EngineError]]:
    try:
        return await engine.list_models()
    finally:
        await engine.aclose()


def _serves(where: str, model: str, served: dict[str, int], level: Level) -> Finding:
    if model in served or (not model and len(served) == 1):
        name = model or next(iter(served))
        context = f", {served[name]} tokens of context" if served[name] else ""
        return Finding("ok", SUBJECT, f"{where} serves {name}{context}")
    names = ", ".join(sorted(served)[:10]) or "nothing"
    if model:
        what = f"{where} does not list the model {model!r}; it lists {names}"
        return Finding("warning", SUBJECT, what, "Correct `model`, if it does not answer")
    what = f"{where} serves {len(served)} models, and the settings name none"
    return Finding(level, SUBJECT, what, f"Set `model` to one of: {names}")


def _in_the_clear(url: str) -> bool:
    """Tell whether requests leave this machine and its network unencrypted, judged by the host name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "ws") or host == "localhost":
        return False
    try:
        return not ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith((".local", ".lan", ".internal", ".home.arpa", ".localhost"))
