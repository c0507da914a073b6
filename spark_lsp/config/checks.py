"""Checks between settings: names of engines that other settings mention, and incomplete prices."""

from collections.abc import Mapping

from spark_lsp.config.engines import EngineSettings, WaferSettings
from spark_lsp.config.routing import routing_problems
from spark_lsp.config.settings import Problem, Settings


def source_problems(settings: Settings) -> list[Problem]:
    """Return a problem for each wafer engine whose chain of sources ends nowhere or leads back to itself."""
    problems: list[Problem] = []
    for name in settings.engines:
        reason = _source_problem(name, settings.engines)
        if reason:
            problems.append(Problem(f"engines.{name}.source", "settings", reason))
    return problems


def _source_problem(name: str, engines: Mapping[str, EngineSettings]) -> str:
    chain = source_chain(name, engines)
    last = chain[-1]
    if last in chain[:-1]:
        return f"leads back to itself ({' → '.join(chain)}); it cannot answer"
    if last not in engines:
        return f"there is no engine {last!r}; it cannot answer"
    return ""


def source_chain(name: str, engines: Mapping[str, EngineSettings]) -> list[str]:
    """Return the engine, its source, its source's source …; a cycle ends at a repeated name."""
    chain = [name]
    while isinstance(table := engines.get(chain[-1]), WaferSettings):
        chain.append(table.source)
        if table.source in chain[:-1]:
            break
    return chain


def unknown_engines(settings: Settings) -> list[Problem]:
    """Return a problem for each engine that a route names and that does not exist, and for idle rules.

    Only the gateway calls this: it knows all engines, while a server knows those of its editor.
    """
    unknown = [
        Problem(f"routes.{route}", "settings", f"there is no engine {name!r}; it is passed over")
        for route, names in settings.routes.items()
        for name in names
        if name not in settings.engines
    ]
    rules = routing_problems(settings.routing, settings.routes)
    return [*unknown, *(Problem(name, "settings", reason) for name, reason in rules)]


def price_problems(settings: Settings) -> list[Problem]:
    """Return a problem for each price that lacks the half without which no cost can be computed."""
    tables = {
        **{f"engines.{name}": each.price for name, each in settings.engines.items()},
        **{f"profiles.{name}": each.price for name, each in settings.profiles.items()},
    }
    return [
        Problem(f"{name}.price", "settings", "needs `input` and `output`; this price is not used")
        for name, price in tables.items()
        if price.is_given and not price.is_complete
    ]
