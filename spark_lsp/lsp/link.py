"""What the connection to the gateway tells of itself, put into the status and before the person."""

from typing import TYPE_CHECKING

from lsprotocol import types

from spark_lsp.codes import Code, known
from spark_lsp.engine.gateway_client.remote import LinkStatus
from spark_lsp.request import EngineInfo

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


def changed(ls: "SparkServer", link: LinkStatus) -> None:
    """Take how the link is now."""
    for problem in link.problems:
        ls.say_once(types.MessageType.Warning, "settings", f"Setting spark.{problem}.")
    ls.engines = link.engines or ls.engines
    if link.state != "ready":
        ls.tell(state="degraded", reason=link.reason, code=link.code)
        return
    engine = _serving(link)
    if engine is None:
        ls.tell(state="off", reason="the gateway has no engine", code=Code.NO_ENGINE)
        return
    ls.tell(
        engine=engine.name,
        model=engine.model,
        simulated=engine.simulated,
        state=engine.state,
        **(_why(engine) if engine.reason else ls.last_explanation()),
    )
    if engine.state == "off" and link.settled:
        _no_engine(ls, engine, link)


def _why(engine: EngineInfo) -> dict[str, str]:
    """Return why an engine is in its state, as a status has it."""
    return {"reason": engine.reason, "code": known(engine.code, "")}


def _serving(link: LinkStatus) -> EngineInfo | None:
    """Return the engine that completions would go to."""
    name = link.serving.get("completion", "")
    able = [engine for engine in link.engines if engine.name == name] or list(link.engines)
    return able[0] if able else None


def _with_sources(engine: EngineInfo, link: LinkStatus) -> list[EngineInfo]:
    """Return an engine and the ones whose tokens it plays, each once: it is off if they are."""
    named = {each.name: each for each in link.engines}
    found = [engine]
    while (source := named.get(found[-1].source)) is not None and source not in found:
        found.append(source)
    return found


def _no_engine(ls: "SparkServer", engine: EngineInfo, link: LinkStatus) -> None:
    """Say that nothing can answer, or offer what is missing; once, however many requests fail of it."""
    if ls.settings.engine.url == "auto" and any(map(ls.offer.make, _with_sources(engine, link))):
        ls.consider_said("engine", engine.reason)
    else:
        ls.say_once(types.MessageType.Warning, "engine", engine.reason)
