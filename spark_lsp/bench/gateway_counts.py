"""Reads a gateway's counts of tokens and of engine time, before and after an attempt."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from spark_lsp import runtime
from spark_lsp.bench.frontier_points import Tokens
from spark_lsp.client.gateway_pages import read_page
from spark_lsp.errors import SparkError

_LINE = re.compile(r"^spark_lsp_(tokens|engine_seconds|answers)_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens and seconds of one kind of request at a gateway so far, on all its engines."""

    tokens: Tokens = field(default_factory=Tokens)
    engine_s: float = 0.0

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(self.tokens - other.tokens, self.engine_s - other.engine_s)


def read_counts(where: Path, task: str) -> Counts:
    """Return the counts of a `request.Task` at the gateway whose runtime directory is `where`."""
    state = runtime.read_state(where)
    if state is None:
        raise SparkError("The server has started no gateway", "Nothing can be measured")
    return parse_counts(read_page(state, "/metrics").decode(), task)


def parse_counts(text: str, task: str) -> Counts:
    """Read the counts of a task from Prometheus' text."""
    tokens = {"input": 0, "cached": 0, "output": 0}
    requests, seconds = 0, 0.0
    for name, written, value in _LINE.findall(text):
        labels = dict(_LABEL.findall(written))
        if labels.get("task") != task:
            continue
        if name == "tokens":
            tokens[labels["kind"]] += int(float(value))
        elif name == "answers":
            requests += int(float(value))
        else:
            seconds += float(value)
    return Counts(Tokens(tokens["input"], tokens["cached"], tokens["output"], requests), seconds)
