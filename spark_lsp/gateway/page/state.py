"""What the page shows of the gateway: names, states, numbers and reasons, and no text of anybody's."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spark_lsp.config import EngineSettings, WaferSettings
from spark_lsp.errors import ConfigError
from spark_lsp.gateway.metrics import Metrics
from spark_lsp.gateway.page.paces import list_paces, own_seconds
from spark_lsp.gateway.page.play import MAX_PROMPT_CHARS
from spark_lsp.privacy.approvals import approval_requests_of

HERE = "this machine"
MAX_STEPS = 16  # from a wafer to its source, its source's source and so on


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a gateway that the page reads.

    `read_status` returns the fields of `/status`; `list_streams` returns engine, task and start (Unix time)
    of each answer under way.
    """

    read_status: Callable[[], dict[str, Any]]
    list_streams: Callable[[], Iterable[tuple[str, str, float]]]
    settings: Mapping[str, EngineSettings]
    metrics: Metrics


def make_state(sources: Sources) -> dict[str, Any]:
    """Return the page's state."""
    streams = [
        {"engine": engine, "task": task, "since": since} for engine, task, since in sources.list_streams()
    ]
    return {
        **sources.read_status(),
        "destinations": {name: destination_of(name, sources.settings) for name in sources.settings},
        "streams": streams,
        "answers": _list_answers(sources.metrics),
        "paces": {
            name: {"title": pace.title, "tokens_per_s": pace.tokens_per_s, "note": pace.note}
            for name, pace in list_paces().items()
        },
        "own_seconds": own_seconds(),
        "max_prompt_chars": MAX_PROMPT_CHARS,
    }


def destination_of(name: str, settings: Mapping[str, EngineSettings]) -> str:
    """Return where an engine sends text: an endpoint, several, or this machine. A wafer's is its source's."""
    for _ in range(MAX_STEPS):
        table = settings.get(name)
        if not isinstance(table, WaferSettings):
            break
        name = table.source
    else:
        return HERE
    try:
        endpoints = [
            each.subject for each in approval_requests_of(settings.get(name)) if each.kind == "endpoint"
        ]
    except ConfigError:  # the engine's own state says so
        endpoints = []
    return ", ".join(endpoints) or HERE


def _list_answers(metrics: Metrics) -> list[dict[str, Any]]:
    """Return what became of the answers since the gateway's start, by engine and task."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for (engine, task, outcome), count in sorted(metrics.answers.items()):
        row = rows.setdefault((engine, task), {"engine": engine, "task": task, "outcomes": {}})
        row["outcomes"][outcome] = count
    for key, times in metrics.ttft.items():
        if key in rows and times.count:
            rows[key]["ttft_s"] = round(times.total / times.count, 4)
    return list(rows.values())
