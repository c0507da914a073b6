"""What the gateway has answered: counts and times, no text; in Prometheus' format when it is asked for.

Times to the first token fall into buckets whose borders are those that matter to a person: a tenth of a
second is at once, a second interrupts, ten lose them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.request import Finished, Request, Usage

BORDERS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
Key = tuple[str, str]  # engine, task


@dataclass(slots=True)
class Times:
    """A histogram: how many were at most each border, how many in all, and their sum in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(BORDERS))
    count: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self.total += seconds
        for number, border in enumerate(BORDERS):
            self.buckets[number] += seconds <= border


@dataclass(slots=True)
class Tally:
    """Counts since the gateway's start."""

    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    tokens: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    ttft: defaultdict[Key, Times] = field(default_factory=lambda: defaultdict[Key, Times](Times))

    def ended(self, engine: str, request: Request, finished: Finished | None, code: str = "") -> None:
        """Count an answer that has ended: how, or with which error."""
        outcome = finished.reason if finished is not None else code
        self.answers[engine, request.task.value, outcome] += 1
        if finished is None:
            return
        self._use(engine, finished.usage)
        if finished.reason in ("stop", "length"):
            self.ttft[engine, request.task.value].add(finished.timing.first_ms / 1000)

    def _use(self, engine: str, usage: Usage) -> None:
        self.tokens[engine, "input"] += usage.input_tokens
        self.tokens[engine, "cached"] += usage.cached_tokens
        self.tokens[engine, "output"] += usage.output_tokens


def page(tally: Tally, gauges: Callable[[], dict[str, float]]) -> bytes:
    """Return all of it as Prometheus' text; `gauges` are values of now, by name."""
    from prometheus_client import CollectorRegistry, generate_latest  # a tenth of a second: only when asked

    class Collector:
        def collect(self) -> Iterable[Any]:
            return _families(tally, gauges())

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    return generate_latest(registry)


def _families(tally: Tally, gauges: dict[str, float]) -> Iterable[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    answers = CounterMetricFamily(
        "spark_lsp_answers", "Answers that have ended", labels=["engine", "task", "outcome"]
    )
    for labels, number in tally.answers.items():
        answers.add_metric(labels, number)
    tokens = CounterMetricFamily(
        "spark_lsp_tokens", "Tokens, as engines count them", labels=["engine", "kind"]
    )
    for labels, number in tally.tokens.items():
        tokens.add_metric(labels, number)
    ttft = HistogramMetricFamily(
        "spark_lsp_ttft_seconds", "Time to the first token, at the engine", labels=["engine", "task"]
    )
    for labels, times in tally.ttft.items():
        buckets = [(str(border), count) for border, count in zip(BORDERS, times.buckets, strict=True)]
        ttft.add_metric(labels, [*buckets, ("+Inf", times.count)], times.total)
    yield from (answers, tokens, ttft)
    for name, value in gauges.items():
        yield GaugeMetricFamily(f"spark_lsp_{name}", name.replace("_", " "), value)
