"""How soon a person sees something: measured by `make bench`, not by a run of the tests.

A test machine is busy, so a time proves nothing there. A run of the tests looks that the thing happens every
time; with SPARK_LSP_TEST_SPEED=1 the times are printed, and must be within their limits.
"""

import os
import statistics
from collections.abc import Sequence

import pytest

MEASURED = os.environ.get("SPARK_LSP_TEST_SPEED") == "1"
TIMES = 9 if MEASURED else 3  # how often a key is pressed


def report(
    capsys: pytest.CaptureFixture[str], what: str, milliseconds: Sequence[float], limit: float | None = None
) -> None:
    """Print the median of some times and assert its limit, where times are measured."""
    if not MEASURED:
        return
    median = statistics.median(milliseconds)
    with capsys.disabled():
        print(f"\n{what}: {median:.0f} ms (median of {len(milliseconds)})")  # noqa: T201
    assert limit is None or median <= limit
