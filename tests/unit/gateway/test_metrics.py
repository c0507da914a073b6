"""Answers are counted by engine, task and outcome, without a word of theirs."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spark_lsp.answer_events import Finished, Timing, Usage
from spark_lsp.gateway.metrics import Metrics, render_metrics
from spark_lsp.request import Priority, Request, Task

RANK = ["engine", "outcome", "kind", "le", "task"].index


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    text = render_metrics(metrics, lambda: {"sessions": 2}).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        (each.name, ",".join(each.labels[name] for name in sorted(each.labels, key=RANK))): each.value
        for each in found
    }


def test_an_answer_with_its_tokens_and_its_time():
    metrics = Metrics()
    finished = Finished("stop", Usage(10, 3, 4), Timing(50.0, 150.0, 9.0))
    metrics.count_answer("gpu", Request(Task.EDIT, instruction="SECRET"), finished)
    told = samples(metrics)
    assert told["spark_lsp_answers_total", "gpu,stop,edit"] == 1
    assert told["spark_lsp_tokens_total", "gpu,cached,edit"] == 4
    assert told["spark_lsp_engine_seconds_total", "gpu,edit"] == pytest.approx(0.209)
    assert told["spark_lsp_ttft_seconds_bucket", "gpu,0.1,edit"] == 0
    assert told["spark_lsp_ttft_seconds_bucket", "gpu,0.3,edit"] == 1
    assert told["spark_lsp_ttft_seconds_count", "gpu,edit"] == 1
    assert told["spark_lsp_sessions", ""] == 2
    assert b"SECRET" not in render_metrics(metrics, dict)


def test_a_completion_that_was_requested_ahead_counts_apart():
    metrics = Metrics()
    request = Request(Task.COMPLETE, priority=Priority.BACKGROUND)
    metrics.count_answer("gpu", request, Finished("stop", Usage(10, 3)))
    told = samples(metrics)
    assert told["spark_lsp_answers_total", "gpu,stop,complete_ahead"] == 1
    assert told["spark_lsp_ttft_seconds_count", "gpu,complete_ahead"] == 1


def test_failures_and_cancels_count_and_have_no_time():
    metrics = Metrics()
    metrics.count_answer("none", Request(Task.COMPLETE), None, "engine_unavailable")
    metrics.count_answer("gpu", Request(Task.COMPLETE), Finished("cancelled", Usage(5)), "")
    told = samples(metrics)
    assert told["spark_lsp_answers_total", "none,engine_unavailable,complete"] == 1
    assert told["spark_lsp_answers_total", "gpu,cancelled,complete"] == 1
    assert not [name for name, _ in told if "ttft" in name]
