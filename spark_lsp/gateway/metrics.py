"""Counts and times of the gateway's answers, without any text, in the format of Prometheus.

The buckets of the time to the first token have the borders that matter to a user: a tenth of a second feels
immediate, a second interrupts, and after ten seconds the user turns to something else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.answer_events import Finished, Usage
from spark_lsp.engine.route_records import RouteRecords
from spark_lsp.request import Priority, Request, Task

BUCKET_BORDERS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
Key = tuple[str, str]  # engine, task


@dataclass(slots=True)
class Histogram:
    """How many values were at most each border, how many in all, and their sum in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKET_BORDERS_S))
    count: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one value."""
        self.count += 1
        self.total += seconds
        for number, border in enumerate(BUCKET_BORDERS_S):
            self.buckets[number] += seconds <= border


@dataclass(slots=True)
class Metrics:
    """Counts since the gateway's start."""

    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    tokens: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    seconds: defaultdict[Key, float] = field(default_factory=lambda: defaultdict[Key, float](float))
    ttft: defaultdict[Key, Histogram] = field(default_factory=lambda: defaultdict[Key, Histogram](Histogram))

    def count_answer(self, engine: str, request: Request, finished: Finished | None, code: str = "") -> None:
        """Count an answer by its outcome; `code` is the outcome of one that did not finish."""
        outcome = finished.reason if finished is not None else code
        task = name_task(request)
        self.answers[engine, task, outcome] += 1
        if finished is None:
            return
        self._count_tokens(engine, task, finished.usage)
        self.seconds[engine, task] += finished.timing.spent_ms / 1000
        if finished.reason in ("stop", "length"):
            self.ttft[engine, task].add(finished.timing.first_ms / 1000)

    def _count_tokens(self, engine: str, task: str, usage: Usage) -> None:
        self.tokens[engine, task, "input"] += usage.input_tokens
        self.tokens[engine, task, "cached"] += usage.cached_tokens
        self.tokens[engine, task, "output"] += usage.output_tokens


def name_task(request: Request) -> str:
    """Return the label of a request's task. A completion in the background was requested ahead."""
    is_ahead = request.task is Task.COMPLETE and request.priority is Priority.BACKGROUND
    return "complete_ahead" if is_ahead else request.task.value


def render_metrics(
    metrics: Metrics, gauges: Callable[[], dict[str, float]], records: RouteRecords | None = None
) -> bytes:
    """Return the metrics as Prometheus' text; `gauges` returns current values by name."""
    from prometheus_client import (  # takes a tenth of a second: only on request
        CollectorRegistry,
        generate_latest,
    )

    class Collector:
        def collect(self) -> Iterable[Any]:
            yield from _make_families(metrics, gauges())
            yield from _make_route_families(records or RouteRecords())

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    return generate_latest(registry)


def _make_families(metrics: Metrics, gauges: dict[str, float]) -> Iterable[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    answers = CounterMetricFamily(
        "spark_lsp_answers", "Answers that have ended", labels=["engine", "task", "outcome"]
    )
    for labels, number in metrics.answers.items():
        answers.add_metric(labels, number)
    tokens = CounterMetricFamily(
        "spark_lsp_tokens", "Tokens, as engines count them", labels=["engine", "task", "kind"]
    )
    for labels, number in metrics.tokens.items():
        tokens.add_metric(labels, number)
    seconds = CounterMetricFamily(
        "spark_lsp_engine_seconds",
        "Time from request to last token, at the engine",
        labels=["engine", "task"],
    )
    for labels, number in metrics.seconds.items():
        seconds.add_metric(labels, number)
    ttft = HistogramMetricFamily(
        "spark_lsp_ttft_seconds", "Time to the first token, at the engine", labels=["engine", "task"]
    )
    for labels, times in metrics.ttft.items():
        buckets = [
            (str(border), count) for border, count in zip(BUCKET_BORDERS_S, times.buckets, strict=True)
        ]
        ttft.add_metric(labels, [*buckets, ("+Inf", times.count)], times.total)
    yield from (answers, tokens, seconds, ttft)
    for name, value in gauges.items():
        yield GaugeMetricFamily(f"spark_lsp_{name}", name.replace("_", " "), value)


def _make_route_families(records: RouteRecords) -> Iterable[Any]:
    from prometheus_client.core import CounterMetricFamily

    decisions = CounterMetricFamily(
        "spark_lsp_route_decisions",
        "Answers of routes with several engines, by the reason for the engine",
        labels=["route", "engine", "code"],
    )
    for labels, number in records.answers.items():
        decisions.add_metric(labels, number)
    hedges = CounterMetricFamily(
        "spark_lsp_hedges", "Requests that a second engine got too", labels=["route", "outcome"]
    )
    for outcome, number in records.hedges.items():
        hedges.add_metric(outcome, number)
    stopped = CounterMetricFamily(
        "spark_lsp_hedge_stopped_tokens",
        "Tokens of requests stopped because another engine had text first, estimated as 4 characters each",
        labels=["engine"],
    )
    for engine, number in records.stopped_tokens.items():
        stopped.add_metric([engine], number)
    yield from (decisions, hedges, stopped)
