"""Counts of a gateway, read from the text that it really gives."""

from spark_lsp.answer_events import Finished, Timing, Usage
from spark_lsp.bench.frontier_points import Tokens
from spark_lsp.bench.gateway_counts import Counts, parse_counts
from spark_lsp.gateway.metrics import Metrics, render_metrics
from spark_lsp.request import Priority, Request, Task


def counted(*answers: tuple[Request, Finished | None]) -> str:
    metrics = Metrics()
    for request, finished in answers:
        metrics.count_answer("local", request, finished, "cancelled")
    return render_metrics(metrics, dict).decode()


def test_each_task_has_its_own_counts() -> None:
    timing = Timing(prefill_ms=500.0, decode_ms=1500.0)
    edit = Finished("stop", Usage(100, 40, 30), timing)
    other = Finished("stop", Usage(7, 3, 2), timing)
    text = counted(
        (Request(Task.EDIT), edit),
        (Request(Task.EDIT), edit),
        (Request(Task.EDIT), None),
        (Request(Task.COMPLETE), other),
        (Request(Task.COMPLETE, priority=Priority.BACKGROUND), other),
    )
    assert parse_counts(text, "edit") == Counts(Tokens(200, 60, 80, 3), 4.0)
    assert parse_counts(text, "complete") == Counts(Tokens(7, 2, 3, 1), 2.0)
    assert parse_counts(text, "chat") == Counts()


def test_a_difference_is_of_each_count() -> None:
    before, after = Counts(Tokens(1, 1, 1, 1), 1.0), Counts(Tokens(5, 4, 3, 2), 2.5)
    assert after - before == Counts(Tokens(4, 3, 2, 1), 1.5)
